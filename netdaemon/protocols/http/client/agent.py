"""The client itself: requests with their redirections, logins, cookies and second tries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as OutOfTime
from twisted.internet.task import deferLater

from netdaemon.protocols.http.client.authentication import MAX_ROUNDS
from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.connection import Trace
from netdaemon.protocols.http.client.cookies import Jar
from netdaemon.protocols.http.client.credentials import Ask, Credentials, nobody
from netdaemon.protocols.http.client.decoding import Decoded, accepted
from netdaemon.protocols.http.client.errors import RedirectRefused
from netdaemon.protocols.http.client.fields import Headers, given
from netdaemon.protocols.http.client.line import Unheard
from netdaemon.protocols.http.client.pool import HTTP2, Line, Place, Pool, place_of
from netdaemon.protocols.http.client.redirect import Asked, follow
from netdaemon.protocols.http.client.response import Octets, Response
from netdaemon.protocols.http.client.retry import IDEMPOTENT, Outcome, Retry
from netdaemon.protocols.http.client.tunnel import TunnelRefused
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.protocols.http.client.url import BY_PROXY, URL, parse_url
from netdaemon.protocols.http.grammar.message import ResponseHead
from netdaemon.wire.failures import BadURL, Broken, Failed, NoAnswer, NotSpoken, TooLarge
from netdaemon.wire.outgoing import Chunks
from netdaemon.wire.reaching import Timeouts
from netdaemon.wire.tlsclient import Contexts, Trust

MAX_REDIRECTS = 10

DISCARD = 64 * 1024
DISCARD_SECONDS = 2.0
"""Octets of a response that nobody wants which are read for the sake of its connection, and how long they may take."""

REFUSALS = 3
"""How often a request that the server has not looked at is taken to another connection."""

ProxyFor = Callable[[URL], URL | None]
"""The proxy by which a URL is asked for; None: straight there."""


class Client:
    """Asks for http and https URLs, and keeps the connections between requests.

    ``trust`` makes the TLS side of connections, and says whose certificates are believed: whom the system believes,
    unless given; without ``verify`` anybody. ``trace(">" or "<", head)`` hears of every head as it is on the wire;
    `fields.transcript` masks the secrets in one.

    User and password of a URL are sent when the server asks for them, or with ``basic`` at once; ``ask`` is asked for
    others. ``proxy_for`` says which proxy is on the way. ``jar`` keeps cookies. With ``decode`` bodies may come
    compressed, and are given as they were before. ``retry`` says what is tried again.

    With ``tunnelled`` a proxy only passes on what goes to and fro, also for http URLs (CONNECT); what asks it for that
    has ``connect_headers``. ``lenient`` reads heads of responses whose lines end with LF alone (RFC 9112 2.2), as
    scripts write them, and asks nothing more on such a connection.

    HTTP/2 is spoken where TLS agrees on it, unless ``http2`` is False; with ``"prior"`` it is spoken without asking in
    clear text, too, and a server that doesn't know it is NotSpoken.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        trust: Contexts | None = None,
        verify: bool = True,
        timeouts: Timeouts | None = None,
        trace: Trace = lambda direction, head: None,
        ask: Ask = nobody,
        basic: bool = False,
        proxy_for: ProxyFor = lambda url: None,
        jar: Jar | None = None,
        max_redirects: int = MAX_REDIRECTS,
        decode: bool = False,
        retry: Retry | None = None,
        http2: HTTP2 = True,
        tunnelled: bool = False,
        connect_headers: Headers = (),
        lenient: bool = False,
    ) -> None:
        self._reactor = reactor
        self._retry = retry
        self._pool = Pool(
            reactor, trust or Trust(), verify, timeouts or Timeouts(), trace, http2, lenient, given(connect_headers)
        )
        self._tunnelled = tunnelled
        self._origins = Credentials(ask, at_once=basic)
        self._proxies = Credentials(at_once=True, proxy=True)
        self._proxy_for = proxy_for
        self._jar = jar
        self._max_redirects = max_redirects
        self._decode = decode
        self._closings = 0

    async def get(self, url: str, headers: Headers = ()) -> Response:
        """GET ``url``. Raises Failed; ValueError for headers that are none."""
        return await self.request("GET", url, headers)

    async def head(self, url: str, headers: Headers = ()) -> Response:
        """HEAD ``url``: the response without its body. Raises as `get` does."""
        return await self.request("HEAD", url, headers)

    async def request(self, method: str, url: str | URL, headers: Headers = (), body: bytes | Upload = b"") -> Response:
        """Any method but CONNECT, redirections followed by its rules. Raises as `get` does.

        A server that answers before it has all of an `Upload` is sent no more of it, unless it agrees (2xx). What the
        upload's chunks raise is raised.
        """
        if not method.isalpha() or not method.isascii() or method == "CONNECT":
            raise ValueError(f"{method!r} is no method to ask by")
        fields = given(headers)
        # Of what is compressed a part can't be unpacked.
        decode = self._decode and not {name.lower() for name, _ in fields} & {b"accept-encoding", b"range"}
        if decode:
            fields += ((b"Accept-Encoding", accepted()),)
        asked = Asked(method.encode("ascii"), parse_url(url) if isinstance(url, str) else url, fields, body)
        for _ in range(self._max_redirects + 1):
            head, content = await self._persistently(asked)
            try:
                target = follow(asked, head) if self._max_redirects else None
            except RedirectRefused:
                content.close()
                raise
            if target is None:
                version = "HTTP/2" if head.version[0] == 2 else f"HTTP/1.{head.version[1]}"
                octets: Octets = content
                if decode and (codings := head.fields.get_all(b"content-encoding")):
                    octets = Decoded(content, codings)
                reason = head.reason.decode("latin-1")
                return Response(head.status, reason, head.fields, str(asked.url), octets, version)
            await self._discard(content)
            asked = target
        raise RedirectRefused(f"{url_of(url)} redirects more than {self._max_redirects} times")

    async def close(self) -> None:
        """Drop every connection, with whatever is under way; returns when they are gone."""
        self._closings += 1
        await self._pool.close()

    # --- one request, as often as it is worth ----------------------------------------------------------------

    async def _persistently(self, asked: Asked) -> tuple[ResponseHead, Body]:
        if self._retry is None:
            return await self._answered(asked)
        attempt = 0
        again = _is_repeatable(asked.body)
        while True:
            attempt += 1
            try:
                head, body = await self._answered(asked)
            except Failed as error:
                wait = self._retry.wait(attempt, Outcome(asked.method, error, again=again))
                if wait is None:
                    raise
            else:
                wait = self._retry.wait(attempt, Outcome(asked.method, None, head.status, head.fields, again=again))
                if wait is None:
                    return head, body
                await self._discard(body)
            await deferLater(self._reactor, wait)

    # --- one request, until nobody asks who we are any more --------------------------------------------------

    async def _answered(self, asked: Asked) -> tuple[ResponseHead, Body]:
        url, method, target = asked.url, asked.method, asked.url.target
        taken = None
        if isinstance(asked.body, Upload):
            taken = _Taken(asked.body.chunks)
            asked = asked._replace(body=replace(asked.body, chunks=taken))
        proxy = self._proxy_for(url)
        if proxy is None and url.scheme in BY_PROXY:
            raise BadURL(f"{url} can be had by HTTP only through a proxy")
        place = place_of(url, proxy, self._tunnelled)
        gives = any(name.lower() == b"authorization" for name, _ in asked.fields)
        # What can't be sent twice says at once who sends it, where nobody can listen.
        fragile = not _is_repeatable(asked.body) and url.scheme == "https"
        value = None if gives else self._origins.first(url, method, target, at_once=fragile)
        to_proxy = None if proxy is None else self._proxies.first(proxy, *_to_proxy(asked, place))
        for _ in range(2 * MAX_ROUNDS):
            try:
                head, body = await self._exchange(self._dressed(asked, place, value, to_proxy), place, to_proxy)
            except TunnelRefused as error:
                assert proxy is not None
                if error.head.status != 407:
                    raise
                to_proxy = self._proxies.answer(proxy, *_to_proxy(asked, place), error.head, to_proxy)
                if to_proxy is None:
                    raise
                continue
            if self._jar is not None:
                self._jar.take(url, head.fields)
            if value is not None and not self._origins.heard(url, target, head.fields, value):
                body.close()
                raise NotSpoken(f"{url}: the response is not from who knows the password")
            if taken is not None and taken.by_now and not _is_repeatable(asked.body):
                return head, body
            if head.status == 401 and not gives:
                value = again = self._origins.answer(url, method, target, head, value)
            elif head.status == 407 and place.absolute:
                assert proxy is not None
                to_proxy = again = self._proxies.answer(proxy, *_to_proxy(asked, place), head, to_proxy)
            elif head.status == 417 and asked.asks_first:  # RFC 9110 15.5.18: it can't do that
                again = b""
                asked = asked._replace(asks_first=False)
            else:
                return head, body
            if again is None:
                return head, body
            await self._discard(body)
        raise NotSpoken(f"{url}: the server asks again and again who we are")

    def _dressed(self, asked: Asked, place: Place, value: bytes | None, to_proxy: bytes | None) -> Asked:
        """The request with the fields that are ours to add: in front who asks, at the end the cookies."""
        fields = asked.fields
        if value is not None:
            fields = ((b"Authorization", value), *fields)
        if to_proxy is not None and place.absolute:
            fields = ((b"Proxy-Authorization", to_proxy), *fields)
        if self._jar is not None and (cookies := self._jar.header_for(asked.url)):
            # RFC 6265 5.4: never more than one such field
            given = [value for name, value in fields if name.lower() == b"cookie"]
            fields = tuple(field for field in fields if field[0].lower() != b"cookie")
            fields += ((b"Cookie", b"; ".join([cookies, *given])),)
        return asked._replace(fields=fields)

    async def _discard(self, body: Body) -> None:
        reading = Deferred.fromCoroutine(body.read(DISCARD))
        reading.addTimeout(DISCARD_SECONDS, self._reactor)
        try:
            await reading
        except (TooLarge, Broken, OutOfTime):
            pass  # what counted stood in the head, which was whole

    async def _exchange(self, asked: Asked, place: Place, to_proxy: bytes | None) -> tuple[ResponseHead, Body]:
        # What can't be sent twice isn't sent where nobody may be any more.
        kept = self._pool.kept(place) if _is_repeatable(asked.body) else None
        closings = self._closings
        if kept is not None:
            try:
                return await self._ask(kept, asked)
            except Unheard as error:
                # RFC 9112 9.3.1: it was being closed when the request came; that says nothing about the request.
                if closings != self._closings or (not error.certain and asked.method not in IDEMPOTENT):
                    raise
        for _ in range(REFUSALS):
            try:
                return await self._ask(await self._pool.made(place, to_proxy), asked)
            except Unheard as error:
                # RFC 9113 8.7: nothing was done, so it may be asked elsewhere, or by another version of HTTP.
                if not error.certain or not _is_repeatable(asked.body):
                    raise
        return await self._ask(await self._pool.made(place, to_proxy), asked)

    async def _ask(self, line: Line, asked: Asked) -> tuple[ResponseHead, Body]:
        try:
            return await line.exchange(asked)
        except (NoAnswer, NotSpoken) as error:
            raise error.at(asked.url) from None


def url_of(url: str | URL) -> str:
    """A URL for a message, without credentials."""
    return str(parse_url(url) if isinstance(url, str) else url)


class _Taken:
    """A body's chunks, which know whether anybody has begun to read them."""

    def __init__(self, chunks: Callable[[], Chunks]) -> None:
        self._chunks = chunks
        self.by_now = False

    def __call__(self) -> Chunks:
        self.by_now = True
        return self._chunks()


def _is_repeatable(body: bytes | Upload) -> bool:
    return not isinstance(body, Upload) or body.again


def _to_proxy(asked: Asked, place: Place) -> tuple[bytes, bytes]:
    """Method and target as the proxy sees them."""
    if place.absolute:
        return asked.method, str(asked.url._replace(fragment="")).encode("ascii")
    host = f"[{place.host}]" if ":" in place.host else place.host
    return b"CONNECT", f"{host}:{place.port}".encode("ascii")
