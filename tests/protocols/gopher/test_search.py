"""Searches: what is found, and what they may cost."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor as _reactor
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.gopher.grammar.pattern import MAX_WORDS, Pattern, fold
from tests.kit.dialog import Peer
from tests.protocols.gopher.garden import GardenTests

reactor: Any = _reactor


def finds(words: str, text: str) -> bool:
    return Pattern(words.encode()).in_text(fold(text.encode()))


class Counted(str):
    """A text that counts the characters that `find` goes past in it: what a search costs, on whatever machine."""

    looked_at = 0

    def find(self, piece: str, start: Any = 0, stop: Any = None, /) -> int:
        stop = len(self) if stop is None else stop
        found = super().find(piece, start, stop)
        self.looked_at += (stop if found < 0 else found + len(piece)) - start
        return found


class PatternTests(SynchronousTestCase):
    def test_words(self) -> None:
        for words, text, found in (
            ("spam", "Spam and eggs", True), ("SPAM EGG", "eggs, spam", True), ("spam ham", "spam", False),
            ("sp*m", "a spasm", True), ("s*m", "some\ntime", True), ("s*z", "s\nz", False), ("a*b*c", "xaybzc", True),
            ("a*c*b", "xaybzc", False), ("*", "", True), ("***x", "x", True), ("STRASSE", "stra\u00dfe", True),
            ("a.c", "abc", False), ("[a-z]", "b", False), ("a*b", "a c\na b", True),
        ):  # fmt: skip
            self.assertEqual(finds(words, text), found, (words, text))
        self.assertTrue(Pattern(b" * ** ").empty)

    def test_names_take_words_away(self) -> None:
        pattern = Pattern(b"spam egg")
        self.assertTrue(pattern.missing("spam-and-eggs.txt").empty)
        self.assertFalse(pattern.missing("spam.txt").in_text("spam"))
        self.assertTrue(pattern.missing("spam.txt").in_text("an egg"))

    def test_linear(self) -> None:
        """No character is looked at more often than the pattern has pieces, and once more for the lines' ends."""
        for words, text in (
            ("*".join(["a"] * 50) + "*b", "a" * 20_000),
            ("a*b", "a\n" * 10_000),
            ("ab*b*c", "ab" * 10_000),
            (" ".join(["a*a*a*b"] * MAX_WORDS), "a" * 20_000),
            (" ".join(["a*a*a*b"] * MAX_WORDS), "aaaa\n" * 4_000),
            ("a*" * 400 + "b", "a" * 100 + "\n" + "a" * 20_000),
        ):
            counted = Counted(text)
            pattern = Pattern(words.encode())
            self.assertFalse(pattern.in_text(counted))
            pieces = sum(len(word) for word in pattern._words)
            self.assertLessEqual(counted.looked_at, (pieces + 2 * len(pattern._words)) * len(text), words)

    @settings(deadline=None)
    @given(st.binary(max_size=40), st.binary(max_size=80))
    def test_whatever_comes(self, words: bytes, text: bytes) -> None:
        pattern = Pattern(words)
        pattern.missing(fold(text)).in_text(fold(text))


class SearchTests(GardenTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("spam.txt", b"eggs and ham")
        self.file("deep/er/menu.txt", b"Spam, spam\nand EGGS")
        self.file("deep/spam.png", b"\x89PNG spam eggs")
        self.file("deep/plain", b"eggs of spam")
        self.file("deep/gophermap", b"spam eggs")
        self.file(".hidden", b"spam eggs")
        self.folder("spam eggs")

    async def search(self, line: bytes, **settings: object) -> set[str]:
        return {item.type + item.selector for item in await self.items(line, **settings)}

    async def test_names_and_texts(self) -> None:
        self.assertEqual(
            await self.search(b"/\tspam eggs"), {"0/spam.txt", "0/deep/er/menu.txt", "0/deep/plain", "1/spam eggs"}
        )
        self.assertEqual(await self.search(b"/deep\teggs"), {"0/deep/er/menu.txt", "0/deep/plain"})
        self.assertEqual(await self.search(b"7/deep/er\ts*m"), {"0/deep/er/menu.txt"})
        self.assertEqual(await self.search(b"\t*.png"), {"p/deep/spam.png"})
        self.assertEqual(await self.search(b"/\tdeep"), {"1/deep"})

    async def test_nothing(self) -> None:
        self.assertIn(b"iNothing was found.\t", await self.ask(b"/\tknights"))
        self.assertIn(b"iWhat is to be searched for?", await self.ask(b"/\t"))
        self.assertIn(b"iWhat is to be searched for?", await self.ask(b"/\t *"))
        self.assertTrue((await self.ask(b"/none\tspam")).startswith(b"3"))
        self.assertEqual(await self.ask(b"/spam.txt\twords"), b"eggs and ham\r\n.\r\n")  # a document stays one

    async def test_off(self) -> None:
        self.assertEqual(await self.ask(b"/deep/er\tspam", search=False), await self.ask(b"/deep/er", search=False))
        self.assertNotIn(b"7Search", await self.ask(b"/", search=False))

    async def test_gopher_plus(self) -> None:
        answer = await self.ask(b"/deep/er\tspam\t+")
        self.assertTrue(answer.startswith(b"+-1\r\n0/deep/er/menu.txt"))
        self.assertTrue(answer.endswith(b"\r\n.\r\n"))

    async def test_bounds(self) -> None:
        for number in range(30):
            self.file(f"many/{number}.txt", b"spam " * 100)
        for bounds, why in (
            ({"search_entries": 10}, b"10 names"),
            ({"search_results": 3}, b"3 items"),
            ({"search_size": 1000}, b"reading as much text"),
        ):
            answer = await self.ask(b"/many\tspam", **bounds)
            self.assertIn(why, answer)
            self.assertLessEqual(answer.count(b"\r\n0"), 10)

    async def test_time(self) -> None:
        self.server()
        factory = self.server(search_time=0.5)
        clock = self.house.clock
        ticks = iter(range(10_000))
        clock.seconds = lambda: next(ticks) * 0.1  # every look at the clock takes a tenth of a second
        peer = Peer(factory.buildProtocol(None))
        peer.send(b"/\tegg\r\n")
        while not peer.closed:
            clock.advance(0)
        self.assertIn(b"ended after 0.5 s", await peer.rest())

    async def test_links_in_circles(self) -> None:
        self.link("deep/round", "..")
        self.assertLess(len(await self.search(b"/\tspam")), 20)

    async def test_the_number_at_one_time(self) -> None:
        for number in range(600):
            self.file(f"many/{number}", b"")
        factory = self.server(searches=1)
        first = Peer(factory.buildProtocol(None))
        first.send(b"/many\tspam\r\n")  # waits for its next turn, which this clock does not give
        answer = await self.asked(factory, b"/\tspam")
        self.assertIn(b"try again later", answer)
        self.assertIn(b"--1\r\n2 ", await self.asked(factory, b"/\tspam\t+"))
        await first.dialog("-- hangs up")
        self.assertFalse(factory.site._searches.busy)  # whoever goes gives his place back
        self.assertIn(b"/deep/er/menu.txt", await self.asked(factory, b"/deep\tmenu"))
