"""Access logs: buffered, rotated, and a full disk survived."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet import task
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.run import accesslog
from netdaemon.run.accesslog import FLUSH_LINES, FLUSH_SECONDS, AccessLog
from netdaemon.run.errors import StartFailed


class AccessLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = task.Clock()
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.path = self.folder / "access.log"
        self.log = AccessLog(self.path, self.clock)
        self.addCleanup(self.log.close)
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def test_by_time(self) -> None:
        self.log.write("one")
        self.log.write("two")
        self.assertEqual(self.path.read_text(), "")
        self.clock.advance(FLUSH_SECONDS)
        self.assertEqual(self.path.read_text(), "one\ntwo\n")
        self.assertEqual(self.clock.getDelayedCalls(), [], "an idle log has no timer")

    def test_by_number(self) -> None:
        for number in range(FLUSH_LINES - 1):
            self.log.write(str(number))
        self.assertEqual(self.path.read_text(), "")
        self.log.write("last")
        self.assertEqual(len(self.path.read_text().splitlines()), FLUSH_LINES)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_at_the_end(self) -> None:
        self.log.write("one")
        self.log.close()
        self.assertEqual(self.path.read_text(), "one\n")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_line_after_the_end(self) -> None:
        self.log.close()
        self.log.write("late")
        self.clock.advance(FLUSH_SECONDS)
        self.assertEqual(self.path.read_text(), "late\n")

    def test_rotated(self) -> None:
        self.log.write("one")
        self.path.rename(self.folder / "old")
        self.log.reopen()
        self.log.write("two")
        self.log.flush()
        self.assertEqual((self.folder / "old").read_text(), "one\n")
        self.assertEqual(self.path.read_text(), "two\n")

    def test_appends(self) -> None:
        self.path.write_text("before\n")
        self.log.write("after")
        self.log.flush()
        self.assertEqual(self.path.read_text(), "before\nafter\n")

    def test_file_is_not_for_everybody(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        path = self.folder / "other.log"
        AccessLog(path, self.clock).close()
        self.assertEqual(path.stat().st_mode & 0o777, 0o640)

    def test_undecodable(self) -> None:
        self.log.write("caf\udce9")
        self.log.flush()
        self.assertEqual(self.path.read_bytes(), b"caf\xe9\n")

    def test_unwritable(self) -> None:
        for path in (self.folder, self.folder / "missing" / "log"):
            self.assertIn("can't be written", str(self.assertRaises(StartFailed, AccessLog, path, self.clock)))

    def test_full_disk(self) -> None:
        log = AccessLog(Path("/dev/full"), self.clock)
        self.addCleanup(log.close)
        for _ in range(3):
            log.write("lost")
            self.clock.advance(FLUSH_SECONDS)
        self.assertEqual(len(self.events), 1, "said once")
        self.assertIn("No space left", self.events[0]["error"])

    def test_disk_full_in_the_middle_of_a_line_and_free_again(self) -> None:
        room = [5]
        write = os.write

        def short(descriptor: int, data: bytes) -> int:
            if not room[0]:
                raise OSError(28, "No space left on device")
            count = write(descriptor, data[: room[0]])
            room[0] -= count
            return count

        self.patch(accesslog.os, "write", short)
        self.log.write("one")
        self.log.write("two")
        self.log.flush()
        self.assertEqual(self.path.read_text(), "one\nt")
        room[0] = 1000
        self.log.write("three")
        self.log.flush()
        self.assertEqual(self.path.read_text(), "one\nt\nthree\n", "a torn line does not swallow the next")
        self.assertEqual(len(self.events), 2)
