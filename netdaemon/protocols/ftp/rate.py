"""How fast data may go: a bucket for each session, and one that an account's sessions share."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakValueDictionary


class Bucket:
    """``rate`` octets a second, and a second's worth at once after a second of silence."""

    def __init__(self, rate: int, seconds: Callable[[], float]) -> None:
        self._rate = rate
        self._seconds = seconds
        self._due = seconds() - 1.0

    def take(self, octets: int) -> float:
        """``octets`` have gone: the seconds until more may go."""
        now = self._seconds()
        self._due = max(self._due, now - 1.0) + octets / self._rate
        return max(0.0, self._due - now)


class Buckets:
    """The accounts' shared ones, each for as long as one of its sessions has it."""

    def __init__(self, rate: int, seconds: Callable[[], float]) -> None:
        self._rate = rate
        self._seconds = seconds
        self._buckets: WeakValueDictionary[tuple[str, str], Bucket] = WeakValueDictionary()

    def of(self, account: str, direction: str) -> Bucket | None:
        """An account's bucket in one direction; None when there is no limit."""
        if not self._rate:
            return None
        bucket = self._buckets.get((account, direction))
        if bucket is None:
            bucket = self._buckets[account, direction] = Bucket(self._rate, self._seconds)
        return bucket


def delay(buckets: tuple[Bucket, ...], octets: int) -> float:
    """The longest of what the buckets say."""
    return max((bucket.take(octets) for bucket in buckets), default=0.0)
