"""Implicit TLS: when the protocol in it begins, and what becomes of those who never get so far."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IProtocolFactory, ISSLTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from netdaemon.config.settings import TLSSettings
from netdaemon.wire.tls import Certificates, tls_factory
from tests.wire.handshakes import anybody
from tests.wire.pems import Authority, put
from tests.wire.timers import Timers

PEER = IPv4Address("TCP", "192.0.2.1", 4321)


@implementer(IHandshakeListener)
class Session(Protocol):
    """Writes down what happens to it, and greets."""

    def __init__(self) -> None:
        self.log: list[object] = []

    def connectionMade(self) -> None:
        self.log.append(("made", self.transport.getPeer(), self.transport.negotiatedProtocol))
        self.transport.write(b"hello ")

    def handshakeCompleted(self) -> None:
        self.log.append("handshake")
        self.transport.write(b"again ")

    def dataReceived(self, data: bytes) -> None:
        self.log.append(data)
        self.transport.write(data.upper())

    def connectionLost(self, reason: Failure) -> None:
        self.log.append(reason.type)


class Sessions(Factory):
    noisy = False

    def __init__(self) -> None:
        self.built: list[Session] = []
        self.asked: list[object] = []
        self.refusing = False

    def buildProtocol(self, addr: Any) -> Session | None:
        self.asked.append(addr)
        if self.refusing:
            return None
        self.built.append(Session())
        return self.built[-1]


class Peer:
    """The standard library's client in front of a server protocol."""

    def __init__(self, factory: IProtocolFactory, context: ssl.SSLContext, transport: Any = None) -> None:
        self.transport = transport if transport is not None else StringTransport(peerAddress=PEER)
        self.server: Any = factory.buildProtocol(PEER)
        self.server.makeConnection(self.transport)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out)

    def pump(self) -> None:
        """Bring what was written to the other side, once each way."""
        if self._out.pending:
            self.server.dataReceived(self._out.read())
        self._in.write(self.transport.value())
        self.transport.clear()

    def shake(self) -> None:
        for _ in range(4):
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            self.pump()

    def read(self) -> bytes:
        data = b""
        try:
            while True:
                data += self.tls.read(1 << 16)
        except ssl.SSLWantReadError:
            return data


class SessionTests(SynchronousTestCase):
    pair = Authority().issue("spam.egg")

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        chain, key = put(folder, self.pair)
        self.certificates = Certificates(TLSSettings(certificate=chain, private_key=key), "spam.egg", folder)
        self.certificates.load()
        self.clock = Clock()
        self.sessions = Sessions()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def factory(self, *alpn: bytes) -> IProtocolFactory:
        return tls_factory(self.certificates.server(alpn), self.sessions, Timers(self.clock), 10.0)

    def assert_quiet(self) -> None:
        """Nothing above debug level, no traceback, no timer left."""
        loud = [event for event in self.events if event["log_level"] > LogLevel.debug]
        self.assertEqual(loud, [])
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_begins_with_the_handshakes_end(self) -> None:
        peer = Peer(self.factory(b"imap"), anybody("imap"))
        self.assertEqual(self.sessions.asked, [])
        peer.shake()
        (session,) = self.sessions.built
        self.assertEqual(self.sessions.asked, [PEER])
        self.assertEqual(session.log, [("made", PEER, b"imap"), "handshake"])
        self.assertEqual(peer.read(), b"hello again ")
        self.assertTrue(ISSLTransport.providedBy(session.transport))
        self.assertIsInstance(session.transport.getHandle(), SSL.Connection)
        self.assert_quiet()

    def test_byte_by_byte(self) -> None:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            peer = Peer(self.factory(), anybody(least=version, most=version))
            received = peer.server.dataReceived
            for _ in range(4):
                try:
                    peer.tls.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                for byte in peer._out.read():
                    received(bytes([byte]))
                peer.pump()
            peer.tls.write(b"mulder")
            for byte in peer._out.read():
                received(bytes([byte]))
            peer.pump()
            self.assertEqual(peer.read(), b"hello again MULDER")

    def test_data_with_the_last_of_the_handshake(self) -> None:
        peer = Peer(self.factory(), anybody(least=ssl.TLSVersion.TLSv1_3))
        for _ in range(2):
            try:
                peer.tls.do_handshake()
            except ssl.SSLWantReadError:
                peer.pump()
        peer.tls.write(b"at once")
        peer.pump()
        self.assertEqual(self.sessions.built[0].log[1:], ["handshake", b"at once"])
        self.assertEqual(peer.read(), b"hello again AT ONCE")

    def test_connection_lost(self) -> None:
        peer = Peer(self.factory(), anybody())
        peer.shake()
        peer.server.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.sessions.built[0].log), 3)
        self.assert_quiet()

    def test_what_a_goodbye_comes_with_is_answered(self) -> None:
        """A client that says all it has to say and closes, in one segment, hears the answer."""
        client = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        client.set_connect_state()
        transport = StringTransport()
        server: Any = self.factory().buildProtocol(PEER)
        server.makeConnection(transport)

        def carry() -> None:
            server.dataReceived(client.bio_read(1 << 16))
            if transport.value():
                client.bio_write(transport.value())
                transport.clear()

        self.assertRaises(SSL.WantReadError, client.do_handshake)
        carry()
        client.do_handshake()
        client.send(b"last words")
        client.shutdown()
        carry()
        self.assertEqual(client.recv(1 << 16), b"hello ")
        self.assertEqual(client.recv(1 << 16), b"again ")
        self.assertEqual(client.recv(1 << 16), b"LAST WORDS")
        self.assertRaises(SSL.ZeroReturnError, client.recv, 1)
        self.assertTrue(transport.disconnecting)

    def test_not_wanted(self) -> None:
        """The factory behind refuses the address: said goodbye to."""
        self.sessions.refusing = True
        peer = Peer(self.factory(), anybody())
        peer.shake()
        self.assertEqual(peer.tls.read(), b"")
        peer.server.connectionLost(Failure(ConnectionDone()))
        self.assert_quiet()

    def test_silence(self) -> None:
        peer = Peer(self.factory(), anybody())
        self.clock.advance(9.9)
        self.assertFalse(peer.transport.disconnecting)
        self.clock.advance(0.1)
        self.assertTrue(peer.transport.disconnected)
        peer.server.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.sessions.asked, [])
        self.assert_quiet()

    def test_one_byte_now_and_then(self) -> None:
        """The deadline is for all of the handshake."""
        peer = Peer(self.factory(), anybody())
        self.assertRaises(ssl.SSLWantReadError, peer.tls.do_handshake)
        for byte in peer._out.read()[:9]:
            self.clock.advance(1)
            peer.server.dataReceived(bytes([byte]))
        self.assertFalse(peer.transport.disconnecting)
        self.clock.advance(1)
        self.assertTrue(peer.transport.disconnected)

    def test_no_deadline_afterwards(self) -> None:
        peer = Peer(self.factory(), anybody())
        self.clock.advance(9)
        peer.shake()
        self.clock.advance(1000)
        self.assertFalse(peer.transport.disconnecting)
        self.assert_quiet()

    def test_no_tls_at_all(self) -> None:
        for number, data in enumerate((
            b"GET / HTTP/1.1\r\nHost: spam.egg\r\n\r\n", b"EHLO spam.egg\r\n", bytes(600), b"\xff" * 600,
            b"\x16\x03\x01\xff\xff" + b"x" * 100, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x80\x2e\x01\x00\x02",
            b"\x15\x03\x01\x00\x02\x02\x28",
        )):  # fmt: skip
            with self.subTest(data):
                peer = Peer(self.factory(b"imap"), anybody())
                peer.server.dataReceived(data)
                if number != 4:  # that one is a record that has not come to its end
                    self.assertTrue(peer.transport.disconnecting)
                peer.server.connectionLost(Failure(ConnectionDone()))
                self.assert_quiet()
        self.assertEqual(self.sessions.asked, [])

    def test_refused_handshakes(self) -> None:
        weak = anybody(most=ssl.TLSVersion.TLSv1_2)
        weak.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
        for context, alert in ((anybody("http/1.1"), "no application protocol"), (weak, "handshake failure")):
            peer = Peer(self.factory(b"imap"), context)
            with self.assertRaises(ssl.SSLError) as caught:
                peer.shake()
            self.assertIn(alert, str(caught.exception).replace("_", " ").lower())
            self.assertTrue(peer.transport.disconnecting)
            peer.server.connectionLost(Failure(ConnectionDone()))
            self.assert_quiet()
        self.assertEqual(self.sessions.asked, [])
        self.assertIn("no application protocol", [event.get("why") for event in self.events])

    def test_drained_before_it_began(self) -> None:
        """As the gate does it: what stands innermost is told to close."""
        peer = Peer(self.factory(), anybody())
        peer.server.wrappedProtocol.transport.loseConnection()
        self.assertTrue(peer.transport.disconnecting)
        peer.server.connectionLost(Failure(ConnectionDone()))
        self.assert_quiet()

    def test_swapped_certificates_reach_the_factory(self) -> None:
        factory = self.factory()
        folder = Path(self.mktemp())
        put(folder, Authority().issue("second"))
        before = Peer(factory, anybody())
        for name in ("chain.pem", "key.pem"):
            settings = self.certificates._settings
            file = settings.certificate if name == "chain.pem" else settings.private_key
            assert file is not None
            file.write_bytes((folder / name).read_bytes())
        self.certificates.reload()
        after = Peer(factory, anybody())
        subjects = []
        for peer in (before, after):
            peer.shake()
            self.assertEqual(peer.read(), b"hello again ")
            subjects.append(peer.tls.getpeercert(binary_form=True))
        self.assertNotEqual(*subjects)
