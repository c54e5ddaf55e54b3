"""Nothing outside the tree: every way up that has been tried on servers, in every form of request."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from netdaemon.protocols.gopher.grammar.request import MAX_LINE
from tests.protocols.gopher.garden import REFUSED, GardenTests

CLIMBS = (b"..", b"../..", b"/..", b"//..", b"%2e%2e", b"..%2f", b"%252e%252e", b"..\\..", b"\\..", b"\xc0\xae\xc0\xae",
          b".%2e", b"....//", b"..;", b"~", b"/~root", b";", b"/;spam.egg", b"1/..", b"0/../..", b"..\0")  # fmt: skip
FORMS = (b"%b", b"%b\t+", b"%b\t!", b"%b\t$", b"%b\twords", b"1/%b", b"0/%b", b"9%b", b"/sub/%b", b"/sub/../%b")


class TraversalTests(GardenTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("sub/inner.txt", b"inner")
        self.link("escape", "../outside/secret")
        self.link("escape-folder", "../outside")
        self.link("etc", "/etc")

    async def test_climbs(self) -> None:
        for climb in CLIMBS:
            for tail in (b"", b"/secret", b"/outside/secret", b"/etc/passwd", b"/outside"):
                for form in FORMS:
                    answer = await self.ask(form % (climb + tail))
                    self.assertNotIn(b"SECRET", answer, form % climb)
                    self.assertNotIn(b"root:", answer, form % climb)
                    self.assertNotIn(b"outside", answer, form % climb)
                    self.assertEqual(self.house.measure.errors, 0)

    async def test_links_out(self) -> None:
        for selector in (b"/escape", b"/escape-folder", b"/escape-folder/secret", b"/etc/passwd", b"/etc"):
            for form in FORMS:
                answer = await self.ask(form % selector)
                self.assertNotIn(b"SECRET", answer)
                self.assertNotIn(b"root:", answer)
        self.assertNotIn(b"escape", await self.ask(b"/"))

    async def test_maps_lead_nowhere_else(self) -> None:
        self.file("gophermap", b"=../outside/secret\n=/../outside/secret\n=/escape\n=/etc/passwd\n=escape-folder\n")
        answer = await self.ask(b"")
        self.assertNotIn(b"SECRET", answer)
        self.assertNotIn(b"root:", answer)

    async def test_abstracts_and_titles_lead_nowhere_else(self) -> None:
        self.file("a.txt")
        self.link("a.txt.abstract", "../outside/secret")
        self.folder("b")
        self.link("b/gophertag", "../../outside/secret")
        self.link("b/gophermap", "../../outside/secret")
        for request in (b"/a.txt\t!", b"/", b"/\t$", b"/b", b"/b\t$", b"/b\t!", b"/\tsecret"):
            self.assertNotIn(b"SECRET", await self.ask(request), request)

    async def test_users_stay_in_their_folders(self) -> None:
        self.file("home/mulder/a.txt")
        self.file("private.txt", b"PRIVATE")
        # resolved before the ~ is looked at, to a path that anybody may ask for
        self.assertIn(b"PRIVATE", await self.ask(b"/~mulder/../private.txt", users="/home"))
        for selector in (b"/~../private.txt", b"/~..", b"/~./../../private.txt", b"/~../../outside/secret"):
            self.assertEqual(await self.ask(selector, users="/home"), REFUSED, selector)

    async def test_lengths(self) -> None:
        for selector in (b"/" * MAX_LINE, b"/a" * (MAX_LINE // 2), b"/" + b"a" * 300, b"../" * 2000, b"a/../" * 1500):
            await self.ask(selector)
            self.assertEqual(self.house.measure.errors, 0)

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(
            st.sampled_from((*CLIMBS, b"outside", b"secret", b"sub", b"escape-folder", b"/", b"\t", b"+", b"!")),
            max_size=9,
        )
    )
    def test_any_mixture(self, parts: list[bytes]) -> None:
        answer = self.successResultOf(Deferred.fromCoroutine(self.ask(b"/".join(parts))))
        self.assertNotIn(b"SECRET", answer)
        self.assertEqual(self.house.measure.errors, 0)

    async def test_devices(self) -> None:
        os.mkfifo(self.top / "pipe.txt")
        self.assertTrue((await self.ask(b"/pipe.txt")).startswith(b"3"))
        self.assertTrue((await self.ask(b"/")).endswith(b".\r\n"))
