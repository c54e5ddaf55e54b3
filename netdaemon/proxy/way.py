"""The way to an origin: straight to a checked address, or by CONNECT through the upstream proxy."""

from __future__ import annotations

import functools
from base64 import b64encode
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from netdaemon.interfaces import IHouse
from netdaemon.protocols.http.client.tunnel import Asking, TunnelRefused, connect_head
from netdaemon.proxy.dialler import Dialler, Passage, Unreachable
from netdaemon.proxy.grammar.target import Destination
from netdaemon.proxy.pool import Link, Place, Pool
from netdaemon.proxy.rules import Rules
from netdaemon.proxy.settings import ProxySettings, UpstreamProxy
from netdaemon.wire.failures import Failed, NoAnswer

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
        head = connect_head(to.host, to.port) + credentials(self._settings.upstream)
        asking: Asking = await self._dialler.connect(passage, host, port, functools.partial(Asking, head))
        answer = asking.answer
        answer.addTimeout(self._settings.connect_timeout, self._reactor, onTimeoutCancel=_silent)
        try:
            rest = await answer
        except BaseException as error:
            asking.abort()
            if isinstance(error, TunnelRefused):
                raise Unreachable("The upstream proxy does not let this through.") from None
            if isinstance(error, NoAnswer):
                raise Unreachable("The upstream proxy closed the connection.") from None
            if isinstance(error, Failed):
                raise Unreachable("What the upstream proxy answers cannot be understood.") from None
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
