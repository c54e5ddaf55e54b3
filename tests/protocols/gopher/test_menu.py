"""Menus: an item's line both ways, and whatever servers send instead."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.gopher.grammar.menu import Item, build_item, clean, error, info, is_fit, parse_item, parse_menu
from netdaemon.protocols.gopher.grammar.request import Malformed

WORD = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=30)


class ItemTests(SynchronousTestCase):
    def test_items(self) -> None:
        for line, item in (
            (b"0Spam\t/spam.txt\tspam.egg\t70", Item("0", "Spam", "/spam.txt", "spam.egg", 70)),
            (b"1\t\tspam.egg\t7070\t+", Item("1", "", "", "spam.egg", 7070, ("+",))),
            (b"hWeb\tURL:http://a/\th\t70\t?\tmore", Item("h", "Web", "URL:http://a/", "h", 70, ("?", "more"))),
            (b"0a\tb\t h \t 70 ", Item("0", "a", "b", "h", 70)),
            (b"itext", Item("i", "text")),
            (b"itext\tfake\t(NULL)\t0", Item("i", "text", "fake", "(NULL)", 0)),
            (b"itext\t\terror.host\tx", Item("i", "text", "", "error.host", 0)),
            (b"3gone", Item("3", "gone")),
            (b"0caf\xc3\xa9\tcaf\xe9\th\t70", Item("0", "caf\u00e9", "caf\udce9", "h", 70)),
            (b"0caf\xe9\ta\th\t70", Item("0", "caf\u00e9", "a", "h", 70)),
            # no items: shown as the text that they are
            (b"0a\tb\tc", Item("i", "0a b c")),
            (b"0a\tb\tc\t70x", Item("i", "0a b c 70x")),
            (b"0a\tb\tc\t70000", Item("i", "0a b c 70000")),
            (b"0a\tb\tc\t-1", Item("i", "0a b c -1")),
            (b"\ta\tb\t1", Item("i", " a b 1")),
            (b"\xc3\xa9\ta\tb\t1", Item("i", "\u00e9 a b 1")),
            (b"", Item("i", "")),
        ):
            self.assertEqual(parse_item(line), item, line)

    def test_what_an_item_says_of_itself(self) -> None:
        self.assertTrue(Item("0", "a", extra=("+",)).plus)
        self.assertFalse(Item("0", "a", extra=("x",)).plus)
        self.assertEqual([Item(kind, "a").leads_on for kind in "01i3"], [True, True, False, False])

    def test_menus(self) -> None:
        whole = b"0a\ts\th\t70\r\n1b\tt\th\t70\n\r\ninfo\r\n.\r\n0never\ts\th\t70\r\n"
        self.assertEqual([item.description for item in parse_menu(whole)], ["a", "b", "nfo"])
        self.assertEqual(len(parse_menu(b"0a\ts\th\t70\r\n1b\tt\th\t70")), 2)
        self.assertEqual(parse_menu(b""), [])
        for cut in range(len(whole)):
            parse_menu(whole[:cut])

    @settings(deadline=None)
    @given(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda kind: kind not in "i3"), WORD, WORD,
           WORD.map(str.strip), st.integers(0, 65535), st.lists(WORD, max_size=3))  # fmt: skip
    def test_both_ways(self, kind: str, text: str, selector: str, host: str, port: int, extra: list[str]) -> None:
        item = Item(kind, text, selector, host, port, tuple(extra))
        self.assertEqual(parse_menu(build_item(item) + b".\r\n"), [] if build_item(item) == b".\r\n" else [item])

    @settings(deadline=None)
    @given(st.binary(max_size=200))
    def test_whatever_comes(self, data: bytes) -> None:
        for item in parse_menu(data):
            self.assertEqual(len(item.type), 1)
            self.assertTrue(0 <= item.port <= 65535)
            for field in (item.selector, item.host, *item.extra):
                self.assertNotIn("\t", field)
                self.assertNotIn("\n", field)

    def test_nothing_is_built_that_is_two_lines(self) -> None:
        good = Item("0", "a", "b", "h", 70)
        for change in ({"description": "a\tb"}, {"selector": "a\r\nb"}, {"host": "h\n"}, {"extra": ("+\r",)},
                       {"type": ""}, {"type": "01"}, {"type": "\t"}, {"selector": "\x9b2J"}, {"port": 65536},
                       {"port": -1}):  # fmt: skip
            self.assertRaises(Malformed, build_item, good._replace(**change))

    @settings(deadline=None)
    @given(st.text(max_size=30))
    def test_text_is_one_line(self, text: str) -> None:
        for line in (info(text), error(text)):
            self.assertEqual((line.count(b"\n"), line.count(b"\r"), line.count(b"\t")), (1, 1, 3))
            self.assertTrue(line.endswith(b"\t\tnull.host\t1\r\n"))

    def test_clean(self) -> None:
        self.assertEqual(clean("a\x1b[31mb\tc\x85\x9b\u2028d \u00a0\u202ee"), "a[31mbcd \u00a0\u202ee")
        for name in (b"a\tb", b"a\nb", b"a\rb", b"\x00", b"\x1b", b"\x7f", "\x85".encode(), "\u2028".encode(), b"\x9b",
                     b"a\x80"):  # fmt: skip
            self.assertFalse(is_fit(name), name)
        for name in (b"spam", b"caf\xe9", "caf\u00e9 \u4e2d".encode(), b"a b", b""):
            self.assertTrue(is_fit(name), name)
