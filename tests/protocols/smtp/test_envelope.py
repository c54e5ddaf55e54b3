"""MAIL and RCPT: paths, parameters, who may, and what delivery says to it."""

from __future__ import annotations

from netdaemon.mail.addresses import Address
from netdaemon.mail.interfaces import MailRefused, Recipient
from netdaemon.protocols import smtp
from netdaemon.protocols.smtp.senders import Senders
from tests.kit.pump import THERE
from tests.protocols.smtp.kit import PLAIN, SMTPTestCase


class PathTests(SMTPTestCase):
    async def test_forms(self) -> None:
        peer = await self.greeted()
        for path, sender in (
            ("<>", None),
            ("<a@example.org>", Address("a", "example.org")),
            ("<@relay.example,@two.example:a@example.org>", Address("a", "example.org")),
            ('<"two words"@example.org>', Address("two words", "example.org")),
            ("<a@[192.0.2.1]>", Address("a", "[192.0.2.1]")),
            ("<a@[IPv6:2001:db8::1]>", Address("a", "[IPv6:2001:db8::1]")),
        ):
            for keyword in ("FROM:", "from:", "From: "):
                await peer.dialog(
                    f"C: MAIL {keyword}{path}", "S: 250 2.1.0 ...", "C: RCPT TO:<mulder@spam.egg>", "S: 250 ..."
                )
                self.assertEqual(self.delivery.asked[-1][1].sender, sender)
                await peer.dialog("C: RSET", "S: 250 ...")

    async def test_what_is_none(self) -> None:
        peer = await self.greeted()
        for argument in (
            "a@example.org", "FROM:a@example.org", "FROM:<a>", "FROM:<a@example.org", "FROM:<a@>", "FROM:<@b>",
            "FROM <a@b>", "TO:<a@b>", "FROM:<a@b>x", "FROM:<a b@c>", "FROM:<a@b@c>", "FROM:<a@[1.2.3]>", "FROM:",
            "FROM:<a@b> =x", "FROM:<a@b> X=", "FROM:<a@b> SIZE=1 SIZE=2", f"FROM:<{'a' * 65}@b>", "FROM:<a..b@c>",
        ):  # fmt: skip
            await peer.dialog(f"C: MAIL {argument}", "S: 501 5.5.4 ...")
        await peer.dialog("C: MAIL FROM:<a@example.org>", "S: 250 ...")
        for argument in ("TO:<>", "TO:mulder", "TO:<mulder>", "FROM:<mulder@spam.egg>", "TO:<mulder@spam.egg>x"):
            await peer.dialog(f"C: RCPT {argument}", "S: 501 5.1.3 ...")
        await peer.dialog("C: RCPT TO:<PostMaster>", "S: 250 ...")
        self.assertEqual(self.delivery.asked[-1][0].address, Address("postmaster", "spam.egg"))

    async def test_utf8(self) -> None:
        peer = await self.greeted()
        await peer.dialog(
            "C: MAIL FROM:<m\xfcller@example.org>",
            "S: 553 5.6.7 ...",
            "C: MAIL FROM:<m\xfcller@example.org> SMTPUTF8",
            "S: 250 ...",
            "C: RCPT TO:<mulder@spam.egg> ORCPT=utf-8;f\xf6x@spam.egg",
            "S: 250 ...",
        )
        recipient, envelope = self.delivery.asked[-1]
        self.assertEqual(recipient.original, "utf-8;f\xf6x@spam.egg")
        self.assertEqual((envelope.utf8, envelope.protocol), (True, "UTF8SMTP"))
        await peer.dialog("C: RSET", "S: 250 ...", "C: MAIL FROM:<a@example.org>", "S: 250 ...")
        await peer.dialog("C: RCPT TO:<f\xf6x@spam.egg>", "S: 553 5.6.7 ...")
        await peer.dialog("C* MAIL FROM:<\\xff@example.org> SMTPUTF8\\r\\n", "S: 503 ...", "C: RSET", "S: 250 ...")
        await peer.dialog("C* MAIL FROM:<\\xff@example.org> SMTPUTF8\\r\\n", "S: 501 ...")


class ParameterTests(SMTPTestCase):
    kind = smtp.submission

    async def test_all_of_them(self) -> None:
        peer = await self.greeted(client=THERE)
        await peer.dialog(
            f"C: AUTH PLAIN {PLAIN}",
            "S: 235 ...",
            "C: MAIL FROM:<mulder@spam.egg> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+2Bb AUTH=x+40y.z "
            "BY=120;RT HOLDFOR=3600",
            "S: 250 ...",
            "C: RCPT TO:<x@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By@example.org",
            "S: 250 ...",
            "C: RCPT TO:<y@example.org> NOTIFY=NEVER",
            "S: 250 ...",
            "C: RCPT TO:<z@example.org>",
            "S: 250 ...",
            "C* BDAT 3 LAST\\r\\na\\r\\n",
            "S: 250 2.0.0 Taken ...",
        )
        envelope = self.taken.envelope
        now = 1_000_000_000.0
        self.assertEqual((envelope.size, envelope.body, envelope.utf8), (1000, "8BITMIME", True))
        self.assertEqual((envelope.return_full, envelope.envelope_id), (True, "a+b"))
        self.assertEqual((envelope.deliver_by, envelope.hold_until), ((now + 120, "RT"), now + 3600))
        self.assertEqual((envelope.account, envelope.protocol), ("mulder", "UTF8SMTPA"))
        self.assertEqual(
            envelope.recipients,
            (
                Recipient(Address("x", "example.org"), frozenset({"SUCCESS", "DELAY"}), "rfc822;x+y@example.org"),
                Recipient(Address("y", "example.org"), frozenset({"NEVER"})),
                Recipient(Address("z", "example.org")),
            ),
        )
        self.assertNotIn(b" for ", self.taken.prefix)

    async def test_wrong_ones(self) -> None:
        peer = await self.greeted(client=THERE)
        await peer.dialog(f"C: AUTH PLAIN {PLAIN}", "S: 235 ...")
        for parameter in (
            "SIZE", "SIZE=x", "SIZE=-1", "BODY=9BIT", "BODY", "SMTPUTF8=1", "RET=SOME", "ENVID=a+0D+0Ab", "ENVID=a+2",
            f"ENVID={'x' * 101}", "AUTH=+0A", "AUTH=x", "BY=0;R", "BY=10", "BY=10;X", "HOLDFOR=x", "HOLDUNTIL=tomorrow",
            "HOLDUNTIL=2001-09-09", "HOLDFOR=1 HOLDUNTIL=2001-09-10T00:00:00Z", "HOLDFOR=999999999",
        ):  # fmt: skip
            await peer.dialog(f"C: MAIL FROM:<mulder@spam.egg> {parameter}", "S: 501 5.5.4 ...")
        for parameter in ("FOO", "MT-PRIORITY=3", "REQUIRETLS", "NOTIFY=NEVER"):
            await peer.dialog(f"C: MAIL FROM:<mulder@spam.egg> {parameter}", "S: 555 5.5.4 ...")
        await peer.dialog("C: MAIL FROM:<mulder@spam.egg> BY=-10;N HOLDUNTIL=2001-09-10T00:00:00+01:00", "S: 250 ...")
        for parameter in (
            "NOTIFY=", "NOTIFY=NEVER,DELAY", "NOTIFY=SUCCESS,SUCCESS", "ORCPT=x", "ORCPT=rfc822;", "ORCPT=;x",
            "ORCPT=rfc822;a+0D+0Ab", "ORCPT=utf-8;\\x{0A}", f"ORCPT=rfc822;{'x' * 500}",
        ):  # fmt: skip
            await peer.dialog(f"C: RCPT TO:<x@example.org> {parameter}", "S: 501 5.1.3 ...")
        await peer.dialog("C: RCPT TO:<x@example.org> SIZE=1", "S: 555 5.5.4 ...")

    async def test_what_is_not_offered(self) -> None:
        peer = await self.greeted(kind=smtp.smtp, mechanisms=())
        for parameter in ("HOLDFOR=5", "AUTH=<>", "REQUIRETLS"):
            await peer.dialog(f"C: MAIL FROM:<a@example.org> {parameter}", "S: 555 5.5.4 ...")

    async def test_size(self) -> None:
        peer = await self.greeted(kind=smtp.smtp, size=1000)
        await peer.dialog(
            "C: MAIL FROM:<a@b> SIZE=1001",
            "S: 552 5.3.4 The message is too large.",
            "C: MAIL FROM:<a@b> SIZE=1000",
            "S: 250 ...",
        )


class RightsTests(SMTPTestCase):
    async def test_relaying_is_not_for_strangers(self) -> None:
        peer = await self.addressed()
        await peer.dialog("C: RCPT TO:<x@example.org>", "S: 550 5.7.1 Relaying is not for strangers.")

    async def test_hosts_that_may_relay(self) -> None:
        from ipaddress import ip_network

        await self.addressed("x@example.org", relay_hosts=(ip_network("192.0.2.0/24"),))
        self.assertTrue(self.delivery.asked[-1][1].trusted)
        await self.addressed("x@example.org", kind=smtp.submission, relay_hosts=(ip_network("192.0.2.0/24"),))

    async def test_submission_wants_a_login(self) -> None:
        peer = await self.greeted(kind=smtp.submission)
        await peer.dialog("C: MAIL FROM:<mulder@spam.egg>", "S: 530 5.7.0 Log in first.", "C: DATA", "S: 503 ...")
        peer = await self.greeted(kind=smtp.submission, require_tls=True, client=THERE)
        await peer.dialog("C: MAIL FROM:<mulder@spam.egg>", "S: 530 5.7.0 Say STARTTLS first.")
        await peer.dialog(f"C: AUTH PLAIN {PLAIN}", "S: 530 5.7.0 Say STARTTLS first.")

    async def test_ones_own_sender(self) -> None:
        peer = await self.greeted(
            kind=smtp.submission,
            client=THERE,
            senders=(("mulder", ("fox@example.org", "@x.example")), ("scully", ("*",))),
        )
        await peer.dialog(f"C: AUTH PLAIN {PLAIN}", "S: 235 ...")
        self.delivery.aliases["fm"] = "mulder"
        for sender in ("scully@spam.egg", "mulder@example.org", "mulder", "muldera@spam.egg", "fox@spam.egg"):
            await peer.dialog(f"C: MAIL FROM:<{sender}>", "S: 5...")
        for sender in (
            "", "mulder@spam.egg", "Mulder@SPAM.egg", "mulder+x@spam.egg", "fm@spam.egg", "Fox@Example.org",
            "any@x.example",
        ):  # fmt: skip
            await peer.dialog(f"C: MAIL FROM:<{sender}>", "S: 250 ...", "C: RSET", "S: 250 ...")
        settings = smtp.SubmissionSettings(listen=(), own_sender=False)
        self.assertTrue(Senders(settings).may_send_as("mulder", Address("anybody", "example.org")))
        settings = smtp.SubmissionSettings(listen=(), senders=(("scully", ("*",)),))
        self.assertTrue(Senders(settings).may_send_as("scully", Address("anybody", "example.org")))
        self.assertFalse(Senders(settings).may_send_as("mulder", Address("anybody", "example.org")))


class RecipientTests(SMTPTestCase):
    async def test_refusals_are_deliverys(self) -> None:
        self.delivery.refuses["mulder"] = MailRefused(452, "4.2.2", "Full.\r\n250 2.0.0 OK")
        peer = await self.greeted()
        await peer.dialog(
            "C: MAIL FROM:<a@example.org>",
            "S: 250 ...",
            "C: RCPT TO:<mulder@spam.egg>",
            "S: 452 4.2.2 Full.??250 2.0.0 OK",
            "C: RCPT TO:<nobody@spam.egg>",
            "S: 550 5.1.1 There is no such address here.",
            "C: DATA",
            "S: 554 5.5.1 No valid recipients.",
            "C: RCPT TO:<scully@spam.egg>",
            "S: 250 ...",
            "C: DATA",
            "S: 354 ...",
            "C* \\r\\n.\\r\\n",
            "S: 250 ...",
        )
        self.assertEqual([each.address.local for each in self.taken.envelope.recipients], ["scully"])

    async def test_a_defect_is_not_the_clients(self) -> None:
        self.delivery.refuses["mulder"] = ZeroDivisionError()
        peer = await self.greeted()
        await peer.dialog(
            "C: MAIL FROM:<a@example.org>",
            "S: 250 ...",
            "C: RCPT TO:<mulder@spam.egg>",
            "S: 451 4.3.0 ...",
            "C: RCPT TO:<scully@spam.egg>",
            "S: 250 ...",
        )
        self.errors = len(self.flushLoggedErrors(ZeroDivisionError))
        self.assertEqual(self.errors, 1)

    async def test_only_so_many(self) -> None:
        peer = await self.addressed("mulder@spam.egg", "scully@spam.egg", recipients=2)
        await peer.dialog(
            "C: RCPT TO:<mulder@spam.egg>", "S: 452 4.5.3 ...", "C: DATA", "S: 354 ...", "C* .\\r\\n", "S: 250 ..."
        )
        self.assertEqual(len(self.taken.envelope.recipients), 2)

    async def test_who_tries_names(self) -> None:
        peer = await self.addressed(refused_recipients=3)
        await peer.dialog(
            "C: RCPT TO:<a@spam.egg>",
            "S: 550 ...",
            "C: RCPT TO:<bad>",
            "S: 501 ...",
            "C: RCPT TO:<c@spam.egg>",
            "S: 421 4.7.0 ...",
            "-- closed",
        )

    async def test_only_so_many_messages(self) -> None:
        peer = await self.greeted(messages_per_session=2)
        for _ in range(2):
            await self.envelope(peer)
            await peer.dialog("C: RSET", "S: 250 ...")
        await peer.dialog("C: MAIL FROM:<a@example.org>", "S: 421 4.7.0 ...", "-- closed")
