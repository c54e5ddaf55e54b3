"""What is served: documents, listings, links, caps.txt, virtual hosts."""

from __future__ import annotations

import os

from netdaemon.interfaces import Unavailable
from netdaemon.protocols.gopher.grammar.menu import parse_menu
from netdaemon.protocols.gopher.reply import WHOLE
from tests.protocols.gopher.garden import REFUSED, GardenTests


class DocumentTests(GardenTests):
    async def test_texts(self) -> None:
        for text, wire in (
            (b"", b".\r\n"),
            (b"spam", b"spam\r\n.\r\n"),
            (b"spam\n", b"spam\r\n.\r\n"),
            (b"spam\r\negg\r\n", b"spam\r\negg\r\n.\r\n"),
            (b".\n..\nx.\n", b"..\r\n...\r\nx.\r\n.\r\n"),
            ("\u00e4\u4e2d".encode(), "\u00e4\u4e2d\r\n.\r\n".encode()),
        ):
            self.file("a.txt", text)
            for selector in (b"/a.txt", b"a.txt", b"0/a.txt", b"//a.txt", b"/x/../a.txt", b"/a.txt/"):
                self.assertEqual(await self.ask(selector), wire, selector)

    async def test_what_is_no_text_goes_as_it_is(self) -> None:
        octets = b".\r\n" + bytes(range(256)) + b"\r\n.\r\n"
        for name in ("a.zip", "a.jpg", "a.html", "a.uue", "noname"):
            self.file(name, octets)
            self.assertEqual(await self.ask(b"9/" + name.encode()), octets, name)

    async def test_sizes(self) -> None:
        for size in (WHOLE - 1, WHOLE, WHOLE + 1, 3 * WHOLE + 5):
            octets = os.urandom(size)
            self.file("big.bin", octets)
            self.assertEqual(await self.ask(b"/big.bin"), octets)
            lines = (b".line %d\n" % size) * (size // 10)
            self.file("big.txt", lines)
            self.assertEqual(await self.ask(b"/big.txt"), lines.replace(b".", b"..").replace(b"\n", b"\r\n") + b".\r\n")

    async def test_what_is_not_there(self) -> None:
        self.file("a.txt")
        self.file(".hidden")
        os.mkfifo(self.top / "pipe")
        for selector in (b"/none", b"/a.txt/b", b"/.hidden", b"/pipe", b"/..", b"/%2e%2e"):
            self.assertEqual(await self.ask(selector), REFUSED, selector)
        self.assertEqual(self.house.measure.commands["gopher", "document", "refused"], 6)

    async def test_a_tree_in_trouble(self) -> None:
        factory = self.server()
        factory.site._trees[""] = Failing()  # type: ignore[assignment]
        for selector in (b"/a", b"/a\twords", b"/a\t!"):
            self.assertIn(b"Try again later", await self.asked(factory, selector))
        self.assertEqual(self.house.measure.commands["gopher", "document", "failed"], 1)

    async def test_an_upload_is_seen_at_once(self) -> None:
        factory = self.server()
        self.assertNotIn(b"new.txt", await self.asked(factory, b""))
        writer = self.house.documents.write(b"/new.txt")
        writer.write(b"fresh")
        self.assertNotIn(b"new.txt", await self.asked(factory, b""))
        writer.commit()
        self.assertIn(b"/new.txt\t", await self.asked(factory, b""))
        self.assertEqual(await self.asked(factory, b"/new.txt"), b"fresh\r\n.\r\n")


class Failing:
    def entry(self, path: bytes) -> None:
        raise Unavailable(path)

    open = entry


class ListingTests(GardenTests):
    async def test_order_titles_and_types(self) -> None:
        for name in ("b.txt", "A.txt", "z.png", "data", "README"):
            self.file(name)
        self.file("data", b"\0\1")
        self.folder("zoo")
        self.file("egg/gophertag", b"  The eggs \nmore\n")
        self.assertEqual(
            await self.found(b"/"),
            ["1/egg", "1/zoo", "0/A.txt", "0/b.txt", "9/data", "0/README", "p/z.png", "7/"],
        )
        titles = [item.description for item in await self.items(b"/", details=False)]
        self.assertEqual(titles, ["The eggs", "zoo", "A.txt", "b.txt", "data", "README", "z.png", "Search"])
        self.assertTrue((await self.ask(b"/egg")).startswith(b"iThe eggs\t"))
        self.assertTrue((await self.ask(b"/zoo")).startswith(b"i[/zoo]\t"))

    async def test_details(self) -> None:
        os.utime(self.file("a.txt", b"x" * 2048), (86400, 86400))
        os.utime(self.folder("folder"), (0, 10**9))
        self.assertEqual(
            [item.description for item in await self.items(b"", search=False)],
            [f"{'folder':<42} 2001-09-09 01:46", f"{'a.txt':<42} 1970-01-02 00:00   2.0 KB"],
        )

    async def test_items_of_our_own(self) -> None:
        self.file("a.txt")
        for settings, end in (
            ({}, ("spam.egg", 1025, ("+",))),
            ({"plus": False}, ("spam.egg", 1025, ())),
            ({"host": "gopher.egg", "port": 70}, ("gopher.egg", 70, ("+",))),
        ):
            (item,) = await self.items(b"/", search=False, **settings)
            self.assertEqual(item[3:], end)

    async def test_names_that_are_not_shown(self) -> None:
        for name in (b"gophermap2", b"gophertag", b"a.abstract", b"b\tc", b"b\nc", b"b\rc", b"\x1b[2J", b"\xc2\x9b",
                     b"\x9b", b"ok", b"caf\xe9", "\u202etxt".encode(), b"a\\b"):  # fmt: skip
            self.file(name)
        items = await self.items(b"", search=False, details=False)
        self.assertEqual(
            [(item.description, item.selector) for item in items],
            [("\\u202etxt", "/\u202etxt"), ("a\\b", "/a\\b"), ("caf\\xe9", "/caf\udce9"),
             ("gophermap2", "/gophermap2"), ("ok", "/ok")],
        )  # fmt: skip
        self.assertEqual(await self.ask(b"/caf\xe9"), b"data\r\n.\r\n")

    async def test_settings_for_types(self) -> None:
        self.file("a.png")
        self.file("a.egg", b"\0")
        self.assertEqual(
            await self.found(b"", types=(("png", "I"), ("egg", "0")), search=False), ["0/a.egg", "I/a.png"]
        )

    async def test_an_empty_folder(self) -> None:
        self.folder("none")
        self.assertEqual(await self.ask(b"/none"), b"i[/none]\t\tnull.host\t1\r\ni\t\tnull.host\t1\r\n.\r\n")


class OtherTests(GardenTests):
    async def test_links_to_the_web(self) -> None:
        for url in (b"http://a.egg/?a=b&c=d", b"https://a/", b"gopher://a/1", b"ftp://a/", b"mailto:a@b"):
            for prefix in (b"URL:", b"/URL:"):
                page = (await self.ask(prefix + url)).decode()
                self.assertIn(f'<a href="{url.decode().replace("&", "&amp;")}">', page)

    async def test_caps(self) -> None:
        caps = await self.ask(b"/caps.txt", admin="Fox <fox@egg>", description="Spam\r\nX=1", location="")
        self.assertTrue(caps.startswith(b"CAPS\r\n\r\nCapsVersion=1\r\n"))
        self.assertTrue(caps.endswith(b"\r\n.\r\n"))
        self.assertIn(b"\r\nServerAdmin=Fox <fox@egg>\r\nServerDescription=SpamX=1\r\n", caps)
        self.assertNotIn(b"Location", caps)
        self.file("caps.txt", b"CAPS\nmine\n")
        self.assertEqual(await self.ask(b"caps.txt"), b"CAPS\r\nmine\r\n.\r\n")

    async def test_browsers(self) -> None:
        for line in (b"GET / HTTP/1.1", b"POST /x HTTP/1.0", b"Host: a"):
            answer = await self.ask(line)
            head, _, body = answer.partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 400 Bad Request\r\n"))
            self.assertIn(b"Content-Length: %d\r\n" % len(body), head)
            self.assertIn(b"gopher://spam.egg:1025/", body)
        self.assertEqual(self.house.measure.commands["gopher", "http", "refused"], 3)

    async def test_the_access_log(self) -> None:
        self.file("a.txt", b"12345")
        factory = self.server()
        await self.asked(factory, b"/a.txt")
        await self.asked(factory, b'/"\\\x80\t\xe4')
        self.assertEqual(
            self.house.measure.access_logs["gopher"].lines,
            ['127.0.0.1 - - [09/Sep/2001:01:46:40 +0000] "/a.txt" ok 10',
             r'127.0.0.1 - - [09/Sep/2001:01:46:40 +0000] "/\x22\\\x80\x09\xe4" refused 53'],
        )  # fmt: skip

    async def test_menus_parse(self) -> None:
        self.file("a.txt")
        self.assertEqual([item.type for item in parse_menu(await self.ask(b""))], ["i", "i", "0", "7"])
