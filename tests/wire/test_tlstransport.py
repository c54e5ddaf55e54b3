"""TLS directly on the socket, against the standard library's TLS as the peer."""

from __future__ import annotations

import socket
import ssl
import tempfile
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHandshakeListener, ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from netdaemon.wire import tlscalls, tlstransport
from netdaemon.wire.tlstransport import TLSTransport
from netdaemon.wire.transport import FileShrank
from tests.wire.pems import Authority
from tests.wire.producers import Told

AUTHORITY = Authority()
CONTENT = bytes(range(256)) * 4096


@implementer(IHandshakeListener)
class Scripted(Protocol):
    lost: Failure | None = None
    shaken = 0
    react: Callable[[bytes], object] = staticmethod(lambda data: None)

    def handshakeCompleted(self) -> None:
        self.shaken += 1

    def dataReceived(self, data: bytes) -> None:
        self.react(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


class TLSTransportTests(SynchronousTestCase):
    """The server's end is ours, stepped by hand; the client's end is ssl on the other socket of a pair."""

    def setUp(self) -> None:
        self.reactor = EPollReactor()
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        pair = AUTHORITY.issue("localhost", "localhost")
        context.use_privatekey(pair.key)
        context.use_certificate(pair.certificate)
        context.set_alpn_select_callback(lambda connection, offered: b"http/1.1")
        ours, theirs = socket.socketpair()
        self.raw_peer = theirs
        self.protocol = Scripted()
        self.transport = TLSTransport(ours, self.protocol, ("127.0.0.1", 1), None, 1, self.reactor)
        self.transport.secure(SSL.Connection(context, ours))
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        client.set_alpn_protocols(["http/1.1"])
        theirs.setblocking(False)
        self.peer = client.wrap_socket(theirs, do_handshake_on_connect=False, suppress_ragged_eofs=False)
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end
        self.file.write(CONTENT)
        self.file.flush()
        self.addCleanup(self.clean)

    def clean(self) -> None:
        if self.transport.connected:
            self.transport.connectionLost(Failure(ConnectionDone()))
        self.peer.close()
        self.file.close()
        self.reactor.removeAll()
        self.reactor.disconnectAll()
        self.reactor._poller.close()

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.reactor.runUntilCurrent()
            self.reactor.doIteration(0)

    def attempt(self, call: Callable[[], Any], turns: int = 50) -> Any:
        """Repeat a non-blocking call of the peer's, with turns of the reactor between, until it has an answer."""
        for _ in range(turns):
            try:
                return call()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                self.turn()
        raise AssertionError("no answer")

    def shake(self) -> None:
        self.transport.begin()
        self.attempt(self.peer.do_handshake)
        self.turn(2)

    def received(self) -> bytes:
        got, quiet = b"", 0
        while quiet < 20:
            try:
                data = self.peer.recv(1 << 18)
            except ssl.SSLWantReadError:
                quiet += 1
                self.turn()
                continue
            if not data:
                break
            quiet = 0
            got += data
        return got

    def in_a_read(self, react: Callable[[bytes], object]) -> None:
        self.protocol.react = react
        self.peer.send(b"now")
        self.turn(2)
        self.protocol.react = lambda data: None

    def test_handshake_then_both_ways(self) -> None:
        seen = []
        self.protocol.react = seen.append
        self.shake()
        self.assertEqual(self.protocol.shaken, 1)
        self.assertTrue(ISSLTransport.providedBy(self.transport))
        self.assertEqual(self.transport.negotiatedProtocol, b"http/1.1")
        self.assertIsNone(self.transport.getPeerCertificate())
        self.peer.send(b"hello")
        self.turn()
        self.assertEqual(seen, [b"hello"])
        self.transport.write(b"back")
        self.assertEqual(self.received(), b"back")

    def test_what_is_written_before_the_handshake_waits(self) -> None:
        self.protocol.connectionMade = lambda: self.transport.write(b"220 welcome\r\n")  # type: ignore[method-assign]
        self.shake()
        self.assertEqual(self.received(), b"220 welcome\r\n")

    def test_a_large_write_and_an_orderly_end(self) -> None:
        self.shake()
        self.in_a_read(lambda data: (self.transport.write(CONTENT), self.transport.loseConnection()))
        self.assertEqual(self.received(), CONTENT)
        self.assertEqual(self.attempt(lambda: self.peer.recv(10)), b"")  # close_notify: raises if it were a cut
        self.assertIsInstance(self.protocol.lost.value, ConnectionDone)

    def test_a_file_between_writes(self) -> None:
        self.shake()

        def react(data: bytes) -> None:
            self.transport.write(b"<")
            self.transport.send_file(self.file.fileno(), 10, 700_000)
            self.transport.write(b">")

        self.in_a_read(react)
        self.assertEqual(self.received(), b"<" + CONTENT[10:700_010] + b">")

    def test_a_file_that_shrinks_is_a_cut_not_an_end(self) -> None:
        self.shake()
        self.file.truncate(1000)
        done = self.transport.send_file(self.file.fileno(), 0, 2000)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.received()
            self.received()
        self.failureResultOf(done, FileShrank)

    def test_the_peer_says_goodbye(self) -> None:
        self.shake()
        try:
            self.peer.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.turn(3)
        self.assertIsInstance(self.protocol.lost.value, ConnectionDone)

    def test_the_peer_is_cut_off(self) -> None:
        self.shake()
        self.raw = socket.socket(fileno=self.peer.detach())
        self.raw.close()
        self.turn(3)
        self.assertIsInstance(self.protocol.lost.value, ConnectionLost)

    def test_not_tls_at_all(self) -> None:
        self.transport.begin()
        plain = socket.socket(fileno=self.peer.detach())
        self.addCleanup(plain.close)
        plain.send(b"GET / HTTP/1.0\r\n\r\n")
        self.turn(3)
        self.assertIsInstance(self.protocol.lost.value, ConnectionLost)
        self.assertEqual(self.protocol.shaken, 0)

    def test_abort_says_nothing(self) -> None:
        self.shake()
        self.in_a_read(lambda data: (self.transport.write(b"secret"), self.transport.abortConnection()))
        self.turn()
        self.assertIsInstance(self.protocol.lost.value, ConnectionAborted)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.received()

    def test_closed_before_the_handshake(self) -> None:
        self.transport.begin()
        self.transport.loseConnection()
        self.turn(2)
        self.assertIsInstance(self.protocol.lost.value, ConnectionDone)

    def test_paused_means_no_data(self) -> None:
        seen = []
        self.protocol.react = lambda data: (seen.append(data), self.transport.pauseProducing())
        self.shake()
        self.peer.send(b"one")
        self.peer.send(b"two")
        self.turn(5)
        self.assertEqual(seen, [b"one"])
        self.transport.resumeProducing()
        self.turn(5)
        self.assertEqual(seen, [b"one", b"two"])

    def test_a_producer_is_paused_and_resumed(self) -> None:
        self.shake()
        told = Told()

        def react(data: bytes) -> None:
            self.transport.registerProducer(told, True)
            self.transport.write(CONTENT)

        self.in_a_read(react)
        self.assertEqual(told, ["pause"])
        self.assertEqual(self.received(), CONTENT)
        self.assertEqual(told, ["pause", "resume"])

    def test_no_second_layer(self) -> None:
        self.assertRaises(RuntimeError, self.transport.startTLS, None)

    def test_a_streaming_producer_that_is_not_paused_costs_no_trip_through_the_poller(self) -> None:
        self.shake()

        told = Told()
        self.transport.registerProducer(told, True)
        added = []
        self.patch(self.reactor, "addWriter", added.append)
        self.in_a_read(lambda data: self.transport.write(b"answer"))
        self.assertEqual(self.received(), b"answer")
        self.assertEqual((added, told), ([], []))


class PyOpenSSLTests(TLSTransportTests):
    """The same with pyOpenSSL's own calls, should its binding be another one day."""

    def setUp(self) -> None:
        read, write = tlscalls.pyopenssl()
        self.patch(tlstransport, "read", read)
        self.patch(tlstransport, "write", write)
        super().setUp()


class CallsTests(SynchronousTestCase):
    def test_the_direct_ones_are_taken(self) -> None:
        self.assertNotEqual(tlscalls.read.__qualname__, tlscalls.pyopenssl().read.__qualname__)

    def test_without_a_binding(self) -> None:
        self.patch(SSL, "_lib", object())
        self.assertEqual(tlscalls.calls().read.__qualname__, tlscalls.pyopenssl().read.__qualname__)
