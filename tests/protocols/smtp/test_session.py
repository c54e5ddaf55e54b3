"""Greeting, HELO and EHLO, and what goes with no message (RFC 5321 section 4.1.1)."""

from __future__ import annotations

from netdaemon.mail.addresses import Address
from netdaemon.mail.interfaces import MailRefused
from netdaemon.protocols import smtp
from netdaemon.protocols.smtp.commands import COMMANDS, LMTP_COMMANDS
from tests.kit.pump import THERE
from tests.protocols.smtp.kit import GREETING, PLAIN, SMTPTestCase

ALWAYS = [
    "SIZE 52428800",
    "8BITMIME",
    "PIPELINING",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
    "BINARYMIME",
    "SMTPUTF8",
    "DSN",
    "DELIVERBY",
    "LIMITS RCPTMAX=1000 MAILMAX=1000",
    "STARTTLS",
]


class GreetingTests(SMTPTestCase):
    async def test_a_message(self) -> None:
        for piece in (None, 1):
            peer = self.peer(piece=piece)
            await peer.dialog(
                GREETING,
                "C: HELO client.example",
                "S: 250 spam.egg",
                "C: MAIL FROM:<a@example.org>",
                "S: 250 2.1.0 Sender taken.",
                "C: RCPT TO:<mulder@spam.egg>",
                "S: 250 2.1.5 Recipient taken.",
                "C: DATA",
                "S: 354 Go ahead; end with <CRLF>.<CRLF>",
                "C* Subject: x\\r\\n\\r\\n..dots\\r\\n...\\r\\n.\\r\\n",
                "S: 250 2.0.0 Taken as ...",
                "C: QUIT",
                "S: 221 2.0.0 Goodbye.",
                "-- closed",
            )
            taken = self.delivery.messages.pop()
            self.assertEqual(taken.octets, b"Subject: x\r\n\r\n.dots\r\n..\r\n")
            self.assertEqual(taken.envelope.sender, Address("a", "example.org"))
            self.assertEqual((taken.envelope.helo, taken.envelope.protocol), ("client.example", "SMTP"))
            self.assertEqual(taken.envelope.peer, "192.0.2.7")
            self.assertIn(
                b"Received: from client.example ([192.0.2.7]) by spam.egg (netdaemon) with SMTP", taken.prefix
            )
            self.assertIn(b"for <mulder@spam.egg>;", taken.prefix)
            self.assertTrue(taken.prefix.endswith(b"\r\n"))
        self.assertEqual(self.house.measure.commands["smtp", "DATA", "ok"], 2)

    async def test_ehlo_tells_what_works(self) -> None:
        peer = self.peer()
        await peer.dialog("S: 220 ...")
        self.assertEqual(await self.ehlo(peer), [*ALWAYS, "AUTH SCRAM-SHA-256"])
        peer = self.peer(client=THERE)
        await peer.dialog("S: 220 ...")
        self.assertEqual(await self.ehlo(peer), [*ALWAYS, "AUTH SCRAM-SHA-256 PLAIN LOGIN"])
        await peer.dialog(f"C: AUTH PLAIN {PLAIN}", "S: 235 ...")
        self.assertEqual(await self.ehlo(peer), [*ALWAYS, "EXPN"])
        self.logins.has_verifiers = False
        peer = self.peer()
        await peer.dialog("S: 220 ...")
        self.assertEqual(await self.ehlo(peer), ALWAYS)
        peer = self.peer(require_tls=True, client=THERE)
        await peer.dialog("S: 220 ...")
        self.assertEqual(await self.ehlo(peer), ALWAYS)

    async def test_submission_holds(self) -> None:
        peer = self.peer(kind=smtp.submission)
        await peer.dialog("S: 220 ...")
        self.assertIn("FUTURERELEASE 604800 2001-09-16T01:46:40Z", await self.ehlo(peer))
        peer = self.peer(kind=smtp.submission, hold=0.0)
        await peer.dialog("S: 220 ...")
        self.assertNotIn("FUTURERELEASE", " ".join(await self.ehlo(peer)))

    async def test_names_that_are_none(self) -> None:
        peer = self.peer()
        await peer.dialog("S: 220 ...")
        for verb in ("HELO", "EHLO"):
            for name in ("", " ", "two words", "h\xe9", "x" * 256):
                await peer.dialog(f"C: {verb} {name}", "S: 501 5.5.4 ...")
        for name in ("[192.0.2.1]", "my_pc", "localhost", "-"):
            await peer.dialog(f"C: HELO {name}", "S: 250 spam.egg")

    async def test_no_name_is_echoed(self) -> None:
        peer = self.peer()
        await peer.dialog("S: 220 ...")
        peer.send(b"EHLO evil.example\r\nEVIL.EXAMPLE\r\n")
        while (line := await peer.line())[:4] != b"500 ":
            self.assertNotIn(b"evil", line.lower())
        self.assertNotIn(b"evil", line.lower())

    async def test_early_talkers(self) -> None:
        peer = self.peer(greeting_delay=5.0)
        await peer.dialog("-- 4 s", "-- silence", "-- 2 s", GREETING, "C: NOOP", "S: 250 2.0.0 OK")
        peer = self.peer(greeting_delay=5.0)
        await peer.dialog(
            "C: EHLO spam",
            "-- 4 s",
            "-- silence",
            "-- 2 s",
            "S: 554 5.5.1 You spoke before you were greeted.",
            "-- closed",
        )

    async def test_a_web_browser(self) -> None:
        peer = self.peer()
        await peer.dialog(
            "S: 220 ...",
            "C* POST / HTTP/1.1\\r\\nMAIL FROM:<a@b>\\r\\n",
            "S: 500 5.5.1 There is no such command.",
            "-- closed",
        )

    async def test_ehlo_again_forgets_the_message(self) -> None:
        peer = await self.addressed()
        await self.ehlo(peer)
        await peer.dialog("C: DATA", "S: 503 5.5.1 Say MAIL first.")


class OrderTests(SMTPTestCase):
    async def test_before_ehlo(self) -> None:
        peer = self.peer()
        await peer.dialog(
            "S: 220 ...",
            "C: MAIL FROM:<a@example.org>",
            "S: 503 5.5.1 Say EHLO first.",
            "C: RCPT TO:<mulder@spam.egg>",
            "S: 503 5.5.1 Say EHLO first.",
            "C: DATA",
            "S: 503 5.5.1 Say EHLO first.",
            "C: AUTH PLAIN",
            "S: 503 5.5.1 Say EHLO first.",
            "C: STARTTLS",
            "S: 503 5.5.1 Say EHLO first.",
            "C: NOOP",
            "S: 250 2.0.0 OK",
            "C: RSET",
            "S: 250 2.0.0 Forgotten.",
            "C: MAIL FROM:<a@example.org>",
            "S: 503 5.5.1 Say EHLO first.",
        )

    async def test_within_a_transaction(self) -> None:
        peer = await self.addressed()
        for command in ("MAIL FROM:<b@example.org>", "AUTH PLAIN", "STARTTLS"):
            await peer.dialog(f"C: {command}", "S: 503 5.5.1 Not within a transaction.")
        await peer.dialog(
            "C: RSET",
            "S: 250 ...",
            "C: RCPT TO:<mulder@spam.egg>",
            "S: 503 5.5.1 Say MAIL first.",
            "C: DATA",
            "S: 503 5.5.1 Say MAIL first.",
        )

    async def test_arguments_where_none_may_be(self) -> None:
        peer = await self.addressed()
        for command in ("DATA x", "RSET x", "QUIT x"):
            await peer.dialog(f"C: {command}", "S: 501 5.5.4 That command has no arguments.")


class OtherTests(SMTPTestCase):
    async def test_noop_and_help(self) -> None:
        peer = await self.greeted()
        await peer.dialog("C: NOOP whatever it is", "S: 250 2.0.0 OK", "C: HELP", "S: 214-2.0.0 These ...")
        told = []
        while True:
            line = (await peer.line()).decode()
            told += line[4:].split()[1:]
            if line[3] == " ":
                break
        self.assertEqual(told, [verb.name.decode() for verb in COMMANDS])
        self.assertEqual({verb.name for verb in COMMANDS} - {verb.name for verb in LMTP_COMMANDS},
                         {b"HELO", b"EHLO", b"AUTH", b"EXPN", b"ETRN"})  # fmt: skip

    async def test_strangers_find_out_no_names(self) -> None:
        peer = await self.greeted()
        for name in ("mulder", "nobody", "<mulder@spam.egg>", "Fox Mulder", "@", '"a b"@spam.egg'):
            await peer.dialog(f"C: VRFY {name}", "S: 252 2.1.5 ...")
        await peer.dialog("C: EXPN team", "S: 550 5.7.1 Not for strangers.", "C: VRFY", "S: 501 5.5.4 ...")
        self.assertEqual(self.delivery.asked, [])

    async def test_accounts_do(self) -> None:
        self.delivery.lists = {"team": [Address("mulder", "spam.egg"), Address("scully", "spam.egg")], "none": []}
        peer = await self.greeted(client=THERE)
        await peer.dialog(
            f"C: AUTH PLAIN {PLAIN}",
            "S: 235 2.7.0 Logged in.",
            "C: VRFY mulder",
            "S: 250 2.1.5 <mulder@spam.egg>",
            "C: VRFY <scully@spam.egg>",
            "S: 250 2.1.5 <scully@spam.egg>",
            "C: VRFY nobody",
            "S: 550 5.1.1 There is no such address here.",
            "C: VRFY someone@example.org",
            "S: 252 2.1.5 ...",
            "C: EXPN team",
            "S: 250-2.1.5 <mulder@spam.egg>",
            "S: 250 2.1.5 <scully@spam.egg>",
            "C: EXPN mulder",
            "S: 550 5.1.1 There is no such list here.",
            "C: EXPN none",
            "S: 550 5.1.1 Nobody is on that list.",
            "C: VRFY m\xfclder",
            "S: 501 5.5.4 ...",
            "C: VRFY m\xfclder SMTPUTF8",
            "S: 550 5.1.1 ...",
        )

    async def test_etrn(self) -> None:
        peer = await self.greeted()
        await peer.dialog("C: ETRN example.org", "S: 502 5.5.1 ETRN is not served here.")


class EndTests(SMTPTestCase):
    async def test_silence(self) -> None:
        peer = await self.greeted()
        await peer.dialog("-- 299 s", "-- silence", "-- 3 s", "S: 421 4.4.2 Too slow.", "-- closed")

    async def test_an_octet_a_second(self) -> None:
        peer = await self.greeted()
        for _ in range(65):
            if not peer.closed:
                await peer.dialog("C* N", "-- 1 s")
        await peer.dialog("S: 421 4.4.2 Too slow.", "-- closed")

    async def test_a_message_that_stalls(self) -> None:
        peer = await self.addressed()
        await peer.dialog(
            "C: DATA",
            "S: 354 ...",
            "C* Subject: x\\r\\n",
            "-- 170 s",
            "-- silence",
            "-- 12 s",
            "S: 421 4.4.2 ...",
            "-- closed",
        )
        self.check_none_taken()

    async def test_the_client_goes_away_within_a_message(self) -> None:
        for how in ("-- closes", "-- hangs up"):
            peer = await self.addressed()
            await peer.dialog("C: DATA", "S: 354 ...", "C* Subject: x\\r\\n\\r\\nhalf", how)
        self.check_none_taken()

    async def test_the_daemon_stops(self) -> None:
        peer = await self.greeted()
        peer.session.drain()
        await peer.dialog("S: 421 4.3.2 The server is stopping.", "-- closed")

    async def test_the_daemon_stops_within_a_message(self) -> None:
        peer = await self.addressed()
        await peer.dialog("C: DATA", "S: 354 ...", "C* Subject: x\\r\\n")
        peer.session.drain()
        await peer.dialog(
            "-- silence", "C* \\r\\n.\\r\\n", "S: 250 2.0.0 ...", "S: 421 4.3.2 The server is stopping.", "-- closed"
        )
        self.assertEqual(self.taken.octets, b"Subject: x\r\n\r\n")


class LogTests(SMTPTestCase):
    async def test_a_line_for_each_message(self) -> None:
        peer = await self.addressed("mulder@spam.egg", "scully@spam.egg")
        await peer.dialog("C: DATA", "S: 354 ...", "C* Subject: secret\\r\\n\\r\\nbody\\r\\n.\\r\\n", "S: 250 ...")
        self.delivery.refuses_later["mulder"] = MailRefused(552, "5.2.2", "It is full\n")
        await self.envelope(peer)
        await peer.dialog("C: DATA", "S: 354 ...", "C* Subject: secret\\r\\n.\\r\\n", "S: 552 5.2.2 It is full?")
        lines = self.house.measure.access_logs["smtp"].lines
        self.assertEqual(len(lines), 2)
        self.assertRegex(
            lines[0],
            r"^192\.0\.2\.7 - - \[09/Sep/2001:01:46:40 \+0000\] smtp [0-9a-f.]+ from=<a@example.org> "
            r"to=<mulder@spam.egg>,<scully@spam.egg> recipients=2 size=25 taken$",
        )
        self.assertTrue(lines[1].endswith(r"size=17 refused=1 552 5.2.2 It is full\x0a"), lines[1])
        self.assertNotIn("secret", "".join(lines))
