"""ftp and ftps URLs for the command line."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from netdaemon.cli.logins import Login, login_for
from netdaemon.cli.schemes import Begun, Fetched, TransferFailed, Wishes
from netdaemon.cli.source import Source
from netdaemon.protocols.ftp.client import (
    FTP,
    TLS,
    URL,
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
from netdaemon.wire.category import Category
from netdaemon.wire.escape import escape
from netdaemon.wire.transcript import Transcript

T = TypeVar("T")


async def session(reactor: Any, url: URL, wishes: Wishes) -> FTP:
    """A login where ``url`` says. Raises Failed and TransferFailed."""
    login = login_for(url.host, url.user, url.password) or Login("anonymous", "netdaemon@")
    tls = TLS.IMPLICIT if url.scheme == "ftps" else TLS.EXPLICIT if wishes.starttls else TLS.NONE
    timeouts = Timeouts(wishes.timeout, wishes.timeout, wishes.timeout)
    transcript = None if wishes.say is None else Transcript(wishes.say)
    settings = Settings(
        tls=tls, verify=wishes.verify, compress=wishes.compress, timeouts=timeouts, transcript=transcript
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
    """The result of ``work``; its Failed becomes a TransferFailed that names the URL."""
    try:
        return await work
    except Failed as error:
        raise TransferFailed(f"{url}: {error}", error.category) from None


class Sessions:
    """The sessions of one command, by what they were made for."""

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


class FTPFetcher(Sessions):
    """RETR, and the listing of a folder."""

    async def fetch(self, url: str, begun: Begun | None) -> Fetched:
        parsed = parse_url(url)
        return await named(parsed, self._fetch(parsed, begun))

    async def _fetch(self, url: URL, begun: Begun | None) -> Fetched:
        ftp = await self.session(url)
        path = url.path.decode("utf-8", "surrogateescape")
        if url.is_folder:
            return await self._listing(ftp, url, path)
        if url.type == "a":
            download = await ftp.retrieve(path, text=True)
            return Fetched(_octets(url, download, text=True), _dropper(ftp, download))
        size, validator = await _known(ftp, path)
        remark = ""
        offset = 0
        if begun is not None:
            if validator is not None and size is not None and begun.validator == validator and begun.size <= size:
                offset = begun.size
            else:
                remark = "the file has changed, or can't be had in parts: from the beginning"
        if offset and offset == size:
            return Fetched(_nothing(), lambda: None, size, offset, validator)
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
        return Fetched(_octets(url, download), _dropper(ftp, download), size, offset, validator, remark)

    async def _listing(self, ftp: FTP, url: URL, path: str) -> Fetched:
        if path:
            await ftp.cwd(path.rstrip("/") or "/")  # a folder that isn't there lists as an empty one at many servers
        # The current folder is another one now: the next URL gets a session of its own.
        self._made = {key: other for key, other in self._made.items() if other is not ftp}
        return Fetched(_listed(url, ftp), ftp.abort)


async def _is_folder(ftp: FTP, path: str) -> bool:
    try:
        await ftp.cwd(path)
    except Refused:
        return False
    return True


async def _known(ftp: FTP, path: str) -> tuple[int | None, str | None]:
    """Size and validator of a document, None for what the server doesn't tell."""
    try:
        size = await ftp.size(path)
    except Refused:
        return None, None
    try:
        return size, f"size={size} modified={await ftp.mdtm(path):.3f}"
    except Refused:
        return size, None


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
        raise TransferFailed(f"{url}: {error}", error.category) from None


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
        raise TransferFailed(f"{url}: {error}", error.category) from None


def line_of(entry: Entry) -> str:
    """A line of a listing for people and their scripts: time (UTC), size, name; nothing in it controls anything."""
    when = "-" if entry.modified is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry.modified))
    size = "-" if entry.size is None else str(entry.size)
    name = escape(entry.name) + ("/" if entry.folder else "")
    if entry.target is not None:
        name += f" -> {escape(entry.target)}"
    return f"{when:19} {size:>12}  {name}"


class FTPSender(Sessions):
    """STOR, which is atomic where the server has it so; the rest of what broke off by REST or APPE."""

    async def send(self, source: Source, url: str, resume: bool, progress: Callable[[int], object]) -> str:
        parsed = parse_url(url)
        if parsed.is_folder:
            if not source.file_name:
                raise TransferFailed(f"{parsed}: standard input has no name: the URL must have one", Category.USAGE)
            path = parsed.path if not parsed.path or parsed.path.endswith(b"/") else parsed.path + b"/"
            parsed = parsed._replace(path=path + source.file_name, type="")
        return await named(parsed, self._send(source, parsed, resume, progress))

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


async def _there(ftp: FTP, path: str, source: Source) -> tuple[int, str]:
    """How many octets of ``source`` the server has already, and what there is to be said about it."""
    if source.size is None:
        raise TransferFailed("--resume wants a file: standard input can't be gone on with", Category.USAGE)
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
