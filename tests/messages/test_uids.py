from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages.uids import HIGHEST, count, difference, holds, intersection, members, ranges, union

some = st.sets(st.integers(1, 40))


class UidTests(SynchronousTestCase):
    def test_ranges(self) -> None:
        for uids, found in (
            ([], ()),
            ([1], ((1, 1),)),
            ([3, 1, 2, 2], ((1, 3),)),
            ([1, 3, 4, 9], ((1, 1), (3, 4), (9, 9))),
            ([HIGHEST], ((HIGHEST, HIGHEST),)),
        ):
            self.assertEqual(ranges(uids), found)

    def test_union_puts_in_order(self) -> None:
        self.assertEqual(union(((5, 9), (3, 1)), ((4, 4),), ((20, 15),)), ((1, 9), (15, 20)))
        self.assertEqual(union(((1, 10), (2, 3))), ((1, 10),))
        self.assertEqual(union(), ())

    @given(some, some)
    def test_as_sets(self, one: set[int], other: set[int]) -> None:
        left, right = ranges(one), ranges(other)
        self.assertEqual(set(members(left)), one)
        self.assertEqual(count(left), len(one))
        self.assertEqual(union(left, right), ranges(one | other))
        self.assertEqual(intersection(left, right), ranges(one & other))
        self.assertEqual(difference(left, right), ranges(one - other))
        self.assertEqual([uid for uid in range(42) if holds(left, uid)], sorted(one))

    def test_wide_ones_cost_nothing(self) -> None:
        wide = ((1, HIGHEST),)
        self.assertEqual(difference(wide, ((2, HIGHEST - 1),)), ((1, 1), (HIGHEST, HIGHEST)))
        self.assertEqual(intersection(wide, ((7, 7),)), ((7, 7),))
        self.assertEqual(count(wide), HIGHEST)
