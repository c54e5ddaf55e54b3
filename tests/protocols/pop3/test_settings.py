"""The keys of [pop3]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.problems import ConfigError
from netdaemon.config.read import parse
from netdaemon.kinds import Kinds

INI = "[netdaemon]\ndata = /var/lib/netdaemon\n[pop3]\nlisten = tcp:0\n"


class SettingsTests(SynchronousTestCase):
    def parsed(self, keys: str = "") -> Any:
        return parse(INI + keys, Path("/x.ini"), Kinds()).services[0].settings

    def wrong(self, keys: str) -> list[str]:
        error = self.assertRaises(ConfigError, self.parsed, keys)
        return [problem.message for problem in error.problems]

    def test_expire(self) -> None:
        for text, days in (("never", None), ("0", 0), ("30", 30), ("36500", 36_500)):
            self.assertEqual(self.parsed(f"expire = {text}\n").expire, days)
        for text in ("-1", "1.5", "soon", "36501", "30d", "\u0663"):
            self.assertIn("neither never nor a number of days", self.wrong(f"expire = {text}\n")[0])

    def test_defaults_are_the_rfcs(self) -> None:
        settings = self.parsed()
        self.assertGreaterEqual(settings.idle_timeout, 600)  # section 3

    def test_no_time_at_all(self) -> None:
        for name in ("idle-timeout", "command-timeout", "stall-timeout"):
            self.assertEqual(self.wrong(f"{name} = 0s\n"), ["this must be longer than 0s"])
