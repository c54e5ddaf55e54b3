"""A large message over POP3, in little memory."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

from netdaemon.protocols.pop3.client import TLS, Settings, plain
from tests.flows.pop3flow import FIRST, HOST, PASSWORD, PATIENCE, USER, POP3Flow

LARGE = 100 << 20


class LargeTests(POP3Flow):
    async def test_a_large_message_in_little_memory(self) -> None:
        """100 MB out in at most 30 MB more memory, with dots at the beginning of every line."""
        digest = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            head = b"Subject: large\r\n\r\n"
            line = b"." + b"x" * 61 + b"\r\n"
            piece = line * 1024
            digest.update(head)
            yield head
            for _ in range(LARGE // len(piece)):
                digest.update(piece)
                yield piece

        daemon = await self.started(pieces(), FIRST)

        def retrieve(number: int, tls: TLS = TLS.NONE) -> str:
            got = hashlib.sha256()
            settings = Settings(tls=tls, verify=False)
            port = self.port if tls is TLS.NONE else self.tls_port
            with plain.connect(HOST, port, user=USER, password=PASSWORD, settings=settings) as box:
                box.retrieve(number, got.update)
            return got.hexdigest()

        for tls in (TLS.IMPLICIT, TLS.NONE):
            await self.in_thread(lambda tls=tls: retrieve(2, tls))
        for tls in (TLS.NONE, TLS.IMPLICIT):
            before = memory(daemon.pid)
            forget_most(daemon.pid)
            self.assertEqual(await self.in_thread(lambda tls=tls: retrieve(1, tls)), digest.hexdigest())
            self.assertLess(memory(daemon.pid, most=True) - before, 30 << 20)
        # and while nobody reads, it stays in the store
        deaf = await self.in_thread(self.logged_in)
        forget_most(daemon.pid)  # the password's hash takes 64 MiB
        await self.in_thread(lambda: self.begin_to_read(deaf))
        await self.in_thread(self.another)  # once that is served, all that could be sent to the deaf one was
        self.assertLess(memory(daemon.pid, most=True) - before, 30 << 20)
        deaf.close()
        await daemon.stop()

    def another(self) -> None:
        with plain.connect(HOST, self.port) as box:
            self.assertIn("UIDL", box.capabilities())

    def logged_in(self) -> socket.socket:
        connection = socket.create_connection((HOST, self.port), timeout=PATIENCE)
        connection.sendall(f"USER {USER}\r\nPASS {PASSWORD}\r\n".encode())
        said = b""
        while b"messages" not in said:
            said += connection.recv(4096)
        return connection

    def begin_to_read(self, connection: socket.socket) -> None:
        connection.sendall(b"RETR 1\r\n")
        said = b""
        while b"octets\r\nSubject" not in said:
            said += connection.recv(4096)


def memory(pid: int, most: bool = False) -> int:
    """What a process holds, in octets; or the ``most`` since `forget_most`."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:" if most else "VmRSS:")[2].split()[0]) << 10


def forget_most(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5)
