"""Listing in batches: whole, in turns, and never a descriptor left behind."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

from netdaemon.documents.pace import TURN
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import Entry, NotFolder, NotFound, Unavailable
from tests.documents.forest import ForestTests


class SlowClock(Clock):
    """Each look at it costs time, as if a disk took that long for a name; counts the turns taken."""

    cost = 0.0
    turns = 0

    def seconds(self) -> float:
        self.rightNow += self.cost
        return super().seconds()

    def callLater(self, when: float, what: Callable[..., object], *args: object, **kwargs: object) -> IDelayedCall:
        self.turns += 1
        return super().callLater(when, what, *args, **kwargs)


class ListingTests(ForestTests):
    def begin(self, tree: Tree, batch: int = 500) -> tuple[list[Sequence[Entry]], Deferred[None]]:
        batches: list[Sequence[Entry]] = []

        async def run() -> None:
            async for entries in tree.listing(b"/", batch):
                batches.append(entries)  # noqa: PERF401  # each is looked at when it comes

        return batches, Deferred.fromCoroutine(run())

    def names(self, batches: list[Sequence[Entry]]) -> list[bytes]:
        return [entry.name for entries in batches for entry in entries]

    def test_batches_and_turns(self) -> None:
        for number in range(25):
            (self.top / f"{number:02}").touch()
        clock = SlowClock()
        batches, done = self.begin(self.tree(clock=clock), batch=10)
        self.assertEqual([len(entries) for entries in batches], [10])
        clock.advance(0)
        self.successResultOf(done)
        self.assertEqual(clock.turns, 2)
        self.assertEqual([len(entries) for entries in batches], [10, 10, 5])
        self.assertEqual(sorted(self.names(batches)), [b"%02d" % number for number in range(25)])
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_without_a_clock(self) -> None:
        for number in range(25):
            (self.top / f"{number:02}").touch()
        batches, done = self.begin(self.tree(), batch=10)
        self.successResultOf(done)
        self.assertEqual(len(self.names(batches)), 25)

    def test_empty(self) -> None:
        batches, done = self.begin(self.tree(clock=Clock()))
        self.successResultOf(done)
        self.assertEqual(batches, [])

    def test_a_slow_disk_ends_the_turn_early(self) -> None:
        for number in range(25):
            (self.top / f"{number:02}").touch()
        clock = SlowClock()
        clock.cost = TURN / 4.5
        batches, done = self.begin(self.tree(clock=clock))
        clock.advance(0)
        self.successResultOf(done)
        self.assertEqual(len(self.names(batches)), 25)
        self.assertLessEqual(max(map(len, batches)), 5)

    def test_names_not_shown_take_turns_too(self) -> None:
        for number in range(100):
            (self.top / f".{number:02}").touch()
        clock = SlowClock()
        batches, done = self.begin(self.tree(clock=clock), batch=10)
        clock.advance(0)
        self.successResultOf(done)
        self.assertEqual((batches, clock.turns), ([], 10))

    def test_errors(self) -> None:
        (self.top / "a").touch()
        tree = self.tree(clock=Clock())

        async def first(path: bytes) -> None:
            async for _ in tree.listing(path):
                pass

        self.failureResultOf(Deferred.fromCoroutine(first(b"/a")), NotFolder)
        self.failureResultOf(Deferred.fromCoroutine(first(b"/b")), NotFound)

    def test_disk_fails_half_way(self) -> None:
        for number in range(5):
            (self.top / f"{number}").touch()
        tree = self.tree()
        real = os.scandir

        class Failing:
            def __init__(self, folder: int) -> None:
                self.items = real(folder)
                self.left = 2

            def __next__(self) -> os.DirEntry[str]:
                if not self.left:
                    raise OSError(errno.EIO, "x")
                self.left -= 1
                return next(self.items)

            def close(self) -> None:
                self.items.close()

        self.patch(os, "scandir", Failing)
        entries = tree.list(b"/")
        self.assertRaises(Unavailable, list, entries)

    def test_cannot_be_scanned(self) -> None:
        tree = self.tree()

        def fail(folder: int) -> None:
            raise OSError(errno.EMFILE, "x")

        self.patch(os, "scandir", fail)
        self.assertRaises(Unavailable, tree.list, b"/")

    def test_dropped_half_way(self) -> None:
        for number in range(30):
            (self.top / f"{number}").touch()
        clock = Clock()
        tree = self.tree(clock=clock)

        async def one_batch() -> int:
            async for entries in tree.listing(b"/", 10):
                return len(entries)
            return 0

        # the check of descriptors at the end sees what stays open
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(one_batch())), 10)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_cancelled_between_two_turns(self) -> None:
        for number in range(30):
            (self.top / f"{number}").touch()
        clock = Clock()
        batches, done = self.begin(self.tree(clock=clock), batch=10)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertEqual((len(batches), clock.getDelayedCalls()), (1, []))
