"""Sets of UIDs in SQL, a part of the set at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netdaemon.messages.values import UidSet

RANGES = 200
"""Ranges in one statement."""
WIDE = 64
"""A range of so many UIDs has a statement of its own, in which they come in order without being sorted."""


@dataclass(frozen=True)
class Part:
    """A wide range, or some narrow ones. Its values come before all others of the statement."""

    ranges: UidSet

    @property
    def begin(self) -> str:
        """The beginning of the statement."""
        if len(self.ranges) == 1:
            return ""
        return f"WITH part(first, last) AS (VALUES {', '.join(['(?, ?)'] * len(self.ranges))}) "

    def of(self, table: str) -> str:
        """The rows of a table with those UIDs, under the table's own name: what comes behind FROM.

        CROSS JOIN makes SQLite go by the ranges, and not through the whole folder.
        """
        if len(self.ranges) == 1:
            return f"(SELECT * FROM {table} WHERE uid BETWEEN ? AND ?) AS {table}"
        return f"part CROSS JOIN {table} ON {table}.uid BETWEEN part.first AND part.last"

    @property
    def values(self) -> list[int]:
        return [number for pair in self.ranges for number in pair]


def ranged(uids: UidSet) -> Iterator[Part]:
    """The set in parts that one statement takes, in order."""
    narrow: list[tuple[int, int]] = []
    for pair in uids:
        wide = pair[1] - pair[0] >= WIDE
        if narrow and (wide or len(narrow) == RANGES):
            yield Part(tuple(narrow))
            narrow = []
        if wide:
            yield Part((pair,))
        else:
            narrow.append(pair)
    if narrow:
        yield Part(tuple(narrow))
