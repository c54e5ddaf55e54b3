"""What a client's session stands on: one connection, of Twisted's or of a blocking socket."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from netdaemon.protocols.pop3.grammar import Malformed, Status, parse_status
from netdaemon.wire.dot import DotDecoder
from netdaemon.wire.lineclient import LineClient, ProtocolError
from netdaemon.wire.linestream import Sink
from netdaemon.wire.tlsbinding import bindings

MAX_LINE = 12_288
"""Octets of a status line: a challenge of SASL's (RFC 5034 section 4) is the longest."""


class Link(Protocol):
    """One connection. Everything that waits raises what `wire.lineclient` does."""

    greeting: Status
    """What the server said first."""

    @property
    def secure(self) -> bool:
        """Is it under TLS?"""

    @property
    def gone(self) -> bool:
        """Is it closed, or closing?"""

    def bindings(self) -> Mapping[str, bytes]:
        """Its channel bindings for SCRAM; none without TLS."""

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Within it nobody else sends or reads."""

    def say(self, line: bytes, *, secret: int | None = None) -> None:
        """Send a command, whose first ``secret`` words only are shown. Raises ValueError for CR, LF or NUL."""

    async def reply(self) -> Status:
        """The next status line."""

    async def body(self, write: Sink, limit: int | None = None) -> DotDecoder:
        """Hand what follows, up to its dot, to ``write``."""

    async def start_tls(self, context: Any) -> None:
        """Behind the server's go-ahead. Raises ConnectionLost and TLSFailed."""

    def abort(self) -> None:
        """Drop it."""

    async def close(self) -> None:
        """Close it, behind what was sent."""


class StreamLink(LineClient[Status]):
    """A `Link` as Twisted's transports make it."""

    max_line = MAX_LINE
    greeting: Status

    def bindings(self) -> Mapping[str, bytes]:
        return bindings(self.transport.getHandle()) if self.secure else {}

    async def greet(self) -> None:
        self.greeting = await self.reply()

    async def read_reply(self) -> Status:
        try:
            return parse_status(await self.line())
        except Malformed as error:
            raise ProtocolError(str(error)) from None
