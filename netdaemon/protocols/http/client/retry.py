"""What is worth asking for once more, and when (RFC 9110 sections 9.2.2 and 10.2.3)."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from netdaemon.protocols.http.grammar.dates import parse_date
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.wire.failures import Broken, ConnectFailed, Failed, NoAnswer

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Seconds between two tries, unless the server asks for more."""

# RFC 9110 9.2.2: asked twice, they do what they do once
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})

# The server, or one on the way to it, had a bad moment
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
# RFC 9110 15.5.9, RFC 6585 4: these say that nothing was done; a 503 (15.6.4) only when it says when to come back
_UNDONE = frozenset({408, 429})

# RFC 9110 10.2.3: Retry-After = HTTP-date / delay-seconds
_SECONDS = re.compile(rb"[0-9]+").fullmatch


class Outcome(NamedTuple):
    """How one try ended: by a failure, or by a response's status and fields."""

    method: bytes
    failure: Failed | None = None
    status: int = 0
    fields: Fields = Fields()
    sent: bool = True
    """May anything of the request have reached the server?"""
    again: bool = True
    """Can its body be sent once more?"""


@dataclass(frozen=True)
class Retry:
    """At most ``times`` more tries, after waits that double from `FIRST_WAIT` to `LONGEST_WAIT`.

    A server that asks for more than ``patience`` seconds is not asked again: to come earlier would be to do what it
    asks not to. ``chance`` gives numbers from 0 to 1, by which a wait is shortened to half of it at most, so that those
    who were cut off together don't come back together; ``wall`` is the time now, in Unix seconds.
    """

    times: int
    wall: Callable[[], float]
    patience: float = 300.0
    chance: Callable[[], float] = random.random

    def wait(self, attempt: int, outcome: Outcome) -> float | None:
        """Seconds until the next try after ``attempt`` of them (the first is 1), None when there is none."""
        if attempt > self.times or not outcome.again or not worth(outcome):
            return None
        # The power has a bound of its own: a float has one too.
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt - 1, 16))
        own = longest * (1 - self.chance() / 2)
        asked = retry_after(outcome.fields, self.wall())
        if asked is None:
            return own
        return max(asked, own) if asked <= self.patience else None


def worth(outcome: Outcome) -> bool:
    """May another try do better, and do nothing twice?"""
    idempotent = outcome.method in IDEMPOTENT
    if outcome.failure is not None:
        if isinstance(outcome.failure, ConnectFailed):
            return True  # nothing was sent
        return isinstance(outcome.failure, NoAnswer | Broken) and (idempotent or not outcome.sent)
    if outcome.status in _UNDONE or (outcome.status == 503 and b"retry-after" in outcome.fields):
        return True
    return outcome.status in _PASSING and idempotent


def retry_after(fields: Fields, now: float) -> float | None:
    """Seconds that a response asks to wait, 0 for a moment that has passed; None where it says nothing, or nonsense."""
    value = fields.get(b"retry-after")
    if value is None:
        return None
    if _SECONDS(value):
        return float(value[:18])
    moment = parse_date(value, now)
    return None if moment is None else max(0.0, moment - now)
