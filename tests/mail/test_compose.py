"""Messages and fields that we write, read again by us and by the standard library."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP, compat32
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address, Mailbox, mailboxes
from netdaemon.mail.compose import (
    compose,
    crlf,
    encoding_for,
    missing_fields,
    new_message_id,
    quoted_printable,
    text_part,
)
from netdaemon.mail.fields import address_field, folded, parameter_words, text_field
from netdaemon.mail.header import Header
from netdaemon.mail.parameters import decoded_parameter, parse_content_type
from netdaemon.mail.structure import read_structure
from netdaemon.mail.text import header_text
from netdaemon.mail.transfer import from_quoted_printable

SENDER = Mailbox(Address("fox", "spam.egg"), "Fox Müller")
shown = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])


def theirs(octets: bytes) -> EmailMessage:
    return cast("EmailMessage", message_from_bytes(octets, policy=SMTP))


class FieldTests(SynchronousTestCase):
    def test_text(self) -> None:
        for text, written in (
            ("a b", b"X: a b\r\n"),
            ("  a   b ", b"X: a b\r\n"),
            ("Re: Grüße an alle", b"X: Re: =?utf-8?b?R3LDvMOfZQ==?= an alle\r\n"),
            ("ü und ö x", b"X: =?utf-8?b?w7wgdW5kIMO2?= x\r\n"),
        ):
            self.assertEqual(text_field("X", text), written)
        self.assertEqual(text_field("X", ""), b"X:\r\n")
        self.assertEqual(header_text(Header(text_field("X", "=?utf-8?q?a?=")).first(b"x")), "=?utf-8?q?a?=")

    def test_folded(self) -> None:
        field = text_field("Subject", "word " * 60)
        self.assertTrue(all(len(line) <= 78 for line in field.split(b"\r\n")))
        self.assertEqual(Header(field).first(b"subject"), b" ".join([b"word"] * 60))
        self.assertEqual(folded("X", ["a" * 100, "b"]), b"X: " + b"a" * 100 + b"\r\n b\r\n")

    def test_nothing_gets_in(self) -> None:
        for text in ("a\r\nBcc: b", "a\nb", "a\rb", "a\0b", "\x7f", "a\x0b", "\ud800"):
            self.assertRaises(Malformed, text_field, "Subject", text)
            self.assertRaises(Malformed, folded, "Subject", ["x", text])
            self.assertRaises(Malformed, parameter_words, [("name", text)])
        for name in ("", "a b", "a:", "ü", "a\r\n"):
            self.assertRaises(Malformed, text_field, name, "x")
        self.assertRaises(Malformed, address_field, "To", [])

    @given(st.text(shown, max_size=200))
    def test_text_there_and_back(self, text: str) -> None:
        field = text_field("Subject", text)
        self.assertTrue(field.isascii())
        self.assertTrue(all(len(line) <= 998 for line in field.split(b"\r\n")))
        self.assertEqual(header_text(Header(field).first(b"subject")), " ".join(text.split()))

    @given(
        st.lists(
            st.builds(
                Mailbox,
                st.builds(Address, st.text("ab. ", min_size=1, max_size=20), st.just("x.example")),
                st.text('ab,ü "', max_size=50).map(str.strip),
            ),
            min_size=1,
            max_size=8,
        )
    )
    def test_addresses_there_and_back(self, wanted: list[Mailbox]) -> None:
        field = address_field("To", wanted)
        self.assertTrue(all(len(line) < 150 for line in field.split(b"\r\n")))
        self.assertNotIn(b"\r\n \r\n", field)
        self.assertEqual(mailboxes(Header(field).all(b"to")), wanted)

    @given(st.dictionaries(st.sampled_from(["name", "charset", "x"]), st.text(shown, max_size=120), max_size=3))
    def test_parameters_there_and_back(self, wanted: dict[str, str]) -> None:
        words = parameter_words(wanted.items())
        field = folded("Content-Type", ["a/b" + ";" * bool(words), *[word + ";" for word in words[:-1]], *words[-1:]])
        self.assertTrue(all(len(line) <= 80 for line in field.split(b"\r\n")), field)
        parsed = parse_content_type(Header(field).first(b"content-type") or b"")
        assert parsed is not None
        self.assertEqual({name: decoded_parameter(parsed[2], name.encode()) for name in wanted}, wanted)


class ComposeTests(SynchronousTestCase):
    def compose(self, text: str = "Hallo\n", **more: object) -> bytes:
        return compose(sender=SENDER, to=[Mailbox(Address("a", "x"))], subject="Grüße", text=text, now=784111777,
                       message_id="<m@x>", **more)  # type: ignore[arg-type]  # fmt: skip

    def test_a_message(self) -> None:
        self.assertEqual(
            self.compose(),
            b"Date: Sun, 06 Nov 1994 08:49:37 +0000\r\nFrom: =?utf-8?b?Rm94IE3DvGxsZXI=?= <fox@spam.egg>\r\nTo: a@x\r\n"
            b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\nMessage-ID: <m@x>\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHallo\r\n",
        )

    def test_encodings(self) -> None:
        for text, eight_bit, encoding in (
            ("a", True, b"7bit"),
            ("ü", True, b"8bit"),
            ("ü", False, b"quoted-printable"),
            ("a" * 998, True, b"7bit"),
            ("a" * 999, True, b"quoted-printable"),
            ("ü" * 500, True, b"quoted-printable"),
            ("a\0", True, b"quoted-printable"),
        ):
            octets = self.compose(text, eight_bit=eight_bit)
            part = read_structure([octets])
            self.assertEqual(part.content.encoding, encoding)
            self.assertEqual(theirs(octets).get_content().replace("\r\n", "\n"), text + "\n")
            self.assertTrue(eight_bit or octets.isascii())

    def test_line_ends(self) -> None:
        self.assertTrue(self.compose("a\nb\r\nc\rd").endswith(b"\r\n\r\na\r\nb\r\nc\r\nd\r\n"))
        self.assertEqual((crlf(b""), crlf(b"\n\r"), crlf(b"a")), (b"", b"\r\n\r\n", b"a\r\n"))

    def test_more_fields(self) -> None:
        octets = self.compose(cc=[SENDER], extra=[text_field("X-Y", "z"), folded("In-Reply-To", ["<n@x>"])])
        message = theirs(octets)
        self.assertEqual(
            (message["cc"], message["x-y"], message["in-reply-to"]), ("Fox Müller <fox@spam.egg>", "z", "<n@x>")
        )

    def test_what_is_missing(self) -> None:
        def missing(block: bytes) -> bytes:
            return missing_fields(Header(block), sender=SENDER, now=784111777, message_id="<m@x>")

        self.assertEqual(missing(b"Date: x\r\nfrom: y\r\nMESSAGE-ID: z\r\n"), b"")
        self.assertEqual(
            missing(b"Subject: x"),
            b"Date: Sun, 06 Nov 1994 08:49:37 +0000\r\nFrom: =?utf-8?b?Rm94IE3DvGxsZXI=?= <fox@spam.egg>\r\n"
            b"Message-ID: <m@x>\r\n",
        )

    def test_nothing_gets_in(self) -> None:
        self.assertRaises(Malformed, compose, sender=SENDER, subject="a\r\nBcc: b@x", now=0, message_id="<m@x>")
        self.assertRaises(Malformed, compose, sender=SENDER, now=0, message_id="<m@x>\r\nBcc: b@x")
        octets = compose(sender=SENDER, text="a\r\n.\r\n\r\nX: y\r\n", now=0, message_id="<m@x>")
        self.assertEqual(Header(octets.partition(b"\r\n\r\n")[0]).first(b"x"), None)

    def test_message_ids(self) -> None:
        one, other = new_message_id("bücher.example", 784111777.9), new_message_id("bücher.example", 784111777.9)
        self.assertNotEqual(one, other)
        self.assertTrue(one.startswith("<2ebc98a1.") and one.endswith("@xn--bcher-kva.example>"), one)
        self.assertTrue(new_message_id("[192.0.2.1]", 0).endswith("@[192.0.2.1]>"))

    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), st.booleans())
    def test_texts_there_and_back(self, text: str, eight_bit: bool) -> None:
        part = text_part(text, eight_bit=eight_bit)
        head, _, body = part.partition(b"\r\n\r\n")
        if b"quoted-printable" in head:
            self.assertTrue(part.isascii() and all(len(line) <= 76 for line in body.split(b"\r\n")))
            body = from_quoted_printable(body)
        self.assertEqual(body, crlf(text.encode()))
        self.assertEqual(body.replace(b"\r\n", b"").count(b"\r") + body.replace(b"\r\n", b"").count(b"\n"), 0)

    @given(st.binary(max_size=200).map(crlf))
    def test_quoted_printable(self, octets: bytes) -> None:
        encoded = quoted_printable(octets)
        self.assertEqual(from_quoted_printable(encoded), octets)
        self.assertEqual(encoding_for(encoded), b"7bit")
        self.assertFalse([line for line in encoded.split(b"\r\n") if line.endswith((b" ", b"\t"))])

    def test_like_the_standard_library(self) -> None:
        message: Message = message_from_bytes(self.compose("ü\n"), policy=compat32)
        self.assertEqual(message.get_payload(decode=True), "ü\r\n".encode())
        self.assertEqual(theirs(self.compose())["subject"], "Grüße")
