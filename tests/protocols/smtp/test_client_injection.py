"""A server that lies, dawdles or injects; and a message that would end too early."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from netdaemon.mail.addresses import Address
from netdaemon.mail.interfaces import Envelope, Recipient
from netdaemon.protocols.smtp.client import Failed, NoAnswer, NotSpoken, Refused, Settings, TLSFailed, Unsendable
from netdaemon.protocols.smtp.client.link import StreamLink
from netdaemon.protocols.smtp.client.session import SMTP
from netdaemon.protocols.smtp.client.settings import TLS
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.dot import DotDecoder
from tests.kit.pump import Pump, connect
from tests.protocols.smtp.test_smuggling import NAMED, NO_ENDS, SECOND, holds_bare

LETTER = Envelope("t", Address("a", "b.c"), (Recipient(Address("d", "e.f")),))


class Scripted(Protocol):
    """Answers line after line with what the script says, and keeps all that came."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.came = b""
        self.decoder: DotDecoder | None = None

    def connectionMade(self) -> None:
        self.say()

    def say(self) -> None:
        transport: Any = self.transport
        if self.answers:
            answer = self.answers.pop(0)
            transport.write(answer)
            if answer.startswith(b"354"):
                self.decoder = DotDecoder()

    def dataReceived(self, data: bytes) -> None:
        self.came += data
        if self.decoder is not None:
            self.decoder.feed(data)
            if self.decoder.finished:
                self.decoder = None
                self.say()
            return
        for _ in range(data.count(b"\r\n")):
            self.say()


class LiarTests(TestCase):
    def setUp(self) -> None:
        self.clock = task.Clock()

    def session(self, *answers: bytes, **parts: Any) -> tuple[SMTP, Pump, Scripted, StreamLink]:
        server = Scripted(*answers)
        link = StreamLink(Wheel(self.clock), timeout=300.0)
        pump = connect(server, link)
        self.addCleanup(pump.client.lose)
        parts.setdefault("chunking", False)
        return SMTP(link, "localhost", Settings(**parts)), pump, server, link

    async def begin(self, session: tuple[SMTP, Pump, Scripted, StreamLink]) -> SMTP:
        client, pump, _, link = session

        async def greet() -> SMTP:
            async with link.alone():
                await link.greet()
            return await client.begin()

        return await pump.run(greet())

    async def test_greetings(self) -> None:
        with self.assertRaises(Refused):
            await self.begin(self.session(b"554 no\r\n"))
        for greeting in (b"hello\r\n", b"220-a\r\n250 b\r\n", b"220 a\0\r\n"):
            with self.assertRaises((NotSpoken, Exception)) as raised:
                await self.begin(self.session(greeting))
            self.assertNotIsInstance(raised.exception, AssertionError)

    async def test_helo(self) -> None:
        session = self.session(b"220 x\r\n", b"502 what\r\n", b"250 x\r\n")
        client = await self.begin(session)
        self.assertEqual(client.extensions.keywords, {})
        self.assertEqual(session[2].came, b"EHLO [127.0.0.1]\r\nHELO [127.0.0.1]\r\n")
        with self.assertRaises(Refused):
            await self.begin(self.session(b"220 x\r\n", b"502 what\r\n", lmtp=True))

    async def test_extensions_that_make_no_sense(self) -> None:
        lines = b"250-x\r\n250-\r\n250-SIZE abc\r\n250-AUTH=LOGIN\r\n250-AUTH PLAIN\r\n"
        lines += b"250-LIMITS RCPTMAX=x MAILMAX=5\r\n250 \xff\r\n"
        client = await self.begin(self.session(b"220 x\r\n", lines))
        self.assertIsNone(client.extensions.size)
        self.assertEqual(client.extensions.mechanisms, ("LOGIN", "PLAIN"))
        self.assertEqual((client.extensions.limit("RCPTMAX"), client.extensions.limit("MAILMAX")), (None, 5))

    async def test_no_tls_where_it_must_be(self) -> None:
        for answer in (b"250 x\r\n", b"250-x\r\n250 STARTTLS\r\n"):
            with self.assertRaises(TLSFailed):
                await self.begin(self.session(b"220 x\r\n", answer, b"454 not now\r\n", tls=TLS.EXPLICIT))
        client = await self.begin(self.session(b"220 x\r\n", b"250 x\r\n", tls=TLS.OPPORTUNISTIC))
        self.assertFalse(client.secure)

    async def test_injected_clear_text_behind_the_go_ahead(self) -> None:
        session = self.session(
            b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n250 AUTH PLAIN\r\n", tls=TLS.EXPLICIT
        )
        with self.assertRaises(Failed):
            await self.begin(session)
        self.assertTrue(session[3].gone)

    async def test_data_accepted_though_nobody_was(self) -> None:
        session = self.session(
            b"220 x\r\n", b"250-x\r\n250 PIPELINING\r\n", b"250 ok\r\n", b"550 no\r\n", b"354 go\r\n", b"554 no\r\n",
            b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 done\r\n",
        )  # fmt: skip
        client = await self.begin(session)
        self.assertEqual([str(reply) for reply in await session[1].run(client.send(LETTER, b"secret"))], ["550 no"])
        self.assertNotIn(b"secret", session[2].came)
        self.assertEqual([str(reply) for reply in await session[1].run(client.send(LETTER, b"x"))], ["250 done"])
        self.assertIn(b"DATA\r\n.\r\nRSET\r\nMAIL", session[2].came)

    async def test_gone_within(self) -> None:
        session = self.session(b"220 x\r\n", b"250 x\r\n", b"250 ok\r\n")
        client = await self.begin(session)
        sending = Deferred.fromCoroutine(client.send(LETTER, b"x"))
        session[1].flush()
        session[1].server.lose()
        session[1].flush()
        await self.assertFailure(sending, NoAnswer)
        self.assertFalse(client.usable)

    async def test_a_server_that_dawdles(self) -> None:
        session = self.session(b"220 x\r\n", b"250 x\r\n")
        client = await self.begin(session)
        sending = Deferred.fromCoroutine(client.send(LETTER, b"x"))
        session[1].flush()
        for _ in range(303):
            self.clock.advance(1)
        session[1].flush()
        await self.assertFailure(sending, NoAnswer)


class OutTests(TestCase):
    """No message of ours ends before its end, whoever reads it."""

    def sent(
        self, message: Any, *, chunking: bool, cuts: list[int] | None = None
    ) -> tuple[bytes, BaseException | None]:
        clock = task.Clock()
        answers = [b"220 x\r\n", b"250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n", b"250 ok\r\n", b"250 ok\r\n"]
        server = Scripted(*answers, *([] if chunking else [b"354 go\r\n"]), *[b"250 done\r\n"] * 99)
        link = StreamLink(Wheel(clock), timeout=300.0)
        pump = connect(server, link)
        client = SMTP(link, "localhost", Settings(chunking=chunking))

        async def work() -> None:
            async with link.alone():
                await link.greet()
            await client.begin()
            chunks = message
            if cuts is not None:
                chunks, rest = [], message
                for cut in cuts:
                    chunks.append(rest[:cut])
                    rest = rest[cut:]
                chunks.append(rest)
            await client.send(LETTER, chunks)

        failures: list[BaseException] = []
        Deferred.fromCoroutine(work()).addErrback(lambda failure: failures.append(failure.value))
        pump.flush()
        pump.client.lose()
        return server.came, failures[0] if failures else None

    def test_bare_ends_are_refused(self) -> None:
        for end in {*NO_ENDS, *NAMED}:
            if not holds_bare(end):
                continue
            for chunking in (False, True):
                for cuts in (None, [1], [len(end)], list(range(1, 9))):
                    came, error = self.sent(b"x" + end + SECOND, chunking=chunking, cuts=cuts)
                    self.assertIsInstance(error, Unsendable, (end, chunking, cuts))
                    self.assertFalse(holds_bare(came), (end, came))
                    self.assertNotIn(b"\r\n.\r\n", came)
                    if cuts is None:
                        self.assertNotIn(b"MAIL", came)

    @settings(max_examples=80, deadline=None)
    @given(
        st.lists(st.sampled_from([b".", b"x", b"\r\n", b"\r\n.", b"..", b"\r\n.\r\n"]), max_size=15).map(b"".join),
        st.lists(st.integers(0, 5), max_size=20),
        st.booleans(),
    )
    def test_dots_and_borders(self, message: bytes, cuts: list[int], chunking: bool) -> None:
        came, error = self.sent(message, chunking=chunking, cuts=cuts)
        self.assertIsNone(error)
        if chunking:
            octets, rest = b"", came[came.index(b"BDAT") :]
            while rest:
                line, _, rest = rest.partition(b"\r\n")
                size = int(line.split()[1])
                octets, rest = octets + rest[:size], rest[size:]
            self.assertEqual(octets, message)
        else:
            decoder = DotDecoder()
            decoded = decoder.feed(came[came.index(b"DATA\r\n") + 6 :])
            self.assertTrue(decoder.finished)
            self.assertEqual(decoder.leftover, b"")
            self.assertEqual(decoded, message if message.endswith(b"\r\n") or not message else message + b"\r\n")
