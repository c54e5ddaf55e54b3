"""When a message is tried again, warned of, given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.schedule import Schedule

DAY = 86_400.0


class ScheduleTests(SynchronousTestCase):
    def test_the_waits(self) -> None:
        schedule = Schedule()
        waits = [schedule.next_try(tries, 0.0, 5 * DAY) for tries in range(1, 8)]
        self.assertEqual(waits, [300, 900, 1800, 3600, 10_800, 10_800, 10_800])

    def test_the_last_try_is_made_when_it_expires(self) -> None:
        schedule = Schedule()
        self.assertEqual(schedule.next_try(9, 1000.0, 1500.0), 1500.0)
        self.assertEqual(schedule.next_try(9, 1000.0, 900.0), 1001.0)

    def test_expiry(self) -> None:
        schedule = Schedule()
        self.assertEqual(schedule.expires(100.0), 100.0 + 5 * DAY)
        self.assertEqual(schedule.expires(100.0, 160.0), 160.0)
        self.assertEqual(schedule.expires(100.0, 100.0 + 9 * DAY), 100.0 + 5 * DAY)

    def test_warnings(self) -> None:
        schedule = Schedule(warn_after=60.0)
        self.assertEqual([schedule.warns(0.0, now) for now in (0.0, 59.0, 60.0)], [False, False, True])
        self.assertFalse(Schedule(warn_after=0.0).warns(0.0, 1e9))

    @given(
        st.lists(st.floats(1.0, 1e6), min_size=1, max_size=8),
        st.integers(0, 1000),
        st.floats(0, 4e9),
        st.floats(0, 4e9),
    )
    def test_time_always_passes(self, retry: list[float], tries: int, now: float, expires: float) -> None:
        """The next try is later than now, no later than the longest wait, and not behind the expiry but by a second."""
        then = Schedule(retry=retry).next_try(tries, now, expires)
        self.assertGreater(then, now)
        self.assertLessEqual(then, now + max(retry))
        self.assertLessEqual(then, max(expires, now + 1))

    @given(st.lists(st.floats(1.0, 1e5), min_size=1, max_size=5), st.floats(10.0, 1e6))
    def test_it_is_given_up_in_the_end(self, retry: list[float], give_up: float) -> None:
        schedule = Schedule(retry=retry, give_up_after=give_up)
        now, tries, expires = 0.0, 0, schedule.expires(0.0)
        while now < expires:
            tries += 1
            now = schedule.next_try(tries, now, expires)
            if tries > 3000:
                self.assertGreater(give_up / min(retry), 2000)
                return
        self.assertTrue(expires <= now <= expires + 1)
