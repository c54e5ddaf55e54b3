"""The page with a quote chosen by chance."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.quote import Quote, parse_quotes
from netdaemon.protocols.http.settings import Quotes
from tests.protocols.http.visitors import VisitorTests


class GrammarTests(SynchronousTestCase):
    def test_set_apart(self) -> None:
        for text, quotes in (
            (b"one\n\ntwo\nmore\n\n\n\nthree", ["one", "two\nmore", "three"]),
            (b"one\n%\ntwo\n % \nthree\n%\n", ["one", "two", "three"]),
            (b"%\r\none\r\n%\r\n\r\n%\r\ntwo\r\n", ["one", "two"]),
            (b"100 % sure\n50%\n", ["100 % sure\n50%"]),
            (b"\xef\xbb\xbfone\n \t \ntwo", ["one", "two"]),
            (b"a\x1b[2J\x07b\xff", ["a[2Jb\N{REPLACEMENT CHARACTER}"]),
            (b"", []),
            (b"\n\n%\n \n", []),
        ):
            self.assertEqual(parse_quotes(text), quotes, text)

    def test_long_blank_lines_cost_nothing(self) -> None:
        self.assertEqual(
            parse_quotes(b"a\n" + b" " * 1_000_000 + b"x\n" + b"\n" * 1_000_000 + b"b"),
            ["a\n" + " " * 1_000_000 + "x", "b"],
        )

    @given(st.binary())
    def test_any_octets(self, data: bytes) -> None:
        for quote in parse_quotes(data):
            self.assertTrue(quote.strip())


class QuoteTests(VisitorTests):
    def setUp(self) -> None:
        super().setUp()
        self.quotes = self.top.parent / "quotes.txt"
        self.quotes.write_text("<script>alert('&')</script>\n-- A. Nonym\n")

    def line(self) -> tuple[Quotes, ...]:
        return (Quotes("/quote", self.quotes),)

    def test_as_html_and_as_text(self) -> None:
        peer = self.visitor(self.factory(quote=self.line()))
        reply = self.via(peer, "/quote")
        self.assertEqual((reply.status, reply[b"Cache-Control"]), (200, b"no-store"))
        self.assertIn(b"&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;\n-- A. Nonym", reply.body)
        self.assertNotIn(b"<script", reply.body)
        self.assertIsNotNone(reply[b"Content-Security-Policy"])
        reply = self.via(peer, "/quote", b"Accept: text/plain")
        self.assertEqual(reply.body, b"<script>alert('&')</script>\n-- A. Nonym\n")
        self.assertEqual(
            (reply[b"Content-Type"], reply[b"X-Content-Type-Options"]), (b"text/plain; charset=utf-8", b"nosniff")
        )
        self.assertEqual(self.via(peer, "/quote", method=b"HEAD").body, b"")

    def test_nothing_else_there(self) -> None:
        peer = self.visitor(self.factory(quote=self.line()))
        self.file("quote/x.txt", b"hidden behind it")
        for target in ("/quote/", "/quote/x.txt", "/quote/quote"):
            self.assertEqual(self.via(peer, target).status, 404, target)
        self.assertEqual(self.via(peer, "/quotes").status, 404)
        reply = self.via(peer, "/quote", method=b"POST")
        self.assertEqual((reply.status, reply[b"Allow"]), (405, b"GET, HEAD, OPTIONS"))

    def test_by_chance(self) -> None:
        chosen: list[Sequence[str]] = []
        self.quotes.write_text("one\n%\ntwo\n")

        def choose(quotes: Sequence[str]) -> str:
            chosen.append(quotes)
            return quotes[len(chosen) % 2]

        factory = self.factory(quote=self.line())
        place = factory.sites.own._mounts.find(b"/quote")
        place.responder._choose = choose
        peer = self.visitor(factory)
        bodies = [self.via(peer, "/quote", b"Accept: text/plain").body for _ in range(3)]
        self.assertEqual(bodies, [b"two\n", b"one\n", b"two\n"])

    def test_read_again_when_it_has_changed(self) -> None:
        peer = self.visitor(self.factory(quote=self.line()))
        self.via(peer, "/quote")
        self.quotes.write_text("new")
        self.assertNotIn(b"new", self.via(peer, "/quote", b"Accept: text/plain").body)
        self.clock.advance(1)
        self.assertEqual(self.via(peer, "/quote", b"Accept: text/plain").body, b"new\n")

    def test_one_look_a_second(self) -> None:
        looked: list[str] = []

        class Counting(type(Path())):  # type: ignore[misc]
            def stat(self, **keys: bool) -> os.stat_result:
                looked.append("stat")
                return super().stat(**keys)

        quote = Quote(Counting(self.quotes), iter((0.0, 0.5, 0.99, 1.0, 1.5, 2.0)).__next__)
        for _ in range(6):
            quote._look()
        self.assertEqual(len(looked), 3)

    def test_empty_or_gone(self) -> None:
        peer = self.visitor(self.factory(quote=self.line()))
        for spoil in (lambda: self.quotes.write_text("\n%\n"), self.quotes.unlink):
            spoil()
            self.clock.advance(1)
            reply = self.via(peer, "/quote")
            self.assertEqual((reply.status, reply[b"Retry-After"]), (503, b"10"))
        self.quotes.write_text("back")
        self.clock.advance(1)
        self.assertEqual(self.via(peer, "/quote", b"Accept: text/plain").body, b"back\n")
