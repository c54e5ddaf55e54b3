"""CGI: documents that are run, and answer themselves (RFC 3875)."""

from __future__ import annotations

from netdaemon.protocols.http.cgi.responder import CGI

__all__ = ["CGI"]
