"""Windows: how often something happened lately, for many keys at once and in bounded memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

MOST = 16_384
"""Events that are remembered at one time; more are forgotten early. A thread that hashes makes fewer in 10 minutes."""


class Windows:
    """Sliding windows of ``seconds``: each event counts for all of its keys, exactly that long."""

    def __init__(self, seconds: float, most: int = MOST) -> None:
        self._seconds = seconds
        self._most = most
        self._events: deque[tuple[float, tuple[str, ...]]] = deque()
        self._counts: Counter[str] = Counter()
        self._last: dict[str, float] = {}

    def add(self, now: float, keys: Iterable[str]) -> None:
        """Something happened to these keys."""
        self._expire(now)
        if len(self._events) >= self._most:
            self._drop()
        event = (now, tuple(keys))
        self._events.append(event)
        for key in event[1]:
            self._counts[key] += 1
            self._last[key] = now

    def count(self, now: float, key: str) -> int:
        """How often it happened to that key within the window."""
        self._expire(now)
        return self._counts.get(key, 0)

    def last(self, key: str) -> float:
        """When it happened last to a key whose count is not 0."""
        return self._last[key]

    def forget(self, key: str) -> None:
        """As if nothing had happened to that key."""
        if self._counts.pop(key, None) is not None:
            del self._last[key]
            self._events = deque((when, tuple(other for other in keys if other != key)) for when, keys in self._events)

    def __len__(self) -> int:
        return len(self._events)

    def _expire(self, now: float) -> None:
        while self._events and self._events[0][0] <= now - self._seconds:
            self._drop()

    def _drop(self) -> None:
        _, keys = self._events.popleft()
        for key in keys:
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key], self._last[key]
