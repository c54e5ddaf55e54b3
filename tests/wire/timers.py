"""Time-outs for tests of what stands on IDeadlines: one timer each, to the second."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from netdaemon.interfaces import IDeadline, IDeadlines


@implementer(IDeadline)
class Timer:
    def __init__(self, clock: IReactorTime, run: Callable[[], object]) -> None:
        self._clock = clock
        self._run = run
        self._call: IDelayedCall | None = None

    def postpone(self, seconds: float) -> None:
        self.cancel()
        self._call = self._clock.callLater(seconds, self._run)

    def cancel(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()


@implementer(IDeadlines)
class Timers:
    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def after(self, seconds: float, run: Callable[[], object]) -> Timer:
        timer = Timer(self._clock, run)
        timer.postpone(seconds)
        return timer
