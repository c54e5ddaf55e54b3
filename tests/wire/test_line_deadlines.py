"""Deadlines: silence, slowness and trickles end a session; our own slowness does not."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from tests.wire.toy import Toy, toy


class DeadlineTests(TestCase):
    def toy(self, **keys: Any) -> Toy:
        return toy(idle_timeout=300.0, command_timeout=60.0, stall_timeout=120.0, **keys)

    def timers(self, made: Toy) -> int:
        return len(made.house.clock.getDelayedCalls())

    async def test_idle(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "-- 299 s", "C: NOOP", "S: 250 OK", "-- 299 s", "-- silence", "-- 3 s")
        await made.peer.dialog("S: 421 too slow", "-- closed")

    async def test_a_byte_per_second_does_not_keep_a_session_alive(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "C: NOOP", "S: 250 OK", "-- 100 s")
        for second in range(62):
            self.assertFalse(made.peer.closed and second < 60)
            await made.peer.dialog("C* x", "-- 1 s")
        await made.peer.dialog("S: 421 too slow", "-- closed")

    async def test_each_command_has_its_own_time(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy")
        for _ in range(10):
            await made.peer.dialog(
                "C* NO", "-- 40 s", r"C* OP\r\nNO", "S: 250 OK", "-- 40 s", r"C* OP\r\n", "S: 250 OK"
            )

    async def test_an_over_long_line_has_no_more_time_than_others(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy")
        for _ in range(7):
            await made.peer.dialog("C* " + "x" * 50, "-- 9 s")
        await made.peer.dialog("S: 421 too slow", "-- closed")

    async def test_a_line_within_a_command(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "C: AUTH PLAIN", "S: 334 ", "-- 59 s", "C* a", "-- 59 s", r"C* b\r\n")
        await made.peer.dialog("S: 235 2", "C: AUTH PLAIN", "S: 334 ", "-- 62 s", "S: 421 too slow", "-- closed")

    async def test_a_long_wait_that_the_command_asked_for(self) -> None:
        made = self.toy()
        await made.peer.dialog(
            "S: 220 toy", "C: IDLE", "S: + idling", "-- 1700 s", "-- silence", "C: DONE", "S: 250 idled"
        )
        await made.peer.dialog("C: IDLE", "S: + idling", "-- 1802 s", "S: 421 too slow", "-- closed")

    async def test_a_literal_that_stalls(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "C: LIT 1000")
        for _ in range(122):
            await made.peer.dialog("C* x", "-- 1 s")
        await made.peer.dialog("S: 421 too slow", "-- closed")
        self.assertEqual(made.session.seen, [])

    async def test_a_body_that_comes_fast_enough(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "C: DATA", "S: 354 go on")
        for _ in range(20):
            made.peer.send(b"x" * 16384)
            await made.peer.dialog("-- 29 s", "-- silence")
        made.peer.send(b"\r\n.\r\n")
        await made.peer.dialog(f"S: 250 {20 * 16384 + 2}")

    async def test_a_body_that_comes_too_slowly(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "C: DATA", "S: 354 go on")
        for _ in range(9):
            made.peer.send(b"x" * 5000)
            await made.peer.dialog("-- 14 s")
        await made.peer.dialog("S: 421 too slow", "-- closed")

    async def test_a_slow_command_is_our_own_matter(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "C: SLOW", "-- 4000 s", "-- silence")
        made.session.gates.pop().callback(b"")
        await made.peer.dialog("S: 250 slow ", "-- 299 s", "-- silence", "-- 3 s", "S: 421 too slow", "-- closed")

    async def test_a_slow_command_behind_a_line_that_failed(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "C: FORGIVE", "C: " + "x" * 79, "-- 4000 s", "-- silence")
        made.session.gates.pop().callback(b"x")
        await made.peer.dialog("S: 250 never mind x")

    async def test_a_slow_sink_is_our_own_matter(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "C: SINK", r"C* abc", "-- 4000 s", "-- silence", r"C* d\r\n.\r\n")
        made.session.gates.pop().callback(None)
        await made.peer.dialog("-- 4000 s", "-- silence")
        made.session.gates.pop().callback(None)
        await made.peer.dialog("S: 250 sunk")

    async def test_a_sink_that_waits_for_each_byte_gives_the_peer_no_more_time(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "C: SINK")
        for _ in range(130):
            await made.peer.dialog("C* x")
            if made.session.gates:
                made.session.gates.pop().callback(None)
            await made.peer.dialog("-- 1 s")
        await made.peer.dialog("S: 421 too slow", "-- closed")

    async def test_a_peer_that_does_not_read_the_farewell(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy")
        made.peer.transport.on_write = lambda: None
        made.house.clock.advance(302)
        transport = made.peer.transport
        self.assertEqual(transport.unsent, b"421 too slow\r\n")
        self.assertTrue(transport.connected)
        made.house.clock.advance(122)
        transport.turn()
        self.assertTrue(transport.aborted)
        self.assertFalse(transport.connected)

    async def test_a_peer_that_stays_after_the_farewell(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "-- 302 s", "S: 421 too slow", "-- closed", "-- 4 s", "C: NOOP")
        self.assertTrue(made.peer.transport.connected)
        await made.peer.dialog("-- 3 s")
        self.assertFalse(made.peer.transport.connected)

    async def test_no_timer_is_left(self) -> None:
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "C: LIT 5", "-- 1 s")
        self.assertEqual(self.timers(made), 1)
        await made.peer.dialog("-- hangs up")
        self.assertEqual(self.timers(made), 0)
        made = self.toy()
        await made.peer.dialog("S: 220 toy", "C: QUIT", "S: 221 bye", "-- closed")
        self.assertEqual(self.timers(made), 0)
