"""A reactor whose time never jumps."""

from __future__ import annotations

import time

from twisted.internet.base import ReactorBase
from twisted.internet.task import Clock
from twisted.python.runtime import seconds
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.run.clock import make_monotonic


class BareReactor(ReactorBase):
    def installWaker(self) -> None:
        pass


class MonotonicTests(SynchronousTestCase):
    def test_stock_reactor(self) -> None:
        reactor = BareReactor()
        self.assertIs(reactor.seconds, seconds)
        make_monotonic(reactor)
        self.assertIs(reactor.seconds, time.monotonic)
        call = reactor.callLater(5, lambda: None)
        self.assertApproximates(call.getTime(), time.monotonic() + 5, 60)

    def test_timers_that_were_there_keep_what_is_left(self) -> None:
        reactor = BareReactor()
        fired: list[int] = []
        for delay in (1000, 0):
            reactor.callLater(delay, fired.append, delay)
        make_monotonic(reactor)
        reactor.runUntilCurrent()
        self.assertEqual(fired, [0])
        (left,) = reactor.getDelayedCalls()
        self.assertApproximates(left.getTime(), time.monotonic() + 1000, 60)
        left.reset(0)
        reactor.runUntilCurrent()
        self.assertEqual(fired, [0, 1000])

    def test_a_clock_of_its_own_stays(self) -> None:
        clock = Clock()
        make_monotonic(clock)
        self.assertEqual(clock.seconds(), 0)
