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

import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.connection import Connection, Trace
from netdaemon.protocols.http.client.errors import RedirectRefused, category_of_status
from netdaemon.protocols.http.client.fields import Headers, given, request_head
from netdaemon.protocols.http.client.redirect import Asked, follow
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.protocols.http.client.url import URL, parse_url
from netdaemon.protocols.http.grammar.message import Fields, ResponseHead
from netdaemon.wire.category import Category
from netdaemon.wire.failures import BadURL, Broken, ConnectFailed, Failed, NoAnswer, NotSpoken, TLSFailed, TooLarge
from netdaemon.wire.reaching import Timeouts, reach
from netdaemon.wire.tlsclient import Contexts, Trust

__all__ = [
    "URL",
    "BadURL",
    "Broken",
    "Category",
    "Client",
    "ConnectFailed",
    "Failed",
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

IDLE_LIMIT = 15.0
"""Seconds a connection may be idle and still be used again; servers close theirs after little more."""

# RFC 9110 9.2.2: only these may be sent again when a kept connection turns out to be closed
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})


ALPN = (b"http/1.1",)


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
        self._reactor = reactor
        self._trust = trust or Trust()
        self._verify = verify
        self._timeouts = timeouts or Timeouts()
        self._trace = trace
        self._connections: dict[Connection, tuple[str, str, int]] = {}
        self._closing: list[Deferred[None]] = []

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
        if self._connections:
            gone: Deferred[None] = Deferred()
            self._closing.append(gone)
            for connection in list(self._connections):
                connection.abort()
            await gone

    # --- one request -----------------------------------------------------------------------------------------

    async def _exchange(self, asked: Asked) -> tuple[ResponseHead, Body]:
        head = request_head(asked)
        # What can't be sent twice isn't sent where nobody may be any more.
        fragile = isinstance(asked.body, Upload) and not asked.body.again
        kept = None if fragile else self._idle(asked.url.origin)
        if kept is not None:
            try:
                return await self._ask(kept, asked, head)
            except NoAnswer:
                # RFC 9112 9.3.1: it was being closed when the request came; that says nothing about the request.
                if kept.answered or asked.method not in _IDEMPOTENT:
                    raise
        return await self._ask(await self._connect(asked.url), asked, head)

    async def _ask(self, connection: Connection, asked: Asked, head: bytes) -> tuple[ResponseHead, Body]:
        times = self._timeouts
        answer = connection.ask(head, asked.body, asked.method, self._reactor, times.stall)
        if connection.sent is not None:
            try:
                await connection.sent
            except BaseException:
                answer.addErrback(lambda failure: None)
                answer.cancel()
                raise
        answer.addTimeout(times.answer, self._reactor, onTimeoutCancel=_late(NoAnswer, "no response"))
        try:
            found: tuple[ResponseHead, Body] = await answer
            return found
        except (NoAnswer, NotSpoken) as error:
            raise error.at(asked.url) from None

    def _idle(self, origin: tuple[str, str, int]) -> Connection | None:
        """A connection of that origin that may be used again."""
        for connection, its_origin in list(self._connections.items()):
            if its_origin == origin and connection.idle:
                if self._reactor.seconds() - connection.idle_since < IDLE_LIMIT:
                    return connection
                connection.abort()
        return None

    # --- connecting ------------------------------------------------------------------------------------------

    async def _connect(self, url: URL) -> Connection:
        secure = url.scheme == "https"
        tls = self._trust.client(url.host, ALPN, self._verify) if secure else None
        made = functools.partial(self._made, url.origin)
        return await reach(
            self._reactor,
            url.host,
            url.port,
            lambda: Connection(secure, made, self._gone, self._trace),
            self._timeouts.connect,
            tls,
        )

    def _made(self, origin: tuple[str, str, int], connection: Connection) -> None:
        self._connections[connection] = origin

    def _gone(self, connection: Connection) -> None:
        del self._connections[connection]
        if not self._connections:
            waiting, self._closing = self._closing, []
            for closing in waiting:
                closing.callback(None)


async def _discard(body: Body) -> None:
    try:
        await body.read(DISCARD)
    except (TooLarge, Broken):
        pass  # the redirection stands in the head, which was whole


def _late(error: type[Failed], what: str) -> Callable[[object, float], object]:
    def late(result: object, timeout: float) -> object:
        if isinstance(result, Failure):
            raise error(f"{what} within {timeout:g} s")
        return result

    return late


def url_of(text: str) -> str:
    """A URL for a message, without credentials."""
    return str(parse_url(text))
