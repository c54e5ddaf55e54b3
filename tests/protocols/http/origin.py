"""An HTTP server in a test's hands: the client talks to a reactor in memory, the test plays what answers there.

origin = Origin()
response = origin.ask("http://a.example/")        # a Deferred
peer = origin.accept()
peer.says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from netdaemon.protocols.http.client import Client, Response, Timeouts

T = TypeVar("T")
TIMEOUTS = Timeouts(connect=5, answer=10, stall=20)


class Wire(StringTransport):
    """The client's transport, which knows whether it is read from."""

    def __init__(self) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "127.0.0.1", 80))
        self.reading = True

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True


class Peer:
    """The server's side of one connection."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.wire = Wire()
        self.open = True
        protocol.makeConnection(self.wire)

    def heard(self) -> bytes:
        """What the client sent since last asked."""
        data: bytes = self.wire.value()
        self.wire.clear()
        return data

    def says(self, data: bytes, *, piece: int = 0) -> None:
        """Send ``data``, whole or in pieces; what comes after the client has dropped the connection is lost."""
        for start in range(0, len(data), piece or max(1, len(data))):
            if not self.dropped:
                self.protocol.dataReceived(data[start : start + (piece or len(data))])

    @property
    def dropped(self) -> bool:
        """Has the client let go of the connection?"""
        return bool(self.wire.disconnecting or self.wire.disconnected)

    def closes(self, *, rudely: bool = False) -> None:
        """The connection ends; also the second half of the client's own ending."""
        if self.open:
            self.open = False
            self.protocol.connectionLost(Failure(ConnectionLost() if rudely else ConnectionDone()))


class Origin:
    """A client in memory, and every connection it makes."""

    def __init__(self, **options: Any) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.client = Client(self.reactor, **{"timeouts": TIMEOUTS, **options})
        self._accepted = 0

    def ask(self, url: str = "http://127.0.0.1/", method: str = "GET", **more: Any) -> Deferred[Response]:
        return self.run(self.client.request(method, url, **more))

    def run(self, work: Coroutine[Any, Any, T]) -> Deferred[T]:
        return Deferred.fromCoroutine(work)

    @property
    def waiting(self) -> int:
        """Connections that the client has asked for and nobody has accepted."""
        return len(self.reactor.tcpClients) - self._accepted

    def accept(self) -> Peer:
        host, port, factory = self.reactor.tcpClients[self._accepted][:3]
        self._accepted += 1
        return Peer(factory.buildProtocol(IPv4Address("TCP", host, port)))

    def fail(self, reason: Exception) -> None:
        factory = self.reactor.tcpClients[self._accepted][2]
        self._accepted += 1
        factory.clientConnectionFailed(None, Failure(reason))
        self.reactor.advance(1)  # the endpoint looks for another address before it gives up
