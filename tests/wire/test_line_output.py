"""Output: no faster than the peer reads, nothing lost, and a peer that reads nothing is dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from netdaemon.wire.dot import BareLineEnd
from netdaemon.wire.line import ALWAYS, ConnectionLost, Verb, VerbTable
from tests.wire.test_dot import decode_by_line
from tests.wire.toy import Toy, ToySession, toy


class Talker(ToySession):
    """Sends what a test asks for."""

    made = 0

    async def lines(self, arguments: bytes) -> None:
        def numbers() -> Any:
            for number in range(int(arguments)):
                self.made = number
                yield b"%d" % number

        await self.send_lines(numbers())
        self.send(b"250 done")

    async def chunks(self, arguments: bytes) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(int(arguments)):
                self.made = number
                yield b".%d\r\n" % number * 1000

        await self.send_body(pieces())

    async def held_open(self, arguments: bytes) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 1000
            finally:
                self.seen.append("closed")

        await self.send_body(pieces())

    async def counted(self, arguments: bytes) -> None:
        size, _, data = arguments.partition(b" ")
        self.send(b"* %b" % size)
        await self.send_literal(int(size), [data[:1], data[1:]])
        self.send(b"250 done")

    async def refusing(self, arguments: bytes) -> None:
        await self.send_body([b"a\nb"], refuse=True)

    async def wait(self, arguments: bytes) -> None:
        try:
            await self.drained()
        except ConnectionLost:
            self.seen.append("lost")
            raise

    def fill(self, arguments: bytes) -> None:
        self.write(b"x" * int(arguments))


Talker.verbs = VerbTable(
    Verb(b"LINES", ALWAYS, Talker.lines),
    Verb(b"CHUNKS", ALWAYS, Talker.chunks),
    Verb(b"HELDOPEN", ALWAYS, Talker.held_open),
    Verb(b"COUNTED", ALWAYS, Talker.counted),
    Verb(b"REFUSING", ALWAYS, Talker.refusing),
    Verb(b"FILL", ALWAYS, Talker.fill),
    Verb(b"WAIT", ALWAYS, Talker.wait),
    Verb(b"NOOP", ALWAYS, Talker.noop),
    Verb(b"QUIT", ALWAYS, Talker.quit),
)


class OutputTests(TestCase):
    def setUp(self) -> None:
        self.made: Toy = toy(session=Talker, stall_timeout=120.0)
        self.session: Any = self.made.session
        self.transport = self.made.peer.transport
        self.transport.taken()

    def say(self, data: bytes) -> None:
        """Not by the peer's `send`, which reads on."""
        self.transport.deliver(data)

    def read_all(self) -> bytes:
        data = b""
        while piece := self.transport.taken(10_000):
            data += piece
        return data

    def test_many_lines_wait_for_the_peer(self) -> None:
        self.say(b"LINES 1000000\r\n")
        self.assertLess(self.session.made, 50_000)
        self.assertLess(len(self.transport.unsent), 200_000)
        self.transport.taken()
        self.assertGreater(self.session.made, 15_000)

    def test_nothing_is_lost_on_the_way(self) -> None:
        self.say(b"LINES 50000\r\nNOOP\r\n")
        wanted = b"".join(b"%d\r\n" % number for number in range(50_000)) + b"250 done\r\n250 OK\r\n"
        self.assertEqual(self.read_all(), wanted)

    def test_a_body_waits_for_the_peer_and_arrives(self) -> None:
        self.say(b"CHUNKS 100\r\nNOOP\r\n")
        self.assertLess(self.session.made, 50)
        wanted = b"".join(b".%d\r\n" % number * 1000 for number in range(100))
        self.assertEqual(decode_by_line(self.read_all()), (wanted, b"250 OK\r\n"))

    def test_what_a_body_is_made_of_is_closed_when_the_peer_goes(self) -> None:
        self.say(b"HELDOPEN\r\n")
        self.assertEqual(self.session.seen, [])
        self.transport.lose()
        self.assertEqual(self.session.seen, ["closed"])

    def test_literals_are_as_long_as_they_said(self) -> None:
        self.say(b"COUNTED 4 a\0.b\r\n".replace(b"\0", b";"))
        self.assertEqual(self.read_all(), b"* 4\r\na;.b250 done\r\n")
        for wrong in (b"3", b"5"):
            self.setUp()
            self.say(b"COUNTED %b abcd\r\nNOOP\r\n" % wrong)
            self.transport.turn()
            self.assertTrue(self.transport.aborted)
            self.assertEqual(self.session.seen, [])
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_body_that_can_not_be_sent_drops_the_connection(self) -> None:
        self.say(b"REFUSING\r\nNOOP\r\n")
        self.assertTrue(self.transport.aborted)
        self.assertEqual(self.session.seen, [])
        self.assertEqual(len(self.flushLoggedErrors(BareLineEnd)), 1)

    def test_commands_wait_while_the_peer_does_not_read(self) -> None:
        self.say(b"FILL 70000\r\nNOOP 1\r\n")
        self.assertEqual(self.session.seen, [])
        self.say(b"NOOP 2\r\n")
        self.assertFalse(self.transport.reading)
        self.assertEqual(self.read_all(), b"x" * 70_000 + b"250 1\r\n250 2\r\n")
        self.assertTrue(self.transport.reading)

    def test_a_peer_that_reads_nothing_is_dropped(self) -> None:
        self.say(b"FILL 70000\r\n")
        self.made.house.clock.advance(119)
        self.transport.turn()
        self.assertTrue(self.transport.connected)
        self.made.house.clock.advance(3)
        self.transport.turn()
        self.assertTrue(self.transport.aborted)
        self.assertFalse(self.transport.connected)
        self.assertEqual(self.made.house.clock.getDelayedCalls(), [])

    def test_each_stall_has_its_own_time(self) -> None:
        for _ in range(3):
            self.say(b"FILL 70000\r\n")
            self.made.house.clock.advance(100)
            self.assertEqual(len(self.read_all()), 70_000)
        self.made.house.clock.advance(150)  # nothing is unsent any more
        self.transport.turn()
        self.assertTrue(self.transport.connected)
        self.say(b"FILL 70000\r\n")
        self.made.house.clock.advance(122)
        self.transport.turn()
        self.assertFalse(self.transport.connected)

    def test_a_peer_that_reads_a_byte_now_and_then_is_dropped(self) -> None:
        self.say(b"FILL 70000\r\n")
        for _ in range(13):
            self.transport.taken(1)
            self.made.house.clock.advance(10)
        self.transport.turn()
        self.assertFalse(self.transport.connected)

    def test_a_peer_that_reads_slowly_but_well_stays(self) -> None:
        self.say(b"LINES 50000\r\n")
        got = b""
        while piece := self.transport.taken(30_000):
            got += piece
            self.made.house.clock.advance(20)
        self.assertTrue(got.endswith(b"250 done\r\n"))

    def test_a_waiting_command_learns_of_the_end(self) -> None:
        self.say(b"FILL 70000\r\n")
        self.session.held &= ~2  # as if the command had filled it itself
        self.session.pauseProducing()
        waiting = Deferred.fromCoroutine(self.session.drained())
        self.transport.lose()
        self.failureResultOf(waiting, ConnectionLost)
        self.failureResultOf(Deferred.fromCoroutine(self.session.drained()), ConnectionLost)

    def test_quit_with_a_full_buffer(self) -> None:
        self.say(b"FILL 70000\r\nQUIT\r\n")
        self.assertEqual(self.read_all(), b"x" * 70_000 + b"221 bye\r\n")
        self.transport.turn()
        self.assertFalse(self.transport.connected)

    def test_a_line_with_a_line_end_is_never_sent(self) -> None:
        for line in (b"a\r\nb", b"a\n", b"\r"):
            self.assertRaises(ValueError, self.session.send, line)
            self.failureResultOf(Deferred.fromCoroutine(self.session.send_lines([b"a", line])), ValueError)
        self.assertEqual(self.transport.taken(), b"")

    def test_nothing_is_sent_behind_a_farewell(self) -> None:
        self.session.close(b"221 bye")
        self.session.send(b"* more")
        self.session.close(b"221 again")
        self.assertEqual(self.transport.taken(), b"221 bye\r\n")
