"""The client's control connection as Twisted's transports make it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from netdaemon.interfaces import IDeadline, IDeadlines
from netdaemon.protocols.ftp.client.errors import Broken, EndlessLine
from netdaemon.protocols.ftp.client.links import MAX_REPLY_LINE, Data, Timeouts
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.replies import Reply, ReplyReader, with_crlf
from netdaemon.wire import lineclient
from netdaemon.wire.framing import FlawedLine, LineTooLong
from netdaemon.wire.lineclient import LineClient, ProtocolError
from netdaemon.wire.transcript import Transcript

FOREVER = 365 * 86400.0
"""Seconds that the control connection may be silent while data flows."""


class ControlStream(LineClient[Reply]):
    """Provides `links.Control`."""

    max_line = MAX_REPLY_LINE
    greeting: Reply

    def __init__(
        self,
        deadlines: IDeadlines,
        timeouts: Timeouts,
        *,
        keep_alive: float | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        """``keep_alive`` is how many seconds nothing may be asked before NOOP is; None: it may be for ever."""
        super().__init__(deadlines, timeout=timeouts.answer, stall=timeouts.stall, transcript=transcript)
        self._final_seconds = timeouts.final
        self._keep_alive = keep_alive
        self._idle: IDeadline | None = None
        self._patient = False
        self._behind_cr = False
        self._outcome: Reply | Exception | None = None
        self._waiting: Deferred[None] | None = None

    @property
    def peer_host(self) -> str:
        host: str = self.transport.getPeer().host
        return host

    @property
    def local_host(self) -> str:
        host: str = self.transport.getHost().host
        return host

    def session(self) -> Any:
        return self.transport.getHandle().get_session() if self.secure else None

    def connectionMade(self) -> None:
        super().connectionMade()
        # Long transfers leave this connection idle: whoever keeps a table of connections on the way is reminded of it.
        self.transport.setTcpKeepAlive(True)
        if self._keep_alive is not None:
            self._idle = self._deadlines.after(self._keep_alive, self._still_here)

    def dataReceived(self, data: bytes) -> None:
        behind_cr, self._behind_cr = self._behind_cr, data.endswith(b"\r")
        super().dataReceived(with_crlf(data, behind_cr=behind_cr))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._idle is not None:
            self._idle.cancel()
        super().connectionLost(reason)

    def say(self, line: bytes, *, secret: int | None = None) -> None:
        super().say(line, secret=secret)
        if self._idle is not None and self._keep_alive is not None:
            self._idle.postpone(self._keep_alive)

    def _still_here(self) -> None:
        assert self._idle is not None and self._keep_alive is not None
        self._idle.postpone(self._keep_alive)
        # Within a transfer no NOOP is sent: many servers would answer it behind the data only, or take it for ABOR.
        if self._last is None and not self.gone:
            Deferred.fromCoroutine(self.ask(b"NOOP")).addErrback(lambda failure: None)  # who asks next hears of it

    def endless_line(self) -> None:
        self.abort(EndlessLine("a line without an end"))

    async def greet(self) -> None:
        self.greeting = await self.reply()
        if self.greeting.preliminary:  # RFC 959 5.4: 120, ready in so many minutes
            self.greeting = await self.reply()

    async def read_reply(self) -> Reply:
        reader = ReplyReader()
        while True:
            line = await self.line(FOREVER if self._patient and not reader.within else None)
            try:
                reply = reader.feed(line)
            except Malformed as error:
                raise ProtocolError(str(error)) from None
            if reply is not None:
                return reply

    async def quit(self) -> None:
        self.say(b"QUIT")
        await self.reply()

    # --- the reply that ends a transfer ----------------------------------------------------------------------

    def watch(self, data: Data) -> None:
        self._patient = True
        self._outcome = None
        Deferred.fromCoroutine(self._watch(data))

    async def _watch(self, data: Data) -> None:
        try:
            outcome: Reply | Exception = await self.read_reply()
        except (LineTooLong, FlawedLine) as error:
            outcome = ProtocolError(str(error))
        except (ProtocolError, lineclient.ConnectionLost) as error:
            outcome = error
        self._patient = False
        self._outcome = outcome
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
        if isinstance(outcome, Exception):
            data.abort(Broken("the server closed the control connection within the transfer"))
        elif not outcome.ok:
            data.abort(Broken("the server broke off the transfer", outcome))

    async def final(self, seconds: float | None = None) -> Reply:
        if self._outcome is None:
            late = self._deadlines.after(self._final_seconds if seconds is None else seconds, self._late)
            self._waiting = Deferred()
            try:
                await self._waiting
            finally:
                self._waiting = None
                late.cancel()
        outcome, self._outcome = self._outcome, None
        assert outcome is not None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
