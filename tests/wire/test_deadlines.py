"""The wheel: never early, at most a tick late, one timer, and none when there is nothing to wait for."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from netdaemon.interfaces import IDeadline, IDeadlines
from netdaemon.wire.deadlines import NAPS, Wheel
from tests.kit.clock import pass_time


class WheelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.3)
        self.wheel = Wheel(self.clock)
        self.fired: list[tuple[str, float]] = []

    def note(self, name: str) -> None:
        self.fired.append((name, round(self.clock.seconds() - 1000.3, 3)))

    def timers(self) -> int:
        return len(self.clock.getDelayedCalls())

    def test_interfaces(self) -> None:
        verifyObject(IDeadlines, self.wheel)
        verifyObject(IDeadline, self.wheel.after(1, lambda: None))

    def test_fires_once_within_a_tick(self) -> None:
        self.wheel.after(5, lambda: self.note("a"))
        self.clock.advance(4.99)
        self.assertEqual(self.fired, [])
        self.clock.advance(1.01)
        self.assertEqual([name for name, _ in self.fired], ["a"])
        self.clock.advance(100)
        self.assertEqual(len(self.fired), 1)

    def test_a_whole_number_of_ticks_is_exact(self) -> None:
        clock = Clock()
        wheel = Wheel(clock, tick=0.1)
        fired: list[float] = []
        wheel.after(0.3, lambda: fired.append(clock.seconds()))
        pass_time(clock, 0.29, 0.01)
        self.assertEqual(fired, [])
        clock.advance(0.0100001)
        self.assertEqual(len(fired), 1)

    def test_no_timer_when_empty_and_one_for_many(self) -> None:
        self.assertEqual(self.timers(), 0)
        deadlines = [self.wheel.after(seconds, lambda: None) for seconds in (3, 5, 500, 4, 2) * 20]
        self.assertEqual(self.timers(), 1)
        for deadline in deadlines:
            deadline.cancel()
        self.assertEqual(self.timers(), 0)
        self.wheel.after(1, lambda: None)
        pass_time(self.clock, 3)
        self.assertEqual(self.timers(), 0)

    def test_short_ones_that_follow_each_other_share_a_timer(self) -> None:
        """A timer for each connection that comes alone and goes would cost more than the rest of its time-outs."""
        for _ in range(NAPS + 1):
            self.wheel.after(5, lambda: self.note("never")).cancel()
        (timer,) = self.clock.getDelayedCalls()
        for _ in range(20):
            self.wheel.after(5, lambda: self.note("never")).cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [timer])
        self.wheel.after(2, lambda: self.note("sooner"))
        self.wheel.after(9, lambda: self.note("later"))
        pass_time(self.clock, 10.5)
        self.assertEqual([name for name, _ in self.fired], ["sooner", "later"])
        self.assertEqual(self.timers(), 0)
        for _ in range(NAPS + 1):
            self.wheel.after(5, lambda: self.note("never")).cancel()
        pass_time(self.clock, 6)
        self.assertEqual(self.timers(), 0)  # and with nothing to wait for it is the last

    def test_postponed_later(self) -> None:
        deadline = self.wheel.after(5, lambda: self.note("a"))
        for _ in range(10):
            self.clock.advance(4)
            deadline.postpone(5)
        self.assertEqual(self.fired, [])
        pass_time(self.clock, 6)
        self.assertEqual(len(self.fired), 1)
        self.assertEqual(self.timers(), 0)

    def test_postponing_leaves_the_timer_alone(self) -> None:
        deadline = self.wheel.after(5, lambda: None)
        (timer,) = self.clock.getDelayedCalls()
        due = timer.getTime()
        deadline.postpone(50)
        self.assertEqual(self.clock.getDelayedCalls(), [timer])
        self.assertEqual(timer.getTime(), due)

    def test_postponed_sooner(self) -> None:
        deadline = self.wheel.after(500, lambda: self.note("a"))
        self.wheel.after(400, lambda: None)
        deadline.postpone(2)
        pass_time(self.clock, 3)
        self.assertEqual(len(self.fired), 1)

    def test_cancelled(self) -> None:
        deadline = self.wheel.after(5, lambda: self.note("a"))
        self.wheel.after(6, lambda: self.note("b"))
        deadline.cancel()
        deadline.cancel()
        self.assertFalse(deadline.armed)
        pass_time(self.clock, 10)
        self.assertEqual([name for name, _ in self.fired], ["b"])

    def test_armed_again_after_cancel_and_after_firing(self) -> None:
        deadline = self.wheel.after(5, lambda: self.note("a"))
        deadline.cancel()
        deadline.postpone(2)
        pass_time(self.clock, 3)
        self.assertEqual(len(self.fired), 1)
        deadline.postpone(2)
        self.assertTrue(deadline.armed)
        pass_time(self.clock, 3)
        self.assertEqual(len(self.fired), 2)

    def test_one_that_fires_cancels_another_of_the_same_tick(self) -> None:
        deadlines = [self.wheel.after(5, lambda: None)]
        self.wheel.after(5, lambda: deadlines[1].cancel())
        deadlines.append(self.wheel.after(5, lambda: self.note("cancelled")))
        self.wheel.after(5, lambda: deadlines[1].cancel())
        pass_time(self.clock, 8)
        self.assertEqual(self.fired, [])
        self.assertEqual(self.timers(), 0)

    def test_one_that_fires_sets_itself_again(self) -> None:
        deadline = self.wheel.after(1, lambda: (self.note("a"), deadline.postpone(0)))
        pass_time(self.clock, 5.5)
        self.assertIn(len(self.fired), (4, 5))  # once a tick, and not for ever within one

    def test_setting_itself_again_at_once_waits_for_the_next_tick(self) -> None:
        clock = Clock()
        wheel = Wheel(clock)
        deadline = wheel.after(1, lambda: (self.note("a"), len(self.fired) < 50 and deadline.postpone(0)))
        clock.advance(1)
        self.assertEqual(len(self.fired), 1)
        clock.advance(1)
        self.assertEqual(len(self.fired), 2)

    def test_one_that_moves_on_does_not_delay_one_that_is_sooner(self) -> None:
        moved = self.wheel.after(1, lambda: self.note("moved"))
        moved.postpone(100)
        self.wheel.after(10, lambda: self.note("sooner"))
        pass_time(self.clock, 12)
        self.assertEqual([name for name, _ in self.fired], ["sooner"])

    def test_a_failure_stops_nobody_else(self) -> None:
        self.wheel.after(1, lambda: 1 // 0)
        self.wheel.after(1, lambda: self.note("b"))
        self.wheel.after(4, lambda: self.note("c"))
        pass_time(self.clock, 6)
        self.assertEqual([name for name, _ in self.fired], ["b", "c"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stopped(self) -> None:
        deadline = self.wheel.after(1, lambda: self.note("a"))
        self.wheel.stop()
        self.assertEqual(self.timers(), 0)
        deadline.postpone(1)
        deadline.cancel()
        self.wheel.after(1, lambda: self.note("b"))
        pass_time(self.clock, 5)
        self.assertEqual(self.fired, [])
        self.assertEqual(self.timers(), 0)

    def test_a_late_reactor_fires_all_that_is_due_in_order(self) -> None:
        for seconds in (9, 2, 5):
            self.wheel.after(seconds, lambda seconds=seconds: self.note(str(seconds)))
        self.clock.advance(60)
        self.assertEqual([name for name, _ in self.fired], ["2", "5", "9"])

    def test_cancelling_and_setting_again_does_not_pile_up(self) -> None:
        self.wheel.after(1000, lambda: None)
        deadline = self.wheel.after(300, lambda: None)
        for _ in range(1000):
            deadline.cancel()
            deadline.postpone(300)
        self.assertLessEqual(len(self.wheel._order), 3)

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(
            st.tuples(st.integers(0, 9), st.sampled_from(["set", "cancel", "pass"]), st.floats(0, 30)), max_size=60
        )
    )
    def test_like_a_timer_each(self, steps: list[tuple[int, str, float]]) -> None:
        clock = Clock()
        wheel = Wheel(clock)
        due: dict[int, float] = {}  # the reference: when each may fire

        def fire(number: int) -> None:
            self.assertIn(number, due)
            self.assertLessEqual(due[number] - 1e-3, clock.seconds())
            del due[number]

        deadlines = [wheel.after(1, lambda number=number: fire(number)) for number in range(10)]
        due.update(dict.fromkeys(range(10), 1.0))
        for number, what, seconds in steps:
            if what == "set":
                deadlines[number].postpone(seconds)
                due[number] = clock.seconds() + seconds
            elif what == "cancel":
                deadlines[number].cancel()
                due.pop(number, None)
            else:
                pass_time(clock, seconds, 0.5)
                for left in due.values():
                    self.assertGreater(left + 1 + 0.5 + 1e-3, clock.seconds())
            self.assertEqual({n for n in range(10) if deadlines[n].armed}, set(due))
            self.assertLessEqual(len(clock.getDelayedCalls()), 1)
        pass_time(clock, 40)
        self.assertEqual(due, {})
        self.assertEqual(clock.getDelayedCalls(), [])
