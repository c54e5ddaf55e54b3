"""The daemon's pages in real browsers: Chromium with a screen, lynx without one."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.kit.daemon import Daemon
from tests.kit.programs import needs

# Chromium is kept from everything but the page: no sandbox (CI is root), no calls to its maker.
CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


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

    async def test_lynx_lists_the_links(self) -> None:
        page = await self.lynx("-dump", self.url)
        self.assertIn(f"{self.url}folder/", page)
        self.assertIn(f"{self.url}small.txt", page)
        self.assertEqual((await self.lynx("-source", self.url + "folder/inner.txt")), "found inside")
