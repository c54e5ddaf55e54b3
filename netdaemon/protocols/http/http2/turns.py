"""Whose turn it is to send: extensible priorities (RFC 9218), and in equal rank one after the other.

The tree of priorities of RFC 7540 is gone (RFC 9113 5.3.2), and what peers still say of it is read over.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Generic, Protocol, TypeVar


class Priority:
    """``urgency`` is 0 (first) to 7, ``together`` whether it shares its turns with others of the same."""

    __slots__ = ("together", "urgency")

    def __init__(self, urgency: int = 3, together: bool = True) -> None:
        self.urgency = urgency
        self.together = together


# RFC 9218 4: a dictionary of structured fields. Of two members that are named alike the last counts (RFC 8941 3.2).
_MEMBER = re.compile(rb"(?:\A|,)[ \t]*(u|i)(?:=([^;, \t]+))?(?=[ \t;,]|\Z)")


def parse_priority(value: bytes) -> Priority:
    """A Priority field; what can't be understood in it counts as not said (RFC 9218 4)."""
    # RFC 9218 10 leaves to us what becomes of those that say nothing: they share. Who says his urgency alone, means it.
    urgency, together = 3, not value.strip()
    for name, given in _MEMBER.findall(value):
        if name == b"u" and re.fullmatch(rb"[0-7]", given):
            urgency = int(given)
        elif name == b"i" and given in (b"", b"?1", b"?0"):
            together = given != b"?0"
    return Priority(urgency, together)


class Taker(Protocol):
    """Who takes turns; ``queued`` is ours to change."""

    queued: bool
    priority: Priority


T = TypeVar("T", bound=Taker)


class Turns(Generic[T]):
    """Those who have something to send: the more urgent before the others, among equals in turn."""

    def __init__(self) -> None:
        self._queues: tuple[deque[T], ...] = tuple(deque() for _ in range(8))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, taker: T) -> None:
        """Behind its equals, unless it waits already."""
        if not taker.queued:
            taker.queued = True
            self._count += 1
            self._queues[taker.priority.urgency].append(taker)

    def next(self) -> T | None:
        """Whose turn it is, taken out."""
        if self._count:
            for queue in self._queues:
                if queue:
                    self._count -= 1
                    taker = queue.popleft()
                    taker.queued = False
                    return taker
        return None

    def again(self, taker: T) -> None:
        """It had its turn and has more to send."""
        taker.queued = True
        self._count += 1
        queue = self._queues[taker.priority.urgency]
        if taker.priority.together:
            queue.append(taker)
        else:
            queue.appendleft(taker)  # RFC 9218 4.2: of no use before it is whole

    def remove(self, taker: T) -> None:
        """It has nothing to send any more, or its priority changes."""
        if taker.queued:
            taker.queued = False
            self._count -= 1
            self._queues[taker.priority.urgency].remove(taker)
