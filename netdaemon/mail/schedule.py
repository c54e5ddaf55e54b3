"""When a message is tried again, when its sender is told of the delay, and when it is given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Times are Unix seconds, durations seconds."""

    retry: Sequence[float] = (300.0, 900.0, 1800.0, 3600.0, 10_800.0)
    """The waits after each try; the last goes for all that follow."""
    warn_after: float = 14_400.0
    """0 for never."""
    give_up_after: float = 432_000.0

    def next_try(self, tries: int, now: float, expires: float) -> float:
        """When to try again after ``tries`` tries (1 or more): never behind ``expires``, when a last try is made."""
        wait = self.retry[min(max(tries, 1), len(self.retry)) - 1]
        return min(now + wait, max(expires, now + 1))

    def expires(self, since: float, deliver_by: float | None = None) -> float:
        """When a message is given up that may be sent ``since`` then; ``deliver_by``: its sender wants it sooner."""
        last = since + self.give_up_after
        return last if deliver_by is None else min(last, deliver_by)

    def warns(self, since: float, now: float) -> bool:
        """Is it late enough to tell its sender?"""
        return bool(self.warn_after) and now - since >= self.warn_after
