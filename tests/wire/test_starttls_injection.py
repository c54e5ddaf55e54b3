"""STARTTLS: what was sent in clear is never believed or executed inside TLS (CVE-2011-0411 and its kin).

Real sockets: this is about what is in which buffer when TLS begins.
"""

from __future__ import annotations

import datetime
import ipaddress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.lineclient import ConnectionLost, LineClient, ProtocolError, connect
from tests.kit.house import house
from tests.wire.ports import listen
from tests.wire.toy import OUT, ToyFactory, ToySession, ToySettings


def certificate() -> ssl.PrivateCertificate:
    """A self-signed one for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ssl.PrivateCertificate.loadPEM(pem)


class Raw(Protocol):
    """A peer that says what the test wants and keeps all that comes."""

    def __init__(self) -> None:
        self.got = b""
        self._waiting: list[tuple[bytes, Deferred[bytes]]] = []
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        for wanted, waiting in self._waiting[:]:
            if wanted in self.got:
                self._waiting.remove((wanted, waiting))
                waiting.callback(self.got)

    def until(self, wanted: bytes) -> Deferred[bytes]:
        """Fires once that has come."""
        waiting: Deferred[bytes] = Deferred()
        self._waiting.append((wanted, waiting))
        self.dataReceived(b"")
        return waiting

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)
        for _, waiting in self._waiting:
            waiting.errback(reason)


class SessionTests(TestCase):
    """A real session under attack."""

    async def setUp(self) -> None:
        self.certificate = certificate()
        self.made = house()
        self.factory = ToyFactory(ToySettings(handshake_timeout=10.0), self.made)
        self.factory.context = self.certificate.options()
        self.factory.traces = []
        self.sessions: list[ToySession] = []
        build = self.factory.buildProtocol

        def remember(addr: Any) -> Any:
            session: Any = build(addr)
            self.sessions.append(session)
            return session

        self.factory.buildProtocol = remember  # type: ignore[method-assign]  # to get at the sessions
        port = await self.listen()
        self.peer: Raw = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), Raw())
        self.addCleanup(self.gone)
        await self.peer.until(b"220 toy\r\n")
        self.port = port

    async def listen(self) -> Any:
        return listen(self, self.factory)

    async def gone(self) -> None:
        transport: Any = self.peer.transport
        transport.abortConnection()
        if not self.peer.lost.called:
            await self.peer.lost

    @property
    def session(self) -> ToySession:
        return self.sessions[0]

    def say(self, data: bytes) -> None:
        transport: Any = self.peer.transport
        transport.write(data)

    async def start_tls(self) -> None:
        self.say(b"STARTTLS\r\n")
        await self.peer.until(b"220 go ahead\r\n")
        transport: Any = self.peer.transport
        self.peer.got = b""
        transport.startTLS(ssl.optionsForClientTLS("localhost", self.certificate))

    async def test_upgrade(self) -> None:
        self.assertFalse(self.session.secure)
        self.assertTrue(self.session.may_login_plain)
        await self.start_tls()
        self.say(b"NOOP inside\r\nNOOP again\r\nLIT 3\r\nab")
        await self.peer.until(b"250 inside\r\n250 again\r\n")
        self.say(b"c")
        await self.peer.until(b"250 3\r\n")
        self.assertTrue(self.session.secure)
        assert self.factory.traces is not None
        self.assertIn("-- TLS", self.factory.traces)
        self.say(b"QUIT\r\n")
        await self.peer.until(b"221 bye\r\n")
        await self.peer.lost

    async def test_commands_behind_it_in_clear_drop_the_connection(self) -> None:
        for behind in (b"NOOP injected\r\n", b"NOOP inj", b"\r\n", b"\0"):
            self.say(b"NOOP before\r\nSTARTTLS\r\n" + behind)
            await self.peer.lost
            self.assertEqual(self.session.seen, [b"NOOP before"])
            self.assertNotIn(b"220 go ahead", self.peer.got)
            assert self.factory.traces is not None
            self.assertIn("bytes in clear", "".join(self.factory.traces))
            self.sessions.clear()
            self.peer = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port), Raw())
            await self.peer.until(b"220 toy\r\n")

    async def test_commands_that_come_in_clear_a_little_later(self) -> None:
        self.say(b"STARTTLS\r\n")
        await self.peer.until(b"220 go ahead\r\n")
        self.say(b"NOOP injected\r\n")
        await self.peer.lost
        self.assertEqual(self.session.seen, [])

    async def test_what_was_learnt_in_clear_is_forgotten(self) -> None:
        self.say(b"USER injected\r\nPASS sesame\r\n")
        await self.peer.until(b"230 in\r\n")
        self.assertEqual(self.session.name, b"injected")
        await self.start_tls()
        self.say(b"SECRET\r\n")
        await self.peer.until(b"503 not now\r\n")
        self.assertEqual((self.session.name, self.session.state), (b"", OUT))

    async def test_a_partial_command_before_it_is_not_completed_inside(self) -> None:
        # "STARTTLS" in two packets, and the rest of a line in the second.
        self.say(b"START")
        self.say(b"TLS\r\nNOOP ")
        await self.peer.lost
        self.assertEqual(self.session.seen, [])

    async def test_a_silent_handshake_is_dropped(self) -> None:
        self.say(b"STARTTLS\r\n")
        await self.peer.until(b"220 go ahead\r\n")
        self.made.clock.advance(9)
        self.assertFalse(self.session.gone)
        self.made.clock.advance(3)
        await self.peer.lost
        self.assertEqual(self.made.clock.getDelayedCalls(), [])

    async def test_silence_behind_a_handshake_is_not(self) -> None:
        await self.start_tls()
        self.say(b"NOOP\r\n")
        await self.peer.until(b"250 OK")
        self.made.clock.advance(100)
        self.assertFalse(self.session.gone)
        self.made.clock.advance(250)
        await self.peer.until(b"421 too slow")
        await self.peer.lost

    async def test_a_handshake_without_a_word_behind_it(self) -> None:
        await self.start_tls()
        handle: Any = self.session.transport.getHandle()  # type: ignore[no-untyped-call]
        while handle.get_peer_finished() is None:
            await turn()
        self.made.clock.advance(12)
        self.assertFalse(self.session.gone)
        self.say(b"NOOP\r\n")
        await self.peer.until(b"250 OK")

    async def test_closed_while_reading_is_paused(self) -> None:
        await self.start_tls()
        self.say(b"SLOW\r\n")
        while not self.session.gates:
            await turn()
        self.say(b"NOOP\r\n")
        while not self.session.paused:
            await turn()
        self.session.close(b"221 bye")
        await self.peer.until(b"221 bye\r\n")
        await self.peer.lost
        while self.session.transport.connected:  # the peer's own farewell is heard, no deadline is needed
            await turn()
        self.session.gates.pop().addErrback(lambda failure: None)

    test_closed_while_reading_is_paused.timeout = 20  # type: ignore[attr-defined]  # trial's

    async def test_output_under_tls_is_under_back_pressure_too(self) -> None:
        await self.start_tls()
        self.say(b"NOOP\r\n")
        await self.peer.until(b"250 OK")
        transport: Any = self.peer.transport
        transport.pauseProducing()
        self.say(b"LIST 3000000\r\nNOOP end\r\n")
        while not self.session.held & 2:
            await turn()
        self.assertEqual(self.session.seen, [b"NOOP"])
        self.made.clock.advance(200)
        transport.resumeProducing()
        await self.peer.lost
        self.assertNotIn(b"250 end", self.peer.got)


class StockTransportTests(SessionTests):
    """The same over Twisted's own transport."""

    async def listen(self) -> Any:
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(self.factory)
        self.addCleanup(port.stopListening)
        return port


class ImplicitTests(TestCase):
    """TLS from the first byte on has the same handshake deadline."""

    async def setUp(self) -> None:
        self.certificate = certificate()
        self.made = house()
        wrapped = TLSMemoryBIOFactory(
            self.certificate.options(), False, ToyFactory(ToySettings(handshake_timeout=10.0), self.made)
        )
        port: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(wrapped)
        self.addCleanup(port.stopListening)
        self.peer: Raw = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), Raw())
        self.addCleanup(self.gone)
        self.transport: Any = self.peer.transport
        while not self.made.clock.getDelayedCalls():  # until the session has begun
            await turn()

    async def gone(self) -> None:
        self.transport.abortConnection()
        if not self.peer.lost.called:
            await self.peer.lost

    async def test_greeting_and_silence(self) -> None:
        self.transport.startTLS(ssl.optionsForClientTLS("localhost", self.certificate))
        await self.peer.until(b"220 toy\r\n")
        self.made.clock.advance(12)
        self.transport.write(b"NOOP\r\n")
        await self.peer.until(b"250 OK\r\n")

    async def test_a_silent_handshake_is_dropped(self) -> None:
        self.made.clock.advance(12)
        await self.peer.lost
        self.assertEqual(self.peer.got, b"")

    async def test_clear_text_is_no_command(self) -> None:
        self.transport.write(b"NOOP\r\nNOOP\r\n")
        await self.peer.lost
        self.assertNotIn(b"250", self.peer.got)


def turn() -> Deferred[None]:
    """The reactor's next turn."""
    waiting: Deferred[None] = Deferred()
    clock: Any = reactor
    clock.callLater(0, waiting.callback, None)
    return waiting


class Client(LineClient[bytes]):
    greeting = b""

    async def greet(self) -> None:
        self.greeting = await self.reply()

    def forget(self) -> None:
        self.greeting = b""

    async def upgrade(self, context: Any) -> None:
        async with self.alone():
            self.say(b"STARTTLS")
            await self.reply()
            await self.start_tls(context)


class Scripted(Protocol):
    """A server that answers STARTTLS with whatever the test wants."""

    answer = b""
    context: Any = None

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(b"220 scripted\r\n")

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        if data == b"STARTTLS\r\n":
            transport.write(self.answer)
            if self.context is not None:
                transport.startTLS(self.context)
        else:
            transport.write(b"250 " + data)


class ClientTests(TestCase):
    """A real client at an evil server's."""

    async def setUp(self) -> None:
        self.certificate = certificate()
        factory = Factory.forProtocol(Scripted)
        self.port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        self.addCleanup(self.port.stopListening)
        self.wheel = Wheel(reactor)  # type: ignore[arg-type]  # what a module poses as
        self.addCleanup(self.wheel.stop)
        self.trusting = ssl.optionsForClientTLS("localhost", self.certificate)

    async def connected(self, answer: bytes, context: Any = None) -> Client:
        self.patch(Scripted, "answer", answer)
        self.patch(Scripted, "context", context)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        client = await connect(endpoint, Client(self.wheel, timeout=10.0))
        self.addCleanup(client.close)
        self.assertEqual(client.greeting, b"220 scripted")
        return client

    async def test_upgrade(self) -> None:
        client = await self.connected(b"220 go\r\n", self.certificate.options())
        await client.upgrade(self.trusting)
        self.assertTrue(client.secure)
        self.assertEqual(client.greeting, b"")
        self.assertEqual(await client.ask(b"NOOP"), b"250 NOOP")

    async def test_injected_replies_abort(self) -> None:
        for answer in (b"220 go\r\n250 injected\r\n", b"220 go\r\n2", b"220 go\r\n\r\n"):
            client = await self.connected(answer, self.certificate.options())
            with self.assertRaises(ProtocolError):
                await client.upgrade(self.trusting)
            self.assertTrue(client.gone)
            with self.assertRaises(ConnectionLost):
                await client.ask(b"NOOP")

    async def test_a_certificate_of_somebody_elses(self) -> None:
        client = await self.connected(b"220 go\r\n", certificate().options())
        with self.assertRaises(ConnectionLost) as raised:
            await client.upgrade(self.trusting)
        self.assertIsNotNone(raised.exception.__cause__)
        self.assertTrue(client.gone)
