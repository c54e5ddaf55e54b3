"""No octet of a name, a text or a request ends a line, a field or an attribute that is ours, or a page's markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.gopher.grammar.menu import parse_menu
from netdaemon.protocols.gopher.pages import redirect, to_browsers
from tests.protocols.gopher.garden import GardenTests

LINE = re.compile(rb"[ -~\x80-\xff]*\t[ -~\x80-\xff]*\t[ -~]*\t[0-9]+(?:\t\+)?").fullmatch
NASTY = (b"a\tb", b"a\r\n0x\t/y\tz\t1", b"a\n.\n", b"a\x00", b"\x1b]0;x\x07", b"a\x7f", b"\xc2\x85", b"\xe2\x80\xa8",
         b"\x9b31m",
                 b".", b"+INFO: x", b"0evil", b"%0d%0a", b"<b>", b"a b\t", b"\xff\xfe")  # fmt: skip
FILES = tuple(name for name in NASTY if b"\0" not in name and name != b".")


class NameTests(GardenTests):
    def setUp(self) -> None:
        super().setUp()
        for name in FILES:
            self.file(b"n/" + name, b"spam")
            self.file(b"f/" + name + b"/gophertag", name + b"\t/evil\tevil.egg\t1\r\n0more\tx\ty\t1\n")
            self.file(b"t/" + name + b".txt.abstract", b".\r\n+ADMIN:\r\n" + name)
            self.file(b"t/" + name + b".txt")

    async def test_menus(self) -> None:
        for request in (b"/n", b"/f", b"/t", b"/n\tspam", b"/\ta", b"/f\t", b"/t\tx"):
            answer = await self.ask(request)
            *lines, dot, end = answer.split(b"\r\n")
            self.assertEqual((dot, end), (b".", b""), request)
            for line in lines:
                self.assertTrue(LINE(line), line)
            for item in parse_menu(answer):
                self.assertIn(item.host, ("spam.egg", "null.host"))

    async def test_attributes(self) -> None:
        for request in (b"/n\t$", b"/f\t$", b"/t\t$", *(b"/t/%b.txt\t!" % name for name in FILES)):
            answer = await self.ask(request)
            if answer.startswith((b"--1", b"3")):
                continue
            self.assertTrue(answer.startswith(b"+-1\r\n") and answer.endswith(b"\r\n.\r\n"), request)
            for line in answer.removesuffix(b".\r\n").split(b"\r\n")[1:-1]:
                # an attribute, or a line that belongs to one
                self.assertRegex(line, rb"\A(?:\+(?:INFO: .*|ADMIN:|VIEWS:|ABSTRACT:)| .*)\Z")
                self.assertFalse(set(line) & {0, 10, 13, 27, 127}, line)

    async def test_refusals_repeat_nothing(self) -> None:
        for name in NASTY:
            for form in (b"/%b", b"/%b\t+", b"/n\t%b\t\t\t", b"URL:%b"):
                answer = await self.ask(form % name)
                self.assertNotIn(b"evil.egg", answer)
                self.assertNotIn(b"\x1b", answer)

    @settings(deadline=None, max_examples=60)
    @given(st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & {0, 47} and name.strip(b".")))
    def test_any_name(self, name: bytes) -> None:
        folder = self.folder("any")
        for old in folder.iterdir():
            old.unlink()
        self.file(b"any/" + name)
        answer: bytes = self.successResultOf(Deferred.fromCoroutine(self.ask(b"/any")))
        for line in answer.removesuffix(b".\r\n").split(b"\r\n")[:-1]:
            self.assertTrue(LINE(line), line)


class Parsed(HTMLParser):
    """The tags of a page, and where its links lead."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name == "href"]


TAGS = ["html", "head", "meta", "title", "meta", "meta", "body", "p", "a"]


class PageTests(SynchronousTestCase):
    def test_only_links_that_are_followed(self) -> None:
        for link in (b"javascript:alert(1)", b"JAVASCRIPT:x", b"data:text/html,x", b"file:///etc/passwd", b"http:",
                     b"http", b"//evil.egg", b"vbscript:x", b"", b"http://a b/", b"http://a\x1b/", b"http://a\xff/",
                     b"telnet://a", b" http://a/", b"java\nscript:x"):  # fmt: skip
            self.assertIsNone(redirect(link), link)

    def test_markup(self) -> None:
        for link in (b'http://a/"><script>alert(1)</script>', b"http://a/'onmouseover='x", b"http://a/</title><b>&amp;",
                     b"mailto:a@b?subject=<b>", b'http://a/";x="', b"http://a/&quot;>"):  # fmt: skip
            page = redirect(link)
            assert page is not None
            parsed = Parsed(page)
            self.assertEqual((parsed.tags, parsed.links), (TAGS, [link.decode()]))

    @settings(deadline=None)
    @given(st.text(max_size=40))
    def test_any_link(self, text: str) -> None:
        page = redirect(b"http://" + text.encode("utf-8", "surrogatepass"))
        if page is not None:
            self.assertEqual(Parsed(page).tags, TAGS)

    def test_the_page_for_browsers(self) -> None:
        answer = to_browsers(b"spam.egg", 70)
        self.assertEqual(answer.count(b"\r\n\r\n"), 1)
        self.assertNotIn(b"evil", answer)
