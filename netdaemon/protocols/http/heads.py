"""The request heads that came lately, and what was made of them: browsers repeat theirs to the byte.

To find one again costs a look into a dict instead of parsing, and no check is lost: what was checked are these bytes.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from netdaemon.protocols.http.access import AccessLines, Prepared
from netdaemon.protocols.http.grammar.accept import accepted_codings
from netdaemon.protocols.http.request import Request
from netdaemon.protocols.http.responder import Served

Head = TypeVar("Head", bound=Hashable)

MAX_HEADS = 512
LONGEST = 1024
"""Octets of the longest head that is remembered."""


class Known:
    """A plain GET (`Request.plain`, so without anybody's credentials); ``keep`` if it leaves the connection
    open."""

    __slots__ = ("_logged", "at_hand", "codings", "keep", "request", "site")

    def __init__(self, request: Request, keep: bool, site: Served, at_hand: bool) -> None:
        self.request = request
        self.keep = keep
        self.site = site
        """The site that it asks for."""
        self.at_hand = at_hand
        """May the site's `at_hand` answer it?"""
        self.codings = accepted_codings(request.fields.joined(b"accept-encoding"))
        self._logged: Prepared | None = None

    def logged(self, access: AccessLines, head: bytes) -> Prepared:
        """What it comes to in its site's access log, made once."""
        if self._logged is None:
            self._logged = access.prepare(head.partition(b"\r\n")[0], self.request.fields)
        return self._logged


class Heads(Generic[Head]):
    """Heads in the form that one version of HTTP has them, and what is known of them."""

    def __init__(self) -> None:
        self._known: dict[Head, Known] = {}
        self.get = self._known.get

    def remember(self, head: Head, size: int, known: Known) -> None:
        """``known`` is what ``head``, of about ``size`` octets, says, and fit to be remembered."""
        if size > LONGEST:
            return
        if len(self._known) >= MAX_HEADS:
            # No order of age is kept, for that would cost each request. Whoever is still there soon comes again.
            self._known.clear()
        self._known[head] = known
