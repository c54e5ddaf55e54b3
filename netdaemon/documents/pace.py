"""Long work over many names in short turns, so that no other session waits for it."""

from __future__ import annotations

import time

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

TURN = 0.004  # seconds; the rest of a reactor's round is other sessions'
NAMES = 500


class Pace:
    """Counts one long work's steps; ``await`` a turn whenever ``over`` says so.

    ``rest`` is how long to stay away between two turns (seconds): 0 for work that a peer waits for. Without a clock
    there is nobody to give a turn to: the work goes on at once (commands that run no reactor).
    """

    __slots__ = ("_clock", "_end", "_left", "_names", "_rest", "_seconds")

    def __init__(self, clock: IReactorTime | None, rest: float = 0.0, names: int = NAMES) -> None:
        self._clock = clock
        self._rest = rest
        self._names = names
        self._seconds = time.monotonic if clock is None else clock.seconds
        self._begin()

    def _begin(self) -> None:
        self._left = self._names
        self._end = self._seconds() + TURN

    def over(self) -> bool:
        """One more step is done: whether this turn is over."""
        self._left -= 1
        return self._left <= 0 or self._seconds() >= self._end

    async def turn(self) -> None:
        """Let the reactor see to the others, then begin a new turn."""
        if self._clock is not None:
            await deferLater(self._clock, self._rest)
        self._begin()
