"""The FTP service (RFC 959)."""
