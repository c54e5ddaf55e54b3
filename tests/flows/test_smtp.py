"""Mail from its submission to the mailbox, through a daemon of one's own."""

from __future__ import annotations

import poplib
import signal
import smtplib
import socket

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from netdaemon.protocols.smtp.client import AllRefused, Settings, connect
from tests.flows.ftpclients import trusting
from tests.flows.smtppost import MAIL, PASSWORD, USER, reactor
from tests.kit.daemon import Daemon, short_folder

INI = """\
[log]
level = warn
[accounts]
auth = demo
throttle-delay = 0ms
[smtp]
listen = tcp:0:interface=127.0.0.1
access-log = mail.log
[submission]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
[lmtp]
listen = tcp:0:interface=127.0.0.1
[pop3]
listen = tcp:0:interface=127.0.0.1
"""


class DaemonTests(TestCase):
    async def setUp(self) -> None:
        self.daemon = Daemon(self, INI)
        await self.daemon.start()

    async def tearDown(self) -> None:
        if self.daemon.process.status is None:
            status, output = await self.daemon.stop()
            self.assertEqual(status, 0, output)
            self.assertNotIn("Traceback", output)

    def maildrop(self) -> list[bytes]:
        """All messages of mulder's, as POP3 has them."""
        pop = poplib.POP3("127.0.0.1", self.daemon.port("pop3"), timeout=30)
        try:
            pop.user(USER)
            pop.pass_(PASSWORD)
            return [b"\r\n".join(pop.retr(number + 1)[1]) + b"\r\n" for number in range(pop.stat()[0])]
        finally:
            pop.quit()

    async def test_to_the_mailbox(self) -> None:
        def send() -> None:
            with smtplib.SMTP("localhost", self.daemon.port("smtp"), timeout=30) as client:
                client.sendmail("scully@example.org", ["mulder@localhost"], MAIL)
            with smtplib.SMTP("localhost", self.daemon.port("submission"), timeout=30) as client:
                client.starttls(context=trusting())
                client.login(USER, PASSWORD)
                client.sendmail("mulder@localhost", ["Mulder+x@localhost"], MAIL)
            with smtplib.SMTP_SSL("localhost", self.daemon.port("submission", "tls"), context=trusting()) as client:
                client.login(USER, PASSWORD)
                client.sendmail("mulder@localhost", ["mulder@localhost"], MAIL)
            with smtplib.LMTP("localhost", self.daemon.port("lmtp")) as client:
                client.sendmail("", ["mulder@localhost"], MAIL)

        await deferToThread(send)
        messages = await deferToThread(self.maildrop)
        self.assertEqual(len(messages), 4)
        ways = (
            (b"scully@example.org", b"ESMTP"),
            (b"mulder@localhost", b"ESMTPSA"),
            (b"mulder@localhost", b"ESMTPSA"),
            (b"", b"LMTP"),
        )
        for message, (sender, protocol) in zip(messages, ways, strict=True):
            self.assertTrue(message.endswith(MAIL))
            self.assertTrue(message.startswith(b"Return-Path: <" + sender + b">\r\n"), message)
            self.assertIn(b" with " + protocol, message)
        log = self.daemon.folder / "mail.log"
        await self.daemon.stop()
        self.assertIn("from=<scully@example.org> to=<mulder@localhost> recipients=1 ", log.read_text())

    async def test_lmtp_by_a_unix_socket(self) -> None:
        path = short_folder(self) / "lmtp"
        daemon = Daemon(
            self, INI.replace("[lmtp]\nlisten = tcp:0:interface=127.0.0.1", f"[lmtp]\nlisten = unix:{path}")
        )
        await daemon.start()
        self.daemon, before = daemon, self.daemon
        self.addCleanup(before.stop)

        def send() -> None:
            with smtplib.LMTP(str(path)) as client:
                client.sendmail("a@example.org", ["mulder@localhost"], MAIL)
                with self.assertRaises(smtplib.SMTPRecipientsRefused):
                    client.sendmail("a@example.org", ["x@example.org"], MAIL)

        await deferToThread(send)
        (message,) = await deferToThread(self.maildrop)
        self.assertTrue(message.endswith(MAIL))

    async def test_strangers(self) -> None:
        client = await connect(reactor, "127.0.0.1", self.daemon.port("smtp"), settings=Settings())
        async with client:
            for recipient, code in (("nobody@localhost", 550), ("x@example.org", 550)):
                with self.assertRaises(AllRefused) as raised:
                    await client.sendmail("a@example.org", recipient, MAIL)
                self.assertEqual(raised.exception.reply.code, code)

    async def test_stop_and_reload(self) -> None:
        def begin() -> tuple[socket.socket, bytes]:
            connection = socket.create_connection(("127.0.0.1", self.daemon.port("smtp")), timeout=30)
            return connection, connection.recv(4096)

        connection, greeting = await deferToThread(begin)
        self.assertTrue(greeting.startswith(b"220 localhost ESMTP"))
        self.daemon.write(INI.replace("[smtp]", "[smtp]\nsize = 1K"))
        self.daemon.signal(signal.SIGHUP)

        def ehlo(port: int) -> bytes:
            with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                return client.ehlo()[1]

        for _ in range(200):
            if b"SIZE 1024" in await deferToThread(ehlo, self.daemon.port("smtp")):
                break
        else:
            self.fail("the reload did not come about")

        def rest() -> bytes:
            connection.sendall(b"EHLO x\r\n")
            said = b""
            while b"250 " not in said:
                said += connection.recv(4096)
            return said

        self.assertIn(b"SIZE 52428800", await deferToThread(rest))  # it goes on by what it began with
        self.daemon.signal(signal.SIGTERM)
        with connection:
            self.assertEqual(await deferToThread(connection.recv, 4096), b"421 4.3.2 The server is stopping.\r\n")
        status, output = await self.daemon.wait()
        self.assertEqual(status, 0, output)
