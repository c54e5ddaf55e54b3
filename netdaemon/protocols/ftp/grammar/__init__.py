"""FTP on the wire, as values (RFC 959, 2389, 2428, 2640, 3659): pure, shared by server and client."""

from __future__ import annotations


class Malformed(Exception):
    """Bytes that are not what the grammar says; the text tells which part of them, never the bytes themselves."""
