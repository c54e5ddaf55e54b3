"""Set-Cookie and the dates in it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.cookie import (
    MAX_ATTRIBUTE,
    MAX_COOKIE,
    SetCookie,
    parse_cookie_date,
    parse_set_cookie,
)
from netdaemon.protocols.http.grammar.dates import format_date


class SetCookieTests(SynchronousTestCase):
    def test_read(self) -> None:
        for field, expected in (
            (b"a=b", (b"a", b"b", {})),
            (b" a\t= b=c ;", (b"a", b"b=c", {b"": b""})),
            (b'a="b, c"', (b"a", b'"b, c"', {})),
            (b"a=", (b"a", b"", {})),
            (
                b"a=b; PATH = /x ;Secure;Max-Age=1; max-age=2",
                (b"a", b"b", {b"path": b"/x", b"secure": b"", b"max-age": b"2"}),
            ),
            (b"a=\xff", (b"a", b"\xff", {})),
        ):
            self.assertEqual(parse_set_cookie(field), SetCookie(*expected), field)

    def test_what_is_none(self) -> None:
        for field in (b"", b"a", b"=b", b" =b", b"; a=b", b"a=b\x00", b"a\x07=b", b"a=b; c=\x7f", b"a=b\tc", b"a\tb=c"):
            self.assertIsNone(parse_set_cookie(field), field)

    def test_limits(self) -> None:
        self.assertIsNotNone(parse_set_cookie(b"a=" + b"b" * (MAX_COOKIE - 1)))
        self.assertIsNone(parse_set_cookie(b"a=" + b"b" * MAX_COOKIE))
        for size, kept in ((MAX_ATTRIBUTE, True), (MAX_ATTRIBUTE + 1, False)):
            read = parse_set_cookie(b"a=b; path=/" + b"x" * (size - 1))
            assert read is not None
            self.assertEqual(b"path" in read.attributes, kept)


class DateTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for value in (
            b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994",
            b"6 november 94 8:49:37", b"Nov/06 08:49:37 1994", b"08:49:37 nov 6 94 +0000",
        ):  # fmt: skip
            self.assertEqual(parse_cookie_date(value), 784111777, value)
        self.assertEqual(parse_cookie_date(b"Thu, 01-Jan-1970 00:00:00 GMT"), 0)
        self.assertEqual(parse_cookie_date(b"01 Jan 69 00:00:00"), 3124224000)

    def test_what_is_none(self) -> None:
        for value in (
            b"", b"0", b"tomorrow", b"06 Nov 1994", b"08:49:37 Nov 1994", b"31 Feb 1994 08:49:37",
            b"06 Nov 1600 08:49:37",
            b"06 Nov 1994 24:49:37", b"06 Nov 1994 08:60:37", b"06 Nov 1994 8:49:371", b"006 Nov 1994 08:49:37",
        ):  # fmt: skip
            self.assertIsNone(parse_cookie_date(value), value)

    @settings(deadline=None, max_examples=100)
    @given(st.integers(0, 253402300799))
    def test_there_and_back(self, seconds: int) -> None:
        self.assertEqual(parse_cookie_date(format_date(seconds)), seconds)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=60))
    def test_anything(self, value: bytes) -> None:
        parse_cookie_date(value)
        read = parse_set_cookie(value)
        if read is not None:
            self.assertFalse({*b";\t\r\n\0"} & {*read.name, *read.value})
