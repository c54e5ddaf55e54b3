"""Challenges and robots.txt made to be expensive."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.challenge import MAX_VALUE, parse_challenges, quoted
from netdaemon.protocols.http.grammar.robots import MAX_SIZE, parse_robots
from tests.protocols.http.grammar.test_robots import RobotsCase


class ChallengeTests(SynchronousTestCase):
    def test_no_control_gets_into_a_quoted_string(self) -> None:
        for octet in {*range(32), 127} - {9}:
            self.assertRaises(ValueError, quoted, b"a%cb" % octet)
        self.assertEqual(quoted(b'a"b\\c\t\xff'), b'"a\\"b\\\\c\t\xff"')

    def test_work_is_linear(self) -> None:
        """What makes a backtracking parser stand still; it would not end within hours."""
        began = time.process_time()
        for piece in (b"a ", b"a=", b'"\\', b"\\", b'"', b",", b"a =", b"= ", b"\t", b"a, ", b'a="b",'):
            for tail in (b"", b"(", b'"', b"="):
                value = (piece * MAX_VALUE)[: MAX_VALUE - 3] + tail
                parse_challenges([value, b"Basic " + value])
        self.assertLess(time.process_time() - began, 20)


class RobotsTests(RobotsCase):
    def test_size(self) -> None:
        head = b"User-agent: *\nDisallow: /1\n"
        for ending in (b"\n", b"\r", b"\r\n"):
            fill = head + b"#" * (MAX_SIZE - len(head) - len(b"\nDisallow: /2") - 1) + b"\nDisallow: /2"
            self.assertEqual(len(fill), MAX_SIZE - 1)
            self.check(fill, no=(b"/1", b"/2"))
            self.check(fill + ending * 2, no=(b"/1", b"/2"))
            self.check(
                fill + b"345" + ending, yes=(b"/2", b"/2345"), no=(b"/1",)
            )  # cut off: it isn't known what it says
            self.check(fill + ending * 2 + b"Disallow: /4\n", yes=(b"/4",), no=(b"/2",))
        self.check(b"x" * (MAX_SIZE + 9), yes=(b"/",))

    def test_patterns_that_stop_a_backtracking_matcher(self) -> None:
        began = time.process_time()
        path = b"/" + b"a" * 8000
        for pattern in (
            b"/" + b"*a" * 4000 + b"b",
            b"/" + b"*a" * 4000 + b"$",
            b"*" * 400_000 + b"b",
            b"/*" + b"a*" * 9000,
        ):
            parse_robots(b"User-agent: *\nDisallow: " + pattern).allows("a", path)
        self.assertLess(time.process_time() - began, 10)

    def test_many_of_everything(self) -> None:
        began = time.process_time()
        for text in (
            b"User-agent: a\n" * 35_000,
            b"User-agent:a\nDisallow:/*x\n" * 19_000,
            b":\r" * 250_000,
            b"%41" * 160_000,
        ):
            robots = parse_robots(b"User-agent: a\nDisallow: /" + text)
            robots.allows("a", b"/" + b"%41" * 500)
        self.assertLess(time.process_time() - began, 20)

    def test_many_agents_of_many_rules(self) -> None:
        """Every rule is each agent's: there is still one of it, and one group."""
        agents = [f"a{'bcdefghijk'[n // 10]}{'bcdefghijk'[n % 10]}" for n in range(100)] * 2
        text = "".join(f"User-agent: {agent}\n" for agent in agents) + "Allow: /x\n" * 99
        robots = parse_robots(text.encode())
        self.assertEqual(len(robots._groups), 100)
        groups = {id(group) for named in robots._groups.values() for group in named}
        self.assertEqual((len(groups), [len(named) for named in robots._groups.values()]), (1, [1] * 100))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200), st.text(max_size=9), st.binary(max_size=20))
    def test_anything(self, octets: bytes, agent: str, target: bytes) -> None:
        robots = parse_robots(octets)
        robots.allows(agent, target)
        robots.delay(agent)
