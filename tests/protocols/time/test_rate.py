"""How many answers a source may have."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.time.rate import Allowance, source


class AllowanceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def allowance(self, rate: float, sources: int = 100) -> Allowance:
        return Allowance(rate, self.clock.seconds, sources)

    def test_a_second_s_worth_at_once(self) -> None:
        allowance = self.allowance(10)
        self.assertEqual([allowance.take("192.0.2.1") for _ in range(12)], [True] * 10 + [False] * 2)

    def test_then_as_many_as_time_goes_by(self) -> None:
        allowance = self.allowance(10)
        for _ in range(10):
            allowance.take("192.0.2.1")
        self.clock.advance(0.1)
        self.assertEqual([allowance.take("192.0.2.1") for _ in range(2)], [True, False])
        self.clock.advance(0.35)
        self.assertEqual([allowance.take("192.0.2.1") for _ in range(4)], [True] * 3 + [False])

    def test_silence_fills_the_bucket_and_no_more(self) -> None:
        allowance = self.allowance(3)
        self.clock.advance(1000)
        self.assertEqual([allowance.take("192.0.2.1") for _ in range(4)], [True] * 3 + [False])
        self.clock.advance(1000)
        self.assertEqual([allowance.take("192.0.2.1") for _ in range(4)], [True] * 3 + [False])

    def test_refused_ones_cost_nothing(self) -> None:
        allowance = self.allowance(1)
        allowance.take("192.0.2.1")
        for _ in range(100):
            self.assertFalse(allowance.take("192.0.2.1"))
        self.clock.advance(1)
        self.assertTrue(allowance.take("192.0.2.1"))

    def test_sources_do_not_share(self) -> None:
        allowance = self.allowance(1)
        self.assertTrue(allowance.take("192.0.2.1"))
        self.assertTrue(allowance.take("192.0.2.2"))

    def test_an_ipv6_network_shares(self) -> None:
        allowance = self.allowance(1)
        self.assertTrue(allowance.take("2001:db8::1"))
        self.assertFalse(allowance.take("2001:db8::ffff:2"))
        self.assertTrue(allowance.take("2001:db8:0:1::1"))

    def test_the_table_is_bounded(self) -> None:
        allowance = self.allowance(1, sources=50)
        for number in range(1000):
            allowance.take(f"10.0.{number // 256}.{number % 256}")
        self.assertEqual(len(allowance), 50)

    def test_who_keeps_asking_is_not_forgotten(self) -> None:
        allowance = self.allowance(1, sources=50)
        self.assertTrue(allowance.take("192.0.2.1"))
        for number in range(1000):
            allowance.take(f"10.0.{number // 256}.{number % 256}")
            self.assertFalse(allowance.take("192.0.2.1"))

    @settings(deadline=None, max_examples=50)
    @given(st.integers(1, 1000), st.lists(st.floats(0, 3), min_size=1, max_size=50))
    def test_never_more_than_the_rate(self, rate: int, waits: list[float]) -> None:
        clock = Clock()
        allowance = Allowance(rate, clock.seconds)
        answers = 0
        for wait in waits:
            clock.advance(wait)
            while allowance.take("192.0.2.1"):
                answers += 1
        self.assertLessEqual(answers, rate * (1 + clock.seconds()) + 1)


class SourceTests(SynchronousTestCase):
    def test_who_counts_as_one(self) -> None:
        self.assertEqual(source("192.0.2.1"), "192.0.2.1")
        self.assertEqual(source("::ffff:192.0.2.1"), "192.0.2.1")
        self.assertEqual(source("fe80::1%lo"), source("fe80::2"))
        self.assertNotEqual(source("2001:db8::1"), source("2001:db8:1::1"))
