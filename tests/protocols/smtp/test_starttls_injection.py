"""STARTTLS: what was said in clear is never believed or executed inside TLS (CVE-2011-0411, CVE-2021-33515).

Real sockets: this is about what is in which buffer when TLS begins.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from twisted.internet.threads import deferToThread

from netdaemon.protocols.smtp.client import Failed, Settings, TLSFailed, connect
from netdaemon.protocols.smtp.client.settings import TLS
from netdaemon.wire.tlsclient import Trust
from tests.flows.smtppost import MAIL, PASSWORD, USER, PostTestCase, reactor
from tests.flows.test_smtp_clients import HER, ME, trusting
from tests.protocols.smtp.kit import PLAIN


class Wire:
    """A socket, line by line."""

    def __init__(self, port: int) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.unread = b""

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> bytes:
        """The last line of the next reply; empty at the end."""
        while True:
            while b"\r\n" not in self.unread:
                try:
                    data = self.socket.recv(4096)
                except ConnectionError:
                    data = b""
                if not data:
                    return b""
                self.unread += data
            line, _, self.unread = self.unread.partition(b"\r\n")
            if line[3:4] == b" ":
                return line

    def ask(self, line: bytes) -> bytes:
        self.say(line + b"\r\n")
        return self.reply()

    def begin_tls(self) -> None:
        self.socket = trusting().wrap_socket(self.socket)


class ServerTests(PostTestCase):
    async def wire(self, work: Callable[[Wire], None], port: str = "submission") -> None:
        def run() -> None:
            wire = Wire(self.ports[port])
            try:
                assert wire.reply().startswith(b"220 ")
                work(wire)
            finally:
                wire.socket.close()

        await self.away(run)

    async def test_bytes_behind_it_in_clear(self) -> None:
        for behind in (b"RSET\r\n", b"MAIL FROM:<a@b>\r\nRCPT TO:<scully@localhost>\r\nDATA\r\n", b"\r\n", b"R", b"\0"):

            def work(wire: Wire, behind: bytes = behind) -> None:
                wire.ask(b"EHLO x")
                wire.say(b"STARTTLS\r\n" + behind)
                self.assertEqual(wire.reply(), b"")

            for port in ("smtp", "submission"):
                await self.wire(work, port)
        self.assertEqual(self.delivery.asked, [])

    async def test_what_was_said_is_forgotten(self) -> None:
        def work(wire: Wire) -> None:
            wire.ask(b"EHLO clear.example")
            self.assertEqual(wire.ask(b"AUTH PLAIN " + PLAIN.encode())[:3], b"235")
            self.assertEqual(wire.ask(b"STARTTLS")[:3], b"220")
            wire.begin_tls()
            self.assertEqual(wire.ask(b"MAIL FROM:<mulder@localhost>"), b"503 5.5.1 Say EHLO first.")
            wire.ask(b"EHLO tls.example")
            self.assertEqual(wire.ask(b"MAIL FROM:<mulder@localhost>"), b"530 5.7.0 Log in first.")
            self.assertEqual(wire.ask(b"STARTTLS"), b"503 5.5.1 This connection is under TLS already.")

        await self.wire(work)
        self.assertEqual(self.logins.sessions, 0)

    async def test_what_tls_adds(self) -> None:
        def work(wire: Wire) -> None:
            wire.ask(b"EHLO x")
            wire.ask(b"STARTTLS")
            wire.begin_tls()
            wire.say(b"EHLO x\r\n")
            lines = []
            while not lines or lines[-1][3:4] == b"-":
                while b"\r\n" not in wire.unread:
                    wire.unread += wire.socket.recv(4096)
                line, _, wire.unread = wire.unread.partition(b"\r\n")
                lines.append(line)
            self.assertIn(b"250-REQUIRETLS", lines)
            self.assertNotIn(b"250-STARTTLS", lines)
            self.assertTrue(
                any(line[4:] == b"AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" for line in lines), lines
            )
            wire.ask(b"AUTH PLAIN " + PLAIN.encode())
            self.assertEqual(wire.ask(b"MAIL FROM:<mulder@localhost> REQUIRETLS")[:3], b"250")

        await self.wire(work)

    async def test_a_handshake_that_is_none(self) -> None:
        def work(wire: Wire) -> None:
            wire.ask(b"EHLO x")
            wire.ask(b"STARTTLS")
            wire.say(b"RSET\r\nMAIL FROM:<a@b>\r\n" * 10)
            while True:
                try:
                    if not wire.socket.recv(4096):
                        break
                except ConnectionError:
                    break

        await self.wire(work)
        self.assertEqual(self.delivery.asked, [])

    async def test_another_protocol_by_alpn(self) -> None:
        def run() -> None:
            context = trusting()
            context.set_alpn_protocols(["http/1.1"])
            connection = socket.create_connection(("127.0.0.1", self.ports["tls"]), timeout=10)
            with connection, self.assertRaises(ssl.SSLError):
                context.wrap_socket(connection)

        await self.away(run)


class ClientTests(PostTestCase):
    async def test_verified(self) -> None:
        for port, tls in (("submission", TLS.EXPLICIT), ("submission", TLS.OPPORTUNISTIC), ("tls", TLS.IMPLICIT)):
            settings = Settings(tls=tls, trust=self.trust)
            client = await connect(
                reactor, "localhost", self.ports[port], user=USER, password=PASSWORD, settings=settings
            )
            async with client as mail:
                self.assertTrue(mail.secure)
                self.assertEqual(await mail.sendmail(ME, HER, MAIL), {})
            self.assertEqual(self.taken().envelope.protocol, "ESMTPSA")

    async def test_strangers_certificates(self) -> None:
        for port, tls in (("submission", TLS.EXPLICIT), ("tls", TLS.IMPLICIT)):
            with self.assertRaises(TLSFailed):
                await connect(reactor, "localhost", self.ports[port], settings=Settings(tls=tls, trust=Trust()))
            client = await connect(
                reactor, "localhost", self.ports[port], settings=Settings(tls=tls, trust=Trust(), verify=False)
            )
            await client.quit()

    async def test_injected_replies(self) -> None:
        """A server whose go-ahead has more behind it."""
        for behind in (b"250 injected\r\n", b"2", b"\r\n"):
            listening = socket.create_server(("127.0.0.1", 0))

            def serve(listening: socket.socket = listening, behind: bytes = behind) -> None:
                connection, _ = listening.accept()
                with connection, connection.makefile("rb") as lines:
                    connection.settimeout(10)
                    connection.sendall(b"220 x\r\n")
                    lines.readline()
                    connection.sendall(b"250-x\r\n250 STARTTLS\r\n")
                    lines.readline()
                    connection.sendall(b"220 go\r\n" + behind)
                    try:
                        lines.read()
                    except OSError:
                        pass

            serving = deferToThread(serve)
            with self.assertRaises(Failed):
                await connect(
                    reactor,
                    "localhost",
                    listening.getsockname()[1],
                    settings=Settings(tls=TLS.EXPLICIT, trust=self.trust),
                )
            await serving
            listening.close()
