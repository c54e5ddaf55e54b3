"""The sending half of a line stream: lines, listings, bodies and literals, no faster than the peer takes them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from netdaemon.interfaces import IDeadline, IDeadlines
from netdaemon.wire.dot import DotEncoder
from netdaemon.wire.framing import CR, CRLF, FULL, GONE, LF, ConnectionLost, Framing
from netdaemon.wire.transcript import Transcript

CHUNK = 64 * 1024
"""Octets of lines that are written at once."""

Chunks = Iterable[bytes] | AsyncIterable[bytes]


@implementer(IPushProducer)
class Outgoing(Framing):
    """To the transport this is a push producer: when the transport is full no command is taken, and who sends much
    waits (`drained`). A peer that leaves it full for `stall_timeout` is dropped.
    """

    __slots__ = ("_deadlines", "_drained", "_stall", "_why", "transcript")

    transport: Any
    we_are_client = False

    def __init__(self, deadlines: IDeadlines, transcript: Transcript | None = None) -> None:
        super().__init__()
        self.transcript = transcript
        self._deadlines = deadlines
        self._stall: IDeadline | None = None  # made when first needed
        self._drained: list[Deferred[None]] | None = None
        self._why: ConnectionLost | None = None

    @property
    def stall_timeout(self) -> float:
        """Seconds for a full buffer to go, and for `linestream.STEP` octets of a body to come."""
        return 60.0

    # --- the transcript --------------------------------------------------------------------------------------

    def heard(self, line: bytes) -> None:
        """Into the transcript, as the peer's."""
        if self.transcript is not None:
            (self.transcript.server if self.we_are_client else self.transcript.client)(line)

    def said(self, line: bytes) -> None:
        """Into the transcript, as ours."""
        if self.transcript is not None:
            (self.transcript.client if self.we_are_client else self.transcript.server)(line)

    def note(self, text: str) -> None:
        """Into the transcript, as something that happened."""
        if self.transcript is not None:
            self.transcript.note(text)

    # --- sending ---------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send bytes as they are. The one place that writes; after a farewell nothing is sent."""
        if not self.held & GONE:
            self.transport.write(data)

    def send(self, line: bytes) -> None:
        """Send one line; without its end, and never two of them (ValueError)."""
        if LF in line or CR in line:
            raise ValueError("a line to send holds CR or LF")
        if self.transcript is not None:
            self.said(line)
        self.write(line + CRLF)

    async def send_lines(self, lines: Iterable[bytes]) -> None:
        """Send many lines. They may be made one by one, while the peer takes the ones before."""
        waiting: list[bytes] = []
        size = 0
        for line in lines:
            if LF in line or CR in line:
                raise ValueError("a line to send holds CR or LF")
            self.said(line)
            waiting.append(line)
            size += len(line) + 2
            if size >= CHUNK:
                self.write(CRLF.join(waiting) + CRLF)
                waiting.clear()
                size = 0
                await self.drained()
        if waiting:
            self.write(CRLF.join(waiting) + CRLF)

    async def send_listing(self, lines: Iterable[bytes]) -> None:
        """Send lines dot-stuffed and the dot that ends them. If one can't be made the connection is dropped: the peer
        must not take what it has for the whole, nor our excuse for a line of it.
        """
        try:
            await self.send_lines(b"." + line if line.startswith(b".") else line for line in lines)
        except BaseException:
            self.abort()
            raise
        self.send(b".")

    async def send_body(self, chunks: Chunks, *, refuse: bool = False) -> None:
        """Send a body dot-stuffed and with its terminator.

        A bare CR or LF in it is sent as CRLF, or with ``refuse`` raises BareLineEnd. Whatever is raised, the
        connection is dropped, since the body can't be ended.
        """
        encoder = DotEncoder(refuse=refuse)
        size = 0
        try:
            async with aclosing(each(chunks)) as every:
                async for chunk in every:
                    size += len(chunk)
                    self.write(encoder.feed(chunk))
                    await self.drained()
            self.write(encoder.finish())
        except BaseException:
            self.abort()
            raise
        if self.transcript is not None:
            self.said(b"[body of %d octets]" % size)

    async def send_literal(self, size: int, chunks: Chunks) -> None:
        """Send exactly ``size`` octets as they are. If ``chunks`` are more (ValueError) or less, or can't be made, the
        connection is dropped.
        """
        left = size
        try:
            async with aclosing(each(chunks)) as every:
                async for chunk in every:
                    left -= len(chunk)
                    if left < 0:
                        break
                    self.write(chunk)
                    await self.drained()
            if left:
                raise ValueError(f"a literal of {size} octets turned out to have others")
        except BaseException:
            self.abort()
            raise
        if self.transcript is not None:
            self.said(b"[literal of %d octets]" % size)

    # --- back-pressure ---------------------------------------------------------------------------------------

    async def drained(self) -> None:
        """Wait until the transport can write again. Raises ConnectionLost when it never will."""
        while self.held & FULL or self.held & GONE:
            if self.held & GONE:
                raise self.why()
            if self._drained is None:
                self._drained = []
            drained = Deferred[None]()
            self._drained.append(drained)
            await drained

    def pauseProducing(self) -> None:
        """The transport is full: the peer does not read."""
        if self.held & FULL:
            return
        self.held |= FULL
        if self._stall is None:
            self._stall = self._deadlines.after(self.stall_timeout, self._stalled)
        else:
            self._stall.postpone(self.stall_timeout)

    def resumeProducing(self) -> None:
        """The transport is empty again."""
        self.held &= ~FULL
        if self._stall is not None:
            self._stall.cancel()
        drained, self._drained = self._drained, None
        for waiting in drained or ():
            waiting.callback(None)
        if not self.held:
            self.pump()

    def stopProducing(self) -> None:
        """The connection is going; connectionLost says so too."""

    def _stalled(self) -> None:
        self.note("the peer takes nothing: dropped")
        self.abort()

    # --- the end ---------------------------------------------------------------------------------------------

    def abort(self, why: ConnectionLost | None = None) -> None:
        """Drop the connection: nothing that has come is looked at, nothing that was written need arrive."""
        self.ended(why)
        self.transport.abortConnection()

    def why(self) -> ConnectionLost:
        """What is raised by all that is asked of a connection that is gone."""
        return self._why or ConnectionLost("the connection is closed")

    def ended(self, why: ConnectionLost | None = None) -> None:
        """No more is said or heard; what waits raises ``why``."""
        self._why = self._why or why
        self.held |= GONE
        self.clearLineBuffer()
        drained, self._drained = self._drained, None
        for waiting in drained or ():
            waiting.errback(self.why())


async def each(chunks: Chunks) -> AsyncGenerator[bytes, None]:
    """The chunks of either kind; a generator of them is closed when we are, that it gives back what it holds."""
    if isinstance(chunks, AsyncIterable):
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
    else:
        for chunk in chunks:
            yield chunk
