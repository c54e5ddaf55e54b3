"""One connection of the client's: a line goes, an answer comes, and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.wire.failures import Broken, TLSFailed, TooLarge
from netdaemon.wire.inflow import Inflow
from netdaemon.wire.tlsclient import why_no_tls


class Answer(Inflow):
    """An async iterator of an answer's octets, just as they come. Iteration raises Broken, `read` TooLarge too.

    It is read to its end or closed; else it holds its connection.
    """

    broken = Broken
    too_large = TooLarge


@implementer(IHandshakeListener)
class Connection(Protocol):
    """Sends ``line`` once it may; ``answer`` is what comes. ``made`` hears when it stands, ``gone`` at its end."""

    def __init__(
        self,
        line: bytes,
        secure: bool,
        clock: Any,
        stall: float,
        made: Callable[[Connection], object],
        gone: Callable[[Connection], object],
    ) -> None:
        self._line = line
        self._secure = secure
        self._made = made
        self._gone = gone
        self._lost = False
        self.answer = Answer(self, clock, stall)
        self.ready: Deferred[None] = Deferred(lambda ready: self.abort())
        """Fires when the line is sent. Fails with TLSFailed."""

    def connectionMade(self) -> None:
        self._made(self)
        if not self._secure:
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        transport: Any = self.transport
        transport.write(self._line)
        self.ready.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self.answer.feed(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        if not self.ready.called:
            self.ready.errback(TLSFailed(why_no_tls(reason.value)))
        # Under TLS an end without a close_notify may be somebody's on the way; then the reason is ConnectionLost.
        clean = isinstance(reason.value, ConnectionDone)
        self.answer.end(None if clean else Broken("the connection broke off"))
        self._gone(self)

    def pause(self) -> None:
        transport: Any = self.transport
        transport.pauseProducing()

    def resume(self) -> None:
        if not self._lost:
            transport: Any = self.transport
            transport.resumeProducing()

    def abort(self) -> None:
        """Drop the connection."""
        transport: Any = self.transport
        if transport is not None and not self._lost:
            transport.abortConnection()
