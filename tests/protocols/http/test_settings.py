"""The keys of an [http] section."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import netdaemon
from netdaemon.config.keys import keys
from netdaemon.interfaces import IServiceKind
from netdaemon.protocols.http import HTTPSettings, http
from netdaemon.protocols.http.settings import ErrorPage, Protected, Redirect


class SettingsTests(SynchronousTestCase):
    def test_the_kind(self) -> None:
        self.assertTrue(IServiceKind.providedBy(http))
        self.assertEqual((http.name, http.alpn), ("http", (b"h2", b"http/1.1")))

    def test_defaults(self) -> None:
        settings = HTTPSettings(listen=())
        self.assertEqual((settings.listing, settings.index, settings.head_timeout), (False, ("index.html",), 20.0))
        self.assertEqual(list(settings.problems()), [])
        self.assertTrue({"listing", "index", "body-limit"} <= {key.name for _, key in keys(HTTPSettings)})

    def test_problems(self) -> None:
        settings = HTTPSettings(listen=(), index=("a", "b/c"), idle_timeout=0.0)
        self.assertEqual([name for name, _ in settings.problems()], ["index", "idle-timeout"])
        self.assertEqual([name for name, _ in HTTPSettings(listen=(), index=("..",)).problems()], ["index"])

    def test_lines_that_stand_twice(self) -> None:
        page, line = ErrorPage(404, "/a"), Protected("/a", ())
        moved = Redirect("/a", "/b", 301)
        settings = HTTPSettings(listen=(), error_page=(page, page), protect=(line, line), redirect=(moved, moved))
        self.assertEqual([name for name, _ in settings.problems()], ["protect", "redirect", "error-page"])

    def test_values(self) -> None:
        values = {name: key.value for name, key in keys(HTTPSettings)}
        here = Path()
        for name, text, value in (
            ("protect", "/private Mulder scully", (Protected("/private", ("mulder", "scully")),)),
            ("protect", "/ *\n/b/ mulder *", (Protected("/", ()), Protected("/b", ()))),
            ("redirect", "/old https://e.org 308", (Redirect("/old", "https://e.org", 308),)),
            ("redirect", "/ /new", (Redirect("/", "/new", 301),)),
            ("error_page", "404 /lost.html", (ErrorPage(404, "/lost.html"),)),
            ("hosts", "A.egg. *.b.egg", ("a.egg", "*.b.egg")),
            ("status", "/status/", "/status"),
        ):
            self.assertEqual(values[name].parse(text, here), value)
            self.assertEqual(values[name].parse(values[name].show(value), here), value)

    def test_wrong_values(self) -> None:
        values = {name: key.value for name, key in keys(HTTPSettings)}
        for name, texts in (
            ("protect", ("/private", "private *", "/a/../b *", "/%70 *", "/a all", "/a anonymous", "/a m\u00fcller")),
            ("redirect", ("/old", "/old //evil.com", "/old new", "/old /new 200", "/old https://", "/a /b\\c")),
            ("error_page", ("404", "200 /x", "404 x", "404 /")),
            ("status", ("/", "status", "/a b")),
            ("quote", ("/quote", "quote file")),
            ("hosts", ("a b_", "*", "*.*.egg", "127.0.0.1")),
        ):
            for text in texts:
                self.assertRaises(ValueError, values[name].parse, text, Path())

    def test_reading_the_kind_loads_no_server(self) -> None:
        loaded = "sorted(m for m in sys.modules if m.startswith(h.__name__))"
        code = f"import sys, netdaemon.protocols.http as h; print({loaded})"
        root = Path(netdaemon.__file__).parent.parent
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60
        )
        self.assertEqual(ran.stdout.strip(), "['netdaemon.protocols.http', 'netdaemon.protocols.http.settings']")
