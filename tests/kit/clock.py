"""Time for tests: it passes when the test says so, and in steps, so that whoever looks now and then gets to look."""

from __future__ import annotations

from twisted.internet import task


def pass_time(clock: task.Clock, seconds: float, step: float = 0.25) -> None:
    """Let ``seconds`` pass on ``clock``, ``step`` by ``step``: timers set by timers run at their own times."""
    end = clock.seconds() + seconds
    while clock.seconds() + step < end:
        clock.advance(step)
    clock.advance(max(0.0, end - clock.seconds()))
