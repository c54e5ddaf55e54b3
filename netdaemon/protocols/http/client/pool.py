"""Connections to origins, kept between exchanges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.choice import Choice
from netdaemon.protocols.http.client.coming import Coming
from netdaemon.protocols.http.client.connection import Trace
from netdaemon.protocols.http.client.http2.line import Line2
from netdaemon.protocols.http.client.line import Line1
from netdaemon.protocols.http.client.redirect import Asked
from netdaemon.protocols.http.client.tunnel import Ready, tunnel
from netdaemon.protocols.http.client.url import URL
from netdaemon.protocols.http.grammar.message import ResponseHead
from netdaemon.wire.failures import NoAnswer
from netdaemon.wire.reaching import Timeouts, reach
from netdaemon.wire.tlsclient import Contexts

R = TypeVar("R", bound=Ready)

IDLE_LIMIT = 15.0
"""Seconds a connection may be idle and still be used again; servers close theirs after little more."""

HTTP1 = (b"http/1.1",)
EITHER = (b"h2", b"http/1.1")
"""What ALPN offers, the better first."""

HTTP2 = bool | Literal["prior"]
"""May HTTP/2 be spoken: where TLS agrees on it, or (``"prior"``) without asking in clear text, too?"""

KNOWN = 1000
"""Places that are known to speak HTTP/1 only."""


class Line(Protocol):
    """A connection on which requests are asked, of either version of HTTP."""

    @property
    def idle_since(self) -> float:
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
    through: bool = False
    """Does it only pass octets on, whatever the scheme?"""

    @property
    def absolute(self) -> bool:
        """Is the proxy itself asked, in the absolute form (RFC 9112 3.2.2)? Else it only passes the octets on."""
        return self.proxy is not None and self.scheme == "http" and not self.through


def place_of(url: URL, proxy: URL | None, through: bool = False) -> Place:
    """Where ``url`` is asked for: at its origin, by way of a tunnel (``through``: also what is in clear), or at the
    proxy itself.
    """
    if proxy is not None and url.scheme != "https" and (url.scheme != "http" or not through):
        return Place("http", proxy.host, proxy.port, proxy)
    return Place(*url.origin, proxy, proxy is not None)


class Pool:
    """Makes connections, and keeps those that may be used again."""

    def __init__(
        self,
        reactor: Any,
        contexts: Contexts,
        verify: bool,
        timeouts: Timeouts,
        trace: Trace,
        http2: HTTP2 = True,
        lenient: bool = False,
        told: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        self._reactor = reactor
        self._contexts = contexts
        self._verify = verify
        self._timeouts = timeouts
        self._trace = trace
        self._http2 = http2
        self._lenient = lenient
        self._told = told
        self._lines: dict[Line | Choice, Place] = {}
        self._coming: dict[Place, Coming[Line]] = {}
        self._older: dict[Place, None] = {}  # places where HTTP/1 is spoken only
        self._closings = 0
        self._closing: list[Deferred[None]] = []

    def kept(self, place: Place) -> Line | None:
        """A connection that stands already and may be used."""
        for line, its_place in list(self._lines.items()):
            if its_place == place and not isinstance(line, Choice) and line.free:
                if self._reactor.seconds() - line.idle_since < IDLE_LIMIT:
                    return line
                line.abort()
        return None

    async def made(self, place: Place, authorization: bytes | None = None) -> Line:
        """A new connection, which may be shared if it is HTTP/2's; ``authorization`` is what a tunnel's proxy is told.

        Raises ConnectFailed, TLSFailed, NotSpoken, and what `tunnel` raises.
        """
        while (coming := self._coming.get(place)) is not None:
            closings = self._closings
            await coming.came()
            if closings != self._closings:
                raise NoAnswer("the client was closed")
            if coming.alone:
                return await self._make(place, authorization)
            if coming.line is not None and coming.line.free:
                return coming.line
        if not self._may_share(place):
            return await self._make(place, authorization)
        self._coming[place] = coming = Coming()
        try:
            line = await self._make(place, authorization)
        except BaseException as error:
            del self._coming[place]
            # Whoever it was has given up; the others have not.
            coming.tell(alone=not isinstance(error, (CancelledError, GeneratorExit)))
            raise
        if isinstance(line, Line2):
            line.settled.addCallback(lambda ignored: self._came(place, line))
        else:
            self._came(place, line)
        return line

    def _came(self, place: Place, line: Line) -> None:
        """Let those who wait for it know."""
        # A server that has gone before it said a word is nobody to queue up for.
        self._coming.pop(place).tell(line, alone=not isinstance(line, Line2) or not line.free)

    def _may_share(self, place: Place) -> bool:
        """May HTTP/2 be spoken there?"""
        if not self._http2 or place.absolute or place in self._older:
            return False
        return place.scheme == "https" or self._http2 == "prior"

    async def _make(self, place: Place, authorization: bytes | None) -> Line:
        either = self._may_share(place)
        if place.scheme != "https":
            return await self._reach(
                place, authorization, lambda: self._line2(place) if either else self._line1(place), None
            )
        tls = self._contexts.client(place.host, EITHER if either else HTTP1, self._verify)
        if not either:
            return await self._reach(place, authorization, lambda: self._line1(place, True), tls)

        def build(agreed: bytes) -> Line1 | Line2:
            if agreed == b"h2":
                return self._line2(place)
            self._speaks_older(place)
            return self._line1(place)

        choice = await self._reach(place, authorization, lambda: Choice(self._keeper(place), self._gone, build), tls)
        assert choice.line is not None
        return choice.line

    def _line1(self, place: Place, secure: bool = False) -> Line1:
        """``secure``: it sees to its handshake itself."""
        made = self._keeper(place)
        line = Line1(secure, made, self._gone, self._trace, self._reactor, self._timeouts, place.absolute)
        line.lenient = self._lenient
        return line

    def _line2(self, place: Place) -> Line2:
        made, older = self._keeper(place), lambda: self._speaks_older(place)
        return Line2(made, self._gone, self._trace, self._reactor, self._timeouts, older)

    def _keeper(self, place: Place) -> Callable[[Any], None]:
        def made(line: Any) -> None:
            self._lines[line] = place

        return made

    def _speaks_older(self, place: Place) -> None:
        if len(self._older) >= KNOWN:
            del self._older[next(iter(self._older))]
        self._older[place] = None

    async def _reach(self, place: Place, authorization: bytes | None, build: Callable[[], R], tls: Any) -> R:
        if place.proxy is None or place.absolute:
            return await reach(self._reactor, place.host, place.port, build, self._timeouts.connect, tls)
        return await tunnel(
            self._reactor,
            place.proxy,
            place.host,
            place.port,
            build,
            self._timeouts,
            tls,
            self._trace,
            authorization,
            self._told,
        )

    def _gone(self, line: Any) -> None:
        self._lines.pop(line, None)
        if not self._lines:
            waiting, self._closing = self._closing, []
            for closing in waiting:
                closing.callback(None)

    async def close(self) -> None:
        """Drop every connection, with whatever is under way; returns when they are gone."""
        self._closings += 1
        if self._lines:
            gone: Deferred[None] = Deferred()
            self._closing.append(gone)
            for line in list(self._lines):
                line.abort()
            await gone
