"""http and https URLs for the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import quote_from_bytes

from netdaemon.cli.schemes import Begun, Fetched, TransferFailed, Wishes
from netdaemon.cli.source import Source
from netdaemon.protocols.http.client import Category, Client, Failed, Response, Timeouts, Upload, parse_url
from netdaemon.protocols.http.client import category_of_status as category_of
from netdaemon.protocols.http.client.fields import transcript
from netdaemon.protocols.http.client.resume import continues, ends_at, length_of, validator
from netdaemon.wire.escape import escape

IDENTITY = ("Accept-Encoding", "identity")
"""The octets as they are: what is compressed on the way could not be gone on with later."""


class HTTPFetcher:
    """GET, and the rest of a body that broke off, by If-Range."""

    def __init__(self, reactor: Any, wishes: Wishes) -> None:
        self._client = client(reactor, wishes)

    @staticmethod
    def shown(url: str) -> str:
        return str(parse_url(url))

    async def fetch(self, url: str, begun: Begun | None) -> Fetched:
        name = self.shown(url)
        try:
            return await (self._whole(url, name) if begun is None else self._rest(url, name, begun))
        except Failed as error:
            raise TransferFailed(str(error), error.category) from None

    async def close(self) -> None:
        await self._client.close()

    async def _whole(self, url: str, name: str, remark: str = "") -> Fetched:
        response = await self._client.get(url, [IDENTITY])
        return self._from_beginning(response, name, remark)

    def _from_beginning(self, response: Response, name: str, remark: str = "") -> Fetched:
        with_body(response, name)
        total = length_of(response.fields)
        return Fetched(octets(response, name), response.close, total, 0, validator(response.fields), remark)

    async def _rest(self, url: str, name: str, begun: Begun) -> Fetched:
        """Go on behind what is there, or from the beginning when that can't be."""
        fields = [IDENTITY, ("Range", f"bytes={begun.size}-"), ("If-Range", begun.validator)]
        response = await self._client.get(url, fields)
        if response.status == 206:
            total = continues(response.fields, begun.size, begun.validator, begun.total)
            if total is not None:
                return Fetched(octets(response, name), response.close, total, begun.size, begun.validator)
            why = "the server's file is another one by now"
        elif response.status == 416 and begun.total == begun.size and ends_at(response.fields, begun.size):
            response.close()
            return Fetched(nothing(), response.close, begun.total, begun.size, begun.validator)
        elif response.status == 416:
            why = "the server's file is shorter by now"
        else:
            # 200 (RFC 9110 13.1.5: the file has changed, or the server gives no ranges) or an error
            return self._from_beginning(
                response, name, "the file has changed, or can't be had in parts: from the beginning"
            )
        response.close()
        return await self._whole(url, name, f"{why}: from the beginning")


class HTTPSender:
    """PUT."""

    def __init__(self, reactor: Any, wishes: Wishes) -> None:
        self._client = client(reactor, wishes)

    @staticmethod
    def shown(url: str) -> str:
        return str(parse_url(url))

    async def send(self, source: Source, url: str, resume: bool, progress: Callable[[int], object]) -> str:
        name = self.shown(url)
        if resume:
            raise TransferFailed(f"{name}: HTTP has no way to go on with what broke off", Category.USAGE)
        if url.endswith("/"):
            if not source.file_name:
                raise TransferFailed(f"{name}: standard input has no name: the URL must have one", Category.USAGE)
            url += quote_from_bytes(source.file_name, safe="")
        try:
            response = await self._client.request("PUT", url, body=upload(source, progress))
            async with response:
                with_body(response, name)
        except Failed as error:
            raise TransferFailed(str(error), error.category) from None
        return ""

    async def close(self) -> None:
        await self._client.close()


def upload(source: Source, progress: Callable[[int], object]) -> Upload:
    """A request's body: the source's octets."""

    def chunks() -> Iterator[bytes]:
        for chunk in source.chunks():
            yield chunk
            progress(len(chunk))

    return Upload(chunks, source.size, source.seekable)


def client(reactor: Any, wishes: Wishes) -> Client:
    """An HTTP client as the command line wants it."""
    return Client(
        reactor,
        verify=wishes.verify,
        timeouts=Timeouts(wishes.timeout, wishes.timeout, wishes.timeout),
        trace=(lambda direction, head: None) if wishes.say is None else _heads_to(wishes.say),
    )


def _heads_to(say: Callable[[str], object]) -> Callable[[str, bytes], object]:
    def trace(direction: str, head: bytes) -> None:
        for line in transcript(head):
            say(f"{direction} {escape(line)}")
        say(direction)

    return trace


async def octets(response: Response, name: str) -> AsyncIterator[bytes]:
    """The body's octets, as `Fetched.chunks` has them."""
    try:
        async for chunk in response.body:
            yield chunk
    except Failed as error:
        raise TransferFailed(f"{name}: {error}", error.category) from None


async def nothing() -> AsyncIterator[bytes]:
    """No octets: all of them are there."""
    none: tuple[bytes, ...] = ()
    for chunk in none:
        yield chunk


def with_body(response: Response, name: str) -> None:
    """Pass a response that brings what was asked for. Raises TransferFailed for every other."""
    category = category_of(response.status)
    if category is None and response.status in (206, 304):  # of what nobody asked for
        category = Category.REFUSED
    if category is None:
        return
    response.close()
    name = name if response.url == name else f"{name} -> {response.url}"
    raise TransferFailed(f"{name}: {response.status} {response.reason}".rstrip(), category)
