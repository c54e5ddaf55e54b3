"""How a session ends: by QUIT, by the peer, by half a close, and by the daemon's stop."""

from __future__ import annotations

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from netdaemon.interfaces import ISession
from tests.wire.toy import ToySession, toy


class EndTests(TestCase):
    async def test_quit(self) -> None:
        for behind in ("", r"NOOP\r\n", "NOO"):
            made = toy()
            await made.peer.dialog("S: 220 toy", rf"C* QUIT\r\n{behind}", "S: 221 bye", "-- closed")
            self.assertEqual(made.session.seen, [])
            self.assertTrue(made.session.gone)

    async def test_the_last_words_survive_what_the_peer_still_sends(self) -> None:
        # Closing a socket with unread bytes resets it: only our direction is closed, and the rest is read and dropped.
        made = toy()
        await made.peer.dialog("S: 220 toy", r"C* QUIT\r\nNOOP\r\n", "S: 221 bye", "-- closed")
        self.assertTrue(made.peer.transport.connected)
        made.peer.send(b"x" * 100_000)
        self.assertTrue(made.peer.transport.reading)
        self.assertEqual(made.session._unread, b"")
        await made.peer.dialog("-- closes")
        self.assertFalse(made.peer.transport.connected)

    async def test_the_peer_goes_while_a_command_runs(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", r"C* SLOW\r\nNOOP\r\n")
        self.assertFalse(made.session.gates[0].called)
        await made.peer.dialog("-- hangs up")
        self.assertTrue(made.session.gates[0].called)  # it was cancelled
        self.assertEqual(made.session.seen, [b"SLOW"])
        self.assertEqual(made.house.measure.errors, 0)

    async def test_the_peer_goes_within_a_literal_a_body_and_a_line(self) -> None:
        for command in (r"LIT 5\r\nab", r"DATA\r\nab", r"AUTH PLAIN\r\nab", r"IDLE\r\n", r"NOO", r"SINK\r\nab"):
            for how in ("-- hangs up", "-- closes"):
                made = toy()
                await made.peer.dialog("S: 220 toy", f"C* {command}", how)
                for gate in made.session.gates:
                    if not gate.called:
                        gate.callback(None)
                self.assertFalse(made.peer.transport.connected and how == "-- hangs up")
                self.assertTrue(made.session.gone, command)
                self.assertEqual(made.house.measure.errors, 0)
                self.assertEqual(made.house.clock.getDelayedCalls() if how == "-- hangs up" else [], [])

    async def test_half_a_close_behind_the_commands(self) -> None:
        # printf 'NOOP\r\nSLOW\r\nNOOP\r\n' | nc
        made = toy()
        await made.peer.dialog("S: 220 toy", r"C* NOOP 1\r\nSLOW\r\nNOOP 2\r\n", "S: 250 1", "-- closes", "-- silence")
        made.session.gates.pop().callback(b"")
        await made.peer.dialog("S: 250 slow ", "S: 250 2", "-- closed")
        self.assertFalse(made.peer.transport.connected)

    async def test_half_a_close_of_an_idle_session(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: NOOP", "-- closes", "S: 250 OK", "-- closed")
        self.assertFalse(made.peer.transport.connected)


class DrainTests(TestCase):
    def test_interface(self) -> None:
        verifyObject(ISession, toy().session)

    async def test_idle(self) -> None:
        for partial in ("", "NOO"):
            made = toy()
            await made.peer.dialog("S: 220 toy", f"C* {partial}")
            made.session.drain()
            made.session.drain()
            await made.peer.dialog("S: 421 stopping", "-- closed")

    async def test_a_running_command_is_finished_and_no_other_begun(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", r"C* SLOW\r\nNOOP\r\n")
        made.session.drain()
        await made.peer.dialog("-- silence")
        made.session.gates.pop().callback(b"")
        await made.peer.dialog("S: 250 slow ", "S: 421 stopping", "-- closed")
        self.assertEqual(made.session.seen, [b"SLOW"])

    async def test_a_body_is_taken_to_its_end(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: DATA", "S: 354 go on", r"C* abc")
        made.session.drain()
        await made.peer.dialog("-- silence", r"C* d\r\n.\r\nNOOP\r\n", "S: 250 6", "S: 421 stopping", "-- closed")

    async def test_a_command_that_only_waits_for_a_line(self) -> None:
        for command in ("IDLE", "AUTH PLAIN"):
            made = toy()
            await made.peer.dialog("S: 220 toy", f"C: {command}")
            await made.peer.line()
            made.session.drain()
            await made.peer.dialog("S: 421 stopping", "-- closed")
            self.assertEqual(made.house.measure.errors, 0)

    async def test_a_session_whose_peer_does_not_read(self) -> None:
        made = toy()
        made.session.write(b"x" * 70_000)
        made.session.drain()
        self.assertTrue(made.peer.unread.endswith(b"x421 stopping\r\n"))
        await made.peer.rest()
        self.assertTrue(made.peer.closed)

    async def test_it_never_raises(self) -> None:
        class Broken(ToySession):
            def farewell(self, text: bytes) -> None:
                raise RuntimeError

        made = toy(session=Broken)
        await made.peer.dialog("S: 220 toy")
        made.session.drain()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertTrue(made.peer.transport.aborted)

    async def test_before_the_greeting(self) -> None:
        class Slow(ToySession):
            async def greet(self) -> None:  # type: ignore[override]  # either is allowed by the base
                self.send(await self.gate())

        made = toy(session=Slow)
        made.session.drain()
        made.session.gates.pop().callback(b"220 late")
        await made.peer.dialog("S: 220 late", "S: 421 stopping", "-- closed")
