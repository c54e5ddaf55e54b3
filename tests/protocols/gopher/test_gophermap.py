"""Gophermaps: what each line means, and the menus that are made of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.gopher.grammar.gophermap import Hide, Include, Link, Mark, Retype, Text, parse_line, parse_map
from netdaemon.protocols.gopher.grammar.menu import parse_menu
from tests.protocols.gopher.garden import GardenTests


class LineTests(SynchronousTestCase):
    def test_lines(self) -> None:
        for line, entry in (
            (b"Some text", Text("Some text")),
            (b"", Text("")),
            (b"  .  ", Text("  .  ")),
            (b"1subdir", Text("1subdir")),  # without a TAB it is text, whatever it begins with
            (b"caf\xe9", Text("caf\u00e9")),
            (b"!Spam", Text("Spam", title=True)),
            (b"# nothing", None),
            (b"-hidden.txt ", Hide(b"hidden.txt")),
            (b"-", Text("-")),
            (b":egg=0", Retype(b"egg", b"0")),
            (b":.EGG=I", Retype(b"egg", b"I")),
            (b": no", Text(": no")),
            (b":egg=", Text(":egg=")),
            (b"=other", Include(b"other")),
            (b"=", Text("=")),
            (b"~", Mark.USERS),
            (b"% ", Mark.HOSTS),
            (b"*", Mark.LISTING),
            (b".", Mark.END),
            (b"*starred", Text("*starred")),
            (b"...", Text("...")),
            (b"0Menu\tmenu.txt", Link(b"0", "Menu", b"menu.txt")),
            (b"0menu.txt\t", Link(b"0", "menu.txt", b"menu.txt")),
            (b"1Else\t/\tspam.egg\t7070", Link(b"1", "Else", b"/", b"spam.egg", 7070)),
            (b"1Else\t/\tspam.egg", Link(b"1", "Else", b"/", b"spam.egg")),
            (b"hWeb\tURL:http://a/", Link(b"h", "Web", b"URL:http://a/")),
            (b"iText\tx\ty\tz", Text("Text")),
            (b"1Else\t/\tspam.egg\t0", Text("1Else / spam.egg 0")),
            (b"1Else\t/\tspam.egg\t99999", Text("1Else / spam.egg 99999")),
            (b"\t\t\t", Text("   ")),
        ):
            self.assertEqual(parse_line(line), entry, line)

    def test_maps(self) -> None:
        self.assertEqual(list(parse_map(b"!A\r\n#\nb\n*\nc\n")), [Text("A", title=True), Text("b"), Mark.LISTING])
        self.assertEqual(list(parse_map(b"a\n.\nb")), [Text("a"), Mark.END])

    @settings(deadline=None)
    @given(st.binary(max_size=200))
    def test_whatever_is_written(self, data: bytes) -> None:
        list(parse_map(data))


class MenuTests(GardenTests):
    async def lines(self, path: bytes = b"/", **settings: object) -> list[str]:
        answer = await self.ask(path, **settings)
        self.assertTrue(answer.endswith(b".\r\n"), answer)
        return [f"{item.type}{item.description}|{item.selector}|{item.host}|{item.port}" for item in parse_menu(answer)]

    async def test_items(self) -> None:
        self.file("m/gophermap", b"!The shop\n#\nfor all\n0Menu\tmenu.txt\n1Up\t/\n1name\t\n0Else\tx\tspam.org\t71\n"
                                 b"hWeb\tURL:http://a/\n7Find\t/m\n8Play\tguest\tplay.egg\t23\n")  # fmt: skip
        own = "spam.egg|1025"
        self.assertEqual(
            await self.lines(b"/m"),
            ["iThe shop||null.host|1", "ifor all||null.host|1", f"0Menu|/m/menu.txt|{own}", f"1Up|/|{own}",
             f"1name|/m/name|{own}", "0Else|x|spam.org|71", f"hWeb|URL:http://a/|{own}", f"7Find|/m|{own}",
             "8Play|guest|play.egg|23", "i||null.host|1"],
        )  # fmt: skip

    async def test_the_listing_in_it(self) -> None:
        for name in ("a.txt", "b.egg", "c.txt", "gophertag"):
            self.file(f"m/{name}")
        self.file("m/gophermap", b"-c.txt\n:egg=9\ntop\n*\nnever\n")
        self.assertEqual(await self.found(b"/m"), ["0/m/a.txt", "9/m/b.egg"])
        self.assertNotIn(b"never", await self.ask(b"/m"))
        # the other menus know nothing of that
        self.file("n/b.egg")
        self.assertEqual(await self.found(b"/n"), ["0/n/b.egg"])

    async def test_includes(self) -> None:
        self.file("m/gophermap", b"first\n=part\n=/m/sub/../other\n=gone\n=/../../etc/passwd\n=picture\nlast\n")
        self.file("m/part", b"part\n0One\tone.txt\n.\nunseen\n")
        self.file("m/other", b"other\n")
        self.file("m/picture", b"\x89PNG\r\n\x1a\n\0\0")
        lines = [line.partition("|")[0] for line in await self.lines(b"/m")]
        self.assertEqual(lines, ["ifirst", "ipart", "0One", "iother", "i", "ilast", "i"])

    async def test_maps_that_include_themselves(self) -> None:
        self.file("m/gophermap", b"x\n=gophermap\n" * 50)
        lines = await self.lines(b"/m")
        self.assertLess(len(lines), 50 * 40)
        self.file("m/gophermap", b"*\n")
        self.file("n/gophermap", b"=list\n=list\n%\n%\n")
        self.file("n/list", b"*\n")
        self.file("n/a.txt")
        self.assertEqual(await self.found(b"/n"), ["0/n/a.txt", "0/n/list"])

    async def test_users(self) -> None:
        self.file("home/mulder/x-file.txt", b"truth")
        self.file("home/scully/gophermap", b"0Mine\tmine.txt\n")
        self.file("home/readme.txt")
        self.file("gophermap", b"~\n")
        self.assertEqual(await self.found(b"/", users="/home"), ["1/~mulder", "1/~scully"])
        self.assertEqual(await self.found(b"/"), [])
        self.assertEqual(await self.ask(b"/~mulder/x-file.txt", users="/home"), b"truth\r\n.\r\n")
        self.assertIn("3", (await self.ask(b"/~mulder/x-file.txt")).decode())
        self.assertIn(b"/home/scully/mine.txt\t", await self.ask(b"/~scully", users="/home"))

    async def test_nothing_in_a_map_makes_another_line(self) -> None:
        self.file("gophermap", b"0a\x00b\x1b[2J\tb\rc\n0x\ty\x9b\nte\x07xt\x85\n0h\ts\tho st\t70\n0h\ts\th\xff\t70\n")
        answer = await self.ask(b"")
        for line in answer.split(b"\r\n")[:-2]:
            self.assertFalse(set(line) & {0, 7, 10, 13, 27, 0x85, 0x9B}, line)
        self.assertEqual([item.type for item in parse_menu(answer)], list("iiiiii"))

    async def test_no_listing(self) -> None:
        self.file("a.txt")
        self.assertEqual(await self.ask(b"", listing=False), b"3This folder is not listed\t\tnull.host\t1\r\n.\r\n")
        self.file("gophermap", b"0A\ta.txt\n")
        self.assertEqual(await self.found(b"", listing=False), ["0/a.txt"])
        self.assertEqual(await self.found(b"", gophermap="menu"), ["0/a.txt", "0/gophermap", "7/"])
