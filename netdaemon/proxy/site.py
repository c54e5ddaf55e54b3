"""What stands in for a site where the whole world is to be had: rules first, then whoever knows the scheme."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Protocol

from netdaemon.interfaces import IHouse
from netdaemon.protocols.http.access import access_lines
from netdaemon.protocols.http.grammar.message import Fields, Malformed
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.pages import page
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Responder, Route, Served
from netdaemon.protocols.http.response import Response
from netdaemon.proxy.connect import Connect
from netdaemon.proxy.dialler import Dialler, Unreachable
from netdaemon.proxy.forward import Forward
from netdaemon.proxy.grammar.fields import is_loop, max_forwards
from netdaemon.proxy.grammar.target import Destination, parse_destination
from netdaemon.proxy.login import ProxyKeeper, admitted
from netdaemon.proxy.overftp import OverFTP
from netdaemon.proxy.overgopher import OverGopher
from netdaemon.proxy.rules import Denied, Rules
from netdaemon.proxy.settings import ProxySettings
from netdaemon.proxy.way import Way

NO_LIMIT = 1 << 62
_SECRETS = frozenset((b"authorization", b"cookie", b"proxy-authorization"))


class Fetcher(Protocol):
    """Whoever knows how to ask at a destination."""

    async def respond(self, request: Request, caller: Caller, to: Destination) -> Response:
        """The response. Raises Denied and Unreachable."""


class Checkpoint(Responder):
    """Asks the rules of every request, and whoever knows its scheme for the response."""

    def __init__(self, settings: ProxySettings, house: IHouse, name: bytes, now: Now, dialler: Dialler | None) -> None:
        self._settings = settings
        self._name = name
        self._rules = rules = Rules(settings)
        dialler = dialler or Dialler(house.reactor, rules.check_address, settings.connect_timeout)
        way = Way(settings, house, rules, dialler)
        self.forward = Forward(settings, house, way, name, now)
        self._fetchers: Mapping[bytes, Fetcher] = {
            b"http": self.forward,
            b"https": self.forward,
            b"connect": Connect(settings, house, way),
            b"ftp": OverFTP(settings, way),
            b"gopher": OverGopher(settings, way),
        }
        self._keeper = ProxyKeeper(settings, house, house.hostname)

    def respond(self, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        """The response of whoever is asked, or why nobody is."""
        fields = request.fields
        if not self._rules.admits(caller.host):
            return page(403, fields, sentence="This proxy does not serve your address.")
        if self._settings.login:
            return admitted(self._keeper, request, caller, lambda known: self._checked(request, known))
        return self._checked(request, caller)

    async def _checked(self, request: Request, caller: Caller) -> Response:
        fields, method = request.fields, request.method
        if request.target.startswith(b"/"):
            return page(400, fields, sentence="This is a proxy: it is asked for whole URLs, by browsers set up for it.")
        if is_loop(fields, self._name):
            return page(508, fields)
        if request.target == b"*":
            return _OPTIONS
        to = parse_destination(method, request.target)
        if method in (b"OPTIONS", b"TRACE") and max_forwards(fields) == 0:
            # RFC 9110 7.6.2: whom a request can go no further than answers it
            return _OPTIONS if method == b"OPTIONS" else _traced(request, caller)
        try:
            self._rules.check(to)
            fetcher = self.forward if self._rules.goes_upstream(to) and to.scheme != b"connect" else None
            return await (fetcher or self._fetchers[to.scheme]).respond(request, caller, to)
        except Denied as error:
            return page(403, fields, sentence=str(error))
        except Unreachable as error:
            return page(error.status, fields, sentence=str(error))


class ProxySite:
    """What a session takes for a site, and for the directory of all sites."""

    common = b""
    clear = True

    def __init__(self, settings: ProxySettings, house: IHouse, name: bytes, now: Now, dialler: Dialler | None) -> None:
        self.access = access_lines(house.measure.access(settings), settings.access_log_format, now)
        self.own: Served = self
        checkpoint = Checkpoint(settings, house, name, now, dialler)
        self.close = checkpoint.forward.close
        self._route = Route(checkpoint, settings.body_limit or NO_LIMIT)

    def find(self, host: bytes) -> Served:
        """The same for every host."""
        return self

    def at_hand(self, path: bytes, codings: tuple[bytes, ...], now: float) -> Response | None:
        """Nothing is."""
        return None

    def route(self, request: Request) -> Route:
        """Everything goes to the one checkpoint. Raises Malformed(400) for a CONNECT with a body."""
        if request.method == b"CONNECT":
            fields = request.fields
            if b"content-length" in fields or b"transfer-encoding" in fields:
                # Is it in front of the tunnel, or in it? Readers differ.
                raise Malformed(400, "CONNECT has no body")
        return self._route

    def respond(self, route: Route, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        """The response, or one to come."""
        return route.responder.respond(request, caller)

    def dress(self, response: Response) -> Response:
        """Our pages are as they are."""
        return response


_OPTIONS = Response(204, Fields(((b"Allow", b"GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH, CONNECT"),)))


def _traced(request: Request, caller: Caller) -> Response:
    """RFC 9110 9.3.8: the request as it came, but for what is secret in it."""
    lines = [b"%b %b %b" % (request.method, request.target, caller.version.encode("ascii"))]
    lines += [b"%b: %b" % pair for pair in request.fields if pair[0].lower() not in _SECRETS]
    return Response(200, Fields(((b"Content-Type", b"message/http"),)), b"\r\n".join([*lines, b"", b""]))
