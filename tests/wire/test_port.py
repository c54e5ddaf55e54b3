"""The doors' own ports: what they do differently from Twisted's. Sockets on loopback, turned by hand."""

from __future__ import annotations

import errno
import socket
from typing import Any, cast

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.protocol import DatagramProtocol, Protocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from netdaemon.wire.port import ACCEPTS, REST, DatagramPort, StreamPort


@implementer(IReactorFDSet)
class HandReactor(task.Clock):
    """Knows who wants to read and write; the test says when they may."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()
        self.addReader, self.removeReader = self.readers.add, self.readers.discard
        self.addWriter, self.removeWriter = self.writers.add, self.writers.discard


class Session(Protocol):
    lost = 0

    def connectionLost(self, reason: Any = None) -> None:
        self.lost += 1


class RecordingGate:
    """Lets everybody in, but for what a test asks."""

    connect_tls = None

    def __init__(self) -> None:
        self.build: Any = Session
        self.sessions: list[Any] = []
        self.gone: list[Any] = []
        self.errors: list[OSError] = []
        self.stopped = 0

    def doStart(self) -> None:
        pass

    def doStop(self) -> None:
        self.stopped += 1

    def buildProtocol(self, peer: Any) -> Any:
        return self.build()

    def opened(self, transport: Any) -> None:
        self.sessions.append(transport)

    def closed(self, transport: Any) -> None:
        self.gone.append(transport)

    def exhausted(self, error: OSError) -> None:
        self.errors.append(error)


class Scripted:
    """A listening socket whose next accept(2) results are written down."""

    def __init__(self, real: socket.socket, *results: Any) -> None:
        self.real = real
        self.results = list(results)

    def _accept(self) -> Any:
        real: Any = self.real
        if not self.results:
            return real._accept()
        result = self.results.pop(0)
        if isinstance(result, OSError):
            raise result
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class StreamPortTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = HandReactor()
        self.gate = RecordingGate()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listening.close)
        self.listening.setblocking(False)
        self.address = self.listening.getsockname()

    def port(self, *results: Any) -> StreamPort:
        listening: Any = Scripted(self.listening, *results) if results else self.listening
        port = StreamPort(listening, self.gate, self.reactor)
        port.startListening()
        return port

    def call(self) -> socket.socket:
        client = socket.create_connection(self.address, timeout=30)
        self.addCleanup(client.close)
        return client

    def test_no_delay_is_inherited(self) -> None:
        port = self.port()
        self.call()
        port.doRead()
        (transport,) = self.gate.sessions
        self.addCleanup(transport.socket.close)
        self.assertTrue(transport.getTcpNoDelay())

    def test_told_of_the_end_once(self) -> None:
        port = self.port()
        client = self.call()
        port.doRead()
        (transport,) = self.gate.sessions
        session = transport.protocol
        client.close()
        reason = transport.doRead()
        self.assertIsNotNone(reason)
        from twisted.python.failure import Failure

        transport.connectionLost(Failure(reason))
        transport.connectionLost(Failure(reason))
        self.assertEqual((self.gate.gone, session.lost), ([transport], 1))

    def test_a_bunch_at_a_time(self) -> None:
        port = self.port()
        clients = [self.call() for _ in range(ACCEPTS + 3)]
        port.doRead()
        self.assertEqual(len(self.gate.sessions), ACCEPTS)
        port.doRead()
        self.assertEqual(len(self.gate.sessions), len(clients))
        for transport in self.gate.sessions:
            transport.socket.close()

    def test_refused(self) -> None:
        port = self.port()
        self.gate.build = lambda: None
        client = self.call()
        port.doRead()
        self.assertEqual(client.recv(1), b"")
        self.assertEqual(self.gate.sessions, [])

    def test_a_broken_factory_costs_one_connection(self) -> None:
        def broken() -> None:
            self.gate.build = Session
            raise RuntimeError("on purpose")

        port = self.port()
        self.gate.build = broken
        first, _ = self.call(), self.call()
        port.doRead()
        self.assertEqual(first.recv(1), b"")
        self.assertEqual(len(self.gate.sessions), 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.gate.sessions[0].socket.close()

    def test_a_broken_session_costs_one_connection(self) -> None:
        class Broken(Session):
            def connectionMade(self) -> None:
                raise RuntimeError("on purpose")

        port = self.port()
        self.gate.build = Broken
        first = self.call()
        port.doRead()
        self.gate.build = Session
        self.call()
        port.doRead()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.reactor.advance(0)
        with self.assertRaises(ConnectionResetError):
            first.recv(1)
        self.assertEqual(len(self.gate.gone), 1)
        self.gate.sessions[1].socket.close()

    def test_a_connection_that_is_gone_already(self) -> None:
        self.call()
        port = self.port(OSError(errno.ECONNABORTED, "gone"), OSError(errno.EPERM, "firewall"))
        port.doRead()
        self.assertEqual(len(self.gate.sessions), 1)
        self.gate.sessions[0].socket.close()

    def test_exhaustion_makes_it_rest(self) -> None:
        for number in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            port = self.port(OSError(number, "no more"))
            self.assertIn(port, self.reactor.readers)
            port.doRead()
            self.assertNotIn(port, self.reactor.readers, "it would be woken again and again")
            self.reactor.advance(REST)
            self.assertIn(port, self.reactor.readers)
            self.reactor.removeReader(port)
        self.assertEqual(len(self.gate.errors), 4)

    def test_closed_while_it_rests(self) -> None:
        port = self.port(OSError(errno.EMFILE, "no more"))
        port.doRead()
        closed = port.stopListening()
        self.reactor.advance(0)
        self.successResultOf(closed)
        self.reactor.advance(REST)
        self.assertEqual(self.reactor.readers, set())

    def test_closed_not_shut_down(self) -> None:
        """systemd, or a worker, holds the same socket: it goes on listening."""
        other = self.listening.dup()
        self.addCleanup(other.close)
        closed: Deferred[None] = self.port().stopListening()
        self.reactor.advance(0)
        self.successResultOf(closed)
        self.assertEqual(self.gate.stopped, 1)
        self.call()
        other.accept()[0].close()

    def test_closed_from_within_a_new_session(self) -> None:
        port = self.port()

        class Last(Session):
            def connectionMade(self) -> None:
                port.stopListening()

        self.gate.build = Last
        self.call()
        self.call()
        port.doRead()
        self.assertEqual(len(self.gate.sessions), 1)
        self.gate.sessions[0].socket.close()
        self.reactor.advance(0)


class Datagrams(DatagramProtocol):
    noisy = False

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Any]] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.received.append((datagram, addr))
        if datagram == b"fail":
            raise RuntimeError("on purpose")


class DatagramPortTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = HandReactor()
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(("127.0.0.1", 0))
        bound.setblocking(False)
        self.protocol = Datagrams()
        self.port = DatagramPort(bound, self.protocol, self.reactor)
        self.port.startListening()
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.connect(bound.getsockname())
        self.client.settimeout(30)
        self.addCleanup(self.client.close)
        self.addCleanup(self.close)

    def close(self) -> None:
        self.port.stopListening()
        self.reactor.advance(0)

    def test_both_ways(self) -> None:
        self.client.send(b"ping")
        self.port.doRead()
        ((datagram, peer),) = self.protocol.received
        self.assertEqual((datagram, peer), (b"ping", self.client.getsockname()))
        assert self.protocol.transport is not None
        self.protocol.transport.write(b"pong", peer)
        self.assertEqual(self.client.recv(100), b"pong")

    def test_a_broken_protocol_costs_one_datagram(self) -> None:
        self.client.send(b"fail")
        self.client.send(b"ping")
        self.port.doRead()
        self.port.doRead()
        self.assertEqual([datagram for datagram, _ in self.protocol.received], [b"fail", b"ping"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_as_many_as_there_were_and_then_twice_as_many(self) -> None:
        asked = []
        real = self.port.socket

        class Counting:
            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

            def recvfrom(self, size: int) -> Any:
                asked.append(1)
                return real.recvfrom(size)

        self.port.socket = cast(Any, Counting())
        for sent, calls in ((1, [1]), (1, [2]), (9, [1, 2, 4, 3]), (3, [2, 2])):
            asked.clear()
            del self.protocol.received[:]
            for _ in range(sent):
                self.client.send(b"ping")
            turns = []
            while len(self.protocol.received) < sent:
                before = len(asked)
                self.port.doRead()
                turns.append(len(asked) - before)
            self.assertEqual((len(self.protocol.received), turns), (sent, calls))

    def test_exchange(self) -> None:
        other = Datagrams()
        self.port.exchange(other)
        self.assertIsNone(self.protocol.transport)
        self.client.send(b"ping")
        self.port.doRead()
        self.assertEqual((len(self.protocol.received), len(other.received)), (0, 1))

    def test_an_answer_that_cannot_be_sent_is_lost(self) -> None:
        assert self.protocol.transport is not None
        self.protocol.transport.write(b"pong", ("127.0.0.1", 0))
