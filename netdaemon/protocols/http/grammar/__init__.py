"""HTTP/1 on the wire, as values (RFC 9110, RFC 9112): pure, shared by server, client and proxy."""
