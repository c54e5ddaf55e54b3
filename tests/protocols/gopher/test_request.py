"""Requests and the paths they mean: every form, and whatever may come."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.gopher.grammar.request import (
    MAX_LINE,
    Malformed,
    Request,
    build_request,
    is_http,
    parse_request,
    path_of,
)

PLAIN = st.binary(max_size=40).filter(lambda octets: not any(octet < 32 or octet == 127 for octet in octets))


class RequestTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for line, request in (
            (b"", Request(b"")),
            (b"/spam", Request(b"/spam")),
            (b"/sp am\xff", Request(b"/sp am\xff")),
            (b"/s\tsome words", Request(b"/s", b"some words")),
            (b"/s\t", Request(b"/s", b"")),
            (b"/s\t+", Request(b"/s", None, b"+")),
            (b"/s\t!", Request(b"/s", None, b"!")),
            (b"/s\t$", Request(b"/s", None, b"$")),
            (b"/s\t+text/plain", Request(b"/s", None, b"+", (b"text/plain",))),
            (b"/s\t+text/plain En_US", Request(b"/s", None, b"+", (b"text/plain En_US",))),
            (b"/s\t!+ADMIN+VIEWS", Request(b"/s", None, b"!", (b"ADMIN", b"VIEWS"))),
            (b"/s\twords\t+", Request(b"/s", b"words", b"+")),
            (b"/s\t\t+", Request(b"/s", b"", b"+")),
            (b"/s\t+\t1", Request(b"/s", None, b"+", (), True)),
            (b"/s\t+\t0", Request(b"/s", None, b"+")),
            (b"/s\twords\t$\t1", Request(b"/s", b"words", b"$", (), True)),
            # what only begins as Gopher+ does is searched for
            (b"/s\t+1 more", Request(b"/s", b"+1 more")),
            (b"/s\t$5", Request(b"/s", b"$5")),
            (b"/s\t!important", Request(b"/s", b"!important")),
        ):
            self.assertEqual(parse_request(line), request, line)

    def test_what_is_none(self) -> None:
        for line in (b"/a\rb", b"/a\nb", b"\0", b"/\x1b[2J", b"/a\x7f", b"/a\tb\x01", b"/a\tb\tc", b"/a\tb\t+\t1\t2",
                     b"/a\t+\t1\t2", b"x" * (MAX_LINE + 1)):  # fmt: skip
            self.assertRaises(Malformed, parse_request, line)
        parse_request(b"x" * MAX_LINE)

    @settings(deadline=None)
    @given(PLAIN, st.none() | PLAIN, st.sampled_from((b"", b"+", b"+text/plain", b"!", b"$+ADMIN")))
    def test_both_ways(self, selector: bytes, search: bytes | None, plus: bytes) -> None:
        line = build_request(selector, search, plus)
        self.assertEqual(line.count(b"\r"), 1)
        request = parse_request(line[:-2])
        self.assertEqual(request.selector, selector)
        if search is None or request.search is not None:
            self.assertEqual((request.search, request.plus), (search, plus[:1]))

    @settings(deadline=None)
    @given(st.binary(max_size=60))
    def test_whatever_comes(self, line: bytes) -> None:
        try:
            request = parse_request(line)
        except Malformed as error:
            self.assertIs(error.__class__, Malformed)
        else:
            self.assertTrue(line.startswith(request.selector))

    def test_no_second_line_is_built(self) -> None:
        for fields in (
            (b"/a\r\nb",),
            (b"/a\tb",),
            (b"/a", b"b\nc"),
            (b"/a", b"b\tc"),
            (b"/\0",),
            (b"/", None, b"junk"),
        ):
            self.assertRaises(Malformed, build_request, *fields)
        self.assertRaises(Malformed, build_request, b"x" * (MAX_LINE + 1))

    def test_browsers(self) -> None:
        for line in (b"GET / HTTP/1.1", b"POST /x HTTP/1.0", b"CONNECT a:1 HTTP/1.1", b"Host: spam.egg"):
            self.assertTrue(is_http(line), line)
        for line in (b"", b"GET", b"GET /", b"GETTING HTTP/1.1", b"/HTTP/1.1", b"hosts"):
            self.assertFalse(is_http(line), line)


class PathTests(SynchronousTestCase):
    def test_paths(self) -> None:
        for selector, path in (
            (b"", b"/"), (b"/", b"/"), (b"/a/b", b"/a/b"), (b"a/b", b"/a/b"), (b"/a/b/", b"/a/b"), (b"//a//b", b"/a/b"),
            (b"1/a", b"/a"), (b"0/a.txt", b"/a.txt"), (b"1/", b"/"), (b"I/1/a", b"/1/a"), (b"/1/a", b"/1/a"),
            (b"z/a", b"/z/a"), (b"10/a", b"/10/a"), (b"1", b"/1"), (b"/a/./b", b"/a/b"), (b"/a/../b", b"/b"),
            (b"/a/..", b"/"), (b"/..", None), (b"..", None), (b"1/../a", None), (b"/a/../../b", None),
            (b"/...", b"/..."), (b"/..a", b"/..a"),
        ):  # fmt: skip
            self.assertEqual(path_of(selector), path, selector)

    @settings(deadline=None)
    @given(st.lists(st.sampled_from((b"..", b".", b"", b"a", b"1", b"...")), max_size=8))
    def test_none_climbs(self, parts: list[bytes]) -> None:
        path = path_of(b"/".join(parts))
        if path is not None:
            self.assertTrue(path.startswith(b"/"))
            self.assertNotIn(b"..", path.split(b"/"))
