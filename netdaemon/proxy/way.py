"""The way to an origin: straight to a checked address, or by CONNECT through the upstream proxy."""

from __future__ import annotations

import functools
from base64 import b64encode
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from netdaemon.interfaces import IHouse
from netdaemon.protocols.http.grammar.message import MAX_RESPONSE_HEAD, Malformed, parse_response_head
from netdaemon.proxy.dialler import Dialler, Passage, Unreachable
from netdaemon.proxy.grammar.target import Destination
from netdaemon.proxy.pool import Link, Place, Pool
from netdaemon.proxy.rules import Rules
from netdaemon.proxy.settings import ProxySettings, UpstreamProxy
from netdaemon.wire.failures import Failed

P = TypeVar("P", bound=Protocol)

ALPN = (b"http/1.1",)


class Way:
    """Makes connections for one section."""

    def __init__(self, settings: ProxySettings, house: IHouse, rules: Rules, dialler: Dialler) -> None:
        self._settings = settings
        self._reactor = house.reactor
        self._tls = house.tls
        self._dialler = dialler
        self.goes_upstream = rules.goes_upstream

    async def passage(self, to: Destination) -> Passage:
        """The way straight to the host. Raises Denied and Unreachable."""
        return await self._dialler.passage(to.host, to.port)

    async def link(self, pool: Pool, place: Place, to: Destination, *, fresh: bool) -> Link:
        """A connection to ``place`` on which nothing is under way. Raises Denied and Unreachable."""
        claiming = Deferred.fromCoroutine(pool.claim(place, fresh))
        claiming.addTimeout(self._settings.connect_timeout, self._reactor, onTimeoutCancel=_busy)
        link = await claiming
        if link is not None:
            return link
        build = functools.partial(Link, pool, place)
        try:
            link = made = await self._connect(to, place.upstream, build)
            made.ready.addTimeout(self._settings.connect_timeout, self._reactor, onTimeoutCancel=_silent)
            await made.ready
            return made
        except BaseException as error:
            if link is None:
                pool.forgo(place)
            else:
                link.abort()
            if isinstance(error, Failed):
                raise Unreachable("No trustworthy connection to the server can be made.") from None
            raise

    async def _connect(self, to: Destination, absolute: bool, build: Callable[[], Link]) -> Link:
        if absolute:
            host, port, passage = await self._upstream()
            return await self._dialler.connect(passage, host, port, build)
        if self.goes_upstream(to):
            return await self.through(to, build, self._context(to))
        passage = await self.passage(to)
        return await self._dialler.connect(passage, to.host, to.port, build, self._context(to))

    def _context(self, to: Destination) -> Any:
        """What makes TLS of a connection; None where there is to be none. The certificate must be the host's own."""
        if not to.secure:
            return None
        try:
            return self._tls.client(to.host, ALPN)
        except ValueError:
            raise Unreachable("No certificate can be for that host.") from None

    async def far(self, to: Destination, build: Callable[[], P]) -> P:
        """A connection for a tunnel. Raises Denied and Unreachable."""
        if self.goes_upstream(to):
            return await self.through(to, build)
        return await self._dialler.connect(await self.passage(to), to.host, to.port, build)

    async def through(self, to: Destination, build: Callable[[], P], tls: Any = None) -> P:
        """A connection by way of CONNECT at the upstream proxy. Raises Unreachable."""
        host, port, passage = await self._upstream()
        name = f"[{to.host}]" if ":" in to.host else to.host
        target = f"{name}:{to.port}".encode("ascii")
        head = b"CONNECT %b HTTP/1.1\r\nHost: %b%b" % (target, target, credentials(self._settings.upstream))
        asking: Asking = await self._dialler.connect(passage, host, port, functools.partial(Asking, head))
        answer = asking.answer
        answer.addTimeout(self._settings.connect_timeout, self._reactor, onTimeoutCancel=_silent)
        try:
            rest = await answer
        except BaseException:
            asking.transport.abortConnection()
            raise
        heir = build()
        asking.hand_over(heir, rest, tls)
        return heir

    async def _upstream(self) -> tuple[str, int, Passage]:
        upstream = self._settings.upstream
        assert upstream is not None
        # The operator has chosen it: no rule for clients' targets is asked.
        passage = await self._dialler.passage(upstream.host, upstream.port, lambda address: None)
        return upstream.host, upstream.port, passage


class Asking(Protocol):
    """Asks the upstream proxy for a tunnel. ``answer`` fires with what came behind its head. Fails with Unreachable."""

    transport: Any

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._buffer = b""
        self.answer: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self._head + b"\r\n\r\n")

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
        except Malformed:
            self.answer.errback(Unreachable("What the upstream proxy answers cannot be understood."))
            return
        if head.status < 200:
            self._buffer = self._buffer[end + 4 :]
            self.dataReceived(b"")
        elif head.status < 300:
            # From here on somebody else reads.
            self.transport.pauseProducing()
            self.answer.callback(self._buffer[end + 4 :])
        else:
            self.answer.errback(Unreachable("The upstream proxy does not let this through."))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.answer.called:
            self.answer.errback(Unreachable("The upstream proxy closed the connection."))

    def hand_over(self, heir: Protocol, rest: bytes, tls: Any) -> None:
        """The connection is ``heir``'s now."""
        transport = self.transport
        transport.resumeProducing()
        transport.protocol = heir
        heir.makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted's has no types
        if tls is not None:
            transport.startTLS(tls)
        if rest:
            transport.protocol.dataReceived(rest)


def credentials(upstream: UpstreamProxy | None) -> bytes:
    """The field that tells the upstream proxy who we are."""
    if upstream is None or not upstream.user:
        return b""
    pair = f"{upstream.user}:{upstream.password}".encode()
    return b"\r\nProxy-Authorization: Basic " + b64encode(pair)


def _busy(result: object, timeout: float) -> object:
    if isinstance(result, Failure):
        raise Unreachable("Too many others are asking that server just now.", 503)
    return result


def _silent(result: object, timeout: float) -> object:
    if isinstance(result, Failure):
        raise Unreachable("The host does not answer in time.", 504)
    return result
