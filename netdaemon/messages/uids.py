"""Sets of UIDs: ranges (first, last), both inside, in order and apart from each other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from netdaemon.messages.values import UidRange, UidSet

HIGHEST = (1 << 32) - 1
"""RFC 9051 section 9: nz-number."""

EVERY: UidSet = ((1, HIGHEST),)


def ranges(uids: Iterable[int]) -> UidSet:
    """The set of these, which may come in any order and more than once."""
    found: list[UidRange] = []
    first = last = 0
    for uid in sorted(uids):
        if first and uid <= last + 1:
            last = max(last, uid)
            continue
        if first:
            found.append((first, last))
        first = last = uid
    if first:
        found.append((first, last))
    return tuple(found)


def union(*sets: Iterable[UidRange]) -> UidSet:
    """All of them together; also puts ranges in order that are in none, and turns those that run backwards."""
    found: list[UidRange] = []
    for first, last in sorted((min(pair), max(pair)) for each in sets for pair in each):
        if found and first <= found[-1][1] + 1:
            if last > found[-1][1]:
                found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return tuple(found)


def intersection(one: UidSet, other: UidSet) -> UidSet:
    """What is in both."""
    found: list[UidRange] = []
    left, right = 0, 0
    while left < len(one) and right < len(other):
        first, last = max(one[left][0], other[right][0]), min(one[left][1], other[right][1])
        if first <= last:
            found.append((first, last))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return tuple(found)


def difference(one: UidSet, other: UidSet) -> UidSet:
    """What is in ``one`` and not in ``other``."""
    found: list[UidRange] = []
    at = 0
    for first, last in one:
        while at < len(other) and other[at][1] < first:
            at += 1
        next_, begin = at, first
        while next_ < len(other) and other[next_][0] <= last:
            if begin < other[next_][0]:
                found.append((begin, other[next_][0] - 1))
            begin = other[next_][1] + 1
            next_ += 1
        if begin <= last:
            found.append((begin, last))
    return tuple(found)


def holds(uids: UidSet, uid: int) -> bool:
    """Is it in the set?"""
    at = bisect_right(uids, (uid, HIGHEST)) - 1
    return at >= 0 and uids[at][0] <= uid <= uids[at][1]


def count(uids: UidSet) -> int:
    """How many are in the set."""
    return sum(last - first + 1 for first, last in uids)


def members(uids: UidSet) -> Iterator[int]:
    """One after the other."""
    for first, last in uids:
        yield from range(first, last + 1)
