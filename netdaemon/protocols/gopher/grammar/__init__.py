"""Gopher's bytes and values: pure, shared by server and client (RFC 1436, Gopher+ of 1993, RFC 4266)."""
