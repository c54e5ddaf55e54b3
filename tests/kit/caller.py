"""The simplest client for tests with real sockets: connects, waits for bytes, waits for the end."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

reactor: Any = _reactor

LIMIT = 60.0


class Caller(Protocol):
    """One connection. ``received`` holds what came and was not taken by `until` yet."""

    def __init__(self) -> None:
        self.received = bytearray()  # grows in place: a download comes in a thousand pieces
        self.total = 0
        self.lost: Failure | None = None
        self._waiting: list[Deferred[None]] = []

    def dataReceived(self, data: bytes) -> None:
        self.total += len(data)
        self.received += data
        self._wake()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = reason
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    async def _news(self) -> None:
        deferred: Deferred[None] = Deferred()
        self._waiting.append(deferred)
        await deferred.addTimeout(LIMIT, reactor)

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    async def until(self, end: bytes = b"\n") -> bytes:
        """Wait for ``end``; everything up to and with it."""
        while end not in self.received:
            if self.lost is not None:
                raise AssertionError(f"closed after {self.received[-200:]!r}, before {end!r}")
            await self._news()
        taken, _, self.received = self.received.partition(end)
        return bytes(taken + end)

    async def ask(self, line: bytes) -> bytes:
        """Send and wait for the same back: the echo kind's answer."""
        self.send(line)
        return await self.until(line)

    async def closed(self) -> bytes:
        """Wait for the end; what came and was not taken."""
        while self.lost is None:
            await self._news()
        return bytes(self.received)

    def stop_reading(self) -> None:
        transport: Any = self.transport
        transport.pauseProducing()

    def go_on_reading(self) -> None:
        transport: Any = self.transport
        transport.resumeProducing()

    def hang_up(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


async def call(testcase: TestCase, port: int, host: str = "127.0.0.1", source: str = "", tls: bool = False) -> Caller:
    """Connect to a TCP port of this machine, from ``source`` if given; hung up at the end of the test."""
    kind = TCP6ClientEndpoint if ":" in host else TCP4ClientEndpoint
    endpoint: Any = kind(reactor, host, port, bindAddress=(source, 0) if source else None)
    if tls:
        endpoint = wrapClientTLS(Unverified(), endpoint)
    return await _connected(testcase, endpoint)


async def call_unix(testcase: TestCase, path: str) -> Caller:
    """Connect to a UNIX socket."""
    return await _connected(testcase, UNIXClientEndpoint(reactor, path))


async def _connected(testcase: TestCase, endpoint: Any) -> Caller:
    caller: Caller = await connectProtocol(endpoint, Caller())

    async def end() -> None:
        if caller.lost is None:
            caller.hang_up()
            await caller.closed()

    testcase.addCleanup(lambda: Deferred.fromCoroutine(end()))
    return caller


@implementer(IOpenSSLClientConnectionCreator)
class Unverified:
    """TLS to whoever answers: these tests are about doors, not about certificates."""

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_verify(SSL.VERIFY_NONE)
        return SSL.Connection(context, None)
