"""A folder as a zip archive, made while it is sent (APPNOTE.TXT of PKWARE, 4.3.9: sizes behind the data)."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import AsyncGenerator, Collection
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from netdaemon.documents.media import content_type
from netdaemon.interfaces import DocumentError, Entry, IDocuments
from netdaemon.protocols.http.coding import shrinks
from netdaemon.protocols.http.grammar.dates import civil
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.grammar.target import quote_path
from netdaemon.protocols.http.pages import page, refusal
from netdaemon.protocols.http.partial import CHUNK
from netdaemon.protocols.http.request import Request
from netdaemon.protocols.http.response import Response, Stream

MOST = 20_000
"""Documents and folders in one archive: what is known of each is kept until its end."""
DEEPEST = 64
"""Folders within folders that are gone into."""

_NOT_PLAIN = re.compile(rb"[^A-Za-z0-9._ -]")
# What no name in an archive should hold: some take a backslash for a slash, and could be led out of their folder.
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f\\]")


class _Member(NamedTuple):
    path: bytes
    """In the tree."""
    name: bytes
    """In the archive."""
    entry: Entry


class Archive:
    """Packs folders. What is at or beneath the paths in ``closed`` is left out, unless it is the folder asked for:
    programs, and what only some accounts may see."""

    def __init__(self, documents: IDocuments, clock: IReactorTime, closed: Collection[bytes] = ()) -> None:
        self._documents = documents
        self._clock = clock
        self._closed = frozenset(closed)

    async def respond(self, request: Request) -> Response:
        """The folder at the request's path, which ends in a slash, with all that is beneath it."""
        folder = request.path
        name = folder.rstrip(b"/").rpartition(b"/")[2] or b"documents"
        try:
            members = await self._members(folder, name)
        except DocumentError as error:
            return refusal(error, request)
        if members is None:
            return page(413, request.fields)
        # RFC 6266 4.3: a plain name for who knows no better, and the name itself
        disposition = b"attachment; filename=\"%b.zip\"; filename*=UTF-8''%b.zip" % (
            _NOT_PLAIN.sub(b"_", name),
            quote_path(name).replace(b"'", b"%27"),
        )
        fields = Fields(
            (
                (b"Content-Type", b"application/zip"),
                (b"Content-Disposition", disposition),
                (b"Cache-Control", b"no-cache"),
                (b"X-Content-Type-Options", b"nosniff"),
            )
        )
        return Response(200, fields, Stream(self._chunks(members)))

    async def _members(self, top: bytes, name: bytes) -> list[_Member] | None:
        """All that goes into it, None when that is too much. What vanishes meanwhile is left out."""
        members: list[_Member] = []
        first = self._documents.entry(top)
        # Links may lead a folder into itself: none is gone into that we are in already.
        waiting: list[tuple[bytes, bytes, frozenset[tuple[int, int]]]] = [
            (top, name + b"/", frozenset({(first.device, first.inode)}))
        ]
        while waiting:
            folder, prefix, above = waiting.pop()
            try:
                async for batch in self._documents.listing(folder):
                    for entry in sorted(batch, key=lambda entry: entry.name):
                        path = folder + entry.name
                        if path in self._closed:
                            continue
                        if len(members) >= MOST:
                            return None
                        slash = b"/" if entry.folder else b""
                        members.append(_Member(path, prefix + entry.name + slash, entry))
                        here = (entry.device, entry.inode)
                        if entry.folder and here not in above and len(above) < DEEPEST:
                            waiting.append((path + b"/", prefix + entry.name + b"/", above | {here}))
            except DocumentError:
                if folder == top:
                    raise
        return members

    async def _chunks(self, members: list[_Member]) -> AsyncGenerator[bytes, None]:
        out = _Out()
        with zipfile.ZipFile(out, "w") as archive:
            for member in members:
                info = _info(member)
                if member.entry.folder:
                    archive.writestr(info, b"")
                    continue
                try:
                    document = self._documents.open(member.path)
                except DocumentError:
                    continue  # it went, or may not be read
                with document, archive.open(info, "w", force_zip64=document.entry.size >= zipfile.ZIP64_LIMIT) as file:
                    position, end = 0, document.entry.size  # what is put behind it meanwhile is not waited for
                    while data := os.pread(document.fd, min(CHUNK, end - position), position):
                        position += len(data)
                        file.write(data)
                        if chunk := out.taken():
                            yield chunk
                        await deferLater(self._clock, 0)  # a turn for the other sessions
        yield out.taken()


def _info(member: _Member) -> zipfile.ZipInfo:
    # 4.4.6: the dates of zip begin in 1980
    moment = max(civil(member.entry.modified)[:6], (1980, 1, 1, 0, 0, 0))
    name = _NOT_IN_NAMES.sub("_", member.name.decode("utf-8", "replace"))
    info = zipfile.ZipInfo(name, min(moment, (2107, 12, 31, 23, 59, 58)))
    info.external_attr = (member.entry.mode & 0o170777) << 16
    if member.entry.folder:
        info.external_attr |= 0x10  # MS-DOS's mark of a folder
    elif shrinks(content_type(member.name)):
        info.compress_type = zipfile.ZIP_DEFLATED
    return info


class _Out(io.RawIOBase):
    """Where ZipFile writes: nothing is read or sought, and what was written is taken away."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # whatever ZipFile hands over is a buffer
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """What has been written since."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data
