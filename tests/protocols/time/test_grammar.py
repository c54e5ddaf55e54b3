"""The four octets of RFC 868, and both sides of every border between eras."""

from __future__ import annotations

from calendar import timegm

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.time.grammar import EPOCH, ERA, Malformed, decode, encode

WRAP = timegm((2036, 2, 7, 6, 28, 16))
HALF = ERA // 2

# RFC 868, "The Time": the time's number, and what it stands for
EXAMPLES = [
    (1, (1900, 1, 1, 0, 0, 1)),
    (2_208_988_800, (1970, 1, 1, 0, 0, 0)),
    (2_398_291_200, (1976, 1, 1, 0, 0, 0)),
    (2_524_521_600, (1980, 1, 1, 0, 0, 0)),
    (2_629_584_000, (1983, 5, 1, 0, 0, 0)),
    (-1_297_728_000, (1858, 11, 17, 0, 0, 0)),
]


class ExampleTests(SynchronousTestCase):
    def test_encode(self) -> None:
        for number, moment in EXAMPLES:
            self.assertEqual(encode(timegm(moment)), (number % ERA).to_bytes(4, "big"), moment)

    def test_decode(self) -> None:
        for number, moment in EXAMPLES:
            seconds = timegm(moment)
            self.assertEqual(decode((number % ERA).to_bytes(4, "big"), near=seconds), seconds)

    def test_network_order(self) -> None:
        self.assertEqual(encode(0), b"\x83\xaa\x7e\x80")


class EraTests(SynchronousTestCase):
    def test_the_count_begins_again_in_2036(self) -> None:
        self.assertEqual(WRAP + EPOCH, ERA)
        self.assertEqual(encode(WRAP - 1), b"\xff\xff\xff\xff")
        self.assertEqual(encode(WRAP), b"\0\0\0\0")
        self.assertEqual(encode(WRAP + 1), b"\0\0\0\1")

    def test_clocks_on_two_sides_of_the_border(self) -> None:
        for server in (WRAP - 1, WRAP, WRAP + 1):
            for client in (WRAP - 1, WRAP, WRAP + 1):
                self.assertEqual(decode(encode(server), near=client), server)

    def test_nearest_up_to_half_an_era(self) -> None:
        here = WRAP + 12345
        self.assertEqual(decode(encode(here - HALF), near=here), here - HALF)
        self.assertEqual(decode(encode(here - HALF + 1), near=here), here - HALF + 1)
        self.assertEqual(decode(encode(here + HALF - 1), near=here), here + HALF - 1)
        # equally near: the earlier, which is the same four octets
        self.assertEqual(decode(encode(here + HALF), near=here), here - HALF)

    def test_fractions_are_cut_off(self) -> None:
        self.assertEqual(encode(0.999), encode(0))
        self.assertEqual(encode(-0.001), encode(-1))
        self.assertEqual(encode(WRAP - 0.001), b"\xff\xff\xff\xff")
        self.assertEqual(decode(encode(WRAP), near=WRAP - 0.001), WRAP)


class MalformedTests(SynchronousTestCase):
    def test_every_other_length(self) -> None:
        for length in (0, 1, 2, 3, 5, 8, 512):
            self.assertRaises(Malformed, decode, bytes(length), 0)


MOMENTS = st.integers(-(10 * ERA), 10 * ERA)


class PropertyTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(MOMENTS, st.integers(-HALF, HALF - 1))
    def test_round_trip_within_half_an_era(self, near: int, away: int) -> None:
        self.assertEqual(decode(encode(near + away), near), near + away)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(min_size=4, max_size=4), st.floats(-1e11, 1e11))
    def test_every_reply_is_a_time_of_that_number(self, data: bytes, near: float) -> None:
        seconds = decode(data, near)
        self.assertEqual(encode(seconds), data)
        self.assertLessEqual(abs(seconds - near), HALF + 1)
