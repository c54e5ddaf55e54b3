"""Tunnels: two connections, each of which gets what comes over the other (RFC 9110 section 9.3.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import IDeadlines
from netdaemon.protocols.http.closing import closes_by_halves


@implementer(IHalfCloseableProtocol)
class End(Protocol):
    """One end of a tunnel. What it hears it hands over; neither is read faster than the other takes it."""

    transport: Any
    other: End

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel
        self.lost = False
        self.ended = False
        """Has the peer there sent its last?"""
        self.received = 0
        self._early = b""

    @property
    def sent(self) -> int:
        """Octets that were handed to the peer there."""
        return self.other.received

    def on_end(self, run: Callable[[], object]) -> None:
        """Call ``run`` when the tunnel is gone."""
        self._tunnel.on_end(run)

    def connectionMade(self) -> None:
        # Until the other end stands, what comes has nowhere to go.
        self.transport.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)
        if self._tunnel.open:
            self._tunnel.stirred()
            self.other.transport.write(data)
        else:
            self._early += data

    def begin(self) -> None:
        """The other end stands, too."""
        self.transport.registerProducer(self.other.transport, True)
        early, self._early = self._early, b""
        if early:
            self.other.transport.write(early)
        self.transport.resumeProducing()

    def readConnectionLost(self) -> None:
        """Its peer has no more to say; it may have more to hear."""
        if self.ended:
            return
        self.ended = True
        other = self.other
        if not self._tunnel.open:
            return
        if other.ended or not closes_by_halves(other.transport):
            self._tunnel.close()
        else:
            other.transport.unregisterProducer()  # nothing comes from here any more
            other.transport.loseWriteConnection()

    def writeConnectionLost(self) -> None:
        """All that it had to be told is out."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.lost:
            return
        self.lost = True
        self._tunnel.lost(self, isinstance(reason.value, ConnectionDone))

    def stop(self, clean: bool) -> None:
        """End the connection: behind what was written, or at once."""
        if self.lost or self.transport is None:
            return
        if clean:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
        else:
            self.transport.abortConnection()

    def drain(self) -> None:
        """The daemon stops. What is in the tunnel nobody here understands; when it is silent, it may be over."""
        self._tunnel.hurry()


class Tunnel:
    """``far`` is connected first; ``near`` is what takes the client's connection over.

    It is closed when nothing has come by either way for ``idle`` seconds, and after ``lifetime`` in any case (0:
    never).
    """

    def __init__(self, deadlines: IDeadlines, idle: float, lifetime: float) -> None:
        self.near = End(self)
        self.far = End(self)
        self.near.other, self.far.other = self.far, self.near
        self._deadlines = deadlines
        self._idle_seconds = idle
        self._idle = deadlines.after(idle, self.abort)
        self._life = deadlines.after(lifetime, self.abort) if lifetime else None
        self.open = False
        self._ended: list[Callable[[], object]] = []

    def on_end(self, run: Callable[[], object]) -> None:
        """Call ``run`` when both ends are gone."""
        self._ended.append(run)

    def join(self) -> None:
        """Both ends stand: from now on it is open."""
        if self.far.lost:
            self.near.stop(clean=True)
            return
        self.open = True
        self.near.begin()
        self.far.begin()

    def hurry(self) -> None:
        """It is to end as soon as nothing has come by for a second."""
        self._idle_seconds = 1.0
        self._idle.postpone(1.0)

    def stirred(self) -> None:
        """Something came by."""
        self._idle.postpone(self._idle_seconds)

    def close(self) -> None:
        """Both have said their last, or can't hear it: close behind what is still on its way."""
        self.near.stop(clean=True)
        self.far.stop(clean=True)

    def abort(self) -> None:
        """End it at once."""
        if self.near.transport is None and self.far.transport is None:
            self._over()
        self.near.stop(clean=False)
        self.far.stop(clean=False)

    def lost(self, end: End, clean: bool) -> None:
        """One of its ends is gone: so is the other, behind what is still on its way to it."""
        if end.other.lost or end.other.transport is None:
            self._over()
        end.other.stop(clean)

    def _over(self) -> None:
        self._idle.cancel()
        if self._life is not None:
            self._life.cancel()
        ended, self._ended = self._ended, []
        for run in ended:
            run()
