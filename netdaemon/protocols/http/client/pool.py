"""Connections to origins, kept between exchanges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.connection import Trace
from netdaemon.protocols.http.client.line import Line1
from netdaemon.protocols.http.client.redirect import Asked
from netdaemon.protocols.http.client.tunnel import tunnel
from netdaemon.protocols.http.client.url import URL
from netdaemon.protocols.http.grammar.message import ResponseHead
from netdaemon.wire.reaching import Timeouts, reach
from netdaemon.wire.tlsclient import Contexts

IDLE_LIMIT = 15.0
"""Seconds a connection may be idle and still be used again; servers close theirs after little more."""

ALPN = (b"http/1.1",)


class Line(Protocol):
    """A connection on which requests are asked, of either version of HTTP."""

    idle_since: float
    """When its last exchange ended."""

    @property
    def free(self) -> bool:
        """May another request be sent on it?"""

    async def exchange(self, asked: Asked) -> tuple[ResponseHead, Body]:
        """Send a request; comes back with the response's head. Raises NoAnswer, NotSpoken, and `line.Unheard`, when
        the server let go of the connection before it looked at the request."""

    def abort(self) -> None:
        """Drop it, with whatever is under way."""


class Place(NamedTuple):
    """Where a connection leads: those to the same place are shared."""

    scheme: str
    host: str
    port: int
    proxy: URL | None = None
    """The proxy on the way, if there is one; its login is part of it."""

    @property
    def absolute(self) -> bool:
        """Is the proxy itself asked, in the absolute form (RFC 9112 3.2.2)? Else it only passes the octets on."""
        return self.proxy is not None and self.scheme == "http"


def place_of(url: URL, proxy: URL | None) -> Place:
    """Where ``url`` is asked for: at its origin, by way of a tunnel, or at the proxy itself."""
    if proxy is not None and url.scheme != "https":
        return Place("http", proxy.host, proxy.port, proxy)
    return Place(*url.origin, proxy)


class Pool:
    """Makes connections, and keeps those that may be used again."""

    def __init__(self, reactor: Any, contexts: Contexts, verify: bool, timeouts: Timeouts, trace: Trace) -> None:
        self._reactor = reactor
        self._contexts = contexts
        self._verify = verify
        self._timeouts = timeouts
        self._trace = trace
        self._lines: dict[Line, Place] = {}
        self._closing: list[Deferred[None]] = []

    def kept(self, place: Place) -> Line | None:
        """A connection that stands already and may be used."""
        for line, its_place in list(self._lines.items()):
            if its_place == place and line.free:
                if self._reactor.seconds() - line.idle_since < IDLE_LIMIT:
                    return line
                line.abort()
        return None

    async def made(self, place: Place, authorization: bytes | None = None) -> Line:
        """A new connection; ``authorization`` is what a tunnel's proxy is told.

        Raises ConnectFailed, TLSFailed, NotSpoken, and what `tunnel` raises.
        """
        secure = place.scheme == "https"
        tls = self._contexts.client(place.host, ALPN, self._verify) if secure else None
        proxy = place.proxy
        if proxy is None or place.absolute:
            return await reach(
                self._reactor, place.host, place.port, self._builder(place, secure), self._timeouts.connect, tls
            )
        return await tunnel(
            self._reactor,
            proxy,
            place.host,
            place.port,
            self._builder(place, secure),
            self._timeouts,
            tls,
            self._trace,
            authorization,
        )

    def _builder(self, place: Place, secure: bool) -> Callable[[], Line1]:
        def made(line: Any) -> None:
            self._lines[line] = place

        return lambda: Line1(secure, made, self._gone, self._trace, self._reactor, self._timeouts, place.absolute)

    def _gone(self, line: Any) -> None:
        self._lines.pop(line, None)
        if not self._lines:
            waiting, self._closing = self._closing, []
            for closing in waiting:
                closing.callback(None)

    async def close(self) -> None:
        """Drop every connection, with whatever is under way; returns when they are gone."""
        if self._lines:
            gone: Deferred[None] = Deferred()
            self._closing.append(gone)
            for line in list(self._lines):
                line.abort()
            await gone
