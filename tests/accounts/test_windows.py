from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts.windows import Windows


class WindowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.windows = Windows(10.0, most=5)

    def test_exactly_that_long(self) -> None:
        self.windows.add(1.0, ["a", "b"])
        self.windows.add(2.0, ["a"])
        self.assertEqual([self.windows.count(10.5, key) for key in "abc"], [2, 1, 0])
        self.assertEqual(self.windows.last("a"), 2.0)
        self.assertEqual([self.windows.count(11.0, key) for key in "ab"], [1, 0])
        self.assertEqual(self.windows.count(12.0, "a"), 0)

    def test_forget(self) -> None:
        self.windows.add(1.0, ["a", "b"])
        self.windows.forget("a")
        self.windows.forget("absent")
        self.assertEqual([self.windows.count(1.0, key) for key in "ab"], [0, 1])
        self.windows.add(2.0, ["a"])
        self.assertEqual(self.windows.count(11.0, "a"), 1, "what was forgotten does not expire once more")

    def test_bounded(self) -> None:
        for number in range(100):
            self.windows.add(1.0, [str(number), "all"])
        self.assertEqual(len(self.windows), 5)
        self.assertEqual(len(self.windows._counts), 6)
        self.assertEqual(len(self.windows._last), 6)
        self.assertEqual(self.windows.count(1.0, "all"), 5)

    @given(
        st.lists(
            st.tuples(
                st.floats(0, 8),
                st.one_of(
                    st.sets(st.sampled_from("abc"), min_size=1), st.sampled_from("abc").map(lambda key: f"forget {key}")
                ),
            )
        )
    )
    @hypothesis_settings(deadline=None, max_examples=100)
    def test_against_a_list(self, steps: list[tuple[float, set[str] | str]]) -> None:
        windows, events, now = Windows(10.0, most=1000), [], 0.0
        for passed, what in steps:
            now += passed
            if isinstance(what, str):
                key = what.removeprefix("forget ")
                windows.forget(key)
                events = [event for event in events if event[1] != key]
            else:
                windows.add(now, what)
                events += [(now, key) for key in what]
            for key in "abc":
                times = [when for when, whose in events if whose == key and when > now - 10.0]
                self.assertEqual(windows.count(now, key), len(times))
                if times:
                    self.assertEqual(windows.last(key), max(times))
