"""SPF, DKIM, DMARC, DNS lists and greylisting in a daemon of one's own, with a name server of the test's."""

from __future__ import annotations

import poplib
import smtplib
from email import message_from_bytes
from typing import Any

import dkim
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from netdaemon.protocols.smtp.client import AllRefused, Settings, connect
from tests.flows.ftpclients import trusting
from tests.flows.smtppost import PASSWORD, USER, reactor
from tests.kit.daemon import Daemon
from tests.kit.zoneserver import zone_server
from tests.mail.policies.keys import ed25519_key, pem, record, rsa_key
from tests.mail.policies.zone import Zone

INI = """\
[netdaemon]
hostname = spam.example
[log]
level = warn
[accounts]
auth = demo
throttle-delay = 0ms
[mail]
resolvers = 127.0.0.1:{port}
[smtp]
listen = tcp:0:interface=127.0.0.1
spf = refuse
dkim = mark
dmarc = refuse
unchecked =
[smtp:listed]
listen = tcp:0:interface=127.0.0.1
dnsbl = bl.example 2
unchecked =
[smtp:grey]
listen = tcp:0:interface=127.0.0.1
greylist = yes
unchecked =
[submission]
listen = tcp:0:interface=127.0.0.1
dkim-sign =
    spam.example one keys/rsa.pem
    spam.example two keys/ed25519.pem
[pop3]
listen = tcp:0:interface=127.0.0.1
"""
ME = "mulder@spam.example"
MAIL = f"From: Mulder <{ME}>\r\nSubject: The truth\r\n\r\nIs out there.  \r\n\r\n\r\n".encode()
FORGED = b"Authentication-Results: spam.example; dkim=pass header.d=bank.example\r\n"


class DaemonTests(TestCase):
    async def setUp(self) -> None:
        self.zone = Zone(
            {
                "spam.example": ["TXT v=spf1 a:mail.spam.example -all"],
                "mail.spam.example": ["A 127.0.0.1"],
                "one._domainkey.spam.example": [record(rsa_key(3072))],
                "two._domainkey.spam.example": [record(ed25519_key())],
                "_dmarc.spam.example": ["TXT v=DMARC1; p=reject; adkim=s; aspf=s"],
                "elsewhere.example": ["TXT v=spf1 -all exp=why.elsewhere.example"],
                "why.elsewhere.example": ["TXT mail of %{d} does not come from %{i}"],
                "client.example": [],
                "1.0.0.127.bl.example": ["A 127.0.0.2", "TXT it is you"],
            }
        )
        self.daemon = Daemon(self, INI.format(port=zone_server(self, self.zone)))
        keys = self.daemon.folder / "keys"
        keys.mkdir()
        (keys / "rsa.pem").write_bytes(pem(rsa_key(3072)))
        (keys / "ed25519.pem").write_bytes(pem(ed25519_key()))
        await self.daemon.start()

    async def tearDown(self) -> None:
        if self.daemon.process.status is not None:
            return
        status, output = await self.daemon.stop()
        self.assertEqual(status, 0, output)
        self.assertNotIn("Traceback", output)

    async def submitted(self, octets: bytes) -> bytes:
        """A message as it has come to the mailbox from submission."""

        def submit() -> None:
            with smtplib.SMTP("localhost", self.daemon.port("submission"), timeout=30) as client:
                client.starttls(context=trusting())
                client.login(USER, PASSWORD)
                client.sendmail(ME, [ME], octets)

        await deferToThread(submit)
        return await self.fetched()

    async def fetched(self) -> bytes:
        """The one message in the mailbox, which is emptied."""

        def fetch() -> bytes:
            pop = poplib.POP3("127.0.0.1", self.daemon.port("pop3"), timeout=30)
            pop.user(USER)
            pop.pass_(PASSWORD)
            self.assertEqual(pop.stat()[0], 1)
            octets = b"\r\n".join(pop.retr(1)[1]) + b"\r\n"
            pop.dele(1)
            pop.quit()
            return octets

        return await deferToThread(fetch)

    async def send(self, sender: str, octets: bytes, service: str = "smtp") -> str:
        """From a stranger: the refusal, or ''."""
        settings = Settings(name="client.example")
        client = await connect(reactor, "127.0.0.1", self.daemon.port(service), settings=settings)
        async with client:
            try:
                await client.sendmail(sender, ME, octets)
            except AllRefused as error:
                return str(error.reply)
        return ""

    def results(self, octets: bytes) -> list[str]:
        fields: Any = message_from_bytes(octets).get_all("Authentication-Results")
        self.assertEqual(len(fields), 1, fields)
        return " ".join(fields[0].split()).split("; ")

    async def test_signed_by_submission_and_verified_at_port_25(self) -> None:
        signed = await self.submitted(FORGED + MAIL)
        self.assertNotIn(b"bank.example", signed)
        self.assertTrue(signed.endswith(MAIL))

        def theirs(name: bytes, timeout: float = 5) -> bytes:
            return self.zone.records[name.decode().rstrip(".")][0][4:].encode()  # type: ignore[index,union-attr]

        for number in (0, 1):
            self.assertTrue(dkim.DKIM(signed).verify(number, dnsfunc=theirs))
        # passed on by somebody else, it is the domain's still
        self.assertEqual(await self.send("x@nothing.example", FORGED + signed), "")
        taken = await self.fetched()
        self.assertTrue(taken.endswith(signed))
        who, *found = self.results(taken)
        self.assertEqual(who, "spam.example")
        self.assertEqual(found[:2], ["spf=none smtp.mailfrom=x@nothing.example", "spf=none smtp.helo=client.example"])
        self.assertIn("dkim=pass header.d=spam.example header.s=one header.a=rsa-sha256", found[2])
        self.assertIn("dkim=pass header.d=spam.example header.s=two header.a=ed25519-sha256", found[3])
        self.assertEqual(found[4:], ["dmarc=pass header.from=spam.example"])
        # and when it was changed, nobody's
        reply = await self.send("x@nothing.example", signed.replace(b"out there", b"in here"))
        self.assertIn("550 5.7.26 spam.example does not stand behind this", reply)

    async def test_spf(self) -> None:
        self.assertEqual(await self.send(ME, MAIL), "")
        _, *found = self.results(await self.fetched())
        self.assertEqual(found[0], f"spf=pass smtp.mailfrom={ME}")
        self.assertEqual(found[2:], ["dkim=none", "dmarc=pass header.from=spam.example"])
        reply = await self.send("x@elsewhere.example", MAIL)
        self.assertIn("550 5.7.23 127.0.0.1 may not send for that domain (SPF). Its owner says: mail of", reply)
        self.assertIn("elsewhere.example does not come from 127.0.0.1", reply)

    async def test_lists_and_the_greylist(self) -> None:
        reply = await self.send("x@nothing.example", MAIL, "smtp:listed")
        self.assertIn("550 5.7.1 127.0.0.1 is listed at bl.example: it is you", reply)
        for _ in range(2):
            reply = await self.send("x@nothing.example", MAIL, "smtp:grey")
            self.assertIn("451 4.7.1 Not known yet: come again in ", reply)
        self.assertTrue((self.daemon.data / "greylist.sqlite").exists())
        self.assertEqual((self.daemon.data / "greylist.sqlite").stat().st_mode & 0o077, 0)
