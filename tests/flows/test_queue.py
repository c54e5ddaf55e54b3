"""Mail from one daemon to the next, over real sockets: by MX, by smarthost, past a kill and a reload."""

from __future__ import annotations

import json
import poplib
import signal
import smtplib
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.flows.ftpclients import trusting
from tests.kit.command import command
from tests.kit.daemon import POLL, Daemon, reactor
from tests.kit.nameserver import a, mx, nameserver
from tests.kit.webserver import certificate

MAIL = b"From: mulder@spam.egg\r\nSubject: The truth\r\n\r\n.is\r\n..out there\r\n.\r\n"

INI = """\
[netdaemon]
hostname = {hostname}
workers = {workers}
grace = 5s
[accounts]
auth = demo
throttle-delay = 0ms
[mail]
{mail}
[smtp]
listen = tcp:{port}:interface=127.0.0.1
[submission]
listen = tcp:0:interface=127.0.0.1
[pop3]
listen = tcp:0:interface=127.0.0.1
"""


def ini(hostname: str, *lines: str, port: int = 0, workers: int = 1) -> str:
    return INI.format(hostname=hostname, mail="\n".join(lines), port=port, workers=workers)


class QueueCase(TestCase):
    timeout = 120

    async def daemon(self, text: str, **environment: str) -> Daemon:
        made = Daemon(self, text, environment=environment)
        await made.start()
        self.addCleanup(self.stop, made)
        return made

    async def stop(self, daemon: Daemon) -> None:
        if daemon.process.status is None:
            status, output = await daemon.stop()
            self.assertEqual(status, 0, output)
            self.assertNotIn("Traceback", output)

    async def submit(self, daemon: Daemon, *recipients: str, mail: bytes = MAIL) -> None:
        def send() -> None:
            with smtplib.SMTP("localhost", daemon.port("submission"), timeout=30) as client:
                client.starttls(context=trusting())
                client.login("mulder", "trustno1")
                client.sendmail("mulder@spam.egg", recipients, mail)

        await deferToThread(send)

    async def maildrop(self, daemon: Daemon) -> list[bytes]:
        def read() -> list[bytes]:
            pop = poplib.POP3("127.0.0.1", daemon.port("pop3"), timeout=30)
            try:
                pop.user("mulder")
                pop.pass_("trustno1")
                return [b"\r\n".join(pop.retr(number + 1)[1]) + b"\r\n" for number in range(pop.stat()[0])]
            finally:
                pop.quit()

        return await deferToThread(read)

    async def until_mail(self, daemon: Daemon, count: int) -> list[bytes]:
        """Look every while until there are so many messages; the test's own limit ends it."""
        while len(found := await self.maildrop(daemon)) < count:
            await deferLater(reactor, POLL)
        self.assertEqual(len(found), count)
        return found

    async def queue(self, daemon: Daemon) -> list[dict[str, Any]]:
        done = await command("-c", daemon.ini_file, "queue", "list", "--json")
        self.assertEqual(done.status, 0, done.err)
        found: list[dict[str, Any]] = json.loads(done.out)
        return found

    async def until_queue(self, daemon: Daemon, count: int, tries: int = 0) -> list[dict[str, Any]]:
        while len(found := await self.queue(daemon)) != count or any(one["tries"] < tries for one in found):
            await deferLater(reactor, POLL)
        return found


class MXTests(QueueCase):
    async def test_from_one_to_the_next(self) -> None:
        far = await self.daemon(ini("far.example"))
        names = nameserver(
            self, {"far.example": [mx("dead.far.example", 5), mx("mx.far.example")], "mx.far.example": [a()]}
        )
        near = await self.daemon(
            ini("spam.egg", f"resolvers = 127.0.0.1:{names}", "allow-loopback = yes", f"port = {far.port('smtp')}")
        )
        await self.submit(near, "mulder@far.example", "mulder@spam.egg")
        (there,) = await self.until_mail(far, 1)
        (here,) = await self.until_mail(near, 1)
        self.assertTrue(here.endswith(MAIL) and there.endswith(MAIL), there)
        self.assertTrue(there.startswith(b"Return-Path: <mulder@spam.egg>\r\nReceived: from spam.egg"), there)
        self.assertEqual((there.count(b"\r\nReceived:"), here.count(b"\r\nReceived:")), (2, 1))
        self.assertIn(b"with ESMTPS", there)  # opportunistic: whatever certificate it has
        await self.until_queue(near, 0)

    async def test_bounces(self) -> None:
        far = await self.daemon(ini("far.example"))
        names = nameserver(self, {"far.example": [a()], "null.example": [mx("")]})
        near = await self.daemon(
            ini("spam.egg", f"resolvers = 127.0.0.1:{names}", "allow-loopback = yes", f"port = {far.port('smtp')}")
        )
        await self.submit(near, "nobody@far.example", "x@null.example", "y@no-such.example")
        (report,) = await self.until_mail(near, 1)
        for line in (
            b"Return-Path: <>",
            b"Final-Recipient: rfc822;nobody@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns;",
            b"Final-Recipient: rfc822;x@null.example\r\nAction: failed\r\nStatus: 5.1.10",
            b"Final-Recipient: rfc822;y@no-such.example\r\nAction: failed\r\nStatus: 5.1.2",
        ):
            self.assertIn(line, report)
        self.assertEqual(await self.queue(near), [])

    async def test_loopback_is_not_dialled_unasked(self) -> None:
        far = await self.daemon(ini("far.example"))
        names = nameserver(self, {"far.example": [a()]})
        near = await self.daemon(ini("spam.egg", f"resolvers = 127.0.0.1:{names}", f"port = {far.port('smtp')}"))
        await self.submit(near, "mulder@far.example")
        (report,) = await self.until_mail(near, 1)
        self.assertIn(b"Status: 5.4.4", report)
        self.assertEqual(await self.maildrop(far), [])


class SmarthostTests(QueueCase):
    async def test_past_a_kill(self) -> None:
        """Nothing is lost with either of the two, and nothing comes twice."""
        far = await self.daemon(ini("far.example", "domains = other.example"))
        port = far.port("smtp")
        await far.stop()
        near = await self.daemon(ini("spam.egg", f"smarthost = 127.0.0.1:{port}", "smarthost-tls = opportunistic"))
        for number in range(3):
            await self.submit(near, "mulder@far.example", mail=MAIL + b"%d\r\n" % number)
        await self.until_queue(near, 3, tries=1)
        near.signal(signal.SIGKILL)
        await near.wait()
        self.assertEqual(len(await self.queue(near)), 3)
        far.write(ini("far.example", "domains = other.example", port=port))
        await self._again(far)
        await self._again(near)
        done = await command("-c", near.ini_file, "queue", "retry", "--all")
        self.assertEqual((done.status, done.out), (0, b"3 messages\n"), done.err)
        found = await self.until_mail(far, 3)
        self.assertEqual(sorted(one[-3:-2] for one in found), [b"0", b"1", b"2"])
        await self.until_queue(near, 0)

    async def _again(self, daemon: Daemon) -> None:
        daemon.ready_file.unlink(missing_ok=True)
        daemon.process = type(daemon.process)()
        await daemon.start()

    async def test_another_smarthost_at_a_reload(self) -> None:
        far = await self.daemon(ini("far.example"))
        near = await self.daemon(ini("spam.egg", "smarthost = 127.0.0.1:1", "smarthost-tls = never"))
        await self.submit(near, "mulder@far.example")
        await self.until_queue(near, 1, tries=1)
        self.assertTrue(
            await near.reload(ini("spam.egg", f"smarthost = 127.0.0.1:{far.port('smtp')}", "smarthost-tls = never"))
        )
        self.assertEqual((await command("-c", near.ini_file, "queue", "retry", "--all")).status, 0)
        await self.until_mail(far, 1)
        await self.until_queue(near, 0)

    async def test_a_login_under_verified_tls(self) -> None:
        """Whoever isn't the smarthost gets neither password nor mail."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        pem = certificate(folder / "far.pem", "localhost", "127.0.0.1")
        tls = f"[tls]\ncertificate = {pem}\nprivate-key = {pem}\n"
        far = await self.daemon(ini("far.example").replace("[submission]", f"{tls}[submission]\nown-sender = no"))
        wanted = ini(
            "spam.egg",
            f"smarthost = localhost:{far.port('submission')}",
            "smarthost-user = mulder",
            "smarthost-password = trustno1",
        )
        stranger = await self.daemon(wanted)
        await self.submit(stranger, "mulder@far.example")
        (waiting,) = await self.until_queue(stranger, 1, tries=1)
        self.assertEqual(waiting["recipients"][0]["status"], "4.7.5")
        self.assertEqual(await self.maildrop(far), [])
        near = await self.daemon(wanted, SSL_CERT_FILE=str(pem))
        await self.submit(near, "mulder@far.example")
        (found,) = await self.until_mail(far, 1)
        self.assertIn(b"by far.example (netdaemon) with ESMTPSA", found)
        await self.until_queue(near, 0)

    async def test_workers(self) -> None:
        """One of them sends what all of them take."""
        far = await self.daemon(ini("far.example"))
        near = await self.daemon(
            ini("spam.egg", f"smarthost = 127.0.0.1:{far.port('smtp')}", "smarthost-tls = opportunistic", workers=2)
        )
        for number in range(6):
            await self.submit(near, "mulder@far.example", mail=MAIL + b"%d\r\n" % number)
        found = await self.until_mail(far, 6)
        self.assertEqual(sorted(one[-3:-2] for one in found), [b"0", b"1", b"2", b"3", b"4", b"5"])
        await self.until_queue(near, 0)


class StartTests(QueueCase):
    async def test_aliases_with_problems(self) -> None:
        """Named by their lines; at a reload, the old ones stay."""
        near = Daemon(self, ini("spam.egg", "aliases = aliases"))
        aliases = near.folder / "aliases"
        aliases.write_text("a: |b\nc:\n")
        near.spawn()
        status, output = await near.wait()
        self.assertEqual(status, 1)
        self.assertIn(f"{aliases}:1: ", output)
        self.assertIn(f"{aliases}:2: 'c' stands for nobody", output)
        self.assertNotIn("Traceback", output)
        near.process = type(near.process)()
        aliases.write_text("fox: mulder\n")
        await near.start()
        self.addCleanup(self.stop, near)
        await self.submit(near, "fox@spam.egg")
        aliases.write_text("fox: |x\n")
        self.assertFalse(await near.reload())
        await self.submit(near, "fox@spam.egg")
        aliases.write_text("walter: mulder\n")
        self.assertTrue(await near.reload())
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            await self.submit(near, "fox@spam.egg")
        await self.submit(near, "walter@spam.egg")
        await self.until_mail(near, 3)
