"""gopher and gophers URLs, both ways, and what may not be in them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.gopher.grammar.menu import Item
from netdaemon.protocols.gopher.grammar.url import GopherURL, parse_url, url_of

PLAIN = st.binary(max_size=20).filter(lambda octets: not any(octet < 32 or octet == 127 for octet in octets))


class URLTests(SynchronousTestCase):
    def test_urls(self) -> None:
        for text, url in (
            ("gopher://spam.egg", GopherURL("gopher", "spam.egg", 70)),
            ("gopher://spam.egg/", GopherURL("gopher", "spam.egg", 70)),
            ("GOPHER://SPAM.egg:7070/1", GopherURL("gopher", "spam.egg", 7070)),
            ("gophers://spam.egg/0/a.txt", GopherURL("gophers", "spam.egg", 70, "0", b"/a.txt")),
            ("gopher://spam.egg/0a%20b%ff", GopherURL("gopher", "spam.egg", 70, "0", b"a b\xff")),
            ("gopher://spam.egg/7/a%09b%20c", GopherURL("gopher", "spam.egg", 70, "7", b"/a", b"b c")),
            ("gopher://spam.egg/7/find?a=b", GopherURL("gopher", "spam.egg", 70, "7", b"/find?a=b")),
            ("gopher://spam.egg/7/find?", GopherURL("gopher", "spam.egg", 70, "7", b"/find?")),
            ("gopher://spam.egg/0/a%09%09%2B", GopherURL("gopher", "spam.egg", 70, "0", b"/a", None, b"+")),
            ("gopher://spam.egg/7/a%09b%09+text/plain",
             GopherURL("gopher", "spam.egg", 70, "7", b"/a", b"b", b"+text/plain")),
            ("gopher://[::1]:7070/1/x", GopherURL("gopher", "::1", 7070, "1", b"/x")),
        ):  # fmt: skip
            self.assertEqual(parse_url(text), url, text)
            self.assertEqual(parse_url(str(url)), url, text)

    def test_forms(self) -> None:
        self.assertEqual(str(GopherURL("gopher", "spam.egg", 70)), "gopher://spam.egg/")
        self.assertEqual(str(GopherURL("gopher", "::1", 71, "0", b"/a b\xe9")), "gopher://[::1]:71/0/a%20b%E9")

    def test_what_is_none(self) -> None:
        for text in ("gopher:", "gopher:///x", "http://spam.egg/", "gopher://spam.egg/0a%0d%0aRSET", "gopher://spam.egg/0a%0a",
                     "gopher://spam.egg/0%00", "gopher://spam.egg/7a%09b%0dc", "gopher://spam.egg/0a%09b%09c%09d",
                     "gopher://spam.egg/%0d", "gopher://spam.egg/%ff", "gopher://spam.egg:0/", "gopher://spam.egg:99999/",
                     "gopher://a@b@c/", "gopher://spam.egg/0a\r\nb", "gopher://sp am/"):  # fmt: skip
            self.assertRaises(ValueError, parse_url, text)
        try:
            parse_url("gopher://user:secret@spam.egg/0%0d")
        except ValueError as error:
            self.assertNotIn("secret", str(error))

    @settings(deadline=None)
    @given(st.characters(min_codepoint=33, max_codepoint=126), PLAIN, st.none() | PLAIN)
    def test_both_ways(self, kind: str, selector: bytes, search: bytes | None) -> None:
        url = GopherURL("gopher", "spam.egg", 70, kind, selector, search)
        self.assertEqual(parse_url(str(url)), url)

    @settings(deadline=None)
    @given(st.text(max_size=60))
    def test_whatever_is_written(self, text: str) -> None:
        try:
            url = parse_url(f"gopher://spam.egg/{text}")
        except ValueError:
            return
        self.assertFalse(set(url.selector + (url.search or b"")) & {0, 9, 10, 13})

    def test_items(self) -> None:
        for item, url in (
            (Item("0", "a", "/a.txt", "spam.egg", 70), "gopher://spam.egg/0/a.txt"),
            (Item("1", "a", "", "spam.egg", 7070), "gopher://spam.egg:7070/"),
            (Item("0", "a", "caf\udce9", "spam.egg", 70), "gopher://spam.egg/0caf%E9"),
            (Item("h", "a", "URL:https://a/?b", "spam.egg", 70), "https://a/?b"),
            (Item("h", "a", "/URL:mailto:a@b", "spam.egg", 70), "mailto:a@b"),
            (Item("h", "a", "/a.html", "spam.egg", 70), "gopher://spam.egg/h/a.html"),
            (Item("8", "a", "guest", "spam.egg", 23), "telnet://spam.egg"),
        ):
            self.assertEqual(url_of(item), url)
        self.assertEqual(url_of(Item("0", "a", "/a", "spam.egg", 7443), secure=True), "gophers://spam.egg:7443/0/a")
        for item in (Item("i", "a", "b", "c", 1), Item("3", "a"), Item("0", "a", "/a", "", 70),
                     Item("0", "a", "/a", "h", 0), Item("0", "a", "/a\x01", "spam.egg", 70),
                     Item("0", "a", "/a", "h\x1b", 70), Item("0", "a", "/a", "h/x", 70),
                     Item("8", "a", "", "h\x1b", 23)):  # fmt: skip
            self.assertRaises(ValueError, url_of, item)
