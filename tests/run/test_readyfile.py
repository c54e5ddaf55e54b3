"""The ready-file, and files written whole."""

from __future__ import annotations

import json
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.run.errors import StartFailed
from netdaemon.run.readyfile import ReadyFile, write_whole


class ReadyFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.path = self.folder / "ready.json"

    def test_contents(self) -> None:
        ready = ReadyFile(self.path)
        ready.write({"time": ["tcp:127.0.0.1:37", "udp:127.0.0.1:37"], "http:intranet": ["tls:[::1]:443"]})
        self.assertEqual(
            json.loads(self.path.read_text()),
            {
                "pid": os.getpid(),
                "services": {"time": ["tcp:127.0.0.1:37", "udp:127.0.0.1:37"], "http:intranet": ["tls:[::1]:443"]},
            },
        )
        ready.remove()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_one_left_behind_goes_first(self) -> None:
        self.path.write_text("old")
        ReadyFile(self.path).clear()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_clearing_shows_nothing_to_those_who_wait(self) -> None:
        names: list[str] = []
        real = os.open

        def watching(path: object, *arguments: int) -> int:
            names.append(os.path.basename(os.fspath(path)))  # type: ignore[call-overload]
            return real(path, *arguments)  # type: ignore[arg-type]

        self.patch(os, "open", watching)
        self.patch(Path, "replace", lambda *ignored: self.fail("it stood there"))
        ReadyFile(self.path).clear()
        self.assertNotIn("ready.json", names)
        self.assertEqual(len(names), 1)

    def test_another_daemons_is_not_removed(self) -> None:
        self.path.write_text("theirs")
        ReadyFile(self.path).remove()
        self.assertEqual(self.path.read_text(), "theirs")

    def test_unwritable(self) -> None:
        for path in (self.folder / "missing" / "ready.json", Path("/proc/ready.json"), self.folder):
            error = self.assertRaises(StartFailed, ReadyFile(path).clear)
            self.assertIn("ready-file can't be written", str(error))

    def test_none(self) -> None:
        ready = ReadyFile(None)
        ready.clear()
        ready.write({})
        ready.remove()

    def test_readable_whatever_the_umask(self) -> None:
        self.addCleanup(os.umask, os.umask(0o077))
        write_whole(self.path, b"{}")
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o644)

    def test_a_failed_write_keeps_the_old(self) -> None:
        self.path.write_text("old")
        (self.folder / f".ready.json.{os.getpid()}").mkdir()
        self.assertRaises(OSError, write_whole, self.path, b"new")
        self.assertEqual(self.path.read_text(), "old")
