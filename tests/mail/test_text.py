"""Fields as text, message-ids and dates."""

from __future__ import annotations

import time
from email.utils import mktime_tz, parsedate_tz

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.dates import format_date, parse_date
from netdaemon.mail.text import MAX_REFERENCES, header_text, message_id, one_line, references


class TextTests(SynchronousTestCase):
    def test_on_one_line(self) -> None:
        self.assertEqual(one_line("a\tb\r\nc\x00\x1b[31m\x85d\x9f\u2028"), "a b  c[31m d ")
        self.assertEqual(one_line("grüße \u00a0x"), "grüße \u00a0x")

    def test_fields(self) -> None:
        self.assertEqual(header_text(None), "")
        self.assertEqual(header_text(b" =?utf-8?q?a=0D=0AX:_b=00?= "), "a  X: b")

    @given(st.binary(max_size=60))
    def test_never_a_control_character(self, value: bytes) -> None:
        text = header_text(value)
        self.assertFalse([letter for letter in text if ord(letter) < 32 or 127 <= ord(letter) < 160])
        text.encode()


class MessageIdTests(SynchronousTestCase):
    def test_one(self) -> None:
        for value, wanted in (
            (None, ""),
            (b"", ""),
            (b"<a@b>", "<a@b>"),
            (b" x <a@b> <c@d>", "<a@b>"),
            (b"a@b", ""),
            (b"<a b>", ""),
            (b"<<a@b>>", "<a@b>"),
            (b"<>", ""),
            ("<ü@b>".encode(), "<ü@b>"),
            (b"<\xff@b>", "<\ufffd@b>"),
            (b"<" + b"a" * 994 + b">", "<" + "a" * 994 + ">"),
            (b"<" + b"a" * 995 + b">", ""),
        ):
            self.assertEqual(message_id(value), wanted, value)

    def test_references(self) -> None:
        self.assertEqual(references(b"<a@b>\t<c@d><a@b>, <e>", b"<z>"), ("<a@b>", "<c@d>", "<e>"))
        self.assertEqual(references(b"(<no>) <a@b>", None), ("<a@b>",))
        self.assertEqual(references(b"none", b"your <x@y> (<z>) and <q>"), ("<x@y>",))
        self.assertEqual((references(None, None), references(b"", b"")), ((), ()))

    def test_of_many_the_first_and_the_last(self) -> None:
        many = [f"<{n}@x>" for n in range(MAX_REFERENCES + 50)]
        found = references(" ".join(many).encode(), None)
        self.assertEqual(found, (many[0], *many[1 - MAX_REFERENCES :]))


class DateTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for value in (
            b"Sun, 06 Nov 1994 08:49:37 +0000",
            b"6 Nov 1994 08:49:37 GMT",
            b"Sun,6 Nov 94 08:49:37 Z",
            b"06 nov 1994 08:49:37",
            b"Sun, 06 Nov 1994 09:49:37 +0100 (CET)",
            b"Sun (x), 6 (y) Nov 1994 (z) 03:49:37 EST",
            b"6-Nov-1994 08:49:37 -0000",
            b"Sun, 06 Nov 1994 10:19:37 +0130",
            b"Sunday, 6 November 1994 08:49:37 +0000",
            b"6 Nov 094 08:49:37 +0000",
            b"Sun Nov  6 08:49:37 1994",
            b"Sun Nov  6 08:49:37 GMT 1994",
            b"Sun, 06 Nov 1994 08.49.37 +0000",
        ):
            self.assertEqual(parse_date(value), 784111777, value)
        self.assertEqual(parse_date(b"Thu, 01 Jan 1970 00:00 +0000"), 0)
        self.assertEqual(parse_date(b"31 Dec 1998 23:59:60 +0000"), parse_date(b"1 Jan 1999 00:00:00 +0000"))
        self.assertEqual(parse_date(b"1 Jan 49 00:00 +0000"), 2493072000)
        self.assertEqual(parse_date(b"1 Jan 50 00:00 +0000"), -631152000)

    def test_what_can_be_made_of_it(self) -> None:
        midnight = 784080000
        for value in (
            b"6 Nov 1994",
            b"6 Nov 1994 24:00:00 +0000",
            b"6 Nov 1994 08:60:00 +0000",
            b"6 Nov 1994 08:49:61",
            b"6 Nov 1994 what",
        ):
            self.assertEqual(parse_date(value), midnight, value)
        self.assertEqual(parse_date(b"6 Nov 1994 08:49:37 +0099"), 784111777)
        self.assertEqual(parse_date(b"6 Nov 1994 08:49:37 XYZ"), 784111777)

    def test_none(self) -> None:
        for value in (
            b"",
            b"yesterday",
            b"31 Feb 1994 08:49:37",
            b"6 Foo 1994 08:49:37",
            b"0 Nov 1994",
            b"6 Nov",
            b"6 Nov 19940",
            b"\xff",
        ):
            self.assertIsNone(parse_date(value), value)

    @given(st.integers(0, 4102444800), st.integers(-14 * 60, 14 * 60))
    def test_there_and_back(self, seconds: int, offset: int) -> None:
        self.assertEqual(parse_date(format_date(seconds, offset).encode()), seconds)

    @given(st.integers(0, 4102444800))
    def test_like_the_standard_library(self, seconds: int) -> None:
        written = time.strftime("%a, %d %b %Y %H:%M:%S -0330", time.gmtime(seconds))
        theirs = parsedate_tz(written)
        assert theirs is not None
        self.assertEqual(parse_date(written.encode()), mktime_tz(theirs))

    @given(
        st.lists(
            st.sampled_from(
                [b"6", b" ", b"Nov", b"1994", b"08", b":", b"49", b"+0100", b"(", b",", b"-", b"Sun", b"99"]
            ),
            max_size=14,
        )
    )
    def test_anything_can_be_read(self, pieces: list[bytes]) -> None:
        self.assertIsInstance(parse_date(b"".join(pieces)), int | None)
