"""The line client: each request its own reply, in order; steps that belong together; and every way it can go wrong."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.dot import BareLineEnd
from netdaemon.wire.failures import Failed, NoAnswer, NotSpoken
from netdaemon.wire.lineclient import (
    ConnectFailed,
    ConnectionLost,
    LineClient,
    ProtocolError,
    Timeout,
    connect,
    told,
)
from netdaemon.wire.transcript import Transcript
from tests.kit import pump
from tests.wire.test_dot import cut, cuts
from tests.wire.toy import ToySession, toy


class ToyClient(LineClient[bytes]):
    """Replies are lines; "250-" goes on."""

    max_line = 100
    greeting = b""

    async def greet(self) -> None:
        self.greeting = await self.reply()

    async def read_reply(self) -> bytes:
        lines = [await self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(await self.line())
        if not all(line[:3].isdigit() for line in lines):
            raise ProtocolError("no reply")
        return b"\n".join(lines)

    async def quit(self) -> None:
        self.say(b"QUIT")
        await self.reply()

    async def deliver(self, body: list[bytes]) -> bytes:
        async with self.alone():
            self.say(b"DATA")
            await self.reply()
            await self.send_body(body)
            return await self.reply()


@implementer(IStreamClientEndpoint)
class PumpEndpoint:
    """Connects to a session in memory."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.pump: Any = None

    def connect(self, factory: Any) -> Deferred[Any]:
        protocol = factory.buildProtocol(None)
        self.pump = pump.connect(self.session, protocol)
        return succeed(protocol)


@implementer(IStreamClientEndpoint)
class NobodyListens:
    def connect(self, factory: Any) -> Deferred[Any]:
        return fail(ConnectionRefusedError())


def begin(work: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(work)


class ServerTests(TestCase):
    """With a toy session at the other end."""

    def setUp(self) -> None:
        self.made = toy()
        self.made.peer.transport.lose()
        self.session = ToySession(self.made.factory)
        self.clock = self.made.house.clock
        self.lines: list[str] = []
        self.client = ToyClient(self.made.house.deadlines, timeout=30.0, transcript=Transcript(self.lines.append))
        self.pump = pump.connect(self.session, self.client)

    async def test_requests(self) -> None:
        run = self.pump.run
        self.assertEqual(await run(self.client.reply()), b"220 toy")
        self.assertEqual(await run(self.client.ask(b"NOOP one")), b"250 one")
        self.assertEqual(await run(self.client.ask(b"NOPE")), b"500 unknown")
        self.assertEqual(await run(self.client.ask(b"PASS sesame", secret=1)), b"230 in")
        self.assertEqual(await run(self.client.deliver([b".a\r\n", b".", b"b"])), b"250 8")
        self.assertEqual(self.session.seen[-1], b".a\r\n.b\r\n")
        await run(self.client.close())
        self.assertFalse(self.pump.server.connected)
        self.assertEqual(
            self.lines,
            [
                "S: 220 toy",
                "C: NOOP one",
                "S: 250 one",
                "C: NOPE",
                "S: 500 unknown",
                "C: PASS ***",
                "S: 230 in",
                "C: DATA",
                "S: 354 go on",
                "C: [body of 6 octets]",
                "S: 250 8",
                "C: QUIT",
                "S: 221 bye",
            ],
        )

    async def test_byte_by_byte(self) -> None:
        self.assertEqual(await self.pump.run(self.client.reply(), piece=1), b"220 toy")
        replies = await self.pump.run(self.client.pipeline([b"NOOP %d" % n for n in range(5)]), piece=1)
        self.assertEqual(replies, [b"250 OK" if n is None else b"250 %d" % n for n in range(5)])
        self.assertEqual(await self.pump.run(self.client.deliver([b"..\r\n.", b"."]), piece=1), b"250 8")

    async def test_requests_made_at_once_each_get_their_own_reply(self) -> None:
        await self.pump.run(self.client.reply())
        asked = [begin(self.client.ask(b"NOOP %d" % number)) for number in range(1, 4)]
        asked.insert(2, begin(self.client.deliver([b"body\r\n"])))
        asked.append(begin(self.client.ask(b"NOOP last")))
        asked.append(begin(self.client.pipeline([b"NOOP a", b"NOOP b"])))
        self.pump.flush()
        self.assertEqual(
            [self.successResultOf(one) for one in asked],
            [b"250 1", b"250 2", b"250 6", b"250 3", b"250 last", [b"250 a", b"250 b"]],
        )
        self.assertEqual(self.session.seen[2:4], [b"NOOP 3", b"body\r\n"])

    async def test_thousands_at_once(self) -> None:
        await self.pump.run(self.client.reply())
        asked = [begin(self.client.ask(b"NOOP %d" % number)) for number in range(1, 5000)]
        self.pump.flush()
        self.assertEqual([self.successResultOf(one) for one in asked], [b"250 %d" % n for n in range(1, 5000)])

    async def test_a_body_comes_in(self) -> None:
        parts: list[bytes] = []

        async def fetch() -> int:
            async with self.client.alone():
                self.client.say(b"GET")
                return (await self.client.body(parts.append)).size

        await self.pump.run(self.client.reply())
        for piece in (None, 1):
            parts.clear()
            self.assertEqual(await self.pump.run(fetch(), piece=piece), 19)
            self.assertEqual(b"".join(parts), b".one\r\n.two\r\nthree\r\n")

    async def test_a_literal_goes_out(self) -> None:
        async def put(chunks: list[bytes]) -> bytes:
            async with self.client.alone():
                self.client.say(b"LIT 6")
                await self.client.send_literal(6, chunks)
                return await self.client.reply()

        await self.pump.run(self.client.reply())
        self.assertEqual(await self.pump.run(put([b"a\r\n", b".\r\n"])), b"250 6")
        with self.assertRaises(ValueError):
            await self.pump.run(put([b"a\r\n", b".\r\nQUIT"]))
        self.assertTrue(self.client.gone)

    async def test_a_bare_line_end_is_never_sent(self) -> None:
        await self.pump.run(self.client.reply())
        with self.assertRaises(BareLineEnd):
            await self.pump.run(self.client.deliver([b"a\r\n", b"\n.\nMAIL FROM:<>\r\n"]))
        self.assertTrue(self.client.gone)
        self.assertNotIn(b"MAIL", b"".join(data for _, data in self.pump.said))

    async def test_no_argument_becomes_a_command(self) -> None:
        await self.pump.run(self.client.reply())
        for argument in (b"a\r\nQUIT", b"a\nQUIT", b"a\rQUIT", b"a\0b"):
            with self.assertRaises(ValueError):
                await self.client.ask(b"NOOP " + argument)
            with self.assertRaises(ValueError):
                await self.client.pipeline([b"NOOP", b"NOOP " + argument])
            with self.assertRaises(ValueError):
                self.client.say(b"NOOP " + argument)
        self.assertEqual(await self.pump.run(self.client.ask(b"NOOP fine")), b"250 fine")
        self.assertEqual(self.session.seen, [b"NOOP fine"])

    async def test_as_a_context(self) -> None:
        async def visit() -> bytes:
            async with self.client:
                await self.client.reply()
                return await self.client.ask(b"NOOP")

        self.assertEqual(await self.pump.run(visit()), b"250 OK")
        self.assertFalse(self.pump.client.connected)

        self.setUp()

        async def fall() -> None:
            async with self.client:
                raise KeyError

        with self.assertRaises(KeyError):
            await self.pump.run(fall())
        self.assertFalse(self.pump.client.connected)
        self.assertNotIn("C: QUIT", self.lines)

    async def test_connect(self) -> None:
        endpoint = PumpEndpoint(ToySession(self.made.factory))
        client = ToyClient(self.made.house.deadlines)
        connecting = begin(connect(endpoint, client))
        endpoint.pump.flush()
        self.assertIs(self.successResultOf(connecting), client)
        self.assertEqual(client.greeting, b"220 toy")
        with self.assertRaises(ConnectFailed) as raised:
            await connect(NobodyListens(), ToyClient(self.made.house.deadlines))
        self.assertIsInstance(raised.exception, ConnectionLost)
        self.assertIn("refused", str(raised.exception))

    async def test_a_server_that_is_gone_before_the_greeting(self) -> None:
        endpoint = PumpEndpoint(ToySession(self.made.factory))
        connecting = begin(connect(endpoint, ToyClient(self.made.house.deadlines)))
        endpoint.pump.client.lose()
        self.failureResultOf(connecting, ConnectionLost)


class AloneTests(SynchronousTestCase):
    """With the test at the other end."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.client = ToyClient(Wheel(self.clock), timeout=30.0, stall=20.0)
        self.transport = pump.Transport(self.client)
        self.transport.begin()

    def ask(self, line: bytes = b"NOOP") -> Deferred[Any]:
        return begin(self.client.ask(line))

    def test_multi_line_replies_however_cut(self) -> None:
        for at in range(20):
            asked = self.ask()
            for piece in cut(b"250-one\r\n250-two\r\n250 three\r\n", [at, at + 1, at + 5]):
                self.assertNoResult(asked)
                self.transport.deliver(piece)
            self.assertEqual(self.successResultOf(asked), b"250-one\n250-two\n250 three")

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.integers(1, 4), max_size=8), cuts)
    def test_replies_go_to_their_requests_however_cut(self, sizes: list[int], at: list[int]) -> None:
        self.setUp()
        asked = [self.ask(b"%d" % number) for number in range(len(sizes))]
        replies = [
            [b"250%b%d" % (b"-" if left else b" ", n) for left in reversed(range(size))] for n, size in enumerate(sizes)
        ]
        for piece in cut(b"".join(line + b"\r\n" for reply in replies for line in reply), at):
            self.transport.deliver(piece)
        self.assertEqual([self.successResultOf(one) for one in asked], [b"\n".join(reply) for reply in replies])

    def test_too_slow(self) -> None:
        first, second = self.ask(), self.ask()
        self.clock.advance(29)
        self.assertNoResult(first)
        self.clock.advance(3)
        self.failureResultOf(first, Timeout)
        self.failureResultOf(second, Timeout)
        self.failureResultOf(self.ask(), Timeout)
        self.transport.turn()
        self.assertFalse(self.transport.connected)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_reply_that_never_ends(self) -> None:
        asked = self.ask()
        for _ in range(32):
            self.assertTrue(self.transport.connected)
            self.transport.deliver(b"250-more\r\n")
            self.clock.advance(1)
        self.failureResultOf(asked, Timeout)

    def test_a_body_may_take_longer_than_a_reply_but_not_stall(self) -> None:
        parts: list[bytes] = []
        coming = begin(self.client.body(parts.append))
        for _ in range(10):
            self.transport.deliver(b"x" * 65536)
            self.clock.advance(18)
        self.assertNoResult(coming)
        self.clock.advance(4)
        self.failureResultOf(coming, Timeout)
        self.assertEqual(len(b"".join(parts)), 655360)

    def test_a_server_that_does_not_read(self) -> None:
        async def put() -> None:
            async with self.client.alone():
                await self.client.send_body(b"x" * 1000 + b"\r\n" for _ in range(1000))

        putting = begin(put())
        self.assertNoResult(putting)
        self.assertLess(len(self.transport.unsent), 100_000)
        self.clock.advance(22)
        self.failureResultOf(putting, Timeout)

    def test_the_server_closes(self) -> None:
        first, second = self.ask(), self.ask()
        self.transport.deliver(b"421 bye\r\n")
        self.transport.finish()
        self.assertEqual(self.successResultOf(first), b"421 bye")
        self.failureResultOf(second, ConnectionLost)
        self.failureResultOf(self.ask(), ConnectionLost)
        closing = begin(self.client.close())
        self.transport.taken()
        self.transport.turn()
        self.successResultOf(closing)

    def test_the_connection_breaks(self) -> None:
        asked = self.ask()
        self.transport.lose(ConnectionResetError("reset"))
        lost = self.failureResultOf(asked, ConnectionLost).value
        self.assertIsInstance(lost.__cause__, ConnectionResetError)
        self.successResultOf(begin(self.client.close()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_no_reply(self) -> None:
        for reply in (b"hello\r\n", b"250 a\nb\r\n", b"250 a\0\r\n", b"250 " + b"x" * 200 + b"\r\n", b"\r\n"):
            self.setUp()
            asked, next_one = self.ask(), self.ask()
            self.transport.deliver(reply + b"250 OK\r\n")
            self.failureResultOf(asked, ProtocolError)
            self.failureResultOf(next_one, ConnectionLost)
            self.assertTrue(self.client.gone)

    def test_an_endless_reply(self) -> None:
        asked = self.ask()
        for _ in range(20):
            self.transport.deliver(b"x" * 10_000)
        self.failureResultOf(asked, ConnectionLost)
        self.assertTrue(self.transport.aborted)

    def test_cancelled_while_it_waits(self) -> None:
        for which in (0, 1):
            self.setUp()
            asked = [self.ask(), self.ask(), self.ask()]
            asked[which].cancel()
            self.failureResultOf(asked[which], CancelledError)
            self.transport.turn()
            for other in asked:
                if other is not asked[which]:
                    self.failureResultOf(other, ConnectionLost)

    def test_what_nobody_asked_for_waits(self) -> None:
        self.transport.deliver(b"250 early\r\n")
        self.transport.deliver(b"250 x\r\n" * 10_000)
        self.assertFalse(self.transport.reading)
        self.assertEqual(self.successResultOf(self.ask()), b"250 early")

    def test_bytes_in_clear_behind_the_go_ahead(self) -> None:
        async def upgrade() -> None:
            async with self.client.alone():
                self.client.say(b"STARTTLS")
                await self.client.reply()
                await self.client.start_tls(None)

        for behind in (b"250 injected\r\n", b"2"):
            self.setUp()
            upgrading = begin(upgrade())
            self.transport.deliver(b"220 go ahead\r\n" + behind)
            self.failureResultOf(upgrading, ProtocolError)
            self.assertTrue(self.transport.aborted)


class ToldTests(SynchronousTestCase):
    def test_what_connections_raise(self) -> None:
        for raised, kind, text in (
            (ProtocolError("no code"), NotSpoken, "what answers there is no TOY server: no code"),
            (Timeout("late"), NoAnswer, "the server does not answer in time"),
            (ConnectionLost("x"), NoAnswer, "the server closed the connection"),
        ):
            with self.assertRaises(kind) as caught, told("TOY"):
                raise raised
            self.assertEqual((type(caught.exception), str(caught.exception)), (kind, text))

    def test_what_it_leaves_alone(self) -> None:
        for raised in (Failed("a"), ValueError("b"), CancelledError()):
            with self.assertRaises(type(raised)) as caught, told("TOY"):
                raise raised
            self.assertIs(caught.exception, raised)
