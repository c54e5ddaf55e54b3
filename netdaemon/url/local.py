"""file and data URLs (RFC 8089, RFC 2397)."""

from __future__ import annotations

import binascii
import os
import re
import stat
from collections.abc import AsyncIterator, Iterator
from email.message import Message
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from netdaemon.documents.media import content_type
from netdaemon.protocols.http.grammar.dates import format_date
from netdaemon.url.opened import Opened
from netdaemon.url.scheme import Asking, Sending
from netdaemon.url.source import Source
from netdaemon.url.wishes import Wishes
from netdaemon.wire.escape import escape
from netdaemon.wire.failures import BadURL, LocalTrouble
from netdaemon.wire.urlparts import MAX_URL, holds_control, shown

CHUNK = 256 * 1024

MAX_DATA = 16 * 1024 * 1024
"""Characters of a data URL, which are its document."""

# RFC 8089 2: "file:" ( "//" [ host ] path-absolute / path-absolute )
_FILE = re.compile(r"file:(?://(?:localhost|127\.0\.0\.1)?(/[^?#]*)|(/(?!/)[^?#]*))", re.IGNORECASE).fullmatch
# RFC 2397: "data:" [ mediatype ] [ ";base64" ] "," data
_DATA = re.compile(r"data:([^,]*?)(;\s*base64)?,(.*)", re.IGNORECASE | re.DOTALL).fullmatch
_MEDIA = re.compile(r'[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:;[A-Za-z0-9!#$&^_.+"=;-]*)?').fullmatch


class Local:
    """What needs no server."""

    def __init__(self, reactor: Any, wishes: Wishes) -> None:
        pass

    @staticmethod
    def shown(url: str) -> str:
        if url[:5].lower() == "data:":
            return escape(url if len(url) <= 64 else f"{url[:48]}...")
        return "file://" + quote_from_bytes(_path(url))

    async def open(self, url: str, asking: Asking) -> Opened:
        if not asking.plain:
            raise BadURL(f"{self.shown(url)}: only what it stands for can be had, by GET and without headers")
        return _data(url, self.shown(url)) if url[:5].lower() == "data:" else _file(url, self.shown(url), asking)

    async def send(self, source: Source, url: str, sending: Sending) -> str:
        raise BadURL(f"{self.shown(url)}: nothing is sent there; cp does that")

    async def close(self) -> None:
        pass


def _path(url: str) -> bytes:
    """The path of a file URL, which is on this machine. Raises BadURL."""
    match = _FILE(url)
    if match is None or len(url) > MAX_URL or holds_control(url):
        raise BadURL(f"{shown(url)}: a file's URL is file:///PATH, and the file is on this machine")
    path = unquote_to_bytes((match[1] or match[2]).encode("utf-8", "surrogateescape"))
    if b"\0" in path:
        raise BadURL(f"{shown(url)}: a NUL is in no file's name")
    return path


def _file(url: str, name: str, asking: Asking) -> Opened:
    path = _path(url)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe without a writer never waits
    except OSError as error:
        raise LocalTrouble(f"{name}: {error.strerror}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise LocalTrouble(f"{name}: it is no file")
    headers = Message()
    headers["Content-Type"] = content_type(path).decode("ascii")
    headers["Content-Length"] = str(status.st_size)
    headers["Last-Modified"] = format_date(status.st_mtime).decode("ascii")
    validator = f"size={status.st_size} modified={status.st_mtime_ns}"
    start, remark = 0, ""
    if asking.begun is not None:
        if asking.begun.validator == validator and asking.begun.size <= status.st_size:
            start = asking.begun.size
        else:
            remark = "the file has changed: from the beginning"
    file = open(descriptor, "rb", buffering=0)  # noqa: SIM115  # it is closed with what is opened
    file.seek(start)

    async def chunks() -> AsyncIterator[bytes]:
        left = status.st_size - start
        try:
            while left and (data := file.read(min(CHUNK, left))):
                left -= len(data)
                yield data
        except OSError as error:
            raise LocalTrouble(f"{name}: {error.strerror}") from None
        if left:
            raise LocalTrouble(f"{name}: it has become shorter meanwhile")

    return Opened(
        name, headers, chunks(), file.close, size=status.st_size, start=start, validator=validator, remark=remark
    )


def _data(url: str, name: str) -> Opened:
    match = _DATA(url) if len(url) <= MAX_DATA else None
    if match is None:
        raise BadURL(f"{name}: a data URL is data:TYPE;base64,DATA and at most {MAX_DATA} characters long")
    media, base64, text = match.groups()
    octets = unquote_to_bytes(text.encode("utf-8", "surrogateescape"))
    if base64:
        try:
            bare = re.sub(rb"[ \t\r\n\f]", b"", octets).rstrip(b"=")
            octets = binascii.a2b_base64(bare + b"=" * (-len(bare) % 4), strict_mode=True)
        except binascii.Error:
            raise BadURL(f"{name}: what should be base64 is none") from None
    headers = Message()
    # RFC 2397: without a type it is text; with parameters alone, text/plain is meant
    media = f"text/plain{media}" if media.startswith(";") else media
    headers["Content-Type"] = media if _MEDIA(media) else "text/plain;charset=US-ASCII"
    headers["Content-Length"] = str(len(octets))

    async def chunks() -> AsyncIterator[bytes]:
        for piece in _pieces(octets):
            yield piece

    return Opened(name, headers, chunks(), lambda: None, size=len(octets))


def _pieces(octets: bytes) -> Iterator[bytes]:
    for start in range(0, len(octets), CHUNK):
        yield octets[start : start + CHUNK]
