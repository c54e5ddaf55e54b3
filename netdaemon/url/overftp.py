"""ftp and ftps URLs (RFC 1738 section 3.2)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from email.message import Message
from typing import Any, TypeVar

from netdaemon.documents.media import content_type
from netdaemon.protocols.ftp.client import (
    FTP,
    TLS,
    URL,
    BadURL,
    Download,
    Entry,
    Failed,
    Refused,
    Settings,
    Timeouts,
    connect,
    parse_url,
)
from netdaemon.protocols.ftp.client.resume import PART, begins_like, store_rest
from netdaemon.protocols.ftp.client.text import without_cr
from netdaemon.protocols.http.grammar.dates import format_date
from netdaemon.url.logins import Login, login_for
from netdaemon.url.opened import Opened
from netdaemon.url.scheme import Asking, Sending
from netdaemon.url.source import Source
from netdaemon.url.wishes import Wishes
from netdaemon.wire.escape import escape
from netdaemon.wire.partfile import Begun
from netdaemon.wire.tlsclient import Trust
from netdaemon.wire.transcript import Transcript

T = TypeVar("T")


async def session(reactor: Any, url: URL, wishes: Wishes) -> FTP:
    """A login where ``url`` says. Raises Failed."""
    login = login_for(wishes.ask, url.host, url.user, url.password) or Login("anonymous", "netdaemon@")
    tls = TLS.IMPLICIT if url.scheme == "ftps" else TLS.EXPLICIT if wishes.starttls else TLS.NONE
    timeouts = Timeouts(wishes.timeout, wishes.timeout, wishes.timeout)
    transcript = None if wishes.say is None else Transcript(wishes.say)
    trust = Trust(wishes.authorities)
    settings = Settings(
        tls=tls,
        verify=wishes.verify,
        trust=trust,
        compress=wishes.compress,
        timeouts=timeouts,
        transcript=transcript,
    )
    return await connect(
        reactor,
        url.host,
        url.port,
        user=login.user,
        password=login.password,
        account=login.account,
        settings=settings,
    )


async def named(url: URL, work: Awaitable[T]) -> T:
    """The result of ``work``; a failure's text names the URL."""
    try:
        return await work
    except Failed as error:
        raise error.at(url) from None


class OverFTP:
    """RETR and STOR, the rest of either, and the listing of a folder."""

    def __init__(self, reactor: Any, wishes: Wishes) -> None:
        self._reactor = reactor
        self._wishes = wishes
        self._made: dict[tuple[object, ...], FTP] = {}

    @staticmethod
    def shown(url: str) -> str:
        return str(parse_url(url))

    async def session(self, url: URL) -> FTP:
        """One for ``url``, its current folder the one of the login."""
        wanted = (url.scheme, url.host, url.port, url.user, url.password)
        ftp = self._made.get(wanted)
        if ftp is None or ftp.gone:
            ftp = self._made[wanted] = await session(self._reactor, url, self._wishes)
        return ftp

    async def close(self) -> None:
        for ftp in self._made.values():
            await ftp.quit()

    # --- from there ------------------------------------------------------------------------------------------

    async def open(self, url: str, asking: Asking) -> Opened:
        parsed = parse_url(url)
        if not asking.plain:
            raise BadURL(f"{parsed}: FTP knows of nothing but GET, without headers")
        return await named(parsed, self._open(parsed, asking.begun))

    async def _open(self, url: URL, begun: Begun | None) -> Opened:
        ftp = await self.session(url)
        path = url.path.decode("utf-8", "surrogateescape")
        if url.is_folder:
            return await self._listing(ftp, url, path)
        if url.type == "a":
            download = await ftp.retrieve(path, text=True)
            return Opened(str(url), _headers(url), _octets(url, download, text=True), _dropper(ftp, download))
        size, modified = await _known(ftp, path)
        validator = None if modified is None else f"size={size} modified={modified:.3f}"
        headers = _headers(url, size, modified)
        remark = ""
        offset = 0
        if begun is not None:
            if validator is not None and size is not None and begun.validator == validator and begun.size <= size:
                offset = begun.size
            else:
                remark = "the file has changed, or can't be had in parts: from the beginning"
        if offset and offset == size:
            return Opened(str(url), headers, _nothing(), lambda: None, size=size, start=offset, validator=validator)
        try:
            download = await ftp.retrieve(path, offset=offset, size=size)
        except Refused as error:
            if offset and error.reply.code in (500, 501, 502, 504, 554):
                offset, remark = 0, "the server sends no parts: from the beginning"
                download = await ftp.retrieve(path, size=size)
            elif error.reply.code == 550 and size is None and await _is_folder(ftp, path):
                return await self._listing(ftp, url, "")
            else:
                raise
        return Opened(
            str(url),
            headers,
            _octets(url, download),
            _dropper(ftp, download),
            size=size,
            start=offset,
            validator=validator,
            remark=remark,
        )

    async def _listing(self, ftp: FTP, url: URL, path: str) -> Opened:
        if path:
            await ftp.cwd(path.rstrip("/") or "/")  # a folder that isn't there lists as an empty one at many servers
        # The current folder is another one now: the next URL gets a session of its own.
        self._made = {key: other for key, other in self._made.items() if other is not ftp}
        headers = Message()
        headers["Content-Type"] = "text/plain; charset=utf-8"
        return Opened(str(url), headers, _listed(url, ftp), ftp.abort)

    # --- there: STOR, which is atomic where the server has it so; the rest of what broke off by REST or APPE -------

    async def send(self, source: Source, url: str, sending: Sending) -> str:
        parsed = parse_url(url)
        if parsed.is_folder:
            if not source.file_name:
                raise BadURL(f"{parsed}: standard input has no name: the URL must have one")
            path = parsed.path if not parsed.path or parsed.path.endswith(b"/") else parsed.path + b"/"
            parsed = parsed._replace(path=path + source.file_name, type="")
        return await named(parsed, self._send(source, parsed, sending.resume, sending.progress))

    async def _send(self, source: Source, url: URL, resume: bool, progress: Callable[[int], object]) -> str:
        ftp = await self.session(url)
        path = url.path.decode("utf-8", "surrogateescape")
        offset, remark = await _there(ftp, path, source) if resume else (0, "")
        progress(offset)

        def chunks() -> Any:
            for chunk in source.chunks(offset):
                yield chunk
                progress(len(chunk))

        if offset and offset == source.size and not await _size(ftp, path + PART):
            return "all of it is there already"
        if offset:
            await store_rest(ftp, path, offset, chunks)
        else:
            await ftp.store(path, chunks(), text=url.type == "a")
        return remark


async def _is_folder(ftp: FTP, path: str) -> bool:
    try:
        await ftp.cwd(path)
    except Refused:
        return False
    return True


async def _known(ftp: FTP, path: str) -> tuple[int | None, float | None]:
    """Octets and time (Unix seconds) of a document, None for what the server doesn't tell."""
    try:
        size = await ftp.size(path)
    except Refused:
        return None, None
    try:
        return size, await ftp.mdtm(path)
    except Refused:
        return size, None


def _headers(url: URL, size: int | None = None, modified: float | None = None) -> Message:
    headers = Message()
    headers["Content-Type"] = content_type(url.name).decode("ascii")
    if size is not None:
        headers["Content-Length"] = str(size)
    if modified is not None:
        headers["Last-Modified"] = format_date(modified).decode("ascii")
    return headers


def _dropper(ftp: FTP, download: Download) -> Callable[[], object]:
    def close() -> None:
        if not download.over:
            ftp.abort()

    return close


async def _octets(url: URL, download: Download, *, text: bool = False) -> AsyncIterator[bytes]:
    try:
        async with download:
            async for chunk in without_cr(download) if text else download:
                yield chunk
    except Failed as error:
        raise error.at(url) from None


async def _nothing() -> AsyncIterator[bytes]:
    none: tuple[bytes, ...] = ()
    for chunk in none:
        yield chunk


async def _listed(url: URL, ftp: FTP) -> AsyncIterator[bytes]:
    try:
        async with aclosing(ftp.entries()) as entries:
            async for entry in entries:
                yield line_of(entry).encode() + b"\n"
        await ftp.quit()
    except Failed as error:
        raise error.at(url) from None


def line_of(entry: Entry) -> str:
    """A line of a listing for people and their scripts: time (UTC), size, name; nothing in it controls anything."""
    when = "-" if entry.modified is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry.modified))
    size = "-" if entry.size is None else str(entry.size)
    name = escape(entry.name) + ("/" if entry.folder else "")
    if entry.target is not None:
        name += f" -> {escape(entry.target)}"
    return f"{when:19} {size:>12}  {name}"


async def _there(ftp: FTP, path: str, source: Source) -> tuple[int, str]:
    """How many octets of ``source`` the server has already, and what there is to be said about it."""
    if source.size is None:
        raise BadURL("--resume wants a file: standard input can't be gone on with")
    kept = path + PART  # an atomic server's: it has the upload that broke off there, and under the name what was before
    size = await _size(ftp, kept)
    if size is None:
        kept = path
        size = await _size(ftp, kept)
    if not size:
        return 0, ""
    if size > source.size:
        return 0, "the server's file is longer: from the beginning"
    same = await begins_like(ftp, kept, size, lambda algorithm: source.digest(size, algorithm))
    if same is False or (same is None and kept != path):
        return 0, "the server's file begins otherwise: from the beginning"
    return size, ""


async def _size(ftp: FTP, path: str) -> int | None:
    try:
        return await ftp.size(path)
    except Refused:
        return None
