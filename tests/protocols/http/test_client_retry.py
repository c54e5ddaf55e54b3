"""What is tried again, and after how long."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client.errors import RedirectRefused
from netdaemon.protocols.http.client.retry import Outcome, Retry, retry_after, worth
from netdaemon.protocols.http.grammar.dates import format_date
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.wire.failures import BadURL, Broken, ConnectFailed, NoAnswer, NotSpoken, TLSFailed, TooLarge

NOW = 1_800_000_000


def after(value: bytes) -> Fields:
    return Fields([(b"Retry-After", value)])


class WorthTests(SynchronousTestCase):
    def test_failures(self) -> None:
        for failure, any_method, idempotent in (
            (ConnectFailed("x"), True, True),
            (NoAnswer("x"), False, True),
            (Broken("x"), False, True),
            (TLSFailed("x"), False, False),
            (NotSpoken("x"), False, False),
            (BadURL("x"), False, False),
            (TooLarge("x"), False, False),
            (RedirectRefused("x"), False, False),
        ):
            for method in (b"POST", b"PATCH", b"LOCK"):
                self.assertEqual(worth(Outcome(method, failure)), any_method, (method, failure))
            for method in (b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS"):
                self.assertEqual(worth(Outcome(method, failure)), idempotent, (method, failure))

    def test_what_never_went_out(self) -> None:
        self.assertTrue(worth(Outcome(b"POST", NoAnswer("x"), sent=False)))
        self.assertFalse(worth(Outcome(b"POST", TLSFailed("x"), sent=False)))

    def test_statuses(self) -> None:
        for status in range(100, 600):
            for method in (b"GET", b"POST"):
                expected = status in ((408, 429, 500, 502, 503, 504) if method == b"GET" else (408, 429))
                self.assertEqual(worth(Outcome(method, status=status)), expected, (method, status))
        self.assertTrue(worth(Outcome(b"POST", status=503, fields=after(b"1"))))
        self.assertFalse(worth(Outcome(b"POST", status=500, fields=after(b"1"))))


class WaitTests(SynchronousTestCase):
    def retry(self, times: int = 20, chance: float = 0.0, patience: float = 300.0) -> Retry:
        return Retry(times, lambda: NOW, patience, lambda: chance)

    def test_doubling(self) -> None:
        outcome = Outcome(b"GET", status=503)
        waits = [self.retry().wait(attempt, outcome) for attempt in range(1, 10)]
        self.assertEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60])
        waits = [self.retry(chance=1.0).wait(attempt, outcome) for attempt in range(1, 10)]
        self.assertEqual(waits, [0.5, 1, 2, 4, 8, 16, 30, 30, 30])
        self.assertEqual(self.retry(10**9).wait(10**9, outcome), 60)

    def test_how_often(self) -> None:
        outcome = Outcome(b"GET", ConnectFailed("x"))
        for times in (0, 1, 3):
            retry = self.retry(times)
            self.assertEqual(
                [retry.wait(n, outcome) is not None for n in range(1, 6)], [n <= times for n in range(1, 6)]
            )

    def test_what_is_not_worth_it(self) -> None:
        self.assertIsNone(self.retry().wait(1, Outcome(b"GET", status=404)))
        self.assertIsNone(self.retry().wait(1, Outcome(b"GET", status=200)))
        self.assertIsNone(self.retry().wait(1, Outcome(b"POST", NoAnswer("x"))))

    def test_a_body_that_is_gone(self) -> None:
        self.assertIsNone(self.retry().wait(1, Outcome(b"PUT", ConnectFailed("x"), again=False)))

    def test_the_server_says_when(self) -> None:
        for value, expected in (
            (b"10", 10), (b"0", 1), (b"300", 300), (b"301", None), (b"9" * 400, None),
            (format_date(NOW + 20), 20), (format_date(NOW - 20), 1), (format_date(NOW + 3000), None),
            (b"soon", 1), (b"-5", 1), (b"1.5", 1), (b"", 1), (b"\xb2", 1),
        ):  # fmt: skip
            self.assertEqual(self.retry().wait(1, Outcome(b"GET", status=503, fields=after(value))), expected, value)
        self.assertEqual(
            self.retry().wait(5, Outcome(b"GET", status=429, fields=after(b"10"))), 16, "never earlier than ours"
        )

    def test_retry_after(self) -> None:
        self.assertIsNone(retry_after(Fields(), NOW))
        self.assertEqual(retry_after(after(b"Friday, 15-Jan-27 08:00:09 GMT"), NOW), 9)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=30), st.integers(1, 100), st.floats(0, 1))
    def test_always_within_bounds(self, value: bytes, attempt: int, chance: float) -> None:
        wait = self.retry(100, chance).wait(attempt, Outcome(b"GET", status=429, fields=after(value)))
        self.assertTrue(wait is None or 0.5 <= wait <= 300)
