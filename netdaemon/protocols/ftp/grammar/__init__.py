"""FTP on the wire, as values (RFC 959, 2389, 2428, 2640, 3659): pure, shared by server and client."""

from __future__ import annotations

from netdaemon.wire.malformed import Malformed

__all__ = ["Malformed"]
