"""Dates, ranges, conditions, targets and Accept: the small grammars."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.accept import preferred
from netdaemon.protocols.http.grammar.conditions import entity_tags
from netdaemon.protocols.http.grammar.dates import civil, format_date, parse_date
from netdaemon.protocols.http.grammar.message import Malformed
from netdaemon.protocols.http.grammar.ranges import Unsatisfiable, parse_ranges
from netdaemon.protocols.http.grammar.target import Target, decode_path, parse_target, quote_path, quote_query

EXAMPLE = 784111777  # RFC 9110 5.6.7's own


class DateTests(SynchronousTestCase):
    def test_the_examples_of_the_rfc(self) -> None:
        self.assertEqual(format_date(EXAMPLE), b"Sun, 06 Nov 1994 08:49:37 GMT")
        for form in (b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"):
            self.assertEqual(parse_date(form), EXAMPLE)

    def test_two_digit_years(self) -> None:
        form = b"Sunday, 06-Nov-%b 08:49:37 GMT"
        year = lambda digits, now: civil(parse_date(form % digits, now) or 0).tm_year  # noqa: E731
        self.assertEqual([year(b"94", None), year(b"69", None), year(b"70", None)], [1994, 2069, 1970])
        now = 1_700_000_000  # 2023
        self.assertEqual([year(b"73", now), year(b"74", now), year(b"00", now)], [2073, 1974, 2000])

    def test_what_is_no_date(self) -> None:
        for value in (
            b"", b"Sun, 6 Nov 1994 08:49:37 GMT", b"Sun, 06 Nov 1994 08:49:37 UTC", b"Sun, 06 Nov 1994 08:49:37",
            b"Sun, 31 Feb 1994 08:49:37 GMT", b"Sun, 06 Nov 1994 24:49:37 GMT", b"Sun, 06 Nov 1994 08:49:61 GMT",
            b"sun, 06 nov 1994 08:49:37 gmt", b"Sun, 06 Nov 0000 08:49:37 GMT", b"784111777",
            b"Sun Nov    08:49:37 1994",
        ):  # fmt: skip
            self.assertIsNone(parse_date(value), value)
        self.assertEqual(parse_date(b"Sat, 31 Dec 2016 23:59:60 GMT"), 1483228800)

    @settings(deadline=None, max_examples=100)
    @given(st.integers(-62135596800, 253402300799))
    def test_there_and_back(self, seconds: int) -> None:
        self.assertEqual(parse_date(format_date(seconds)), seconds)

    def test_the_wildest_become_the_nearest(self) -> None:
        self.assertEqual(format_date(1e30), b"Fri, 31 Dec 9999 23:59:59 GMT")
        self.assertEqual(format_date(-1e30), b"Mon, 01 Jan 0001 00:00:00 GMT")


class RangeTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(st.text("0123456789-, bytes=", max_size=30).map(str.encode), st.integers(0, 50))
    def test_always_within_the_document(self, value: bytes, size: int) -> None:
        try:
            ranges = parse_ranges(b"bytes=" + value, size)
        except Unsatisfiable:
            return
        if ranges is not None:
            self.assertTrue(ranges)
            self.assertTrue(all(0 <= first < stop <= size for first, stop in ranges))
            self.assertLessEqual(sum(stop - first for first, stop in ranges), size)


class TagTests(SynchronousTestCase):
    def test_lists(self) -> None:
        self.assertEqual(entity_tags(b'"a", W/"b" ,, "c,d"'), [b'"a"', b'W/"b"', b'"c,d"'])
        self.assertEqual(entity_tags(b"*"), [b"*"])
        for value in (b"", b"a", b'"a', b'"a" "b"', b'w/"a"', b'"a b"', b'*, "a"', b'"a"x'):
            self.assertIsNone(entity_tags(value), value)

    def test_no_long_wait(self) -> None:
        self.assertIsNone(entity_tags(b'"a", ' * 3000 + b"x"))
        self.assertIsNone(entity_tags(b", " * 8000 + b'"'))


class TargetTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for method, target, expected in (
            (b"GET", b"/a/b?c?d", Target("origin", b"/a/b", b"c?d")),
            (b"GET", b"/", Target("origin", b"/")),
            (b"GET", b"HTTP://A:80/x?", Target("absolute", b"/x", b"", b"a:80", b"http")),
            (b"GET", b"http://a?q", Target("absolute", b"/", b"q", b"a", b"http")),
            (b"GET", b"ftp://h/x", Target("absolute", b"/x", b"", b"h", b"ftp")),
            (b"CONNECT", b"[::1]:443", Target("authority", b"", b"", b"[::1]:443")),
            (b"OPTIONS", b"*", Target("asterisk", b"")),
            (b"OPTIONS", b"http://a", Target("asterisk", b"", b"", b"a", b"http")),
        ):
            self.assertEqual(parse_target(method, target), expected)
        for method, target in (
            (b"CONNECT", b"a"),
            (b"CONNECT", b":1"),
            (b"CONNECT", b"http://a:1"),
            (b"GET", b"a:443"),
        ):
            self.assertRaises(Malformed, parse_target, method, target)

    def test_dots(self) -> None:
        for raw, path in (
            (b"/a/b/../c", b"/a/c"), (b"/a/..", b"/"), (b"/a/b/..", b"/a/"), (b"/a/.", b"/a/"), (b"/./a", b"/a"),
            (b"/a//b", b"/a/b"), (b"//", b"/"), (b"/a/...", b"/a/..."), (b"/a%20b", b"/a b"), (b"/%2ea", b"/.a"),
        ):  # fmt: skip
            self.assertEqual(decode_path(raw), path)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=40))
    def test_a_quoted_path_reads_back(self, noise: bytes) -> None:
        parts = [
            part for part in noise.replace(b"\\", b"").replace(b"\0", b"").split(b"/") if part not in (b"", b".", b"..")
        ]
        path = b"/" + b"/".join(parts)
        quoted = quote_path(path)
        self.assertRegex(quoted, rb"\A[!-~]*\Z")
        try:
            self.assertEqual(decode_path(quoted), path)
        except Malformed as error:
            self.assertIn("overlong", error.reason)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=40))
    def test_a_decoded_path_is_normal(self, raw: bytes) -> None:
        try:
            path = decode_path(b"/" + raw)
        except Malformed:
            return
        self.assertTrue(path.startswith(b"/"))
        self.assertNotIn(b"//", path)
        self.assertFalse({b".", b".."} & set(path.split(b"/")))
        self.assertFalse({0, ord("\\")} & set(path))

    def test_queries(self) -> None:
        self.assertEqual(quote_query(b'a=b%20c&"<\xff\r\n'), b"a=b%20c&%22%3C%FF%0D%0A")


class AcceptTests(SynchronousTestCase):
    offered = (b"text/html", b"application/json", b"text/plain")

    def test_weights(self) -> None:
        for accept, expected in (
            (None, b"text/html"), (b"", b"text/html"), (b"junk", b"text/html"), (b"*/*", b"text/html"),
            (b"text/plain, */*;q=0.1", b"text/plain"), (b"TEXT/Plain", b"text/plain"),
            (b"application/*", b"application/json"),
            (b"text/*;q=0.5, text/plain;q=0.9", b"text/plain"), (b"text/*, text/html;q=0", b"text/plain"),
            (b"application/json;v=1;q=1.000, text/html;q=0.999", b"application/json"), (b"image/png", None),
            (b"text/html;q=0", None), (b"application/json;q=2, text/plain;q=0.5", b"application/json"),
        ):  # fmt: skip
            self.assertEqual(preferred(accept, self.offered), expected, accept)
