"""`netdaemon browse` without its terminal: pages, the walk, bookmarks."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.cli.gopherwalk import Bookmarks, Elsewhere, Failed, Walk, WantsFile, WantsWords, loader
from netdaemon.protocols.gopher.client import GopherURL, Refused, parse_url
from netdaemon.protocols.gopher.grammar.menu import Item
from netdaemon.url.gopherpage import menu_page, printed, tame, text_page, wrapped

MENU = (
    b"iThe sh\x1b[31mop\t\tnull.host\t1\r\n1Poems\t/poems\tspam.egg\t70\r\n0Spam\t/spam.txt\tspam.egg\t70\r\n"
    b"7Find\t/find\tspam.egg\t70\r\nhWeb\tURL:http://a.egg/\tspam.egg\t70\r\nhBad\tURL:file:///etc/passwd\tspam.egg\t70\r\n"
    b"9Data\t/data.bin\tspam.egg\t70\r\n8Play\tguest\tplay.egg\t23\r\n0Odd\t/x\tspam.egg\t25\r\n"
    b"1Else\t/\telse.egg\t7070\r\n3Gone\t\tnull.host\t1\r\n.\r\n"
)
BASE = "gopher://spam.egg/"


class PageTests(SynchronousTestCase):
    def test_menus(self) -> None:
        items = [Item("i", "a\x1b[2J\tb"), Item("1", "Menu\u202e", "/m", "spam.egg", 70), Item("3", "No"),
                 Item("0", "Lost", "/a", "", 0)]  # fmt: skip
        page = menu_page(items)
        rows = [(row.text, row.number, row.label) for row in page.rows]
        wanted = [("a[2J    b", None, ""), ("Menu", 1, "menu"), ("No", None, "error"), ("Lost", 2, "text")]
        self.assertEqual(rows, wanted)
        self.assertEqual(
            printed(page, parse_url(BASE)),
            "               a[2J    b\n  [1] menu     Menu\n      error    No\n  [2] text     Lost\n\n"
            "  [1] gopher://spam.egg/1/m\n  [2] (leads nowhere)\n",
        )

    def test_tls_is_for_the_server_that_spoke_it(self) -> None:
        page = menu_page([Item("0", "A", "/a", "spam.egg", 7443), Item("0", "B", "/b", "else.egg", 70)])
        said = printed(page, parse_url("gophers://spam.egg:7443/"))
        self.assertIn("gophers://spam.egg:7443/0/a", said)
        self.assertIn("gopher://else.egg/0/b", said)

    def test_texts(self) -> None:
        page = text_page(b"one\r\n\x1b]0;x\x07two\tthree\n" + b"word " * 9 + b"word\ncaf\xe9\n\n\n", 20)
        wanted = ["one", "]0;xtwo three", "word word word word", "word word word word", "word word", "caf\u00e9"]
        self.assertEqual([row.text for row in page.rows], wanted)

    @settings(deadline=None)
    @given(st.text(max_size=60), st.integers(1, 30))
    def test_lines(self, text: str, width: int) -> None:
        tamed = tame(text)
        self.assertTrue(tamed.isprintable())
        pieces = wrapped(tamed, width)
        self.assertTrue(all(len(piece) <= width for piece in pieces))
        self.assertEqual("".join("".join(pieces).split()), "".join(tamed.split()))


class WalkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked: list[str] = []
        self.walk = Walk(self.load)

    def load(self, url: GopherURL) -> bytes:
        self.asked.append(str(url))
        if url.selector == b"/gone":
            raise Refused("there is nothing")
        return MENU if url.type in "17" else b"Some text\n"

    def test_there_and_back(self) -> None:
        walk = self.walk
        walk.open(BASE)
        self.assertEqual([row.text for row in walk.here.page.rows][:2], ["The sh[31mop", "Poems"])
        walk.choose(2)
        self.assertEqual((walk.here.title, [row.text for row in walk.here.page.rows]), ("Spam", ["Some text"]))
        self.assertTrue(walk.back())
        self.assertFalse(walk.back())
        self.assertEqual(str(walk.here.url), BASE)
        self.assertTrue(walk.forward())
        self.assertFalse(walk.forward())
        walk.up()
        self.assertEqual(str(walk.here.url), BASE)
        walk.back()
        walk.back()
        walk.choose(1)
        self.assertFalse(walk.forward())  # another way was taken
        self.assertEqual(self.asked, [BASE, f"{BASE}0/spam.txt", BASE, f"{BASE}1/poems"])
        walk.reload()
        self.assertEqual(self.asked[-1], f"{BASE}1/poems")

    def test_what_is_no_page(self) -> None:
        walk = self.walk
        walk.open(BASE)
        with self.assertRaises(WantsWords) as wants:
            walk.choose(3)
        self.assertEqual(str(wants.exception.url), f"{BASE}7/find")
        with self.assertRaises(Elsewhere) as elsewhere:
            walk.choose(4)
        self.assertTrue(elsewhere.exception.is_web)
        for number in (5, 7):
            with self.assertRaises(Elsewhere) as elsewhere:
                walk.choose(number)
            self.assertFalse(elsewhere.exception.is_web, number)
        with self.assertRaises(WantsFile):
            walk.choose(6)
        for number in (0, 10, -1):
            with self.assertRaises(Failed):
                walk.choose(number)
        for url in ("gopher://", "gopher://a b/", "gopher://spam.egg/0%0d"):
            with self.assertRaises(Failed):
                walk.open(url)
        with self.assertRaises(Refused):
            walk.open(f"{BASE}1/gone")
        self.assertEqual(len(walk.stops), 1)  # one stays where one is

    def test_who_is_handed_to_the_web_browser(self) -> None:
        for url, web in (("http://a/", True), ("HTTPS://a/", True), ("mailto:a@b", True), ("ftp://a", True),
                         ("file:///etc/passwd", False), ("javascript:x", False), ("-http:", False),
                         ("http://a b", False), ("http://a/\x1b", False), ("telnet://a", False)):  # fmt: skip
            self.assertEqual(Elsewhere(url).is_web, web, url)

    def test_other_protocols_ports(self) -> None:
        for port in (25, 6379):
            with self.assertRaisesRegex(Failed, "another protocol"):
                loader(True, 1.0)(parse_url(f"gopher://127.0.0.1:{port}/1/"))

    def test_places(self) -> None:
        walk = self.walk
        walk.open("gopher://spam.egg/7/find%09some%20words", "A search")
        walk.open(BASE)
        walk.show("Where you have been", walk.history())
        self.assertEqual([row.text for row in walk.here.page.rows],
                         ["A search  gopher://spam.egg/7/find%09some%20words", f"{BASE}  {BASE}"])  # fmt: skip
        walk.choose(1)
        self.assertEqual(self.asked[-1], "gopher://spam.egg/7/find%09some%20words")

    def test_bookmarks(self) -> None:
        file = Path(self.mktemp()) / "data" / "marks"
        marks = Bookmarks(file)
        self.assertEqual(marks.all(), [])
        marks.add("The \x1bshop\tof spam", parse_url(BASE))
        marks.add("", parse_url("gophers://[::1]/0/a"))
        with file.open("a") as out:
            out.write("http://no/\tgopher\n\ngarbage\n")
        self.assertEqual(
            [(title, str(url)) for title, url in marks.all()],
            [("The shop        of spam", BASE), ("gophers://[::1]/0/a", "gophers://[::1]/0/a")],
        )
