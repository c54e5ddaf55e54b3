"""The data directory: closed to others, one daemon's at a time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.run.datafolder import DataFolder
from netdaemon.run.errors import StartFailed


class DataFolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "deep" / "data"

    def test_made_and_locked(self) -> None:
        folder = DataFolder(self.path)
        folder.take()
        self.addCleanup(folder.release)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o700)
        self.assertEqual((self.path / "lock").read_text(), f"{os.getpid()}\n")

    def test_one_at_a_time(self) -> None:
        first, second = DataFolder(self.path), DataFolder(self.path)
        first.take()
        error = str(self.assertRaises(StartFailed, second.take))
        self.assertIn(f"another netdaemon (process {os.getpid()}) runs on {self.path} already", error)
        first.release()
        self.assertEqual(list(self.path.iterdir()), [])
        second.take()
        second.release()

    def test_lock_left_behind(self) -> None:
        self.path.mkdir(parents=True)
        (self.path / "lock").write_text("1\n")
        folder = DataFolder(self.path)
        folder.take()
        self.addCleanup(folder.release)
        self.assertEqual((self.path / "lock").read_text(), f"{os.getpid()}\n")

    def test_opened_to_others_before(self) -> None:
        self.path.mkdir(parents=True, mode=0o755)
        folder = DataFolder(self.path)
        folder.take()
        self.addCleanup(folder.release)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o700)

    def test_everybodys(self) -> None:
        self.path.mkdir(parents=True)
        self.path.chmod(0o1777)
        self.assertIn("a folder for everybody", str(self.assertRaises(StartFailed, DataFolder(self.path).take)))
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o1777)

    def test_beneath_a_file(self) -> None:
        self.path.parent.parent.mkdir(parents=True)
        self.path.parent.write_text("")
        self.assertIn("can't be written", str(self.assertRaises(StartFailed, DataFolder(self.path).take)))

    def test_read_only(self) -> None:
        self.assertIn("can't be written", str(self.assertRaises(StartFailed, DataFolder(Path("/proc/x/data")).take)))

    def test_a_link_for_a_lock(self) -> None:
        self.path.mkdir(parents=True)
        target = self.path / "precious"
        target.write_text("precious")
        (self.path / "lock").symlink_to(target)
        self.assertRaises(StartFailed, DataFolder(self.path).take)
        self.assertEqual(target.read_text(), "precious")

    def test_released_twice(self) -> None:
        folder = DataFolder(self.path)
        folder.take()
        folder.release()
        folder.release()
