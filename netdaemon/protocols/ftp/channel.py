"""Data connections at work: a document or chunks going out, an upload coming in.

A channel is a protocol for one connection. It begins by itself when that stands (under TLS: when the handshake is
done), and `done` tells how it ended. The reactor is busy with it only while something can move.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import DocumentError, IDeadlines
from netdaemon.protocols.ftp.deflate import TURN, Bomb, Inflater
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.rate import Bucket, delay


class DataLost(Exception):
    """The data connection broke before all was said."""


class NoTLS(Exception):
    """The TLS handshake did not succeed."""


class NotResumed(Exception):
    """The TLS session is a new one, and a resumed one is wanted."""


class Stalled(Exception):
    """Nothing moved for too long."""


@dataclass(frozen=True)
class Terms:
    """What a channel must keep to. ``stall`` is in seconds; ``resumed`` tells whether its TLS session may be used."""

    clock: IReactorTime
    deadlines: IDeadlines
    stall: float
    handshake: float
    buckets: tuple[Bucket, ...] = ()
    resumed: Callable[[Any], bool] | None = None

    def turn(self) -> Deferred[None]:
        """Fires when others have had theirs."""
        return deferLater(self.clock, 0, lambda: None)


@implementer(IHandshakeListener)
class Channel(Protocol):
    """What all have in common. ``done`` fires with None, or fails with what is defined above, DocumentError or others
    that its work raised; cancelling it aborts the connection.
    """

    transport: Any

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.done: Deferred[None] = Deferred(lambda done: self.abort())
        self.octets = 0
        """Octets that went over the connection, as far as we know."""
        self.begun = False
        self._deadline: Any = None
        self._why: BaseException | None = None

    # --- for heirs -------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The connection stands."""

    def is_whole(self) -> bool:
        """At an orderly end: is all said?"""
        return False

    def is_waiting(self) -> bool:
        """Is it the peer that is waited for?"""
        return True

    def moved(self, octets: int) -> None:
        """So many have just gone, or come."""
        self.octets += octets
        if self._deadline is not None:
            self._deadline.postpone(self.terms.stall)

    # --- for the session -------------------------------------------------------------------------------------

    def watch(self) -> None:
        """From now on it may stand still for so long, and no longer. Most are done before anybody needs to look."""
        terms = self.terms
        if self._deadline is None and not self.done.called:
            self._deadline = terms.deadlines.after(terms.stall if self.begun else terms.handshake, self._late)

    def fail(self, why: BaseException) -> None:
        """End it with ``why``; the first reason counts."""
        if self._why is None:
            self._why = why
        self.transport.abortConnection()

    def abort(self) -> None:
        """Drop the connection."""
        if self.transport is not None:
            self.fail(DataLost())

    # --- the transport's side --------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        if not ISSLTransport.providedBy(self.transport):
            self.begun = True
            self.begin()

    def handshakeCompleted(self) -> None:
        resumed = self.terms.resumed
        if resumed is not None and not resumed(self.transport.getHandle()):
            self.fail(NotResumed())
            return
        self.begun = True
        self.moved(0)
        self.begin()

    def _late(self) -> None:
        if self.begun and not self.is_waiting():
            self._deadline.postpone(self.terms.stall)
        else:
            self.fail(Stalled() if self.begun else NoTLS())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self.done.called:
            return
        if self._why is not None:
            self.done.errback(self._why)
        elif not self.begun:
            self.done.errback(NoTLS())
        elif isinstance(reason.value, ConnectionDone) and self.is_whole():
            self.done.callback(None)
        else:
            self.done.errback(DataLost())


@implementer(IHalfCloseableProtocol)
class Sending(Channel):
    """What goes out. What the peer sends is not looked at; that it sends no more means nothing."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._sent = False

    def is_whole(self) -> bool:
        return self._sent

    def all_sent(self) -> None:
        """Close behind what was written: that is the end of the data (RFC 959 3.4.1)."""
        self._sent = True
        self.transport.loseConnection()

    def readConnectionLost(self) -> None:
        """The peer has nothing to say."""

    def writeConnectionLost(self) -> None:
        """Nobody asks for this."""


class SendFile(Sending):
    """A stretch of an open file, as it is; ``fd`` stays open until it is done."""

    def __init__(self, terms: Terms, fd: int, offset: int, count: int) -> None:
        super().__init__(terms)
        self._stretch = (fd, offset, count)

    def begin(self) -> None:
        self.transport.send_file(*self._stretch, self.moved).addCallbacks(self._went, self._broke)
        self.transport.loseConnection()  # behind the file: the end of the data (RFC 959 3.4.1)

    def _went(self, ignored: None) -> None:
        self._sent = True

    def _broke(self, failure: Failure) -> None:
        if not isinstance(failure.value, ConnectionDone):
            self._why = self._why or DataLost(failure.getErrorMessage())


@implementer(IPushProducer)
class SendChunks(Sending):
    """Chunks, as fast as the peer takes them and the buckets allow."""

    def __init__(self, terms: Terms, chunks: AsyncIterable[bytes]) -> None:
        super().__init__(terms)
        self._chunks: Any = chunks
        self._full: Deferred[None] | None = None
        self._paused = False
        self._task: Deferred[None] | None = None

    def begin(self) -> None:
        self.transport.registerProducer(self, True)
        self._task = Deferred.fromCoroutine(self._send())
        self._task.addErrback(self._failed)

    def is_waiting(self) -> bool:
        return self._full is not None or self._sent

    async def _send(self) -> None:
        buckets = self.terms.buckets
        async with aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                self.octets += len(chunk)
                self.transport.write(chunk)
                if buckets and (wait := delay(buckets, len(chunk))):
                    await deferLater(self.terms.clock, wait)
                if self._paused:
                    self._full = Deferred()
                    await self._full
        self.transport.unregisterProducer()
        self.all_sent()

    def _failed(self, failure: Failure) -> None:
        if failure.value is not None and not isinstance(failure.value, CancelledError):
            self.fail(failure.value)

    def pauseProducing(self) -> None:
        self._paused = True
        self.moved(0)

    def resumeProducing(self) -> None:
        self._paused = False
        self.moved(0)
        full, self._full = self._full, None
        if full is not None:
            full.callback(None)

    def stopProducing(self) -> None:
        """The connection is going; connectionLost says so too."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if self._task is not None:
            self._task.cancel()


class Receive(Channel):
    """An upload, handed to ``write`` as it comes; the peer's closing is its end (RFC 959 3.4.1).

    Under TLS the connection must be closed by TLS's own farewell: anybody could cut the one beneath it. ``write``
    raises DocumentError when it can't be written.
    """

    def __init__(self, terms: Terms, write: Callable[[bytes], object]) -> None:
        super().__init__(terms)
        self.write = write

    def is_whole(self) -> bool:
        return True

    def dataReceived(self, data: bytes) -> None:
        if self._why is not None:
            return
        self.moved(len(data))
        try:
            self.take(data)
        except (DocumentError, Malformed, Bomb) as error:
            self.fail(error)
            return
        if self.terms.buckets and (wait := delay(self.terms.buckets, len(data))):
            self.rest(wait)

    def take(self, data: bytes) -> None:
        """What came, as it came."""
        self.write(data)

    def rest(self, seconds: float) -> None:
        """Read nothing for so long."""
        self.transport.pauseProducing()
        self.terms.clock.callLater(seconds, self._rested)

    def _rested(self) -> None:
        if self._why is None and self.transport.connected:
            self.moved(0)
            self.transport.resumeProducing()


class ReceiveDeflated(Receive):
    """The same under MODE Z. What a little becomes much of is written in turns."""

    def __init__(self, terms: Terms, write: Callable[[bytes], object]) -> None:
        super().__init__(terms, write)
        self._inflater = Inflater()

    def is_whole(self) -> bool:
        return self._inflater.finished

    def take(self, data: bytes) -> None:
        self._inflater.feed(data)
        if not self._work():
            self.transport.pauseProducing()
            self.terms.clock.callLater(0, self._go_on)

    def _work(self) -> bool:
        """Inflate what came, or a turn's worth of it; is that all?"""
        made = 0
        while (piece := self._inflater.step()) is not None:
            self.write(piece)
            made += len(piece)
            if made > TURN:
                return False
        return True

    def _go_on(self) -> None:
        if self._why is not None or not self.transport.connected:
            return
        try:
            done = self._work()
        except (DocumentError, Malformed, Bomb) as error:
            self.fail(error)
            return
        if done:
            self.transport.resumeProducing()
        else:
            self.terms.clock.callLater(0, self._go_on)
