"""HTTP client (RFC 9110, RFC 9112).

    client = Client(reactor)
    response = await client.get("https://www.example.org/")
    async for octets in response.body:
        ...
    await client.close()

Every request either returns the response that its last redirection led to, whatever its status, or raises
Failed. A response is read to its end or closed; else it holds its connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.connection import Trace
from netdaemon.protocols.http.client.errors import RedirectRefused, category_of_status
from netdaemon.protocols.http.client.fields import Headers, given
from netdaemon.protocols.http.client.line import Unheard
from netdaemon.protocols.http.client.pool import Line, Pool, place_of
from netdaemon.protocols.http.client.redirect import Asked, follow
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.protocols.http.client.url import URL, parse_url
from netdaemon.protocols.http.grammar.message import Fields, ResponseHead
from netdaemon.wire.category import Category
from netdaemon.wire.failures import BadURL, Broken, ConnectFailed, Failed, NoAnswer, NotSpoken, TLSFailed, TooLarge
from netdaemon.wire.reaching import Timeouts
from netdaemon.wire.tlsclient import Contexts, Trust

__all__ = [
    "URL",
    "BadURL",
    "Broken",
    "Category",
    "Client",
    "ConnectFailed",
    "Failed",
    "Fields",
    "NoAnswer",
    "NotSpoken",
    "RedirectRefused",
    "Response",
    "TLSFailed",
    "Timeouts",
    "TooLarge",
    "Upload",
    "category_of_status",
    "parse_url",
]

MAX_REDIRECTS = 10

DISCARD = 64 * 1024
"""Octets of a redirection's body that are read for the sake of its connection."""

# RFC 9110 9.2.2: only these may be sent again when a kept connection turns out to be closed
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})


@dataclass(frozen=True, eq=False)
class Response:
    """One response; ``url`` is where the last redirection led, without credentials."""

    status: int
    reason: str
    fields: Fields
    url: str
    body: Body

    async def read(self, limit: int) -> bytes:
        """The whole body, at most ``limit`` octets. Raises TooLarge and Broken."""
        return await self.body.read(limit)

    def close(self) -> None:
        """Read no further; a second close, or one at the end, does nothing."""
        self.body.close()

    async def __aenter__(self) -> Response:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


class Client:
    """Asks for http and https URLs, and keeps the connections between requests.

    ``trust`` makes the TLS side of connections, and says whose certificates are believed: whom the system believes,
    unless given; without ``verify`` anybody. ``trace(">" or "<", head)`` hears of every head as it is on the wire;
    `fields.transcript` masks the secrets in one.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        trust: Contexts | None = None,
        verify: bool = True,
        timeouts: Timeouts | None = None,
        trace: Trace = lambda direction, head: None,
    ) -> None:
        self._pool = Pool(reactor, trust or Trust(), verify, timeouts or Timeouts(), trace)

    async def get(self, url: str, headers: Headers = ()) -> Response:
        """GET ``url``. Raises Failed; ValueError for headers that are none."""
        return await self.request("GET", url, headers)

    async def head(self, url: str, headers: Headers = ()) -> Response:
        """HEAD ``url``: the response without its body. Raises as `get` does."""
        return await self.request("HEAD", url, headers)

    async def request(self, method: str, url: str, headers: Headers = (), body: bytes | Upload = b"") -> Response:
        """Any method but CONNECT, redirections followed by its rules. Raises as `get` does.

        A server that answers before it has all of an `Upload` is sent no more of it, unless it agrees (2xx). What the
        upload's chunks raise is raised.
        """
        if not method.isalpha() or not method.isascii() or method == "CONNECT":
            raise ValueError(f"{method!r} is no method to ask by")
        asked = Asked(method.encode("ascii"), parse_url(url), given(headers), body)
        for _ in range(MAX_REDIRECTS + 1):
            head, content = await self._exchange(asked)
            try:
                target = follow(asked, head)
            except RedirectRefused:
                content.close()
                raise
            if target is None:
                return Response(head.status, head.reason.decode("latin-1"), head.fields, str(asked.url), content)
            await _discard(content)
            asked = target
        raise RedirectRefused(f"{url_of(url)} redirects more than {MAX_REDIRECTS} times")

    async def close(self) -> None:
        """Drop every connection, with whatever is under way; returns when they are gone."""
        await self._pool.close()

    # --- one request -----------------------------------------------------------------------------------------

    async def _exchange(self, asked: Asked) -> tuple[ResponseHead, Body]:
        place = place_of(asked.url, None)
        # What can't be sent twice isn't sent where nobody may be any more.
        fragile = isinstance(asked.body, Upload) and not asked.body.again
        kept = None if fragile else self._pool.kept(place)
        if kept is not None:
            try:
                return await self._ask(kept, asked)
            except Unheard as error:
                # RFC 9112 9.3.1: it was being closed when the request came; that says nothing about the request.
                if not error.certain and asked.method not in _IDEMPOTENT:
                    raise
        return await self._ask(await self._pool.made(place), asked)

    async def _ask(self, line: Line, asked: Asked) -> tuple[ResponseHead, Body]:
        try:
            return await line.exchange(asked)
        except (NoAnswer, NotSpoken) as error:
            raise error.at(asked.url) from None


async def _discard(body: Body) -> None:
    try:
        await body.read(DISCARD)
    except (TooLarge, Broken):
        pass  # the redirection stands in the head, which was whole


def url_of(text: str) -> str:
    """A URL for a message, without credentials."""
    return str(parse_url(text))
