"""The seam between HTTP and what is served by it: a Request goes in, a Response comes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from netdaemon.protocols.http.access import AccessLines
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.response import Response


class Responder(Protocol):
    """What makes responses: documents, listings, programs, ..."""

    def respond(self, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        """The response, or one to come. Whoever gets it closes its body.

        What is raised is a defect of ours (500), but for what `Incoming.read` raises. When the peer goes away first,
        what is awaited is cancelled, and a body under way is closed.
        """


class Route(NamedTuple):
    """Where a request goes. ``limit`` is how many octets of body ``responder`` takes; None for one that wants no body,
    for which it is read and thrown away. ``at_hand``: what the shelf has at hand may be sent without asking."""

    responder: Responder
    limit: int | None = None
    at_hand: bool = False


class Served(Protocol):
    """A site, or what stands in for one: what a session asks of it."""

    @property
    def access(self) -> AccessLines | None: ...

    @property
    def common(self) -> bytes:
        """Fields of every response over TLS, as they stand on the wire."""

    @property
    def clear(self) -> bool:
        """Are those who come in clear served, too?"""

    @property
    def at_hand(self) -> Callable[[bytes, tuple[bytes, ...], float], Response | None]:
        """Gives the response to a plain GET, if it is there already; asked for routes that say so."""

    def route(self, request: Request) -> Route:
        """Which responder the request goes to, before its body is read. Raises Malformed."""

    def respond(self, route: Route, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        """The response of the route that was chosen for the request."""

    def dress(self, response: Response) -> Response:
        """The same, one of our own pages replaced by the operator's; for what sessions refuse, too."""


class Directory(Protocol):
    """The sites behind a section's doors."""

    @property
    def own(self) -> Served:
        """The section's own, to which belongs what can't be read."""

    def find(self, host: bytes) -> Served:
        """The one for an authority in lower case."""


class Fixed(Responder):
    """One response, known beforehand."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def respond(self, request: Request, caller: Caller) -> Response:
        """That response."""
        return self._response
