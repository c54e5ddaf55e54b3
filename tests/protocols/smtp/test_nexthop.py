"""The relay over real sockets on loopback: our own server is the next host, and one that is scripted."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import TestCase

from netdaemon.mail.addresses import parse_address
from netdaemon.mail.interfaces import Envelope, Recipient
from netdaemon.protocols.smtp.hops import Answer, HopFailed, Policy
from netdaemon.protocols.smtp.nexthop import NextHop, NextHops
from netdaemon.protocols.smtp.route import Destination
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.tlsclient import Trust


class Scripted(LineReceiver):
    """Says for each command what a table has for its first word; a body is kept."""

    def connectionMade(self) -> None:
        self.body: list[bytes] | None = None
        self.factory.connections.append(self)
        self.factory.says(self, b"GREETING")

    def lineReceived(self, line: bytes) -> None:
        if self.body is not None:
            if line == b".":
                self.factory.bodies.append(b"\r\n".join([*self.body, b""]))
                self.body = None
                self.factory.says(self, b".")
            else:
                self.body.append(line)
            return
        self.factory.lines.append(line)
        self.factory.says(self, line)

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.lost()


class Server(Factory):
    protocol = Scripted
    noisy = False

    def __init__(self, table: dict[bytes, bytes]) -> None:
        self.table = {
            b"GREETING": b"220 far",
            b"EHLO": b"250-far\r\n250-PIPELINING\r\n250 SIZE",
            b"MAIL": b"250 2.1.0 ok",
            b"RCPT": b"250 2.1.5 ok",
            b"DATA": b"354 go",
            b".": b"250 2.0.0 queued",
            b"QUIT": b"221 bye",
            **table,
        }
        self.lines: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections: list[Any] = []
        self.silence: Deferred[None] = Deferred()
        """Fires when something is not answered."""
        self._gone: list[Deferred[None]] = []

    def says(self, session: Any, line: bytes) -> None:
        word = line.split(b" ")[0]
        answer = self.table.get(line, self.table.get(word, b"500 what?"))
        if answer == b"CLOSE":
            session.transport.loseConnection()
            return
        if answer == b"SILENCE":
            self.silence.callback(None)
            return
        session.sendLine(answer)
        if word == b"DATA" and answer.startswith(b"354"):
            session.body = []
        if word == b"QUIT":
            session.transport.loseConnection()

    def lost(self) -> None:
        while self._gone:
            self._gone.pop().callback(None)

    def gone(self) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        self._gone.append(waiting)
        return waiting


class NextHopTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.wheel = Wheel(reactor)
        self.addCleanup(self.wheel.stop)
        self.hops = NextHops(reactor, self.wheel, "spam.egg", Trust())

    def listen(self, **table: bytes) -> Server:
        server = Server({name.encode(): answer for name, answer in table.items()})
        self.port: Any = reactor.listenTCP(0, server, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(self.port.stopListening)
        return server

    async def connect(self, policy: Policy | None = None) -> NextHop:
        there = Destination("far.example", "127.0.0.1", self.port.getHost().port)
        hop = await self.hops.connect(there, policy or Policy())
        self.addCleanup(hop.abort)
        return hop

    async def fails(self, work: Callable[[], Any]) -> HopFailed:
        try:
            await work()
        except HopFailed as error:
            return error
        raise AssertionError("that worked")

    def envelope(self, *recipients: str, **more: Any) -> Envelope:
        return Envelope(
            "T", parse_address("a@spam.egg"), tuple(Recipient(parse_address(one)) for one in recipients), **more
        )

    async def octets(self, *pieces: bytes) -> Any:
        for piece in pieces:
            yield piece

    async def test_a_message(self) -> None:
        server = self.listen()
        hop = await self.connect()
        self.assertEqual((hop.usable, hop.dsn), (True, False))
        answers = await hop.send(self.envelope("x@far.example"), self.octets(b"A: b\r\n", b"\r\n.dot\r\n"), 14)
        self.assertEqual(answers, [Answer(250, "2.0.0", "queued")])
        self.assertEqual(server.bodies, [b"A: b\r\n\r\n..dot\r\n"])
        self.assertEqual(
            server.lines,
            [b"EHLO spam.egg", b"MAIL FROM:<a@spam.egg> SIZE=14", b"RCPT TO:<x@far.example>", b"DATA"],
        )
        gone = server.gone()
        await hop.close()
        await gone
        self.assertEqual((server.lines[-1], hop.usable), (b"QUIT", False))

    async def test_answers_for_each(self) -> None:
        self.listen(**{"RCPT TO:<no@far.example>": b"550 5.1.1 unknown", "RCPT TO:<wait@far.example>": b"450 later"})
        hop = await self.connect()
        answers = await hop.send(
            self.envelope("x@far.example", "no@far.example", "wait@far.example"), self.octets(b"x\r\n"), 3
        )
        self.assertEqual(
            answers, [Answer(250, "2.0.0", "queued"), Answer(550, "5.1.1", "unknown"), Answer(450, "4.0.0", "later")]
        )
        self.assertTrue(hop.usable)
        hop.abort()

    async def test_what_the_host_cannot_be_given(self) -> None:
        server = self.listen()
        hop = await self.connect()
        answers = await hop.send(self.envelope("x@far.example", require_tls=True), self.octets(b"x\r\n"), 3)
        self.assertEqual([(one.code, one.status) for one in answers], [(550, "5.7.30")])
        answers = await hop.send(self.envelope("ö@far.example"), self.octets(b"x\r\n"), 3)
        self.assertEqual([(one.code, one.status) for one in answers], [(550, "5.6.7")])
        self.assertEqual(server.bodies, [])
        hop.abort()

    async def test_greetings_that_say_no(self) -> None:
        self.listen(GREETING=b"554 5.3.2 no mail here")
        error = await self.fails(self.connect)
        self.assertEqual((error.code, error.status, error.text), (554, "5.3.2", "no mail here"))
        self.listen(GREETING=b"421 4.3.2 busy")
        error = await self.fails(self.connect)
        self.assertEqual((error.code, error.status), (421, "4.3.2"))

    async def test_nobody_there(self) -> None:
        with socket.socket() as bound:  # bound, and nobody listens
            bound.bind(("127.0.0.1", 0))
            there = Destination("far.example", "127.0.0.1", bound.getsockname()[1])
            error = await self.fails(lambda: self.hops.connect(there, Policy()))
        self.assertEqual((error.code, error.status, error.tls), (421, "4.4.1", False))

    async def test_no_smtp_there(self) -> None:
        self.listen(GREETING=b"SSH-2.0-x")
        self.assertEqual((await self.fails(self.connect)).status, "4.4.2")

    async def test_it_breaks(self) -> None:
        self.listen(DATA=b"CLOSE")
        hop = await self.connect()
        error = await self.fails(lambda: hop.send(self.envelope("x@far.example"), self.octets(b"x\r\n"), 3))
        self.assertEqual((error.code, error.status, hop.usable), (421, "4.4.2", False))

    async def test_it_is_given_up(self) -> None:
        """At a stop whoever waits for an answer is cancelled, at once, and the connection is gone."""
        server = self.listen(**{".": b"SILENCE"})
        hop = await self.connect()
        sending = Deferred.fromCoroutine(hop.send(self.envelope("x@far.example"), self.octets(b"x\r\n"), 3))
        await server.silence
        gone = server.gone()
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.assertFalse(hop.usable)
        await gone

    async def test_tls_that_is_wanted_and_not_there(self) -> None:
        self.listen()
        error = await self.fails(lambda: self.connect(Policy("starttls")))
        self.assertEqual((error.code, error.status, error.tls), (454, "4.7.5", True))

    async def test_a_login_without_tls_is_not_sent(self) -> None:
        server = self.listen(AUTH=b"535 5.7.8 no")
        error = await self.fails(lambda: self.connect(Policy("never", "me", "secret")))
        self.assertEqual((error.code // 100, b"secret" in b"".join(server.lines)), (4, False))
