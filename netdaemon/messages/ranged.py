"""Sets of UIDs in SQL: as a table of ranges, a part of the set at a time."""

from __future__ import annotations

from collections.abc import Iterator

from netdaemon.messages.values import UidSet

RANGES = 200
"""Ranges in one statement."""


def ranged(uids: UidSet) -> Iterator[UidSet]:
    """The set in parts that one statement takes, in order."""
    for at in range(0, len(uids), RANGES):
        yield uids[at : at + RANGES]


def over(part: UidSet) -> str:
    """The beginning of a statement in which ``part`` is a table of first and last; its values come first.

    CROSS JOIN with it makes SQLite go by the ranges, and not through the whole folder.
    """
    return f"WITH part(first, last) AS (VALUES {', '.join(['(?, ?)'] * len(part))})"


def flat(part: UidSet) -> list[int]:
    """The values for `over`."""
    return [number for pair in part for number in pair]
