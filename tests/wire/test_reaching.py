from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.wire.failures import ConnectFailed, Failed, TLSFailed
from netdaemon.wire.reaching import reach, unreachable


class Line(Protocol):
    """Is ready when a test says so."""

    def __init__(self) -> None:
        self.ready: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self.aborted = False

    def connectionLost(self, reason: object = None) -> None:
        self.gone.callback(None)

    def abort(self) -> None:
        self.aborted = True
        transport: Any = self.transport
        transport.abortConnection()


class FailureTests(SynchronousTestCase):
    def test_at(self) -> None:
        error = Failed("it is full").at("ftp://h/")
        self.assertEqual(str(error), "ftp://h/: it is full")

    def test_what_an_error_comes_to(self) -> None:
        where = "h port 1"
        for error, text in (
            (DNSLookupError(), "h: no such host"),
            (ConnectTimeout(), "h port 1: no answer"),
            (ConnectionRefusedError(111), "h port 1: connection refused"),
            (ValueError("too long"), "'h': no such host (too long)"),
        ):
            found = unreachable(error, "h", where)
            self.assertIsInstance(found, ConnectFailed)
            self.assertEqual(str(found), text)
        self.assertIsInstance(unreachable(ConnectingCancelledError(None), "h", where), CancelledError)


class ReachTests(TestCase):
    def setUp(self) -> None:
        factory = Factory.forProtocol(Protocol)
        factory.noisy = False  # type: ignore[misc]  # Twisted's is an attribute of the class
        port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port
        self.line = Line()

    def build(self) -> Line:
        return self.line

    async def test_ready(self) -> None:
        self.line.ready.callback(None)
        self.assertIs(await reach(reactor, "127.0.0.1", self.port, self.build, 30), self.line)
        self.line.abort()
        await self.line.gone

    async def test_what_it_fails_with(self) -> None:
        self.line.ready.errback(TLSFailed("somebody else's"))
        with self.assertRaisesRegex(TLSFailed, f"^127.0.0.1 port {self.port}: somebody else's$"):
            await reach(reactor, "127.0.0.1", self.port, self.build, 30)
        self.assertTrue(self.line.aborted)
        await self.line.gone

    async def test_never_ready(self) -> None:
        with self.assertRaisesRegex(ConnectFailed, "no connection within 0.05 s"):
            await reach(reactor, "127.0.0.1", self.port, self.build, 0.05)
        self.assertTrue(self.line.aborted)
        await self.line.gone

    async def test_nobody_there(self) -> None:
        free: Any = reactor.listenTCP(0, Factory(), interface="127.0.0.1")  # type: ignore[attr-defined]
        port = free.getHost().port
        await free.stopListening()
        with self.assertRaisesRegex(ConnectFailed, "connection refused"):
            await reach(reactor, "127.0.0.1", port, self.build, 30)
