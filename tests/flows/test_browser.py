"""The daemon's pages in real browsers: Chromium with a screen, lynx without one."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.kit.browser import ARGUMENTS, Browser
from tests.kit.daemon import Daemon
from tests.kit.programs import needs

CHROMIUM = (*ARGUMENTS, "--ignore-certificate-errors")


class BrowserTests(TestCase):
    async def setUp(self) -> None:
        self.top = Path(self.mktemp()).absolute()
        (self.top / "folder").mkdir(parents=True)
        (self.top / "small.txt").write_bytes(b"small")
        (self.top / "large.bin").write_bytes(b"x" * 70_000)
        (self.top / os.fsdecode(b"<b>&'\"\xff.txt")).write_bytes(b"odd")
        (self.top / "folder" / "inner.txt").write_bytes(b"found inside")
        self.daemon = Daemon(
            self,
            f"[documents]\nroot = {self.top}\n[http]\nlisting = yes\n"
            "listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1\n",
        )
        await self.daemon.start()
        self.url = f"http://127.0.0.1:{self.daemon.port('http')}/"

    async def chromium(self, url: str) -> str:
        """The page as Chromium has it after loading."""
        program = needs(self, "chromium")
        profile = f"--user-data-dir={self.mktemp()}"
        # Its first start on a machine may take long; a hung one is ended by its own time-out.
        out, err, status = await getProcessOutputAndValue(
            program, [*CHROMIUM, profile, "--timeout=30000", "--dump-dom", url], env=dict(os.environ)
        )
        self.assertEqual(status, 0, err)
        return str(out.decode("utf-8", "replace"))

    async def lynx(self, *arguments: str) -> str:
        out, err, status = await getProcessOutputAndValue(needs(self, "lynx"), arguments, env=dict(os.environ))
        self.assertEqual(status, 0, err)
        return str(out.decode("utf-8", "replace"))

    async def test_chromium_shows_the_listing_and_follows_it(self) -> None:
        page = await self.chromium(self.url)
        self.assertIn('href="folder/"', page)
        self.assertIn("small.txt", page)
        self.assertNotIn("<b>", page)  # a file's name is no markup
        self.assertIn("found inside", await self.chromium(self.url + "folder/inner.txt"))

    async def test_chromium_sorts_by_the_links(self) -> None:
        page = await self.chromium(self.url + "?sort=size&order=desc")
        self.assertLess(page.index("large.bin"), page.index("small.txt"))

    async def test_chromium_speaks_tls_with_the_certificate_made_at_the_start(self) -> None:
        page = await self.chromium(f"https://127.0.0.1:{self.daemon.port('http', 'tls')}/small.txt")
        self.assertIn("small", page)

    async def test_a_person_sorts_follows_and_downloads(self) -> None:
        (self.top / "README.md").write_text("# What is here\n")
        browser = Browser(self)
        await browser.start()
        await browser.go(self.url)
        self.assertEqual(await browser.texts("article h1"), ["What is here"])
        await browser.click("th.s a")
        names = await browser.texts("td.n")
        self.assertEqual(names[:2], ["folder/", "large.bin"])
        await browser.click("th.s a")
        self.assertEqual((await browser.texts("td.n"))[-1], "large.bin")
        await browser.click("a[href='folder/']")
        self.assertEqual(await browser.url(), f"{self.url}folder/")
        self.assertEqual(await browser.texts("td.n"), ["Parent folder", "inner.txt"])
        await browser.click("a[href='../']")
        await browser.click("a[href='large.bin']")
        self.assertEqual(await browser.downloaded("large.bin"), b"x" * 70_000)
        await browser.click("a[href='?zip']")
        with zipfile.ZipFile(io.BytesIO(await browser.downloaded("documents.zip"))) as archive:
            self.assertEqual(archive.read("documents/folder/inner.txt"), b"found inside")

    async def test_ten_thousand_entries(self) -> None:
        many = self.top / "many"
        many.mkdir()
        for number in range(10_000):
            (many / f"file {number}.txt").touch()
        browser = Browser(self)
        await browser.start()
        await browser.go(self.url + "many/")
        count = "return document.querySelectorAll('tbody tr').length"
        last = "return document.querySelector('tbody tr:last-child a').textContent"
        self.assertEqual((await browser.run(count), await browser.run(last)), (10_001, "file 9999.txt"))

    async def test_lynx_lists_the_links(self) -> None:
        page = await self.lynx("-dump", self.url)
        self.assertIn(f"{self.url}folder/", page)
        self.assertIn(f"{self.url}small.txt", page)
        self.assertEqual((await self.lynx("-source", self.url + "folder/inner.txt")), "found inside")
