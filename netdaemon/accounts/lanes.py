"""Lanes: logins that wait for their turn, one at a time in each lane, and not too many in all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from twisted.internet.defer import DeferredLock

from netdaemon.interfaces import LoginUnavailable

MOST = 1024
MOST_EACH = 64


class Lanes:
    """In one lane are those who would otherwise all try before the first of them has failed."""

    def __init__(self, most: int = MOST, most_each: int = MOST_EACH) -> None:
        self._most = most
        self._most_each = most_each
        self._lanes: dict[Hashable, tuple[DeferredLock, int]] = {}
        self._inside = 0

    @asynccontextmanager
    async def turn(self, lane: Hashable) -> AsyncIterator[None]:
        """The body runs when all before it in the lane have ended. Raises LoginUnavailable where too many wait."""
        lock, inside = self._lanes.get(lane, (None, 0))
        if self._inside >= self._most or inside >= self._most_each:
            raise LoginUnavailable("too many logins wait")
        lock = DeferredLock() if lock is None else lock
        self._lanes[lane] = lock, inside + 1
        self._inside += 1
        try:
            await lock.acquire()
            try:
                yield
            finally:
                lock.release()
        finally:
            self._inside -= 1
            inside = self._lanes[lane][1] - 1
            if inside:
                self._lanes[lane] = lock, inside
            else:
                del self._lanes[lane]

    def __len__(self) -> int:
        """How many are inside, those whose turn it is among them."""
        return self._inside
