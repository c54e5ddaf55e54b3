"""What a client's session stands on: one connection, of Twisted's or of a blocking socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from netdaemon.protocols.smtp.grammar import Malformed
from netdaemon.protocols.smtp.grammar.replies import Reply, ReplyReader
from netdaemon.wire.framing import CRLF, GONE
from netdaemon.wire.lineclient import LineClient, ProtocolError, check
from netdaemon.wire.outgoing import Chunks
from netdaemon.wire.plaintext import on_loopback
from netdaemon.wire.tlsbinding import bindings
from netdaemon.wire.transcript import masked

MAX_LINE = 12_288
"""Octets of a reply's line: a challenge of SASL's (RFC 4954 section 4) is the longest."""


class Link(Protocol):
    """One connection. Everything that waits raises what `wire.lineclient` does."""

    greeting: Reply
    """What the server said first."""

    @property
    def secure(self) -> bool:
        """Is it under TLS?"""

    @property
    def local(self) -> bool:
        """Does it stay on this host?"""

    @property
    def address(self) -> str:
        """Our own IP address on it; empty when it has none."""

    @property
    def gone(self) -> bool:
        """Is it closed, or closing?"""

    @property
    def over(self) -> bool:
        """Has the server closed its side, as far as that is known?"""

    def bindings(self) -> Mapping[str, bytes]:
        """Its channel bindings for SCRAM; none without TLS."""

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Within it nobody else sends or reads."""

    def say_all(self, lines: Sequence[bytes], *, secret: int | None = None) -> None:
        """Send commands, of which the first ``secret`` words only are shown. Raises ValueError for CR, LF or NUL."""

    async def reply(self, seconds: float | None = None) -> Reply:
        """The next reply, within so many seconds."""

    async def send_body(self, chunks: Chunks, *, refuse: bool = True) -> None:
        """A message, dot-stuffed. What is raised drops the connection: the message can't be ended."""

    async def send_chunk(self, line: bytes, data: bytes) -> None:
        """BDAT and its octets."""

    async def start_tls(self, context: Any) -> None:
        """Behind the server's go-ahead. Raises ConnectionLost and TLSFailed."""

    def abort(self) -> None:
        """Drop it."""

    async def close(self) -> None:
        """Close it, behind what was sent, with nothing said."""


class StreamLink(LineClient[Reply]):
    """A `Link` as Twisted's transports make it."""

    max_line = MAX_LINE
    greeting: Reply

    @property
    def local(self) -> bool:
        return on_loopback(self.transport.getHost(), self.transport.getPeer())

    @property
    def address(self) -> str:
        host: str = getattr(self.transport.getHost(), "host", "")
        return host

    @property
    def over(self) -> bool:
        return self.gone or self._ended

    def bindings(self) -> Mapping[str, bytes]:
        return bindings(self.transport.getHandle()) if self.secure else {}

    async def greet(self) -> None:
        self.greeting = await self.reply()

    async def read_reply(self) -> Reply:
        reader = ReplyReader()
        while True:
            try:
                reply = reader.feed(await self.line())
            except Malformed as error:
                raise ProtocolError(str(error)) from None
            if reply is not None:
                return reply

    async def reply(self, seconds: float | None = None) -> Reply:
        before = self._timeout
        if seconds is not None:
            self._timeout = seconds
        try:
            return await super().reply()
        finally:
            self._timeout = before

    def say_all(self, lines: Sequence[bytes], *, secret: int | None = None) -> None:
        for line in lines:
            check(line)
        if self.held & GONE:
            raise self.why()
        for line in lines:
            self.said(line if secret is None else masked(line, secret))
        self.write(CRLF.join(lines) + CRLF)

    async def send_chunk(self, line: bytes, data: bytes) -> None:
        self.say_all([line])
        if self.transcript is not None:
            self.said(b"[chunk of %d octets]" % len(data))
        self.write(data)
        await self.drained()
