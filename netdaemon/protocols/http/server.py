"""The factory of HTTP's sessions, and what those of one section share."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from netdaemon.interfaces import ICounter, IHouse
from netdaemon.protocols.http.grammar.message import Fields, Malformed
from netdaemon.protocols.http.grammar.target import Target, parse_target
from netdaemon.protocols.http.heads import Heads
from netdaemon.protocols.http.http1 import Session
from netdaemon.protocols.http.http2.session import Session as HTTP2Session
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.request import Caller
from netdaemon.protocols.http.responder import Directory, Served
from netdaemon.protocols.http.settings import HTTPSettings
from netdaemon.protocols.http.site import METHODS, Sites


def parse_own_target(method: bytes, target: bytes) -> Target:
    """A request's target, where it is for a server. Raises Malformed(400)."""
    parsed = parse_target(method, target)
    if parsed.scheme not in (b"", b"http", b"https"):
        raise Malformed(400, "this is no proxy")
    return parsed


class Times(Protocol):
    """What sessions want to know of their section's settings."""

    @property
    def head_timeout(self) -> float: ...

    @property
    def idle_timeout(self) -> float: ...

    @property
    def stall_timeout(self) -> float: ...

    @property
    def body_limit(self) -> int: ...


class SessionFactory(Factory):
    """Sessions of one section, which ask ``sites`` for responses; they are counted under ``name``."""

    noisy = False
    speaks_http2 = True
    parse_target = staticmethod(parse_own_target)
    """Takes request targets apart. Raises Malformed."""

    def __init__(self, name: str, settings: Times, house: IHouse, sites: Directory, now: Now) -> None:
        self.settings = settings
        self.deadlines = house.deadlines
        self.seconds = house.clock.seconds
        self.now = now
        self.sites = sites
        self.unhandled = house.measure.unhandled()
        self.heads: Heads[bytes] = Heads()
        """Whole heads of HTTP/1, their blank line included."""
        self.lists: Heads[tuple[tuple[bytes, bytes], ...]] = Heads()
        """Header lists of HTTP/2."""
        self.found = house.measure.command(name, "GET", "2xx")
        """Counts what nearly all requests count as."""
        self._name = name
        self._measure = house.measure
        self._counters: dict[tuple[bytes, int], ICounter] = {}

    def buildProtocol(self, addr: IAddress | None) -> Session:
        return Session(self)

    def successor(self) -> HTTP2Session:
        """The session that takes over from one of HTTP/1's whose peer speaks HTTP/2."""
        return HTTP2Session(self)

    def count(self, method: bytes, status: int) -> None:
        """One more answered request; results are counted as 2xx, 3xx ..."""
        if method not in METHODS:
            method = b"other"
        key = (method, status // 100)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._measure.command(self._name, method.decode("ascii"), f"{status // 100}xx")
            self._counters[key] = counter
        counter.inc()

    def record(
        self,
        site: Served | None,
        caller: Caller,
        method: bytes,
        line: bytes,
        status: int,
        sent: int,
        fields: Fields | None,
        user: str,
    ) -> None:
        """Count a request and write its line into its site's access log.

        ``site`` and ``fields`` are None when that much of it could not be read, ``line`` is the request's first line,
        ``sent`` counts octets of the response's body.
        """
        self.count(method, status)
        access = self.sites.own.access if site is None else site.access
        if access is not None:
            self.now.field()  # a response that went on for long, or was another's, may have asked long ago
            access.write(caller.host, access.prepare(line, fields), status, sent, user)


class HTTPFactory(SessionFactory):
    """Sessions of one [http] section and its virtual hosts."""

    def __init__(self, settings: HTTPSettings, house: IHouse) -> None:
        now = Now(house.wall)
        super().__init__("http", settings, house, Sites(settings, house, now), now)
