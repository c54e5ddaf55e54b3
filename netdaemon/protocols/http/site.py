"""One site: which responder answers a request. HTTP/1 sessions ask it, and other versions' may."""

from __future__ import annotations

from collections.abc import Awaitable

from netdaemon.interfaces import IHouse
from netdaemon.protocols.http import HTTPSettings
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.listing import Listing
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.pages import page
from netdaemon.protocols.http.request import Request
from netdaemon.protocols.http.response import Response
from netdaemon.protocols.http.static import Static

METHODS = frozenset((b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT", b"DELETE", b"PATCH", b"CONNECT", b"TRACE"))
"""The methods that are known; others are answered 501 and counted as one."""

_ALLOW = (b"Allow", b"GET, HEAD, OPTIONS")
_OPTIONS = Response(204, Fields((_ALLOW,)))


class Site:
    """Holds what one section's requests need; a request goes in and a response, or one to come, comes out."""

    def __init__(self, settings: HTTPSettings, house: IHouse, now: Now) -> None:
        listing = Listing(house.documents, house.clock) if settings.listing else None
        self._static = Static(settings, house, listing, now)

        self.at_hand = self._static.at_hand  # see there; bound once, for it is asked for every request

    def respond(self, request: Request) -> Response | Awaitable[Response]:
        """Never raises but for defects of ours; whoever gets the response closes its body."""
        method = request.method
        if method in (b"GET", b"HEAD"):
            return self._static.respond(request)
        if method == b"OPTIONS":
            return _OPTIONS
        if method in METHODS:
            return page(405, request.fields, (_ALLOW,))
        return page(501, request.fields)
