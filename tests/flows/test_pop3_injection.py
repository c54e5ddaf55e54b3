"""Somebody in the middle of STLS (RFC 2595 section 4): what was said in clear counts for nothing under TLS."""

from __future__ import annotations

import socket
import ssl

from twisted.internet.threads import deferToThread

from tests.flows.pop3flow import FIRST, HOST, PASSWORD, PATIENCE, USER, POP3Flow, unverified
from tests.kit.mail import inbox


class InjectionTests(POP3Flow):
    def connect(self) -> socket.socket:
        connection = socket.create_connection((HOST, self.port), timeout=PATIENCE)
        self.addCleanup(connection.close)
        self.assertTrue(connection.recv(4096).startswith(b"+OK"))
        return connection

    async def test_behind_stls_in_the_same_packet(self) -> None:
        daemon = await self.started(FIRST)

        def inject(behind: bytes) -> bytes:
            connection = self.connect()
            connection.sendall(b"STLS\r\n" + behind)
            try:
                return connection.recv(4096)
            except ConnectionResetError:
                return b""

        for behind in (f"USER {USER}\r\nPASS {PASSWORD}\r\nDELE 1\r\nQUIT\r\n".encode(), b"x", b"\r\n"):
            self.assertEqual(await deferToThread(inject, behind), b"", behind)
        await daemon.stop()
        self.assertEqual(inbox(daemon.data, USER), [FIRST])

    async def test_a_name_given_in_clear_is_forgotten(self) -> None:
        await self.started(FIRST)

        def talk() -> list[bytes]:
            connection = self.connect()
            said = []
            for line in (b"USER mulder", b"UTF8", b"STLS"):
                connection.sendall(line + b"\r\n")
                said.append(connection.recv(4096))
            with unverified().wrap_socket(connection, server_hostname="localhost") as secure:
                for line in (b"PASS trustno1", b"STLS", b"STAT", b"QUIT"):
                    secure.sendall(line + b"\r\n")
                    said.append(secure.recv(4096))
            return said

        self.assertEqual(
            [line.partition(b" ")[0] + line[-2:] for line in await deferToThread(talk)],
            [b"+OK\r\n", b"+OK\r\n", b"+OK\r\n", b"-ERR\r\n", b"-ERR\r\n", b"-ERR\r\n", b"+OK\r\n"],
        )

    async def test_another_protocol_by_alpn(self) -> None:
        await self.started(FIRST)

        def shake(*names: str) -> str | None:
            context = unverified()
            context.set_alpn_protocols(list(names))
            with (
                socket.create_connection((HOST, self.tls_port), timeout=PATIENCE) as connection,
                context.wrap_socket(connection, server_hostname="localhost") as secure,
            ):
                return secure.selected_alpn_protocol()

        self.assertEqual(await deferToThread(shake, "pop3"), "pop3")
        with self.assertRaises(ssl.SSLError):
            await deferToThread(shake, "http/1.1")
