from __future__ import annotations

import sqlite3

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages.ranged import RANGES, WIDE, ranged
from netdaemon.messages.uids import HIGHEST, members, ranges, union


class RangedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.db = sqlite3.connect(":memory:")
        self.addCleanup(self.db.close)
        self.db.execute("CREATE TABLE entry (folder INTEGER, uid INTEGER, PRIMARY KEY (folder, uid)) WITHOUT ROWID")
        self.db.executemany("INSERT INTO entry VALUES (?, ?)", [(1 + uid % 2, uid) for uid in range(1, 2001)])

    def ask(self, uids: tuple[tuple[int, int], ...]) -> list[int]:
        found: list[int] = []
        for part in ranged(uids):
            found += [
                row[0]
                for row in self.db.execute(
                    f"{part.begin}SELECT entry.uid FROM {part.of('entry')} WHERE entry.folder = ? ORDER BY entry.uid",
                    (*part.values, 1),
                )
            ]
        return found

    @given(st.lists(st.tuples(st.integers(1, 2100), st.integers(1, 200)), max_size=8))
    def test_as_a_set(self, pairs: list[tuple[int, int]]) -> None:
        uids = union([(first, first + more) for first, more in pairs])
        self.assertEqual(self.ask(uids), [uid for uid in members(uids) if uid <= 2000 and uid % 2 == 0])

    def test_many(self) -> None:
        uids = ranges(range(2, 2001, 4))
        self.assertEqual(self.ask(uids), list(range(2, 2001, 4)))
        self.assertEqual(len(list(ranged(uids))), -(-len(uids) // RANGES))

    def test_wide_ones_are_not_sorted(self) -> None:
        for uids in (((1, HIGHEST),), ((1, 1), (3, 3 + WIDE), (500, 501))):
            for part in ranged(uids):
                if part.ranges[0][1] - part.ranges[0][0] < WIDE:
                    continue
                plan = self.db.execute(
                    f"EXPLAIN QUERY PLAN {part.begin}SELECT entry.uid FROM {part.of('entry')} "
                    "WHERE entry.folder = ? ORDER BY entry.uid LIMIT 5",
                    (*part.values, 1),
                ).fetchall()
                self.assertEqual(
                    [row[3] for row in plan], ["SEARCH entry USING PRIMARY KEY (folder=? AND uid>? AND uid<?)"]
                )
        self.assertEqual(
            [part.ranges for part in ranged(((1, 1), (3, 99), (500, 501)))], [((1, 1),), ((3, 99),), ((500, 501),)]
        )
