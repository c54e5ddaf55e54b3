"""gopher URLs as pages (RFC 4266): menus and searches in HTML, documents as they are."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from urllib.parse import unquote_to_bytes

from netdaemon.documents.media import UNKNOWN, content_type
from netdaemon.protocols.gopher.client import (
    Answer,
    Client,
    Failed,
    GopherURL,
    Refused,
    Timeouts,
    decoded,
    parse_url,
)
from netdaemon.protocols.gopher.grammar.menu import parse_menu, refusal_in
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.incoming import BodyLost
from netdaemon.protocols.http.pages import BLOCKS, page
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.response import Response, Stream
from netdaemon.proxy import menupage
from netdaemon.proxy.dialler import Unreachable
from netdaemon.proxy.grammar.target import Destination
from netdaemon.proxy.rules import OTHERS_PORTS, Denied
from netdaemon.proxy.settings import ProxySettings
from netdaemon.proxy.way import Way

MAX_MENU = 2 * 1024 * 1024
"""Octets of a menu that are shown."""

_READING = (b"GET", b"HEAD")
_ALLOW = ((b"Allow", b"GET, HEAD"),)
_MENUS = "17"
_TYPES = {
    "0": b"text/plain; charset=utf-8", "4": b"application/mac-binhex40", "6": b"text/x-uuencode; charset=utf-8",
    "g": b"image/gif", "p": b"image/png", "h": b"text/html; charset=utf-8",
}  # fmt: skip


class OverGopher:
    """Asks Gopher servers."""

    def __init__(self, settings: ProxySettings, way: Way) -> None:
        self._way = way
        self._times = Timeouts(settings.connect_timeout, stall=settings.stall_timeout)

    async def respond(self, request: Request, caller: Caller, to: Destination) -> Response:
        """The document, or a page of the menu. Raises Denied and Unreachable."""
        if request.method not in _READING:
            return page(405, request.fields, _ALLOW)
        url = _parse(to)
        title = str(url)
        if url.type == "7" and url.search is None:
            return _html(menupage.question(title), b"form-action 'self'")
        passage = await self._way.passage(to)
        client = Client(passage, timeouts=self._times, refused_ports=OTHERS_PORTS)
        try:
            answer = await client.open(url)
            if url.type in _MENUS:
                return await _menu(answer, title, request)
            return await self._document(answer, url, request)
        except Refused:
            return page(404, request.fields)
        except Failed:
            raise Unreachable("The Gopher server cannot be reached, or does not answer as one.") from None

    async def _document(self, answer: Answer, url: GopherURL, request: Request) -> Response:
        chunks = decoded(answer, url.type)
        first = await anext(chunks, b"")  # an error's item is all that there is of it
        named = content_type(url.selector.rpartition(b"/")[2])
        media = _TYPES.get(url.type) or (named if named != UNKNOWN else b"application/octet-stream")
        fields = Fields(((b"Content-Type", media), (b"X-Content-Type-Options", b"nosniff")))
        return Response(200, fields, Stream(_octets(first, chunks), None, answer.close))


def _parse(to: Destination) -> GopherURL:
    """The URL; a form's answer, behind a question mark, is what a search is for."""
    path, mark, query = to.target.partition(b"?")
    searches = mark and path[1:2] == b"7" and b"%09" not in path
    text = b"gopher://%b%b" % (to.authority, path if searches else to.target)
    try:
        url = parse_url(text.decode("utf-8", "surrogateescape"))
        if searches:
            words = unquote_to_bytes(query.removeprefix(b"q=").replace(b"+", b" "))
            if any(octet < 32 or octet == 127 for octet in words):
                raise ValueError("a control character")
            url = url._replace(search=words)
    except ValueError:
        # A CR or LF would begin another line, which might be another protocol's.
        raise Denied("An address with control characters in it may not be asked for.") from None
    return url


async def _menu(answer: Answer, title: str, request: Request) -> Response:
    data = b""
    async for piece in answer:
        data += piece
        if len(data) > MAX_MENU:
            answer.close()
            break
    if refusal_in(data) is not None:
        return page(404, request.fields)
    return _html(menupage.menu(title, parse_menu(data[:MAX_MENU]), len(data) > MAX_MENU))


def _html(body: bytes, form: bytes = b"form-action 'none'") -> Response:
    return Response(200, Fields.of_block(BLOCKS[b"text/html"].replace(b"form-action 'none'", form)), body)


async def _octets(first: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """A document, as it comes. Raises BodyLost."""
    yield first
    try:
        async for data in rest:
            yield data
    except Failed as error:
        raise BodyLost(str(error)) from None
