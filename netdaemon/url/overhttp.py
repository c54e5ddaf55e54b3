"""http and https URLs."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from email.message import Message
from typing import Any
from urllib.parse import quote_from_bytes

from netdaemon.protocols.http.client import (
    URL,
    BadURL,
    Category,
    Client,
    Failed,
    Fields,
    Response,
    Timeouts,
    Upload,
    category_of_status,
    parse_url,
)
from netdaemon.protocols.http.client import Login as HTTPLogin
from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.fields import transcript
from netdaemon.protocols.http.client.resume import continues, ends_at, length_of, validator
from netdaemon.protocols.http.client.retry import Retry
from netdaemon.protocols.http.client.url import BY_PROXY
from netdaemon.url.opened import Opened, StatusRefused
from netdaemon.url.scheme import Asking, Sending
from netdaemon.url.source import Source
from netdaemon.url.wishes import Wishes
from netdaemon.wire.escape import escape
from netdaemon.wire.failures import LocalTrouble
from netdaemon.wire.partfile import Begun
from netdaemon.wire.tlsclient import Trust

IDENTITY = ("Accept-Encoding", "identity")
"""The octets as they are: what is compressed on the way could not be gone on with later."""


class OverHTTP:
    """Any method, and the rest of a body that broke off, by If-Range."""

    def __init__(self, reactor: Any, wishes: Wishes) -> None:
        times = Timeouts(wishes.timeout, wishes.timeout, wishes.timeout)
        trace = (lambda direction, head: None) if wishes.say is None else _heads_to(wishes.say)
        self._wishes = wishes
        self._client = Client(
            reactor,
            trust=Trust(wishes.authorities),
            verify=wishes.verify,
            timeouts=times,
            trace=trace,
            ask=self._ask,
            basic=wishes.basic,
            jar=wishes.jar,
            max_redirects=wishes.max_redirects,
            decode=wishes.compressed,
            retry=Retry(wishes.retries, time.time) if wishes.retries else None,
            proxy_for=self._proxy_for,
            lenient=True,  # RFC 9112 2.2: as browsers do, for there are devices that end their lines with LF alone
            http2=wishes.http2,
        )

    @staticmethod
    def shown(url: str) -> str:
        return str(_parse(url))

    async def open(self, url: str, asking: Asking) -> Opened:
        name = self.shown(url)
        if asking.begun is not None:
            return await self._rest(url, name, asking, asking.begun)
        return await self._whole(url, name, asking)

    async def _whole(self, url: str, name: str, asking: Asking, remark: str = "") -> Opened:
        response = await self._ask_for(asking.method, url, asking, plain=not self._wishes.compressed)
        return _opened(response, name, asking, remark)

    async def _rest(self, url: str, name: str, asking: Asking, begun: Begun) -> Opened:
        """Go on behind what is there, or from the beginning when that can't be."""
        fields = (("Range", f"bytes={begun.size}-"), ("If-Range", begun.validator))
        response = await self._ask_for("GET", url, asking, fields, plain=True)
        if response.status == 206:
            total = continues(response.fields, begun.size, begun.validator, begun.total)
            if total is not None:
                return _begun(response, name, begun, total, _octets(response, name))
            why = "the server's file is another one by now"
        elif response.status == 416 and begun.total == begun.size and ends_at(response.fields, begun.size):
            response.close()
            return _begun(response, name, begun, begun.size, _nothing())
        elif response.status == 416:
            why = "the server's file is shorter by now"
        else:
            # 200 (RFC 9110 13.1.5: the file has changed, or the server gives no ranges) or an error
            return _opened(response, name, asking, "the file has changed, or can't be had in parts: from the beginning")
        response.close()
        return await self._whole(url, name, asking, f"{why}: from the beginning")

    async def _ask_for(
        self, method: str, url: str, asking: Asking, more: tuple[tuple[str, str], ...] = (), *, plain: bool
    ) -> Response:
        """``plain``: the octets as they are, unless the caller's own headers say how they are wanted."""
        headers = (*asking.headers, *more)
        if plain and all(name.lower() != "accept-encoding" for name, _ in headers):
            headers = (IDENTITY, *headers)
        try:
            return await self._client.request(method, _parse(url), headers, asking.body)
        except ValueError as error:
            raise error if isinstance(error, Failed) else BadURL(str(error)) from None

    async def send(self, source: Source, url: str, sending: Sending) -> str:
        name = self.shown(url)
        if sending.resume:
            raise BadURL(f"{name}: HTTP has no way to go on with what broke off")
        if url.endswith("/"):
            if not source.file_name:
                raise BadURL(f"{name}: standard input has no name: the URL must have one")
            url += quote_from_bytes(source.file_name, safe="")
        opened = await self.open(url, Asking("PUT", sending.headers, upload(source, sending.progress)))
        await opened.close()
        return ""

    def _proxy_for(self, url: URL) -> URL | None:
        found = self._wishes.proxies.proxy_for(url.scheme, url.host, url.port)
        return None if found is None else found.url

    def _ask(self, url: URL, user: bytes | None, realm: str) -> HTTPLogin | None:
        found = self._wishes.ask(url.host, None if user is None else os.fsdecode(user), realm)
        return None if found is None else HTTPLogin(os.fsencode(found.user), os.fsencode(found.password))

    async def close(self) -> None:
        try:
            if self._wishes.jar is not None:
                self._wishes.jar.save()
        except OSError as error:
            raise LocalTrouble(f"{error.filename or 'cookies'}: {error.strerror}") from None
        finally:
            await self._client.close()


def _parse(url: str) -> URL:
    """An http or https URL, or one of those that a proxy may be asked for by HTTP. Raises BadURL."""
    return parse_url(url, by_proxy=url.partition(":")[0].lower() in BY_PROXY)


def upload(source: Source, progress: Callable[[int], object]) -> Upload:
    """A request's body: the source's octets."""

    def chunks() -> Iterator[bytes]:
        for chunk in source.chunks():
            yield chunk
            progress(len(chunk))

    return Upload(chunks, source.size, source.seekable)


def message(fields: Fields) -> Message:
    """Fields as the standard library has headers: names in any case, values as text."""
    made = Message()
    for name, value in fields:
        made[name.decode("latin-1")] = value.decode("latin-1")
    return made


def _opened(response: Response, name: str, asking: Asking, remark: str = "") -> Opened:
    """A response that brings what was asked for. Raises StatusRefused for every other."""
    headers = message(response.fields)
    category = category_of_status(response.status)
    if category is None and response.status in (206, 304) and asking.plain:  # of what nobody asked for
        category = Category.REFUSED
    if category is not None and not asking.any_status:
        response.close()
        where = name if response.url == name else f"{name} -> {response.url}"
        text = f"{where}: {response.status} {response.reason}".rstrip()
        raise StatusRefused(text, category, response.status, response.reason, headers)
    coded = b"content-encoding" in response.fields and not isinstance(response.body, Body)  # and is undone here
    return Opened(
        response.url,
        headers,
        _octets(response, name),
        response.close,
        status=response.status,
        reason=response.reason,
        size=None if coded else length_of(response.fields),
        validator=None if coded else validator(response.fields),
        remark=remark,
    )


def _begun(response: Response, name: str, begun: Begun, size: int, chunks: AsyncIterator[bytes]) -> Opened:
    return Opened(
        response.url,
        message(response.fields),
        chunks,
        response.close,
        status=response.status,
        reason=response.reason,
        size=size,
        start=begun.size,
        validator=begun.validator,
    )


def _heads_to(say: Callable[[str], object]) -> Callable[[str, bytes], object]:
    def trace(direction: str, head: bytes) -> None:
        for line in transcript(head):
            say(f"{direction} {escape(line)}")
        say(direction)

    return trace


async def _octets(response: Response, name: str) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.body:
            yield chunk
    except Failed as error:
        raise error.at(name) from None


async def _nothing() -> AsyncIterator[bytes]:
    none: tuple[bytes, ...] = ()
    for chunk in none:
        yield chunk
