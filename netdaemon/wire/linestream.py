"""A stream of lines, literals and bodies, both ways, with deadlines and back-pressure: what LineSession and
LineClient have in common.

Input is pulled: while a command or request runs, it asks for what it wants next, and bytes that nobody asked for wait
(at most one read of them, then reading stops).
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableDescriptor,
    IHalfCloseableProtocol,
    ISSLTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import IDeadline, IDeadlines
from netdaemon.wire.dot import DotDecoder
from netdaemon.wire.framing import GONE, ConnectionLost, FlawedLine, flaw_in
from netdaemon.wire.outgoing import Outgoing
from netdaemon.wire.transcript import MASK, Transcript

LINGER = 5.0
"""Seconds a connection that we ended is still read: closed at once, the peer would be reset and lose our last words."""
STEP = 64 * 1024
"""Octets of a literal or body that must come within the stall time-out."""

# What the deadline is about.
NOTHING, IDLE, LINE, INPUT, HANDSHAKE, CLOSING = range(6)

Sink = Callable[[bytes], Awaitable[Any] | Any]
"""Takes bytes; returns something to await when it wants no more for now."""


@implementer(IHalfCloseableProtocol)
class LineStream(Outgoing):
    """See the module. ``deadlines`` is the wheel; an heir says how long its waits may be."""

    __slots__ = ("_deadline", "_ended", "_progress", "_timing", "_want")

    def __init__(self, deadlines: IDeadlines, transcript: Transcript | None = None) -> None:
        super().__init__(deadlines, transcript)
        self._deadline: IDeadline | None = None
        self._timing = NOTHING
        self._want: Deferred[None] | None = None
        self._ended = False  # the peer has sent its last
        self._progress = 0

    # --- for heirs -------------------------------------------------------------------------------------------

    @property
    def line_timeout(self) -> float:
        """Seconds for a line, from its first octet to its last."""
        return 60.0

    def endless_line(self) -> None:
        self.abort(ConnectionLost("a line without an end"))

    def timed_out(self, timing: int) -> None:
        """The peer was too slow with what ``timing`` says. This must close."""
        self.abort()

    # --- who is there ----------------------------------------------------------------------------------------

    @property
    def peer(self) -> IAddress:
        """The peer's address (behind a PROXY header, the true one)."""
        address: IAddress = self.transport.getPeer()
        return address

    @property
    def secure(self) -> bool:
        """Is this connection under TLS?"""
        return ISSLTransport.providedBy(self.transport)

    @property
    def gone(self) -> bool:
        """Is it closed, or closing?"""
        return bool(self.held & GONE)

    # --- input -----------------------------------------------------------------------------------------------

    async def line(self, seconds: float | None = None, *, secret: bool = False) -> bytes:
        """The peer's next line, for whatever runs now.

        Its first octet must come within ``seconds`` (None: `line_timeout`), the rest within `line_timeout` of that. A
        ``secret`` one is masked in the transcript. Raises LineTooLong, FlawedLine and ConnectionLost.
        """
        self._arm(IDLE, self.line_timeout if seconds is None else seconds)
        try:
            while (line := self.next_line()) is None:
                if self._begun and self._timing == IDLE:
                    self._arm(LINE, self.line_timeout)
                await self._more()
        finally:
            if self._timing in (IDLE, LINE):
                self._timing = NOTHING
        if self.strict and (reason := flaw_in(line, self.eight_bit)) is not None:
            raise FlawedLine(line, reason)
        self.heard(MASK if secret else line)
        return line

    async def literal(self, size: int) -> bytes:
        """The next ``size`` octets, a size that the caller has found small enough to keep."""
        parts: list[bytes] = []
        await self.literal_to(size, parts.append)
        return b"".join(parts)

    async def literal_to(self, size: int, write: Sink) -> None:
        """Hand the next ``size`` octets to ``write`` as they come.

        What ``write`` raises is raised when all of them have come: in between, they would be taken for commands.
        """
        if size < 0:
            raise ValueError("a literal of a negative size")
        failure: Exception | None = None
        left = size
        self._begin_input()
        while left:
            data = await self._some(left)
            left -= len(data)
            failure = failure or await self._sink(write, data)
        self._end_input(f"literal of {size} octets")
        if failure is not None:
            raise failure

    async def swallow(self, size: int) -> None:
        """Read over the next ``size`` octets: a literal that was refused and comes all the same."""
        await self.literal_to(size, lambda data: None)

    async def body(self, write: Sink, limit: int | None = None) -> DotDecoder:
        """Hand a dot-stuffed body to ``write``, unstuffed, as it comes.

        Beyond ``limit`` octets it is read to its end and dropped: see `DotDecoder.over_limit`, `bare_lf` and their kin
        of what is returned. What ``write`` raises is raised at the body's end.
        """
        failure: Exception | None = None
        decoder = DotDecoder(limit)
        self._begin_input()
        while True:
            data = decoder.feed(await self._some(sys.maxsize))
            if decoder.finished:
                self.put_back(decoder.leftover)
            if data:
                failure = failure or await self._sink(write, data)
            if decoder.finished:
                break
        self._end_input(f"body of {decoder.size} octets")
        if failure is not None:
            raise failure
        return decoder

    async def _sink(self, write: Sink, data: bytes) -> Exception | None:
        try:
            waiting = write(data)
            if isinstance(waiting, Awaitable):
                await waiting
        except Exception as error:  # raised by the caller, once the peer's bytes are read
            if self.held & GONE:
                raise
            return error
        return None

    def _begin_input(self) -> None:
        self._progress = 0
        self._arm(INPUT, self.stall_timeout)

    def _end_input(self, what: str) -> None:
        self._timing = NOTHING
        if self.transcript is not None:
            self.heard(b"[%b]" % what.encode())

    async def _some(self, most: int) -> bytes:
        """At least one octet and at most ``most``."""
        try:
            while not (data := self.take(most)):
                await self._more()
        except BaseException:
            # Whoever broke off the wait: where the next command begins, nobody would know any more.
            if not self.held & GONE and not self._ended:
                self.abort()
            raise
        self._progress += len(data)
        if self._progress >= STEP:
            self._begin_input()
        return data

    async def _more(self) -> None:
        """Wait until more bytes have come. Raises ConnectionLost when none will."""
        if self._ended or self.held & GONE:
            raise self.why()
        self._want = want = Deferred[None]()
        self._read_on()
        try:
            await want
        finally:
            self._want = None

    @property
    def _begun(self) -> bool:
        """Has a part of a line come?"""
        return bool(self._unread or self._skipped)

    def arrived(self) -> None:
        want = self._want
        if want is not None:
            self._want = None
            want.callback(None)
        elif self.held & GONE:
            self.clearLineBuffer()
        elif not self.paused:
            # Reading goes on until now, so that a peer's going away is seen while its command runs.
            self.paused = True
            self.transport.pauseProducing()

    def _read_on(self) -> None:
        if self.paused and not self._ended:
            self.paused = False
            self.transport.resumeProducing()

    # --- time ------------------------------------------------------------------------------------------------

    def _arm(self, timing: int, seconds: float) -> None:
        self._timing = timing
        if self._deadline is None:
            self._deadline = self._deadlines.after(seconds, self._expired)
        else:
            self._deadline.postpone(seconds)

    def _expired(self) -> None:
        timing = self._timing
        if timing == NOTHING:
            return
        if timing == CLOSING:
            self.abort()
        elif timing == INPUT and self._want is None:
            self._arm(INPUT, self.stall_timeout)  # it is our sink that is slow
        else:
            self.timed_out(timing)

    # --- the end ---------------------------------------------------------------------------------------------

    def hang_up(self, *, linger: bool = False) -> None:
        """Close behind what was written. With ``linger`` the peer may be sending: only our direction at first."""
        if self.held & GONE:
            return
        linger = (linger or self.paused or self.waiting) and not self._ended
        self.ended()
        self._arm(CLOSING, self.stall_timeout)
        transport = self.transport
        transport.unregisterProducer()
        # A transport under TLS claims what the one beneath it provides; half a close there would skip the alert.
        by_halves = IHalfCloseableDescriptor.providedBy(transport) and not self.secure
        self._read_on()  # TLS wants to hear the peer's farewell
        if linger and by_halves:
            transport.loseWriteConnection()
        else:
            transport.loseConnection()

    def ended(self, why: ConnectionLost | None = None) -> None:
        super().ended(why)
        want, self._want = self._want, None
        if want is not None:
            want.errback(self.why())

    def readConnectionLost(self) -> None:
        """The peer has sent its last, and may still read (or is gone, which writing will show)."""
        self._ended = True
        if self.held & GONE:
            self.transport.loseConnection()
        elif self._want is not None:
            want, self._want = self._want, None
            want.errback(self.why())

    def writeConnectionLost(self) -> None:
        """All that we wrote is out, and the peer was told that no more comes."""
        self._arm(CLOSING, LINGER)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._ended = True
        for deadline in (self._deadline, self._stall):
            if deadline is not None:
                deadline.cancel()
        if self.held & GONE:
            self.ended()
        else:
            why = ConnectionLost(reason.getErrorMessage())
            why.__cause__ = reason.value
            self.ended(why)
