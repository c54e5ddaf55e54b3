"""Delivery reports and trace fields."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address, Mailbox
from netdaemon.mail.header import Header
from netdaemon.mail.received import received_field, return_path_field, times_received
from netdaemon.mail.reports import DELAYED, DELIVERED, FAILED, Outcome, delivery_report
from netdaemon.mail.structure import read_structure
from tests.mail.kit import crlf

POSTMASTER = Mailbox(Address("mailer-daemon", "spam.egg"), "Mail system")
ORIGINAL = crlf("Message-ID: <orig@x>\nSubject: hello\n\nsecret\n")


def report(*outcomes: Outcome, returned: bytes = ORIGINAL, whole: bool = False, **more: object) -> bytes:
    return delivery_report(outcomes, host="spam.egg", sender=POSTMASTER, to=Address("a", "x"), now=784111777,
                           message_id="<r@spam.egg>", returned=returned, whole=whole, **more)  # type: ignore[arg-type]  # fmt: skip


def failed(local: str = "b", domain: str = "y", **more: object) -> Outcome:
    return Outcome(Address(local, domain), FAILED, "5.1.1", **more)  # type: ignore[arg-type]


class ReportTests(SynchronousTestCase):
    def parts(self, octets: bytes) -> tuple[Message, list[Message]]:
        message = message_from_bytes(octets, policy=compat32)
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message.get_param("report-type"), "delivery-status")
        self.assertEqual(message.defects, [])
        return message, cast("list[Message]", message.get_payload())

    def test_a_bounce(self) -> None:
        octets = report(
            failed(
                diagnostic="550 5.1.1 no such\r\nuser",
                remote_host="mx.y",
                original="rfc822;c@z",
                last_attempt=784111000.0,
            ),
            arrived=784110000.0,
            envelope_id="ID+1",
        )
        message, (text, status, returned) = self.parts(octets)
        self.assertEqual(message["Subject"], "Undelivered mail returned to sender")
        self.assertEqual((message["To"], message["From"]), ("a@x", "Mail system <mailer-daemon@spam.egg>"))
        self.assertEqual((message["References"], message["Auto-Submitted"]), ("<orig@x>", "auto-replied"))
        self.assertIn("mx.y said: 550 5.1.1 no such  user", cast("str", text.get_payload()))
        whole, recipient = cast("list[Message]", status.get_payload())
        self.assertEqual(
            whole.items(),
            [
                ("Original-Envelope-Id", "ID+1"),
                ("Reporting-MTA", "dns; spam.egg"),
                ("Arrival-Date", "Sun, 06 Nov 1994 08:20:00 +0000"),
            ],
        )
        self.assertEqual(
            recipient.items(),
            [
                ("Original-Recipient", "rfc822;c@z"),
                ("Final-Recipient", "rfc822;b@y"),
                ("Action", "failed"),
                ("Status", "5.1.1"),
                ("Remote-MTA", "dns; mx.y"),
                ("Diagnostic-Code", "smtp; 550 5.1.1 no such user"),
                ("Last-Attempt-Date", "Sun, 06 Nov 1994 08:36:40 +0000"),
            ],
        )
        self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
        self.assertEqual(returned.get_payload(), "Message-ID: <orig@x>\r\nSubject: hello\r\n")
        self.assertNotIn(b"secret", octets)

    def test_of_more_than_one(self) -> None:
        delayed = Outcome(Address("c", "y"), DELAYED, "4.4.1", retried_until=784111777.0)
        message, (text, status, _) = self.parts(
            report(delayed, failed(), Outcome(Address("d", "y"), DELIVERED, "2.0.0"))
        )
        self.assertEqual(message["Subject"], "Undelivered mail returned to sender")
        blocks = cast("list[Message]", status.get_payload())
        self.assertEqual([block["Action"] for block in blocks], [None, "delayed", "failed", "delivered"])
        self.assertEqual(blocks[1]["Will-Retry-Until"], "Sun, 06 Nov 1994 08:49:37 +0000")
        explained = cast("str", text.get_payload())
        self.assertTrue(explained.index("<b@y>") < explained.index("<c@y>") < explained.index("<d@y>"))
        message, _ = self.parts(report(delayed))
        self.assertEqual(message["Subject"], "Your mail is delayed")

    def test_addresses_that_are_not_ascii(self) -> None:
        octets = report(failed("ü+=", "bücher.example", original="utf-8;ö@x"))
        self.assertTrue(octets.isascii())
        _, (_, status, _) = self.parts(octets)
        recipient = cast("list[Message]", status.get_payload())[1]
        self.assertEqual(recipient["Final-Recipient"], "utf-8;\\x{FC}\\x{2B}\\x{3D}@b\\x{FC}cher.example")
        self.assertEqual(recipient["Original-Recipient"], "utf-8;\\x{F6}@x")

    def test_the_whole_message(self) -> None:
        _, parts = self.parts(report(failed(), whole=True))
        self.assertEqual(parts[2].get_content_type(), "message/rfc822")
        self.assertEqual(cast("list[Message]", parts[2].get_payload())[0].get_payload(), "secret\r\n")

    def test_headers_that_are_not_right(self) -> None:
        for returned in (
            b"Subject: \xfc\nX: y\n\nsecret",
            b"",
            b"\r\nsecret",
            b"X: " + b"a" * 5000 + b"\r\n\r\nsecret",
            b"Message-ID: <\xff>\r\n",
        ):
            octets = report(failed(), returned=returned)
            self.assertTrue(octets.isascii())
            self.assertTrue(all(len(line) <= 998 for line in octets.split(b"\r\n")))
            self.assertEqual(len(read_structure([octets]).children), 3)
            self.assertNotIn(b"secret", octets)

    def test_nothing_gets_in(self) -> None:
        nasty = "x\r\n\r\nAction: delivered\r\n\r\n--"
        octets = report(failed(diagnostic=nasty, remote_host=nasty, original="rfc822;" + nasty), envelope_id=nasty)
        _, (_, status, _) = self.parts(octets)
        self.assertEqual(
            [block.get_all("Action") for block in cast("list[Message]", status.get_payload())], [None, ["failed"]]
        )

    def test_refused(self) -> None:
        self.assertRaises(Malformed, report)
        self.assertRaises(Malformed, report, Outcome(Address("a", "x"), "lost", "5.0.0"))
        self.assertRaises(Malformed, report, Outcome(Address("a", "x"), FAILED, "5.0"))
        self.assertRaises(Malformed, report, failed(), Outcome(Address("a", "x"), "lost", "5.0.0"))


class TraceTests(SynchronousTestCase):
    def received(self, greeting: str = "client.example", peer: str = "192.0.2.1", **more: object) -> bytes:
        field = received_field(greeting=greeting, peer=peer, host="spam.egg", protocol="ESMTPS", number="n1",
                               now=784111777, **more)  # type: ignore[arg-type]  # fmt: skip
        return Header(field).first(b"received") or b""

    def test_received(self) -> None:
        self.assertEqual(
            self.received(peer_name="host.example", recipient=Address("a b", "x"), tls="TLSv1.3 (AES)"),
            b"from client.example (host.example [192.0.2.1]) by spam.egg (netdaemon) with ESMTPS (TLSv1.3  AES ) id n1"
            b' for <"a b"@x>; Sun, 06 Nov 1994 08:49:37 +0000',
        )
        self.assertEqual(
            self.received("[IPv6:::1]", "::1"),
            b"from [IPv6:::1] ([IPv6:::1]) by spam.egg (netdaemon) with ESMTPS id n1; Sun, 06 Nov 1994 08:49:37 +0000",
        )

    def test_greetings_of_all_kinds(self) -> None:
        for greeting, shown in (
            ("a;b(c)\r\nX: y", b"a?b?c???X:?y"),
            ("", b"unknown"),
            ("bücher.example", b"unknown"),
            ("x" * 300, b"x" * 64),
        ):
            self.assertTrue(self.received(greeting).startswith(b"from " + shown + b" ([192.0.2.1]) by"), greeting)

    def test_return_path(self) -> None:
        self.assertEqual(return_path_field(None), b"Return-Path: <>\r\n")
        self.assertEqual(return_path_field(Address("a b", "x")), b'Return-Path: <"a b"@x>\r\n')

    def test_how_often(self) -> None:
        self.assertEqual(times_received(Header(b"Received: a\r\n b\r\nreceived : c\nX-Received: d\n")), 2)
