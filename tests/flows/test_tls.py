"""TLS over loopback sockets: with OpenSSL's own client, with the standard library's, and ours with ours."""

from __future__ import annotations

import ipaddress
import shutil
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, TestCase
from zope.interface import implementer

from netdaemon.config.settings import TLSSettings
from netdaemon.interfaces import ScramVerifier
from netdaemon.wire.proxyheader import ProxyHeaderFactory
from netdaemon.wire.sasl.client import client_exchange
from netdaemon.wire.sasl.credentials import Proven
from netdaemon.wire.sasl.scram import scram_verifier_of
from netdaemon.wire.sasl.server import Done, Offer
from netdaemon.wire.tls import Certificates, bindings, tls_factory
from netdaemon.wire.tlsbinding import peer_identity
from netdaemon.wire.tlscontext import NoApplicationProtocol
from tests.wire.handshakes import anybody
from tests.wire.pems import Authority, Encoding, put
from tests.wire.timers import Timers

HOST = "127.0.0.1"
AUTHORITY = Authority()
T = TypeVar("T")


class Echo(Protocol):
    """Says hello with the peer's port, then echoes line by line; ``QUIT`` closes."""

    factory: EchoFactory

    def connectionMade(self) -> None:
        self.factory.sessions.append(self)
        self.identity = peer_identity(self.transport.getHandle(), "spam.egg")
        self.transport.write(b"hello %d\n" % self.transport.getPeer().port)

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)
        if b"QUIT" in data:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.gone += 1


class EchoFactory(Factory):
    noisy = False
    protocol = Echo

    def __init__(self) -> None:
        self.sessions: list[Echo] = []
        self.gone = 0


class Reads:
    """A blocking client: connects, shakes hands, and keeps what it learns."""

    def __init__(self, port: int, context: ssl.SSLContext, session: Any = None, name: str | None = None) -> None:
        raw = socket.create_connection((HOST, port), 30)
        try:
            self.tls = context.wrap_socket(raw, server_hostname=name, session=session)
        except BaseException:
            raw.close()
            raise
        self.hello = self.tls.recv(100)
        self.session = self.tls.session
        self.reused = self.tls.session_reused
        self.certificate = self.tls.getpeercert(binary_form=True)

    def ask(self, line: bytes) -> bytes:
        self.tls.sendall(line)
        return self.tls.recv(100)

    def close(self) -> None:
        self.tls.close()


class TLSFlow(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.chain, self.key = put(self.folder / "default", AUTHORITY.issue("default", HOST))
        put(self.folder / "sni" / "other.egg", AUTHORITY.issue("other", "other.egg"))
        self.ca = self.folder / "ca.pem"
        self.ca.write_bytes(AUTHORITY.certificate.public_bytes(Encoding.PEM))
        self.clock = Clock()
        self.sessions = EchoFactory()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def serve(self, *alpn: bytes, proxied: bool = False, **settings: Any) -> int:
        """Listen; the port's number."""
        self.certificates = Certificates(
            TLSSettings(certificate=self.chain, private_key=self.key, sni=self.folder / "sni", **settings),
            "spam.egg",
            self.folder,
        )
        self.certificates.load()
        self.certificates.watch(self.clock)
        self.addCleanup(self.certificates.stop)
        timers = Timers(self.clock)
        factory = tls_factory(self.certificates.server(alpn), self.sessions, timers, 10.0)
        if proxied:
            factory = ProxyHeaderFactory(factory, (ipaddress.ip_network("127.0.0.0/8"),), timers)
        port: Any = reactor.listenTCP(0, factory, interface=HOST)  # type: ignore[attr-defined]
        self.addCleanup(lambda: maybeDeferred(port.stopListening))
        return int(port.getHost().port)

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        result: T = await deferToThread(function, *arguments)
        return result

    async def reads(self, port: int, context: ssl.SSLContext, session: Any = None, name: str | None = None) -> Reads:
        client = await self.in_thread(Reads, port, context, session, name)
        self.addCleanup(client.close)
        return client

    async def openssl(self, port: int, *options: str) -> tuple[str, int]:
        """What `openssl s_client` prints, and its exit status; it goes when we have closed."""
        return await self.s_client(port, "-ign_eof", *options, stdin=b"QUIT\n")

    async def s_client(self, port: int, *options: str, stdin: bytes) -> tuple[str, int]:
        program = shutil.which("openssl")
        if program is None:
            raise SkipTest("there is no openssl here")
        out, error, status = await getProcessOutputAndValue(
            program, ["s_client", "-connect", f"{HOST}:{port}", *options], stdinBytes=stdin
        )
        return (out + error).decode("utf-8", "replace"), status

    def assert_quiet(self) -> None:
        """Nothing in the log that an operator would see, least of all a traceback."""
        ours = [event for event in self.events if event.get("log_namespace", "").startswith(("netdaemon", "twisted"))]
        loud = [event for event in ours if event["log_level"] > LogLevel.info or "log_failure" in event]
        self.assertEqual(loud, [])
        self.assertEqual(self.flushLoggedErrors(), [])


class OpenSSLTests(TLSFlow):
    async def test_resumed_1_2(self) -> None:
        """-reconnect: five more connections with the first one's session."""
        port = self.serve()
        for tickets in ([], ["-no_ticket"]):
            said, _ = await self.openssl(port, "-tls1_2", "-reconnect", *tickets)
            self.assertEqual(said.count("Reused, TLSv1.2"), 5, said)
            self.assertEqual(said.count("New, TLSv1.2"), 1, said)

    async def test_resumed_1_3(self) -> None:
        port = self.serve()
        session = str(self.folder / "session.pem")
        said, _ = await self.openssl(port, "-tls1_3", "-sess_out", session)
        self.assertIn("New, TLSv1.3", said)
        for _ in range(2):
            said, _ = await self.openssl(port, "-tls1_3", "-sess_in", session)
            self.assertIn("Reused, TLSv1.3", said)

    async def test_server_names(self) -> None:
        port = self.serve()
        for name, subject in {"other.egg": "other", "nobody.egg": "default"}.items():
            said, _ = await self.openssl(port, "-servername", name)
            self.assertRegex(said, rf"subject=CN ?= ?{subject}\n")

    async def test_the_chain_is_good(self) -> None:
        port = self.serve()
        said, status = await self.openssl(port, "-CAfile", str(self.ca), "-verify_return_error", "-verify_ip", HOST)
        self.assertIn("Verify return code: 0 (ok)", said)
        self.assertEqual(status, 0)

    async def test_alpn(self) -> None:
        port = self.serve(b"imap")
        said, _ = await self.openssl(port, "-alpn", "http/1.1,imap")
        self.assertIn("ALPN protocol: imap", said)
        said, status = await self.openssl(port)
        self.assertIn("No ALPN negotiated", said)
        self.assertEqual(status, 0)
        said, status = await self.openssl(port, "-alpn", "http/1.1")
        self.assertIn("no application protocol", said)
        self.assertNotEqual(status, 0)
        self.assertEqual(len(self.sessions.sessions), 2)
        self.assert_quiet()

    async def test_client_certificates(self) -> None:
        """Whoever has several learns which authorities count here; whoever has none gets in as well."""
        port = self.serve(client_ca=self.ca)
        chain, key = put(self.folder / "client", AUTHORITY.issue("mulder"))
        for options in ([], ["-cert", str(chain), "-key", str(key)], ["-servername", "other.egg"]):
            said, status = await self.openssl(port, *options)
            self.assertRegex(said, r"Acceptable client certificate CA names\nCN ?= ?an authority\n")
            self.assertEqual(status, 0)
        identities = [session.identity for session in self.sessions.sessions]
        self.assertEqual(identities, [None, "mulder", None])

    async def test_old_versions(self) -> None:
        port = self.serve()
        for version in ("-tls1", "-tls1_1"):
            said, status = await self.openssl(port, version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertIn("alert protocol version", said)
            self.assertNotEqual(status, 0)
        self.assertEqual(self.sessions.sessions, [])
        self.assert_quiet()

    async def test_minimum(self) -> None:
        port = self.serve(minimum="1.3")
        said, _ = await self.openssl(port, "-tls1_2")
        self.assertIn("alert protocol version", said)
        said, _ = await self.openssl(port, "-tls1_3")
        self.assertIn("hello", said)

    async def test_renegotiation(self) -> None:
        """A peer that wants to begin anew within a connection is told no."""
        port = self.serve()
        said, _ = await self.s_client(port, "-tls1_2", stdin=b"R\n")
        self.assertIn("RENEGOTIATING", said)
        self.assertIn("no renegotiation", said)
        self.assert_quiet()


class SocketTests(TLSFlow):
    async def test_resumed(self) -> None:
        port = self.serve(b"imap")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = anybody("imap", least=version, most=version)
            client = await self.reads(port, context)
            self.assertFalse(client.reused)
            for _ in range(5):
                again = await self.reads(port, context, client.session)
                self.assertTrue(again.reused)

    async def test_swapped(self) -> None:
        """The next handshake has the new certificate, and the connection that was there goes on."""
        port = self.serve()
        before = await self.reads(port, anybody())
        put(self.folder / "default", AUTHORITY.issue("second", HOST))
        self.clock.advance(10)
        after = await self.reads(port, anybody())
        self.assertNotEqual(before.certificate, after.certificate)
        self.assertEqual(await self.in_thread(before.ask, b"still there?"), b"still there?")
        self.assertEqual(await self.in_thread(after.ask, b"and you?"), b"and you?")

    async def test_silence(self) -> None:
        port = self.serve()
        with socket.create_connection((HOST, port), 30) as silent, socket.create_connection((HOST, port), 30) as slow:
            slow.sendall(b"\x16\x03\x01")
            await self.accepted(2)
            self.clock.advance(9.9)
            silent.settimeout(0.05)
            self.assertRaises(TimeoutError, silent.recv, 1)
            self.clock.advance(0.1)
            for one in (silent, slow):
                one.settimeout(30)
                self.assertEqual(await self.in_thread(ended, one), b"")
        self.assertEqual(self.sessions.sessions, [])
        self.assert_quiet()

    async def accepted(self, count: int) -> None:
        """Until the handshakes of so many connections have their deadline."""
        while len([call for call in self.clock.getDelayedCalls() if "Handshake" in repr(call.func)]) < count:
            await turn()

    async def test_a_handshake_in_time(self) -> None:
        port = self.serve()
        client = await self.reads(port, anybody())
        self.clock.advance(1000)
        self.assertEqual(await self.in_thread(client.ask, b"still there?"), b"still there?")

    async def test_no_tls(self) -> None:
        port = self.serve(b"http/1.1")
        for data in (
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"EHLO x\r\n",
            bytes(2000),
            b"\x16\x03\x01\x00\x04\xff\x00\x00\x00",
        ):
            with socket.create_connection((HOST, port), 30) as peer:
                peer.sendall(data)
                answer = await self.in_thread(ended, peer)
                self.assertTrue(answer == b"" or answer.startswith(b"\x15\x03"), answer)  # an alert, or nothing
        self.assertEqual(self.sessions.sessions, [])
        self.assert_quiet()

    async def test_gone_within_the_handshake(self) -> None:
        port = self.serve()
        for data in (b"", b"\x16\x03\x01\x02\x00\x01"):
            with socket.create_connection((HOST, port), 30) as peer:
                peer.sendall(data)
                await self.accepted(1)
            while len(self.clock.getDelayedCalls()) > 1:  # the watching of files is the other
                await turn()
        self.assertEqual(self.sessions.sessions, [])
        self.assert_quiet()

    async def test_behind_a_proxy(self) -> None:
        """PROXY header, then TLS, then a session that knows the client's own address."""
        port = self.serve(proxied=True)
        raw = socket.create_connection((HOST, port), 30)
        header = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"

        def talk() -> bytes:
            with raw:
                raw.sendall(header)
                with anybody().wrap_socket(raw) as tls:
                    return tls.recv(100)

        self.assertEqual(await self.in_thread(talk), b"hello 56324\n")
        self.assertEqual(self.sessions.sessions[0].transport.getPeer().host, "192.0.2.1")
        self.assertEqual(self.sessions.sessions[0].transport.getHost().host, "198.51.100.2")
        self.assert_quiet()


@implementer(IHandshakeListener)
class Client(Protocol):
    """Ours; what it hears is put together until somebody waits for it."""

    def __init__(self) -> None:
        self.shaken: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def handshakeCompleted(self) -> None:
        self.shaken.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.shaken.called:
            self.shaken.errback(reason)
        self.lost.callback(None)


class OursTests(TLSFlow):
    async def connect(self, port: int, hostname: str, *alpn: bytes, verify: bool = True, ca: bool = True) -> Client:
        creator = self.certificates.client(hostname, alpn, verify, self.ca if ca else None)
        endpoint = wrapClientTLS(creator, TCP4ClientEndpoint(reactor, HOST, port))
        client: Client = await endpoint.connect(Factory.forProtocol(Client))
        try:
            await client.shaken
        except Exception:
            await client.lost
            raise
        return client

    async def close(self, client: Client) -> None:
        client.transport.loseConnection()
        await client.lost
        while not self.sessions.gone:
            await turn()

    async def test_connected(self) -> None:
        port = self.serve(b"imap")
        client = await self.connect(port, HOST, b"imap")
        self.assertEqual(client.transport.negotiatedProtocol, b"imap")
        await self.close(client)
        self.assert_quiet()

    async def test_another_host(self) -> None:
        port = self.serve()
        with self.assertRaises(VerificationError):
            await self.connect(port, "spam.egg")
        with self.assertRaises(VerificationError):
            await self.connect(port, "127.0.0.2")
        self.assert_quiet()

    async def test_a_strange_authority(self) -> None:
        port = self.serve()
        with self.assertRaises(SSL.Error):
            await self.connect(port, HOST, ca=False)
        self.assert_quiet()

    async def test_insecure(self) -> None:
        port = self.serve()
        await self.close(await self.connect(port, "spam.egg", verify=False, ca=False))

    async def test_alpn_refused(self) -> None:
        port = self.serve(b"imap")
        with self.assertRaises(SSL.Error) as caught:
            await self.connect(port, HOST, b"http/1.1")
        self.assertNotIsInstance(caught.exception, NoApplicationProtocol)  # that is the server's
        self.assertIn("no application protocol", str(caught.exception))
        self.assert_quiet()

    async def test_a_login_bound_to_the_connection(self) -> None:
        verifier = scram_verifier_of("trustno1", 4096)

        def find(name: str) -> ScramVerifier:
            return verifier

        port = self.serve()
        client = await self.connect(port, HOST)
        while not self.sessions.sessions:
            await turn()
        (session,) = self.sessions.sessions
        offer = Offer(scram_verifier=find, bindings=bindings(session.transport.getHandle()))
        ours = client_exchange(offer.names, "mulder", "trustno1", bindings=bindings(client.transport.getHandle()))
        self.assertEqual(ours.name, "SCRAM-SHA-256-PLUS")
        self.assertTrue((ours.initial or b"").startswith(b"p=tls-exporter,,"))
        theirs = offer.start(ours.name)
        answer = theirs.step(ours.initial)
        while isinstance(answer, bytes):
            answer = theirs.step(ours.step(answer))
        ours.finish()
        self.assertEqual(answer, Done(Proven("mulder", "SCRAM-SHA-256-PLUS")))
        await self.close(client)


def ended(peer: socket.socket) -> bytes:
    """All that comes until the other side closes or cuts off."""
    data = b""
    try:
        while more := peer.recv(4096):
            data += more
    except ConnectionResetError:
        pass
    return data


async def turn() -> None:
    """One turn of the reactor."""
    waiting: Deferred[None] = Deferred()
    reactor.callLater(0, waiting.callback, None)  # type: ignore[attr-defined]
    await waiting
