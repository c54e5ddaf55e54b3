"""Leases between processes, and their file."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages.errors import LeaseHeld, StoreBroken, StoreBusy
from netdaemon.messages.lease import FILE, Leases


class LeaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = Path(self.mktemp()).resolve()
        self.data.mkdir(parents=True)
        self.now = 1000.0
        self.leases = self.open()

    def open(self) -> Leases:
        leases = Leases(self.data, lambda: self.now)
        self.addCleanup(leases.close)
        return leases

    def test_no_file_before_there_is_one(self) -> None:
        self.assertEqual(list(self.data.iterdir()), [])
        self.leases.take("mulder", "a", 60)
        self.assertEqual((self.data / FILE).stat().st_mode & 0o777, 0o600)

    def test_another_process(self) -> None:
        other = self.open()
        self.leases.take("mulder", "a", 60)
        self.assertRaises(LeaseHeld, other.take, "mulder", "b", 60)
        other.give("mulder", "b")
        self.assertRaises(LeaseHeld, other.take, "mulder", "b", 60)
        self.leases.give("mulder", "a")
        other.take("mulder", "b", 60)
        self.assertRaises(LeaseHeld, self.leases.take, "mulder", "a", 60)
        self.now += 60
        self.leases.take("mulder", "a", 60)

    def test_what_is_over_is_forgotten(self) -> None:
        for number in range(10):
            self.leases.take(f"user{number}", "a", 60)
        self.now += 60
        other = self.open()
        other.take("mulder", "b", 60)
        assert self.leases._db is not None
        self.assertEqual(self.leases._db.execute("SELECT account FROM lease").fetchall(), [("mulder",)])

    def test_a_torn_file_is_made_anew(self) -> None:
        for torn in (b"x" * 4096, b"SQLite format 3\0" + b"\xff" * 4080):
            (self.data / FILE).write_bytes(torn)
            leases = self.open()
            leases.take("mulder", "a", 60)
            self.assertRaises(LeaseHeld, leases.take, "mulder", "b", 60)
            leases.close()

    def test_a_file_that_can_not_be(self) -> None:
        (self.data / FILE).mkdir()
        self.assertRaises(StoreBroken, self.leases.take, "mulder", "a", 60)

    def test_closed(self) -> None:
        self.leases.take("mulder", "a", 60)
        self.leases.close()
        self.assertRaises(StoreBusy, self.leases.give, "mulder", "a")
