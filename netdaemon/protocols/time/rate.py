"""How many answers each source may have: a bucket of tokens per address, in a table that can't be made to grow."""

from __future__ import annotations

import socket
from collections.abc import Callable

SOURCES = 16_384
"""Sources remembered. Whoever forges more to have one forgotten has sent more than it will get back."""


class Allowance:
    """``rate`` answers a second for every source, and as many at once after a second of silence.

    ``seconds`` is a monotonic clock.
    """

    def __init__(self, rate: float, seconds: Callable[[], float], sources: int = SOURCES) -> None:
        self._interval = 1 / rate
        self._seconds = seconds
        self._sources = sources
        # Source -> when its bucket will be full again, the least recently seen source first. One number holds a
        # bucket: each answer moves it on by an interval, and it may not lie more than a second ahead.
        self._full: dict[str | bytes, float] = {}

    def __len__(self) -> int:
        return len(self._full)

    def take(self, host: str) -> bool:
        """May ``host`` (an IP address) have one more answer now? Yes costs it a token."""
        whom = source(host)
        now = self._seconds()
        table = self._full
        full = table.pop(whom, now)
        allowed = full - now + self._interval <= 1 + _ROUNDING
        table[whom] = max(full, now) + self._interval if allowed else full
        if len(table) > self._sources:
            del table[next(iter(table))]
        return allowed


_ROUNDING = 1e-6
"""Seconds that sums of many intervals may be off."""

_MAPPED = b"\0" * 10 + b"\xff\xff"


def source(host: str) -> str | bytes:
    """Whom an address counts as: an IPv4 address as itself, also when mapped into IPv6; an IPv6 address as its /64."""
    if ":" not in host:
        return host
    packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return packed[:8]
