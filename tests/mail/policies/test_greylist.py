"""Greylisting: who waits, who is known, what is forgotten (RFC 6647)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.policies.greylist import Greylist, Times

TIMES = Times(delay=300.0, retry=7200.0, keep=86_400.0, known=3)
A = ("192.0.2.7", "fox@example.org", "dana@spam.egg")


class GreylistTests(SynchronousTestCase):
    def greylist(self, times: Times = TIMES, **more: Any) -> Greylist:
        self.file = Path(self.mktemp())
        return Greylist(self.file, times, **more)

    def test_somebody_new_waits(self) -> None:
        greylist = self.greylist()
        for now, left in ((1000.0, 300.0), (1001.0, 299.0), (1299.0, 1.0), (1300.0, 0.0), (1301.0, 0.0), (5e4, 0.0)):
            self.assertEqual(greylist.seconds_left(*A, now), left, now)

    def test_each_of_the_three_counts(self) -> None:
        greylist = self.greylist()
        greylist.seconds_left(*A, 0.0)
        address, sender, recipient = A
        for other, left in (
            ((address, "cat@example.org", recipient), 300.0),
            ((address, "", recipient), 300.0),
            ((address, sender, "fox@spam.egg"), 300.0),
            (("192.0.3.7", sender, recipient), 300.0),
            (("192.0.2.200", sender, recipient), 0.0),
            (("::ffff:192.0.2.1", sender, recipient), 0.0),
            ((address, "FOX@example.org", "Dana@spam.egg"), 0.0),
            (("2001:db8::1", sender, recipient), 300.0),
        ):
            self.assertEqual(greylist.seconds_left(*other, 300.0), left, other)
        for other, left in (("2001:db8::ffff:1", 0.0), ("2001:db8:0:1::1", 300.0), ("2001:db8::1%lo", 0.0)):
            self.assertEqual(greylist.seconds_left(other, sender, recipient, 600.0), left, other)

    def test_who_comes_too_late_is_new(self) -> None:
        greylist = self.greylist()
        self.assertEqual(greylist.seconds_left(*A, 0.0), 300.0)
        self.assertEqual(greylist.seconds_left(*A, 7201.0), 300.0)
        self.assertEqual(greylist.seconds_left(*A, 7501.0), 0.0)

    def test_who_is_known_stays_so_while_he_comes(self) -> None:
        greylist = self.greylist()
        greylist.seconds_left(*A, 0.0)
        moment = 300.0
        for _ in range(5):
            self.assertEqual(greylist.seconds_left(*A, moment), 0.0)
            moment += 86_400.0
        self.assertEqual(greylist.seconds_left(*A, moment + 1), 300.0)

    def test_a_network_becomes_known(self) -> None:
        for known in (3, 0):
            greylist = self.greylist(Times(300.0, 7200.0, 86_400.0, known))
            for place in range(3):
                one = (A[0], f"{place}@example.org", A[2])
                self.assertEqual(greylist.seconds_left(*one, 0.0), 300.0)
                self.assertEqual(greylist.seconds_left(*one, 300.0), 0.0)
                self.assertEqual(greylist.seconds_left(*one, 301.0), 0.0)
            left = 0.0 if known else 300.0
            self.assertEqual(greylist.seconds_left("192.0.2.99", "new@example.com", A[2], 400.0), left)
            self.assertEqual(greylist.seconds_left("192.0.3.99", "new@example.com", A[2], 400.0), 300.0)
            greylist.seconds_left("192.0.3.99", "new@example.com", A[2], 86_600.0)  # what is over then, goes then
            self.assertEqual(greylist.seconds_left("192.0.2.99", "newer@example.com", A[2], 86_900.0), 300.0)

    def test_a_clock_that_is_put_back(self) -> None:
        greylist = self.greylist()
        greylist.seconds_left(*A, 1_000_000.0)
        self.assertEqual(greylist.seconds_left(*A, 1000.0), 300.0)

    def test_it_is_kept_and_shared(self) -> None:
        greylist = self.greylist()
        greylist.seconds_left(*A, 0.0)
        self.assertEqual(Greylist(self.file, TIMES).seconds_left(*A, 300.0), 0.0)

    def test_no_address_is_in_it(self) -> None:
        greylist = self.greylist()
        greylist.seconds_left(*A, 0.0)
        octets = b"".join(file.read_bytes() for file in self.file.parent.glob(self.file.name + "*"))
        for word in (b"fox", b"example", b"dana", b"192.0"):
            self.assertNotIn(word, octets)

    def test_what_is_over_goes(self) -> None:
        greylist = self.greylist(most=50)
        for place in range(100):
            greylist.seconds_left(A[0], f"{place}@example.org", A[2], 1.0)
        self.assertEqual(self.rows(), 100)
        greylist.seconds_left(A[0], "x@example.org", A[2], 700.0)
        self.assertEqual(self.rows(), 51)
        greylist.seconds_left(A[0], "x@example.org", A[2], 1400.0)
        self.assertEqual(self.rows(), 50)
        greylist.seconds_left(A[0], "x@example.org", A[2], 9000.0)
        self.assertEqual(self.rows(), 1)

    def rows(self) -> int:
        with closing(sqlite3.connect(self.file)) as work:
            (count,) = work.execute("SELECT count(*) FROM triplet").fetchone()
        return int(count)

    def test_a_file_that_is_none(self) -> None:
        file = Path(self.mktemp())
        file.write_bytes(b"no database" * 1000)
        self.assertRaises(sqlite3.Error, Greylist(file, TIMES).seconds_left, *A, 0.0)
        self.assertRaises(OSError, Greylist(file / "beneath", TIMES).seconds_left, *A, 0.0)


class Model(RuleBasedStateMachine):
    """The same in plain Python, without networks that are known."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.known: dict[str, list[Any]] = {}
        file = Path(ModelTests.folder) / f"{ModelTests.count}.sqlite"
        ModelTests.count += 1
        self.greylist = Greylist(file, Times(10.0, 100.0, 1000.0, 0))

    @rule(seconds=st.sampled_from([1.0, 9.0, 10.0, 90.0, 100.0, 900.0, 1000.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(who=st.sampled_from("ab"))
    def come(self, who: str) -> None:
        first, last, passed = self.known.get(who, (None, 0.0, False))
        if first is None or self.now - last > (1000.0 if passed else 100.0):
            expected = 10.0
            self.known[who] = [self.now, self.now, False]
        elif not passed and self.now - first < 10.0:
            expected = first + 10.0 - self.now
        else:
            expected = 0.0
            self.known[who] = [first, self.now, True]
        assert self.greylist.seconds_left("192.0.2.1", who, "x", self.now) == expected


class ModelTests(SynchronousTestCase):
    folder = ""
    count = 0

    def test_against_the_model(self) -> None:
        ModelTests.folder = self.mktemp()
        Path(ModelTests.folder).mkdir(parents=True)
        case = Model.TestCase
        case.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
        case("runTest").debug()
