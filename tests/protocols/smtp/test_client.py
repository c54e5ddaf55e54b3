"""Our client with our server, in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet import task

from netdaemon.mail.addresses import Address
from netdaemon.mail.interfaces import Envelope, MailRefused, Recipient
from netdaemon.protocols import smtp
from netdaemon.protocols.smtp.client import AllRefused, NotLoggedIn, NoWayIn, Settings, Unsendable
from netdaemon.protocols.smtp.client.link import StreamLink
from netdaemon.protocols.smtp.client.session import SMTP
from netdaemon.protocols.smtp.client.source import CHUNK
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.transcript import Transcript
from tests.kit.pump import THERE, Pump, connect
from tests.protocols.smtp.kit import SMTPTestCase

FOX = Recipient(Address("mulder", "spam.egg"))
DANA = Recipient(Address("scully", "spam.egg"))
NOBODY = Recipient(Address("nobody", "spam.egg"))
MESSAGE = b"Subject: x\r\n\r\n.dot\r\n..\r\n"


def envelope(*recipients: Recipient, **parts: Any) -> Envelope:
    parts.setdefault("sender", Address("a", "example.org"))
    return Envelope(transfer="t", recipients=recipients or (FOX,), **parts)


class ClientTestCase(SMTPTestCase):
    """``client`` talks to a session of ours."""

    pump: Pump

    async def connected(
        self, user: str | None = None, password: str = "trustno1", settings: Settings | None = None, **server: Any
    ) -> SMTP:
        session = self.factory(**server).buildProtocol(THERE)
        settings = settings or Settings(chunking=False)
        clock = task.Clock()
        link = StreamLink(Wheel(clock), timeout=300.0, transcript=settings.transcript)
        self.pump = connect(session, link)
        self.addCleanup(self.pump.client.lose)
        self.addCleanup(self.pump.server.lose)

        async def begin() -> SMTP:
            async with link.alone():
                await link.greet()
            return await SMTP(link, "localhost", settings, lambda: 1_000_000_000.0).begin(user, password)

        client = await self.pump.run(begin())
        self.pump.said.clear()
        return client

    def said(self) -> list[bytes]:
        """The client's commands."""
        said = b"".join([data for who, data in self.pump.said if who == "C"])
        return said.split(b"\r\n")[:-1]

    async def send(self, client: SMTP, letter: Envelope, message: Any = MESSAGE) -> list[str]:
        return [str(answer) for answer in await self.pump.run(client.send(letter, message))]


class SendTests(ClientTestCase):
    async def test_a_message(self) -> None:
        client = await self.connected()
        self.assertEqual(client.extensions.size, 50 << 20)
        answers = await self.send(client, envelope(FOX, NOBODY, DANA))
        self.assertRegex(answers[0], "^250 2.0.0 Taken as ")
        self.assertEqual(answers[1], "550 5.1.1 There is no such address here.")
        self.assertEqual(answers[2], answers[0])
        self.assertEqual(self.taken.octets, MESSAGE)
        self.assertEqual(self.taken.envelope.recipients, (FOX, DANA))
        said = self.said()
        self.assertEqual(said[:2], [b"MAIL FROM:<a@example.org> SIZE=24", b"RCPT TO:<mulder@spam.egg>"])
        self.assertEqual(said[4:], [b"DATA", b"Subject: x", b"", b"..dot", b"...", b"."])
        commands = b"".join(line + b"\r\n" for line in said[:5])
        self.assertEqual(self.pump.said[0], ("C", commands), "all at once")

    async def test_a_connection_is_used_again(self) -> None:
        client = await self.connected(messages_per_session=4)
        for chunks in (MESSAGE, [MESSAGE[:5], MESSAGE[5:]]):
            self.assertTrue((await self.send(client, envelope(), chunks))[0].startswith("250"))
        self.assertNotIn(b"RSET", self.said())
        self.assertEqual(await self.send(client, envelope(NOBODY)), ["550 5.1.1 There is no such address here."])
        self.assertTrue(client.usable)
        self.assertTrue((await self.send(client, envelope()))[0].startswith("250"))
        self.assertEqual(self.said().count(b"RSET"), 1)
        self.assertFalse(client.usable, "MAILMAX")
        self.assertEqual([taken.octets for taken in self.delivery.messages], [MESSAGE] * 3)
        await self.pump.run(client.quit())
        self.assertFalse(self.pump.server.connected)

    async def test_chunking(self) -> None:
        client = await self.connected(settings=Settings(), text_line=0)
        large = (b"x" * 98 + b"\r\n") * 6000
        for message in (MESSAGE, b"", large, [large[at : at + 1001] for at in range(0, len(large), 1001)]):
            self.assertTrue((await self.send(client, envelope(), message))[0].startswith("250"))
            whole = message if isinstance(message, bytes) else b"".join(message)
            self.assertTrue(self.delivery.messages.pop().octets == whole)
        self.assertLessEqual(CHUNK, 256 * 1024)
        self.assertNotIn(b"DATA", self.said())

    async def test_binary(self) -> None:
        client = await self.connected()
        binary = b"\0\r\n.\r\n\n.\n\r.\r"
        self.assertTrue((await self.send(client, envelope(body="BINARYMIME"), binary))[0].startswith("250"))
        self.assertEqual(self.taken.octets, binary)

    async def test_without_pipelining(self) -> None:
        for recipients, message in (((FOX, NOBODY), "x"), ((NOBODY,), ""), ((FOX,), "refused")):
            client = await self.connected(size=100 if message != "refused" else 1)
            client.extensions = type(client.extensions)({})
            answers = await self.send(client, envelope(*recipients))
            self.assertEqual(
                [answer[:3] for answer in answers], {"x": ["250", "550"], "": ["550"], "refused": ["552"]}[message]
            )
            self.assertEqual(b"DATA" in self.said(), bool(message))

    async def test_refusals(self) -> None:
        self.delivery.refuses_later["mulder"] = MailRefused(452, "4.2.2", "Full.")
        client = await self.connected(size=30)
        self.assertEqual(await self.send(client, envelope()), ["452 4.2.2 Full."])
        self.delivery.fails = MailRefused(554, "5.7.1", "No.")
        self.assertEqual(await self.send(client, envelope(FOX, DANA)), ["554 5.7.1 No."] * 2)
        client.extensions = type(client.extensions)({"PIPELINING": ()})
        self.assertEqual(await self.send(client, envelope(), b"x" * 31), ["552 5.3.4 The message is too large."])
        self.delivery.fails = None
        self.delivery.refuses_later.clear()
        self.assertTrue((await self.send(client, envelope()))[0].startswith("250"))

    async def test_many_recipients(self) -> None:
        client = await self.connected(recipients=250)
        recipients = [Recipient(Address(f"mulder+{number}", "spam.egg")) for number in range(251)]
        answers = await self.send(client, envelope(*recipients))
        self.assertEqual(answers[250], "452 4.5.3 So many recipients are taken, and no more.")
        self.assertTrue(all(answer.startswith("250") for answer in answers[:250]))

    async def test_lmtp(self) -> None:
        self.delivery.refuses_later["scully"] = MailRefused(452, "4.2.2", "Full.")
        for chunking in (False, True):
            client = await self.connected(kind=smtp.lmtp, settings=Settings(lmtp=True, chunking=chunking))
            for _ in range(2):
                answers = await self.send(client, envelope(NOBODY, FOX, DANA))
                self.assertEqual([answer[:9] for answer in answers], ["550 5.1.1", "250 2.1.5", "452 4.2.2"])

    async def test_the_server_goes(self) -> None:
        client = await self.connected(refused_recipients=1)
        answers = await self.send(client, envelope(FOX, NOBODY, DANA, NOBODY))
        self.assertEqual([answer[:3] for answer in answers], ["421"] * 4)
        self.assertFalse(client.usable)
        self.check_none_taken()


class ParameterTests(ClientTestCase):
    async def test_all(self) -> None:
        client = await self.connected(kind=smtp.submission, user="mulder", own_sender=False)
        letter = envelope(
            Recipient(Address("x", "example.org"), frozenset({"SUCCESS"}), "rfc822;a+b@c"),
            Recipient(Address("m\xfcller", "example.org"), original="utf-8;m\xfcller@example.org"),
            body="8BITMIME",
            return_full=True,
            envelope_id="a b",
            deliver_by=(1_000_000_060.0, "NT"),
            hold_until=1_000_003_600.0,
        )
        self.assertTrue((await self.send(client, letter))[0].startswith("250"))
        taken = self.taken.envelope
        self.assertEqual(taken.recipients, letter.recipients)
        for name in ("body", "return_full", "envelope_id", "deliver_by", "hold_until"):
            self.assertEqual(getattr(taken, name), getattr(letter, name))
        self.assertEqual((taken.utf8, taken.size), (True, len(MESSAGE)))

    async def test_what_the_server_lacks(self) -> None:
        client = await self.connected()
        full = dict(client.extensions.keywords)
        for parts, lacks, status in (
            ({"utf8": True}, "SMTPUTF8", "5.6.7"),
            ({"sender": Address("\xfc", "x")}, "SMTPUTF8", "5.6.7"),
            ({"body": "8BITMIME"}, "8BITMIME", "5.6.3"),
            ({"body": "BINARYMIME"}, "BINARYMIME", "5.6.3"),
            ({"body": "BINARYMIME"}, "CHUNKING", "5.6.3"),
            ({"require_tls": True}, "", "5.7.30"),
            ({"deliver_by": (1_000_000_060.0, "R")}, "DELIVERBY", "5.3.3"),
            ({"deliver_by": (999_999_999.0, "R")}, "", "5.4.7"),
            ({"hold_until": 1_000_000_060.0}, "", "5.3.3"),
            ({"envelope_id": "x" * 101}, "", "5.5.4"),
        ):
            client.extensions = type(client.extensions)({key: value for key, value in full.items() if key != lacks})
            with self.assertRaises(Unsendable) as raised:
                await self.send(client, envelope(**parts))
            self.assertEqual(raised.exception.status, status)
        client.extensions = type(client.extensions)({"SIZE": ("10",)})
        with self.assertRaises(Unsendable):
            await self.send(client, envelope())
        with self.assertRaises(Unsendable):
            await self.send(client, Envelope(transfer="", sender=None, recipients=()))
        self.assertEqual(self.said(), [])
        for parts in ({"deliver_by": (1_000_000_060.0, "N")}, {"return_full": True, "envelope_id": "x"}):
            client.extensions = type(client.extensions)({})
            self.assertTrue((await self.send(client, envelope(**parts)))[0].startswith("250"))


class SendmailTests(ClientTestCase):
    async def test_forms(self) -> None:
        client = await self.connected()
        for sender, recipients in (
            ("a@example.org", "mulder@spam.egg"),
            ("<a@example.org>", ["mulder@spam.egg"]),
            ("A <a@example.org>", ["Fox Mulder <mulder@spam.egg>"]),
            (Address("a", "example.org"), Address("mulder", "spam.egg")),
        ):
            refused = await self.pump.run(client.sendmail(sender, recipients, "Subject: \xfc\n\nx\ry\r\nz"))  # type: ignore[arg-type]
            self.assertEqual(refused, {})
            taken = self.delivery.messages.pop()
            self.assertEqual(taken.octets, "Subject: \xfc\r\n\r\nx\r\ny\r\nz\r\n".encode())
            self.assertEqual((taken.envelope.sender, taken.envelope.recipients), (Address("a", "example.org"), (FOX,)))
            self.assertEqual((taken.envelope.body, taken.envelope.utf8), ("8BITMIME", True))
        await self.pump.run(client.sendmail("", "mulder@spam.egg", b""))
        self.assertIsNone(self.taken.envelope.sender)

    async def test_refused(self) -> None:
        client = await self.connected()
        refused = await self.pump.run(client.sendmail("a@b", ["mulder@spam.egg", "nobody@spam.egg"], b"x"))
        self.assertEqual({address.local: reply.code for address, reply in refused.items()}, {"nobody": 550})
        with self.assertRaises(AllRefused) as raised:
            await self.pump.run(client.sendmail("a@b", ["x@example.org", "nobody@spam.egg"], b"x"))
        self.assertEqual(len(raised.exception.refused), 2)
        self.assertEqual(str(raised.exception), "550 5.7.1 Relaying is not for strangers.")

    async def test_addresses_that_are_none(self) -> None:
        client = await self.connected()
        for address in (
            "", "a", "a@b\r\nRCPT TO:<mulder@spam.egg>", "a@b>\r\nDATA", "a@b> SIZE=1", "x\n <a@b>", "a@b c",
            "a@[x]", "\0@b", "a@b\x85", "Two <a@b>, <c@d>",
        ):  # fmt: skip
            with self.assertRaises(Unsendable, msg=address):
                await self.pump.run(client.sendmail("a@b", [address], b"x"))
            if address:
                with self.assertRaises(Unsendable, msg=address):
                    await self.pump.run(client.sendmail(address, ["mulder@spam.egg"], b"x"))
        for sent in self.said():
            self.assertNotIn(b"mulder", sent)
        self.check_none_taken()


class LoginTests(ClientTestCase):
    kind = smtp.submission

    async def test_mechanisms(self) -> None:
        for mechanism in ("SCRAM-SHA-256", "PLAIN", "LOGIN"):
            said: list[str] = []
            settings = Settings(transcript=Transcript(said.append))
            client = await self.connected("mulder", settings=settings, mechanisms=(mechanism,))
            self.assertTrue((await self.send(client, envelope(sender=FOX.address)))[0].startswith("250"))
            self.assertIn(f"C: AUTH {mechanism}", "\n".join(said))
            self.assertNotIn("dHJ1c3Rubz", "".join(said))

    async def test_refused(self) -> None:
        for mechanism in ("SCRAM-SHA-256", "PLAIN", "LOGIN"):
            with self.assertRaises(NotLoggedIn):
                await self.connected("mulder", "wrong", mechanisms=(mechanism,))
        with self.assertRaises(NoWayIn):
            await self.connected("mulder", mechanisms=())
        client = await self.connected()
        answers = await self.send(client, envelope())
        self.assertEqual(answers, ["530 5.7.0 Log in first."])
        with self.assertRaises(AllRefused) as raised:
            await self.pump.run(client.sendmail("a@b", "mulder@spam.egg", b"x"))
        self.assertEqual(raised.exception.category, 5)
