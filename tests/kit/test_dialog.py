"""The kit itself: a dialog that goes otherwise must fail, and say how."""

from __future__ import annotations

from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.kit import pump
from tests.kit.clock import pass_time
from tests.kit.dialog import Peer, Unexpected


class Shouting(Protocol):
    """Says everything back in capitals, and "BYE" to a full stop."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock
        self.reads: list[bytes] = []
        self.lost = 0

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"HELLO\r\n")

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.reads.append(data)
        if self.clock is not None:
            self.clock.callLater(5, self.transport.write, data.upper())
        else:
            self.transport.write(data.upper())
        if b"." in data:
            self.transport.write(b"BYE\r\n")
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost += 1


class DialogTests(TestCase):
    async def test_dialog(self) -> None:
        session = Shouting()
        peer = Peer(session)
        await peer.dialog("S: HELLO", "C: a b", "S: A B", r"C* x\r\ny\0\xff", "S: X", r"S* Y\0\xff", "-- silence")
        await peer.dialog("C: and so on", "S: AND...", "C: .", "S: .", "S: BYE", "-- closed")
        self.assertEqual(session.lost, 1)

    async def test_pieces(self) -> None:
        session = Shouting()
        await Peer(session, piece=2).dialog("S: HELLO", "C: abc", "S: ABC")
        self.assertEqual(session.reads, [b"ab", b"c\r", b"\n"])

    async def test_time(self) -> None:
        clock = Clock()
        peer = Peer(Shouting(clock), clock=clock)
        await peer.dialog("S: HELLO", "C: abc", "-- 4.9 s", "-- silence", "-- 0.2 s", "S: ABC")

    async def test_what_fails(self) -> None:
        for script, words in (
            (["S: HELL"], ["wanted", "S: HELL", "S: HELLO"]),
            (["S: HELLO", "C: a", "S: B"], ["S: HELLO\n", "C: a\n", "wanted:\n  S: B", "came:\n  S: A"]),
            (["S: HELLO", "S: MORE"], ["a line in 0.01 s"]),
            (["S* HELLO!!"], ["S* b"]),
            (["-- silence"], ["HELLO"]),
            (["S: HELLO", "-- closed"], ["the end"]),
            (["S: HELLO", "C: .", "-- closed"], ["BYE"]),
            (["S: HELLO", "C: .", "S: .", "S: BYE", "-- silence"], ["closed"]),
            (["S: HELLO", "C: .", "S: .", "S: BYE", "S: MORE"], ["closed"]),
        ):
            with self.assertRaises(Unexpected) as raised:
                await Peer(Shouting(), patience=0.01).dialog(*script)
            for word in words:
                self.assertIn(word, str(raised.exception), script)

    async def test_scripts_that_are_none(self) -> None:
        for entry in ("NOOP", "X: a", "-- soon", "-- 5 s"):
            with self.assertRaises(ValueError):
                await Peer(Shouting()).dialog(entry)

    async def test_an_answer_that_takes_real_time(self) -> None:
        from twisted.internet import reactor

        session = Shouting()
        peer = Peer(session)
        assert session.transport is not None
        reactor.callLater(0, session.transport.write, b"LATER\r\n")  # type: ignore[attr-defined]  # what a module poses as
        await peer.dialog("S: HELLO", "S: LATER")


class PumpTests(TestCase):
    async def test_both_ways(self) -> None:
        server, client = Shouting(), Shouting()
        joined = pump.connect(server, client)
        self.assertEqual((server.reads, client.reads), ([], []))
        joined.step()
        self.assertEqual((server.reads, client.reads[:1]), ([b"HELLO\r\n"], [b"HELLO\r\nHELLO\r\n"]))

    async def test_a_close_reaches_both(self) -> None:
        server, client = Shouting(), Protocol()
        joined = pump.connect(server, client)
        joined.client.write(b".")
        joined.flush()
        self.assertEqual(server.lost, 1)
        self.assertFalse(joined.client.connected)

    async def test_an_abort_reaches_both(self) -> None:
        server, client = Shouting(), Shouting()
        joined = pump.connect(server, client)
        joined.client.abortConnection()
        self.assertEqual(client.lost, 0)  # not before the next turn
        joined.flush()
        self.assertEqual((server.lost, client.lost), (1, 1))

    async def test_nothing_is_delivered_to_who_has_paused(self) -> None:
        server, client = Shouting(), Protocol()
        joined = pump.connect(server, client)
        joined.server.pauseProducing()
        joined.client.write(b"abc")
        joined.flush()
        self.assertEqual(server.reads, [])
        joined.server.resumeProducing()
        joined.flush()
        self.assertEqual(server.reads, [b"abc"])

    async def test_producers(self) -> None:
        happened: list[str] = []

        class Producer:
            def pauseProducing(self) -> None:
                happened.append("pause")

            def resumeProducing(self) -> None:
                happened.append("resume")

            def stopProducing(self) -> None:
                happened.append("stop")

        joined = pump.connect(Shouting(), Protocol())
        joined.server.registerProducer(Producer(), True)
        joined.server.write(b"x" * 65000)
        self.assertEqual(happened, [])
        joined.server.write(b"x" * 1000)
        self.assertEqual(happened, ["pause"])
        joined.client.pauseProducing()
        joined.flush()
        self.assertEqual(happened, ["pause"])
        joined.client.resumeProducing()
        joined.flush()
        self.assertEqual(happened, ["pause", "resume"])
        joined.server.loseConnection()
        joined.flush()
        self.assertTrue(joined.server.connected)  # as long as there is a producer
        joined.server.unregisterProducer()
        joined.flush()
        self.assertFalse(joined.server.connected)

    async def test_what_can_not_come(self) -> None:
        from twisted.internet.defer import Deferred

        joined = pump.connect(Shouting(), Protocol())
        with self.assertRaises(AssertionError):
            await joined.run(Deferred())


class ClockTests(TestCase):
    def test_timers_set_by_timers(self) -> None:
        clock = Clock()
        at: list[float] = []

        def again() -> None:
            at.append(clock.seconds())
            clock.callLater(1, again)

        clock.callLater(1, again)
        pass_time(clock, 3.5)
        self.assertEqual((at, clock.seconds()), ([1, 2, 3], 3.5))
