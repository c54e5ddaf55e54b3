"""A reactor whose time never jumps."""

from __future__ import annotations

import time
from typing import Any

from twisted.python.runtime import seconds as wall_seconds


def make_monotonic(reactor: Any) -> None:
    """Have ``reactor.seconds`` and every timer go by the monotonic clock.

    Twisted's reactors go by the time of day: when that is set an hour forward, every session times out at once.
    Timers that exist already (of plugins, of a debugger) keep the time they have left. Reactors that bring a clock
    of their own (asyncio's is monotonic) are left alone.
    """
    if reactor.seconds is not wall_seconds:
        return
    shift = time.monotonic() - wall_seconds()
    for call in reactor.getDelayedCalls():
        call.time += shift
        call.seconds = time.monotonic
    reactor.seconds = time.monotonic
