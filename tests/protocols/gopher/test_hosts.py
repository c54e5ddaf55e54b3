"""Virtual hosts: by the selector, by TLS's server name, and a section's own root."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ISSLTransport
from zope.interface import directlyProvides

from netdaemon.protocols.gopher.grammar.menu import parse_menu
from tests.kit.dialog import Peer
from tests.protocols.gopher.garden import REFUSED, GardenTests

HOSTS = (("a.egg", "/sites/a"), ("b.egg", "/sites/b"))


class HostTests(GardenTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("main.txt", b"main")
        self.file("sites/a/a.txt", b"of a")
        self.file("sites/a/gophermap", b"0A\ta.txt\n1Top\t/\nhWeb\tURL:http://a/\n%\n")
        self.file("sites/b/b.txt", b"of b")

    async def test_by_selector(self) -> None:
        for selector, text in (
            (b"/;a.egg/a.txt", b"of a\r\n.\r\n"),
            (b"/;A.EGG/a.txt", b"of a\r\n.\r\n"),
            (b"0/;b.egg/b.txt", b"of b\r\n.\r\n"),
            (b"/;b.egg/x/../b.txt", b"of b\r\n.\r\n"),
            (b"/main.txt", b"main\r\n.\r\n"),
        ):
            self.assertEqual(await self.ask(selector, hosts=HOSTS), text, selector)
        for selector in (b"/;c.egg/", b"/;/", b"/;", b"/;a.egg/../;c.egg", b"/;a.egg/main.txt",
                         b"/;a.egg/%2e%2e/main.txt", b"/;a\xff.egg/"):  # fmt: skip
            self.assertEqual(await self.ask(selector, hosts=HOSTS), REFUSED, selector)
        self.assertEqual(await self.ask(b"/;a.egg/a.txt"), REFUSED)

    async def test_menus(self) -> None:
        items = parse_menu(await self.ask(b"/;a.egg", hosts=HOSTS))
        self.assertEqual(
            [(item.selector, item.host) for item in items if item.leads_on],
            [("/;a.egg/a.txt", "spam.egg"), ("/;a.egg/", "spam.egg"), ("URL:http://a/", "spam.egg"),
             ("/;a.egg", "spam.egg"), ("/;b.egg", "spam.egg")],
        )  # fmt: skip
        items = parse_menu(await self.ask(b"/;b.egg/", hosts=HOSTS))
        self.assertEqual([item.selector for item in items if item.leads_on], ["/;b.egg/b.txt", "/;b.egg/"])

    async def test_searches_and_attributes_stay_there(self) -> None:
        self.assertEqual(await self.found(b"/;b.egg\tof", hosts=HOSTS), ["0/;b.egg/b.txt"])
        self.assertIn(b"\t/;b.egg/b.txt\t", await self.ask(b"/;b.egg/b.txt\t!", hosts=HOSTS))

    async def test_by_the_name_that_tls_was_asked_for(self) -> None:
        for name, selector, wanted in (
            (b"b.egg", b"/b.txt", b"of b\r\n.\r\n"),
            (b"B.egg", b"/b.txt", b"of b\r\n.\r\n"),
            (b"other.egg", b"/main.txt", b"main\r\n.\r\n"),
            (None, b"/main.txt", b"main\r\n.\r\n"),
            (b"b.egg", b"/main.txt", REFUSED),
            (b"b.egg", b"/;a.egg/a.txt", b"of a\r\n.\r\n"),
        ):
            self.assertEqual(await self.secure(name, selector), wanted)
        items = parse_menu(await self.secure(b"b.egg", b""))
        self.assertEqual([tuple(item[2:4]) for item in items if item.leads_on], [("/b.txt", "b.egg"), ("/", "b.egg")])

    async def secure(self, name: bytes | None, selector: bytes) -> bytes:
        peer = Peer(self.server(hosts=HOSTS).buildProtocol(None))
        transport: Any = peer.transport
        transport.getHandle = lambda: transport
        transport.get_servername = lambda: name
        directlyProvides(transport, ISSLTransport)
        peer.send(selector + b"\r\n")
        return await peer.rest()

    async def test_a_root_of_its_own(self) -> None:
        self.assertEqual(await self.found(b"/", root="/sites/b"), ["0/b.txt", "7/"])
        self.assertEqual(await self.ask(b"/b.txt", root="/sites/b"), b"of b\r\n.\r\n")
        for selector in (b"/main.txt", b"/../../main.txt", b"/sites/b/b.txt"):
            self.assertEqual(await self.ask(selector, root="/sites/b"), REFUSED)
        self.link("sites/b/up", "../../main.txt")
        self.assertEqual(
            await self.ask(b"/up", root="/sites/b"), b"main\r\n.\r\n"
        )  # a link within the tree, as everywhere
        self.assertEqual(await self.ask(b"/", root="/sites/none"), REFUSED)
