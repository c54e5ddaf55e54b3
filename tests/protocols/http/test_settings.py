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


class SettingsTests(SynchronousTestCase):
    def test_the_kind(self) -> None:
        self.assertTrue(IServiceKind.providedBy(http))
        self.assertEqual((http.name, http.alpn), ("http", (b"http/1.1",)))

    def test_defaults(self) -> None:
        settings = HTTPSettings(listen=())
        self.assertEqual((settings.listing, settings.index, settings.head_timeout), (False, ("index.html",), 20.0))
        self.assertEqual(list(settings.problems()), [])
        self.assertTrue({"listing", "index", "body-limit"} <= {key.name for _, key in keys(HTTPSettings)})

    def test_problems(self) -> None:
        settings = HTTPSettings(listen=(), index=("a", "b/c"), idle_timeout=0.0)
        self.assertEqual([name for name, _ in settings.problems()], ["index", "idle-timeout"])
        self.assertEqual([name for name, _ in HTTPSettings(listen=(), index=("..",)).problems()], ["index"])

    def test_reading_the_kind_loads_no_server(self) -> None:
        loaded = "sorted(m for m in sys.modules if m.startswith(h.__name__))"
        code = f"import sys, netdaemon.protocols.http as h; print({loaded})"
        root = Path(netdaemon.__file__).parent.parent
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60
        )
        self.assertEqual(ran.stdout.strip(), "['netdaemon.protocols.http', 'netdaemon.protocols.http.settings']")
