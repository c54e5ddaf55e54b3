"""What is held against floods and standstills: budgets of what costs us more than the peer, and patience."""

from __future__ import annotations

from collections.abc import Callable

from netdaemon.interfaces import IDeadline, IDeadlines

STEP = 64 * 1024
"""Octets that make good for all the waiting before them."""


class Budget:
    """So much may be spent at once, and so much a second over time."""

    def __init__(self, burst: float, rate: float, seconds: Callable[[], float]) -> None:
        self._left = self._burst = burst
        self._rate = rate
        self._seconds = seconds
        self._counted = seconds()

    def spend(self, cost: float = 1.0) -> bool:
        """Take ``cost``; False when there is not so much."""
        self._left -= cost
        if self._left >= 0.0:
            return True
        now = self._seconds()
        self._left = min(self._burst, self._left + (now - self._counted) * self._rate)
        self._counted = now
        return self._left >= 0.0

    def earn(self, gain: float) -> None:
        """Work was done that explains as much."""
        self._left = min(self._burst, self._left + gain)


class Patience:
    """How long a peer may be waited for, in all, until it moves `STEP` octets: ``seconds``, and then ``run`` is called.

    Only the time between `wait` and `rest` counts, so octets that trickle don't begin it anew.
    """

    __slots__ = ("_clock", "_deadline", "_deadlines", "_left", "_moved", "_run", "_seconds", "_since")

    def __init__(
        self, deadlines: IDeadlines, clock: Callable[[], float], seconds: float, run: Callable[[], object]
    ) -> None:
        self._deadlines = deadlines
        self._clock = clock
        self._seconds = self._left = seconds
        self._run = run
        self._deadline: IDeadline | None = None
        self._since: float | None = None
        self._moved = 0

    def wait(self) -> None:
        """It is the peer's turn from now on."""
        if self._since is None:
            self._since = self._clock()
            if self._deadline is None:
                self._deadline = self._deadlines.after(self._left, self._over)
            else:
                self._deadline.postpone(self._left)

    def rest(self) -> None:
        """It is not any more."""
        if self._since is not None and self._deadline is not None:
            self._left = max(0.0, self._left - (self._clock() - self._since))
            self._since = None
            self._deadline.cancel()

    def moved(self, octets: int) -> None:
        """The peer has sent, or taken, as much."""
        self._moved += octets
        if self._moved >= STEP:
            self._moved = 0
            waiting = self._since is not None
            self.rest()
            self._left = self._seconds
            if waiting:
                self.wait()

    def _over(self) -> None:
        self._since = None
        self._left = self._seconds
        self._run()
