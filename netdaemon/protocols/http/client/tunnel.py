"""A connection through a proxy, by CONNECT (RFC 9110 section 9.3.6)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol as Stream
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from netdaemon.protocols.http.client.connection import Trace
from netdaemon.protocols.http.client.url import URL
from netdaemon.protocols.http.grammar.message import (
    MAX_RESPONSE_HEAD,
    Fields,
    Malformed,
    ResponseHead,
    parse_response_head,
)
from netdaemon.wire.category import Category
from netdaemon.wire.failures import Failed, NoAnswer, NotSpoken
from netdaemon.wire.reaching import Timeouts, reach


class TunnelRefused(Failed):
    """The proxy does not let this through; ``head`` is its answer."""

    def __init__(self, message: str, head: ResponseHead) -> None:
        super().__init__(message)
        self.head = head
        if head.status == 407:
            self.category = Category.AUTHENTICATION


class Ready(Protocol):
    """A protocol that tells when it may be used."""

    ready: Deferred[None]

    def makeConnection(self, transport: Any) -> None: ...

    def abort(self) -> None: ...


P = TypeVar("P", bound=Ready)


async def tunnel(
    reactor: Any,
    proxy: URL,
    host: str,
    port: int,
    build: Callable[[], P],
    timeouts: Timeouts,
    tls: Any | None,
    trace: Trace,
    authorization: bytes | None = None,
    told: tuple[tuple[bytes, bytes], ...] = (),
) -> P:
    """A connection to ``host`` by way of ``proxy``, with ``tls`` inside; ``told`` are fields for the proxy.

    Raises TunnelRefused, ConnectFailed, TLSFailed, NoAnswer and NotSpoken.
    """
    head = connect_head(host, port, authorization, told)
    asking = await reach(reactor, proxy.host, proxy.port, functools.partial(Asking, head, trace), timeouts.connect)
    answer = asking.answer
    answer.addTimeout(timeouts.answer, reactor, onTimeoutCancel=_silent)
    try:
        rest = await answer
    except BaseException as error:
        asking.abort()
        if isinstance(error, Failed):
            raise error.at(f"proxy {proxy.host} port {proxy.port}") from None
        raise
    heir = build()
    asking.hand_over(heir, rest, tls)
    heir.ready.addTimeout(timeouts.connect, reactor, onTimeoutCancel=_silent)
    try:
        await heir.ready
    except BaseException as error:
        heir.abort()
        if isinstance(error, Failed):
            raise error.at(f"{host} port {port}") from None
        raise
    return heir


def connect_head(
    host: str, port: int, authorization: bytes | None = None, told: tuple[tuple[bytes, bytes], ...] = ()
) -> bytes:
    """The head of a CONNECT, without its blank line; ``authorization`` is a Proxy-Authorization field's value."""
    name = f"[{host}]" if ":" in host else host
    target = f"{name}:{port}".encode("ascii")
    field = b"" if authorization is None else b"\r\nProxy-Authorization: " + authorization
    return b"CONNECT %b HTTP/1.1\r\nHost: %b%b%b" % (target, target, field, Fields(told).block)


class Asking(Stream):
    """Asks a proxy for a tunnel. ``answer`` fires with what came behind its head.

    It fails with TunnelRefused, NotSpoken and NoAnswer. Until somebody takes it over, nothing more is read.
    """

    transport: Any

    def __init__(self, head: bytes, trace: Trace = lambda direction, head: None) -> None:
        self._head = head
        self._trace = trace
        self._buffer = b""
        self.ready: Deferred[None] = Deferred()
        self.answer: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self._trace(">", self._head)
        self.transport.write(self._head + b"\r\n\r\n")
        self.ready.callback(None)

    def dataReceived(self, data: bytes) -> None:
        if self.answer.called:
            return
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_RESPONSE_HEAD)
        try:
            if end < 0 and len(self._buffer) < MAX_RESPONSE_HEAD:
                return
            if end < 0:
                raise Malformed(502, "the header is too large")
            head = parse_response_head(self._buffer[:end])
        except Malformed as error:
            self.answer.errback(NotSpoken(f"what the proxy answers is no HTTP: {error.reason}"))
            return
        self._trace("<", self._buffer[:end])
        if head.status < 200:
            self._buffer = self._buffer[end + 4 :]
            self.dataReceived(b"")
        elif head.status < 300:
            # From here on somebody else reads.
            self.transport.pauseProducing()
            self.answer.callback(self._buffer[end + 4 :])
        else:
            self.answer.errback(TunnelRefused(f"it does not let this through: {head.status}", head))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.answer.called:
            self.answer.errback(NoAnswer("the proxy closed the connection"))

    def abort(self) -> None:
        """Drop the connection."""
        self.transport.abortConnection()

    def hand_over(self, heir: Any, rest: bytes, tls: Any) -> None:
        """The connection is ``heir``'s now."""
        transport = self.transport
        transport.resumeProducing()
        transport.protocol = heir
        heir.makeConnection(transport)
        if tls is not None:
            transport.startTLS(tls)
        if rest:
            transport.protocol.dataReceived(rest)


def _silent(result: object, timeout: float) -> object:
    if isinstance(result, Failure):
        raise NoAnswer(f"no answer within {timeout:g} s")
    return result
