"""Saying once a second what may happen a thousand times."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime


class Rarely:
    """Counts happenings and says when the next report is due: at once for the first, then once per interval."""

    def __init__(self, clock: IReactorTime, interval: float = 1.0) -> None:
        self._clock = clock
        self._interval = interval
        self._next = float("-inf")
        self._count = 0

    def happened(self) -> int:
        """One more; how many there were since the last report if one is due now, else 0."""
        self._count += 1
        now = self._clock.seconds()
        if now < self._next:
            return 0
        self._next = now + self._interval
        count, self._count = self._count, 0
        return count
