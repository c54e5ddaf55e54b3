"""The seam between HTTP and what is served by it: a Request goes in, a Response comes out."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NamedTuple, Protocol

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


class Fixed(Responder):
    """One response, known beforehand."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def respond(self, request: Request, caller: Caller) -> Response:
        """That response."""
        return self._response
