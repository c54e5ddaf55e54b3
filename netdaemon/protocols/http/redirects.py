"""Sending clients elsewhere: what has moved, and to https those who come in clear (RFC 9110 section 15.4)."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

from netdaemon.protocols.http.grammar.target import quote_path, quote_query
from netdaemon.protocols.http.pages import page
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Responder
from netdaemon.protocols.http.response import Response
from netdaemon.protocols.http.settings import HTTPSettings, Redirect

# RFC 8555 8.3: who issues certificates asks in clear, and there may be no certificate yet
_CHALLENGES = b"/.well-known/acme-challenge/"
# RFC 1123 2.1, and the underscore that many have in theirs. What the grammar of a Host field allows besides
# (RFC 3986 3.2.2: sub-delims, escapes) is no host that anybody has.
_NAME = re.compile(rb"[a-z0-9_][a-z0-9._-]*+").fullmatch


class Moved(Responder):
    """One ``redirect`` line: what is at or beneath its path is elsewhere, the rest of the path and the query behind."""

    def __init__(self, line: Redirect) -> None:
        self._above = len(line.source.rstrip("/"))
        self._status = line.status
        target, mark, fragment = line.target.encode().partition(b"#")
        self._target, _, self._query = target.partition(b"?")
        self._fragment = mark + fragment

    def respond(self, request: Request, caller: Caller) -> Response:
        """Where it is."""
        # The rest begins with the one slash that a normal path has between two parts: it can't become a host.
        rest = quote_path(request.path[self._above :])
        location = self._target.rstrip(b"/") + rest if rest else self._target
        query = b"&".join(filter(None, (self._query, quote_query(request.query))))
        if query:
            location += b"?" + query
        return page(self._status, request.fields, ((b"Location", location + self._fragment),))


class ToHTTPS:
    """Sends those who come in clear to the same host's https."""

    def __init__(self, settings: HTTPSettings, port: int) -> None:
        self._hosts = settings.hosts
        self._port = b"" if port == 443 else b":%d" % port

    def answer(self, request: Request) -> Response | None:
        """Where to ask instead; None for what is to be served in clear all the same."""
        if request.path.startswith(_CHALLENGES):
            return None
        host = _host(request.host)
        if host is None or not self._is_ours(host):
            # Whoever was sent to a host of the client's choice could blame us for it.
            return page(400, request.fields)
        location = b"https://%b%b%b" % (host, self._port, quote_path(request.path) or b"/")
        if request.query:
            location += b"?" + quote_query(request.query)
        return page(308, request.fields, ((b"Location", location),))

    def _is_ours(self, host: bytes) -> bool:
        name = host.removesuffix(b".").decode("ascii")
        return not self._hosts or any(
            name.endswith(own[1:]) if own.startswith("*") else name == own for own in self._hosts
        )


def _host(authority: bytes) -> bytes | None:
    """The host of an authority (lower case), without its port; None where that is nobody's name or address."""
    if authority.startswith(b"["):
        host, bracket, _ = authority.partition(b"]")
        try:
            IPv6Address(host[1:].decode("ascii"))
        except (AddressValueError, UnicodeDecodeError):
            return None
        return host + bracket
    host = authority.partition(b":")[0]
    return host if len(host) <= 254 and _NAME(host) else None
