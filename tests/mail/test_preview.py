"""The beginning of a message's text."""

from __future__ import annotations

import base64
import quopri

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.content import Content
from netdaemon.mail.preview import CHARACTERS, FirstText, preview
from tests.mail.kit import crlf, cut, read
from tests.mail.test_structure import NESTED


def content(subtype: bytes = b"plain", encoding: bytes = b"8bit", charset: bytes = b"utf-8") -> Content:
    return Content(b"text", subtype, ((b"charset", charset),), encoding=encoding)


class FirstTextTests(SynchronousTestCase):
    def text(self, octets: bytes, limit: int = 100) -> bytes:
        found = set()
        for at in ([], range(len(octets)), range(0, len(octets), 3)):
            text = FirstText(limit)
            read(cut(octets, at), sink=text)
            found.add((text.octets, text.content is not None))
        self.assertEqual(len(found), 1)
        octets, there = found.pop()
        self.assertEqual(there, bool(octets))
        return octets

    def test_the_first_text(self) -> None:
        self.assertEqual(self.text(NESTED), b"<p>one</p>\r\n")
        self.assertEqual(self.text(NESTED, 4), b"<p>o")
        self.assertEqual(self.text(b"Subject: x\r\n\r\nsome\r\ntext"), b"some\r\ntext")
        self.assertEqual(self.text(b"Subject: x\r\n\r\n"), b"")

    def test_neither_attachments_nor_what_is_empty(self) -> None:
        octets = crlf(
            "\nContent-Type: multipart/mixed; boundary=a\n\nbefore\n--a\nContent-Disposition: attachment\n\nattached\n"
            "--a\n\n \n\n--a\nContent-Type: text/csv\n\nc,s,v\n--a\n\nthis\n--a\n\nnot this\n--a--\n"
        )
        self.assertEqual(self.text(octets), b"this")


class PreviewTests(SynchronousTestCase):
    def check(self, text: str | bytes, wanted: str, subtype: bytes = b"plain") -> None:
        octets = text if isinstance(text, bytes) else text.encode()
        self.assertEqual(preview(octets, content(subtype)), wanted)
        if isinstance(text, str):
            for charset in ("utf-8", "utf-16"):
                encoded = base64.encodebytes(text.encode(charset))
                self.assertEqual(preview(encoded, content(subtype, b"Base64", charset.encode())), wanted)
            self.assertEqual(preview(quopri.encodestring(octets), content(subtype, b"quoted-printable")), wanted)

    def test_text(self) -> None:
        self.check("", "")
        self.check(" \r\n\t\r\n", "")
        self.check(" Hallo,\r\n\r\n\tWelt\x00\x1b[31m \u200b!\r\n", "Hallo, Welt[31m !")
        self.check(b"caf\xe9 x", "caf\ufffd x")
        self.check(b"caf\xc3", "caf")
        self.check("中" * 300, "中" * 200)

    def test_what_is_quoted(self) -> None:
        self.check("> before\r\n>> more\r\n\r\nYes, it is.\r\n> after\r\nTwo > one\r\n", "Yes, it is. Two > one")
        self.check("> all\r\n> of it\r\n", "> all > of it")

    def test_html(self) -> None:
        self.check(
            "<html><head><title>no</title><style>p > a {}</style></head><body><!-- <p>no</p> -->\r\n"
            "<p class='x'>Hallo,<br/>W&euml;lt &lt;b&gt; &#x41;</p><SCRIPT>no</SCRIPT >&amp;nbsp</body>",
            "Hallo, Wëlt <b> A &nbsp",
            b"html",
        )
        self.check("a < b <c d", "a < b", b"html")
        self.check("<p>a<!-- b", "a", b"html")
        self.check("<p>a<script>b</scrip>c", "a", b"html")
        self.check("<<<p>>a", "<<<p>>a"[:2] + " >a", b"html")
        self.check("<header>a</header>", "a", b"html")

    def test_the_beginning_is_enough(self) -> None:
        octets = b"word " * 5000
        self.assertEqual(preview(octets, content()), ("word " * 40).strip())
        self.assertEqual(len(preview(b" " * 3000 + octets, content())), CHARACTERS - 1)
        self.assertEqual(preview(b" " * 3000 + b"x", content()), "x")

    @given(
        st.binary(max_size=200),
        st.sampled_from([b"plain", b"html"]),
        st.sampled_from([b"base64", b"quoted-printable", b"8bit"]),
    )
    def test_any_octets(self, octets: bytes, subtype: bytes, encoding: bytes) -> None:
        text = preview(octets, content(subtype, encoding, b"utf-7"))
        self.assertLessEqual(len(text), CHARACTERS)
        self.assertEqual(text, text.strip())
        self.assertFalse([letter for letter in text if ord(letter) < 32 or 127 <= ord(letter) < 160])
        text.encode()
