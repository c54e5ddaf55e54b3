"""Sites: which one a request is for, and which responder of it answers. Sessions of every version of HTTP ask here."""

from __future__ import annotations

from collections.abc import Awaitable

from netdaemon.interfaces import IHouse
from netdaemon.protocols.http.archive import Archive
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.listing import Listing
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.pages import page
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Responder, Route
from netdaemon.protocols.http.response import Response
from netdaemon.protocols.http.settings import HTTPSettings
from netdaemon.protocols.http.static import Static

METHODS = frozenset((b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT", b"DELETE", b"PATCH", b"CONNECT", b"TRACE"))
"""The methods that are known; others are answered 501 and counted as one."""

_ALLOW = (b"Allow", b"GET, HEAD, OPTIONS")
_OPTIONS = Response(204, Fields((_ALLOW,)))


class Sites:
    """The sites behind one section's doors: its own, and its virtual hosts'."""

    def __init__(self, settings: HTTPSettings, house: IHouse, now: Now) -> None:
        self.own = Site(settings, house, now)
        self._exact: dict[bytes, Site] = {}
        self._beneath: dict[bytes, Site] = {}
        """By what stands behind the asterisk, ``.example.org``."""
        for guest in settings.guests:
            assert isinstance(guest, HTTPSettings)
            site = Site(guest, house, now)
            for host in guest.hosts:
                if host.startswith("*"):
                    self._beneath.setdefault(host[1:].encode(), site)
                else:
                    self._exact.setdefault(host.encode(), site)

    def find(self, host: bytes) -> Site:
        """The site for the authority ``host`` (lower case, its port does not matter): the very name, before the longest
        asterisk, before the section's own."""
        if not self._exact and not self._beneath:
            return self.own
        name = (host if host.endswith(b"]") else host.partition(b":")[0]).removesuffix(b".")
        if name in self._exact:
            return self._exact[name]
        at = name.find(b".")
        while at >= 0:
            if name[at:] in self._beneath:
                return self._beneath[name[at:]]
            at = name.find(b".", at + 1)
        return self.own


class Site:
    """One site: holds what its requests need; a request goes in and a response, or one to come, comes out."""

    def __init__(self, settings: HTTPSettings, house: IHouse, now: Now) -> None:
        self.settings = settings
        self.access = house.measure.access(settings)
        self.common = b""
        """Fields of every response over TLS, as they stand on the wire."""
        documents = house.documents if settings.root == "/" else house.documents.within(settings.root.encode())
        listing = None
        if settings.listing:
            closed = [path.encode() for path in (*settings.cgi, *(one.path for one in settings.protect))]
            archive = Archive(documents, house.clock, closed) if settings.archive else None
            listing = Listing(documents, house.clock, archive, settings.compress)
        self._static = Static(settings, documents, house, listing, now)
        self.at_hand = self._static.at_hand  # see there; bound once, for it is asked for every request

    def route(self, request: Request) -> Route:
        """Which responder the request goes to, before its body is read."""
        method = request.method
        if method in (b"GET", b"HEAD"):
            return Route(self._static, at_hand=True)
        if method == b"OPTIONS":
            return Route(_Fixed(_OPTIONS))
        if method in METHODS:
            return Route(_Fixed(page(405, request.fields, (_ALLOW,))))
        return Route(_Fixed(page(501, request.fields)))

    def respond(self, route: Route, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        """The response of the route that was chosen for the request."""
        return route.responder.respond(request, caller)


class _Fixed(Responder):
    """One answer, known beforehand."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def respond(self, request: Request, caller: Caller) -> Response:
        return self._response
