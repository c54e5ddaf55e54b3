"""Sites: which one a request is for, and which responder of it answers. Sessions of every version of HTTP ask here."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from dataclasses import replace
from typing import NamedTuple

from netdaemon.interfaces import DocumentError, IHouse
from netdaemon.protocols.http.access import access_lines
from netdaemon.protocols.http.allowed import READING, WRITING, Allowed
from netdaemon.protocols.http.auth import Guarded, Keeper, realm
from netdaemon.protocols.http.beneath import Beneath
from netdaemon.protocols.http.cgi import CGI
from netdaemon.protocols.http.echo import METHODS as ECHOED
from netdaemon.protocols.http.echo import Echo
from netdaemon.protocols.http.editing import Editing
from netdaemon.protocols.http.errorpages import ErrorPages
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.pages import page
from netdaemon.protocols.http.protection import Protection
from netdaemon.protocols.http.quote import Quote
from netdaemon.protocols.http.redirects import Moved, ToHTTPS
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Fixed, Responder, Route
from netdaemon.protocols.http.response import Response
from netdaemon.protocols.http.securitytxt import OLD_PATH as OLD_SECURITY_TXT
from netdaemon.protocols.http.securitytxt import PATH as SECURITY_TXT
from netdaemon.protocols.http.securitytxt import SecurityText
from netdaemon.protocols.http.settings import HTTPSettings, Redirect
from netdaemon.protocols.http.status import Status
from netdaemon.protocols.http.views import Views, site_of

METHODS = frozenset((b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT", b"DELETE", b"PATCH", b"CONNECT", b"TRACE"))
"""The methods that are known; others are answered 501 and counted as one."""

_ORDER = (*READING, b"POST", *WRITING, b"PATCH")
_SCRIPTED = (*_ORDER, b"OPTIONS")
"""The methods that scripts are run for."""


class Sites:
    """The sites behind one section's doors: its own, and its virtual hosts'."""

    def __init__(self, settings: HTTPSettings, house: IHouse, now: Now) -> None:
        self.own = Site(settings, house, now)
        self._exact: dict[bytes, Site] = {}
        self._beneath: dict[bytes, Site] = {}
        """By what stands behind the asterisk, ``.example.org``."""
        for guest in settings.guests:
            assert isinstance(guest, HTTPSettings)
            # Who comes through the section's doors has come through its load balancers, whomever he asks for.
            site = Site(replace(guest, proxy_protocol=settings.proxy_protocol), house, now)
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


class _Place(NamedTuple):
    """What stands at a path of a site: who answers there, which methods (and OPTIONS, which is known everywhere), and
    how much of a body they take."""

    responder: Responder
    methods: tuple[bytes, ...] = READING
    limit: int | None = None
    login: bool = False
    """Is it for accounts only, wherever it is?"""
    path: bytes = b""
    """If it is not empty, there is nothing beneath it."""
    last: bool = False
    """Does a document of the tree come first?"""


class Site:
    """One site: holds what its requests need; a request goes in and a response, or one to come, comes out.

    Those who come in clear are sent to https first, if they are to be. Then the order is: what has moved, what is
    mounted, the documents; the last two to accounts only where they are protected. Error pages are dressed at the end.
    """

    def __init__(self, settings: HTTPSettings, house: IHouse, now: Now) -> None:
        self.settings = settings
        self.access = access_lines(house.measure.access(settings), settings.access_log_format, now)
        self.common = b"\r\nStrict-Transport-Security: max-age=%d" % settings.hsts if settings.hsts >= 1 else b""
        """Fields of every response over TLS, as they stand on the wire."""
        self.clear = settings.https_redirect is None
        """Are those who come in clear served, too?"""
        self._to_https = None if settings.https_redirect is None else ToHTTPS(settings, settings.https_redirect)
        self._keeper = Keeper(settings, house, realm(settings, house))
        self._protection = Protection(settings)
        self._views = Views(settings, house, now, self._protection)
        self._editing = Editing(settings, house, now)
        self._documents = site_of(house.documents, settings)
        self._error_pages = ErrorPages(settings, self._documents, house, now)
        self._cgi = CGI(settings, self._documents, house, self._anew) if settings.cgi else None
        self._moved = Beneath((line.source, Moved(line)) for line in settings.redirect)
        mounts = tuple(self._mounted(house, now))
        self._mounts = Beneath(mounts)
        somewhere = {*READING, *(WRITING if settings.write else ())}.union(*(place.methods for _, place in mounts))
        self._methods = tuple(method for method in _ORDER if method in somewhere)
        """What can be done anywhere on the site."""
        self._everybody = Route(self._views.everybody, at_hand=True)
        self._bare = not (self._moved or self._mounts or self._protection)
        """Is there nothing but documents, the same for all who read?"""
        self.at_hand = self._views.everybody.at_hand  # see there; bound once, for it is asked for every request

    def _mounted(self, house: IHouse, now: Now) -> Iterator[tuple[str, _Place]]:
        """What stands in front of the documents, by its path."""
        settings = self.settings
        if self._cgi is not None:
            for prefix in settings.cgi:
                yield prefix, _Place(self._cgi, _SCRIPTED, settings.body_limit)
        for line in settings.quote:
            yield line.path, _Place(Quote(line.file, house.clock.seconds), path=line.path.encode())
        if settings.echo is not None:
            yield settings.echo, _Place(Echo(), ECHOED, settings.body_limit)
        if settings.status is not None:
            yield settings.status, _Place(Status(settings, house, now), path=settings.status.encode())
        if settings.security_contact:
            old = Moved(Redirect(OLD_SECURITY_TXT, SECURITY_TXT, 301))
            yield OLD_SECURITY_TXT, _Place(old, path=OLD_SECURITY_TXT.encode(), last=True)
            text = SecurityText(settings, house, now)
            yield SECURITY_TXT, _Place(text, path=SECURITY_TXT.encode(), last=True)

    def route(self, request: Request) -> Route:
        """Which responder the request goes to, before its body is read."""
        method, path = request.method, request.path
        if self._bare and method in READING:
            return self._everybody
        if method not in METHODS:
            return Route(Fixed(page(501, request.fields)))
        if not path:  # RFC 9110 9.3.7: the server as a whole; or a CONNECT
            return Route(Allowed(self._methods, self.settings))
        moved = self._moved.find(path)
        if moved is not None:
            return Route(moved)
        place = self._place(method, path)
        responder, limit = place.responder, place.limit
        documents = self._documents if responder is self._views else None
        if method not in place.methods:
            responder, limit = Allowed(place.methods, self.settings, documents), None
        protected = self._protection.find(path)
        if protected is not None:
            return Route(Guarded(responder, self._keeper, protected.accounts), limit)
        # Who tells OPTIONS who he is hears what he may do. Other credentials that nobody wants are not looked at.
        asks = method == b"OPTIONS" and documents is not None and b"authorization" in request.fields
        if place.login or asks:
            return Route(Guarded(responder, self._keeper, ()), limit)
        return self._everybody if responder is self._views else Route(responder, limit)

    def _place(self, method: bytes, path: bytes) -> _Place:
        """What stands at the path, as that method meets it."""
        mount = self._mounts.find(path)
        if mount is not None and not (mount.last and self._has(path)):
            return mount if mount.path in (b"", path) else _Place(_Nothing())
        if not self.settings.write:
            return _Place(self._views)
        methods: tuple[bytes, ...] = READING
        if path != b"/":
            methods += (b"DELETE",) if path.endswith(b"/") else WRITING
        if method in WRITING and method in methods:
            limit = self.settings.write_limit if method == b"PUT" else None
            return _Place(self._editing, methods, limit, login=True)
        return _Place(self._views, methods)

    def _has(self, path: bytes) -> bool:
        """Is there a document at the path?"""
        try:
            return not self._documents.entry(path).folder
        except DocumentError:
            return False

    def respond(self, route: Route, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        """The response of the route that was chosen for the request."""
        response: Response | Awaitable[Response] | None = None
        if self._to_https is not None and not caller.secure:
            response = self._to_https.answer(request)
        if response is None:
            response = route.responder.respond(request, caller)
        if not self._error_pages:
            return response
        return self.dress(response) if isinstance(response, Response) else self._error_pages.dress_later(response)

    def dress(self, response: Response) -> Response:
        """The same, one of our own pages replaced by the operator's; for what sessions refuse, too."""
        return self._error_pages.dress(response)

    def _anew(self, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        """The response to a request that a script has made of another."""
        return self.respond(self.route(request), request, caller)


class _Nothing(Responder):
    """What is beneath a place that has nothing beneath it."""

    def respond(self, request: Request, caller: Caller) -> Response:
        return page(404, request.fields)
