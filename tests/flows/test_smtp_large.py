"""A message of 100 MB comes in over SMTP and goes out over POP3, in at most 30 MB more memory."""

from __future__ import annotations

import hashlib
import smtplib
import socket

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from netdaemon.protocols.pop3.client import TLS, Settings, plain
from tests.flows.test_pop3_large import forget_most, memory
from tests.kit.daemon import Daemon

INI = """\
[log]
level = error
[accounts]
auth = demo
throttle-delay = 0ms
[smtp]
listen = tcp:0:interface=127.0.0.1
size = 200M
[pop3]
listen = tcp:0:interface=127.0.0.1
"""

HOST, PATIENCE = "127.0.0.1", 60.0
HEAD = b"Subject: large\r\n\r\n"
PIECE = (b"." + b"x" * 61 + b"\r\n") * 4096
"""256 KiB of lines that begin with a dot."""
STUFFED = PIECE.replace(b"\r\n.", b"\r\n..")
COUNT = 400
MORE = 30 << 20


class LargeTests(TestCase):
    async def test_in_and_out(self) -> None:
        daemon = Daemon(self, INI)
        await daemon.start()
        sent = hashlib.sha256(HEAD)
        for _ in range(COUNT):
            sent.update(PIECE)

        def deliver(chunks: bool, count: int) -> None:
            with smtplib.SMTP(HOST, daemon.port("smtp"), timeout=PATIENCE) as client:
                client.ehlo()
                client.mail("a@example.org", ["BODY=8BITMIME"])
                client.rcpt("mulder@localhost")
                assert isinstance(client.sock, socket.socket)
                if chunks:
                    client.sock.sendall(b"BDAT %d\r\n%b" % (len(HEAD), HEAD))
                    self.assertEqual(client.getreply()[0], 250)
                    for number in range(count):
                        last = b" LAST" if number == count - 1 else b""
                        client.sock.sendall(b"BDAT %d%b\r\n%b" % (len(PIECE), last, PIECE))
                        self.assertEqual(client.getreply()[0], 250)
                else:
                    self.assertEqual(client.docmd("DATA")[0], 354)
                    client.sock.sendall(HEAD)
                    for _ in range(count):
                        client.sock.sendall(b"." + STUFFED)
                    client.sock.sendall(b".\r\n")
                    self.assertEqual(client.getreply()[0], 250)

        def retrieve(number: int) -> str:
            """The digest of what was sent: all but the fields that were put in front."""
            got, head = hashlib.sha256(), b""

            def take(data: bytes) -> None:
                nonlocal head
                if HEAD not in head:
                    head += data
                    data = head[head.index(HEAD) :] if HEAD in head else b""
                got.update(data)

            settings = Settings(tls=TLS.NONE, verify=False)
            with plain.connect(HOST, daemon.port("pop3"), user="mulder", password="trustno1", settings=settings) as box:
                box.retrieve(number, take)
            return got.hexdigest()

        for chunks in (False, True):  # what is there once and for all: modules, threads, caches, a password's hash
            await deferToThread(deliver, chunks, 20)
        await deferToThread(retrieve, 1)
        for number, chunks in ((3, False), (4, True)):
            before = memory(daemon.pid)
            forget_most(daemon.pid)
            await deferToThread(deliver, chunks, COUNT)
            self.assertLess(memory(daemon.pid, most=True) - before, MORE)
            before = memory(daemon.pid)
            forget_most(daemon.pid)
            self.assertEqual(await deferToThread(retrieve, number), sent.hexdigest())
            self.assertLess(memory(daemon.pid, most=True) - before, MORE)
        status, output = await daemon.stop()
        self.assertEqual((status, output), (0, ""), output)
