"""What `netdaemon mail send` makes of standard input."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.cli.lettertext import is_message, letter
from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address
from netdaemon.mail.header import Header

NOW = 1_000_000_000.0
FOX = Address("mulder", "spam.egg")


class LetterTests(SynchronousTestCase):
    def test_a_text(self) -> None:
        octets, sender, recipients = letter(
            b".the truth\nis: out there", "Fox Mulder <mulder@spam.egg>", ["a@b.c", "D <d@e.f>"], "H\xfc\u2026", NOW
        )
        self.assertEqual((sender, recipients), (FOX, [Address("a", "b.c"), Address("d", "e.f")]))
        head, _, body = octets.partition(b"\r\n\r\n")
        self.assertEqual(body, b".the truth\r\nis: out there\r\n")
        header = Header(head)
        self.assertEqual(header.first(b"from"), b"Fox Mulder <mulder@spam.egg>")
        self.assertEqual(header.first(b"to"), b"a@b.c, D <d@e.f>")
        self.assertEqual(header.first(b"date"), b"Sun, 09 Sep 2001 01:46:40 +0000")
        self.assertTrue((header.first(b"message-id") or b"").endswith(b"@spam.egg>"))
        self.assertTrue((header.first(b"subject") or b"").startswith(b"=?"))

    def test_a_whole_message(self) -> None:
        text = b"Subject: x\nBCC: secret@b.c,\n other@b.c\nX-Bcc: y\n\nBcc: text\n"
        octets, sender, _ = letter(text, "mulder@spam.egg", ["a@b.c"], None, NOW)
        self.assertEqual(sender, FOX)
        head, _, body = octets.partition(b"\r\n\r\n")
        self.assertEqual(body, b"Bcc: text\r\n")
        self.assertNotIn(b"secret", head)
        self.assertNotIn(b"other", head)
        header = Header(head)
        for name in (b"date", b"from", b"message-id", b"subject", b"x-bcc"):
            self.assertEqual(len(header.all(name)), 1, name)
        whole = b"From: a@b\r\nDate: x\r\nMessage-ID: <y>\r\n\r\nz\r\n"
        self.assertEqual(letter(whole, "", ["a@b.c"], None, NOW), (whole, None, [Address("a", "b.c")]))

    def test_which_is_which(self) -> None:
        for text in (b"Subject: x\n\ny", b"Subject: x", b"X-A: b\nFrom: x\n folded\n\n"):
            self.assertTrue(is_message(text), text)
        for text in (
            b"",
            b"hello",
            b"hello: you\n\nthere",
            b"Subject: x\nno field\n\n",
            b"\nSubject: x\n",
            b" Subject: x\n",
        ):
            self.assertFalse(is_message(text), text)

    def test_refused(self) -> None:
        for sender, recipient, subject in (
            ("a", "b@c", "x"),
            ("a@b", "c", "x"),
            ("a@b", "c@d\r\nBcc: e@f", "x"),
            ("a@b", "c@d", "x\r\nBcc: e@f"),
            ("a@b\n", "c@d", "x"),
            ("", "c@d", "x"),
        ):
            with self.assertRaises(Malformed):
                letter(b"text", sender, [recipient], subject, NOW)
