"""The request as responders see it, whatever version of HTTP it came by (RFC 9110)."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import cached_property
from typing import Any, NamedTuple, cast

from twisted.internet.interfaces import IAddress, ISSLTransport

from netdaemon.interfaces import Login
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.incoming import Incoming


class Request(NamedTuple):
    """One request.

    ``path`` is percent-decoded and normal, empty for ``OPTIONS *``; ``query`` and ``target`` are as sent; ``host`` is
    the authority asked for in lower case, the URI's before the Host field's, empty when there was none. ``plain`` says
    that it is known to have neither preconditions nor ranges nor credentials. ``body`` is None where there is none, and
    where the route takes none (see `Route`).
    """

    method: bytes
    path: bytes
    query: bytes
    host: bytes
    fields: Fields
    plain: bool = False
    target: bytes = b""
    body: Incoming | None = None
    redirects: int = 0
    """How often it was sent on within the site, by scripts."""


class Caller:
    """Who asks, and over what: what all requests of one connection have in common. Asked for only when it is needed,
    since most requests never ask, and each address costs a call of the kernel.

    ``version`` is the protocol's as CGI has it, ``HTTP/1.1``. ``user`` is the account that a request was found to come
    from, empty for none: whoever checks credentials sets it, on a copy made for that one request (`known_as`).
    """

    login: Login | None = None
    """What that account may use, until the request is answered."""

    def __init__(
        self,
        transport: Any,
        version: str = "HTTP/1.1",
        user: str = "",
        inform: Callable[[int, Fields], object] = lambda status, fields: None,
    ) -> None:
        self._transport = transport
        self.inform = inform
        """Sends a response of class 1xx in front of the one that is being made, to whom may get one."""
        self.version = version
        self.user = user

    def known_as(self, login: Login) -> Caller:
        """The caller of one request, for whom that login was found good."""
        known = copy(self)
        known.login = login
        known.user = login.account.name
        return known

    @cached_property
    def peer(self) -> IAddress:
        """The other end's address."""
        return cast(IAddress, self._transport.getPeer())

    @cached_property
    def here(self) -> IAddress:
        """Our end's."""
        return cast(IAddress, self._transport.getHost())

    @cached_property
    def secure(self) -> bool:
        """Did it come by TLS?"""
        return ISSLTransport.providedBy(self._transport)

    @cached_property
    def host(self) -> str:
        """The peer's IP address, "unix:" where it has none."""
        return getattr(self.peer, "host", "unix:")
