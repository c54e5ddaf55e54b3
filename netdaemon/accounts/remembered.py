"""Passwords that were right a moment ago: HTTP Basic sends one with every request, and each costs a tenth of a second.

What is kept is no password: an HMAC-SHA-256, under a key that this process draws at its start and never writes down,
of the account's name, its stored hash and the password. So a changed password, also one changed by another process,
is forgotten by itself: its hash is another. Kept for a minute from the check that proved it, at most a thousand.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict

from twisted.internet.interfaces import IReactorTime

from netdaemon.accounts.sources import Record

SECONDS = 60.0
MOST = 1024


class Remembered:
    """The passwords proved within the last minute."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def knows(self, record: Record, password: bytes) -> bool:
        """Was it proved a moment ago that this is the account's password?"""
        if not self._until:
            return False
        until = self._until.get(self._mac(record, password))
        return until is not None and self._clock.seconds() < until

    def learn(self, record: Record, password: bytes) -> None:
        """It was proved just now."""
        now = self._clock.seconds()
        while self._until and (next(iter(self._until.values())) <= now or len(self._until) >= MOST):
            self._until.popitem(last=False)  # all are kept for the same time: the first is the oldest
        mac = self._mac(record, password)
        self._until[mac] = now + SECONDS
        self._until.move_to_end(mac)

    def _mac(self, record: Record, password: bytes) -> bytes:
        kept = f"{record.account.name}\0{record.hash}\0".encode()
        return hmac.digest(self._key, kept + password, hashlib.sha256)
