"""Folder listings: HTML, JSON or text by Accept or ``?format=``, sorted on request, streamed when they are big."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from netdaemon.documents.names import natural
from netdaemon.interfaces import DocumentError, Entry, IDocuments
from netdaemon.protocols.http import listing_page
from netdaemon.protocols.http.archive import Archive
from netdaemon.protocols.http.coding import coded
from netdaemon.protocols.http.grammar.accept import accepted_codings, preferred
from netdaemon.protocols.http.grammar.dates import civil
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.pages import CONTENT_SECURITY, refusal
from netdaemon.protocols.http.readme import Readmes
from netdaemon.protocols.http.request import Request
from netdaemon.protocols.http.response import Response, Stream
from netdaemon.wire.escape import escape

SORTED_MOST = 10_000
"""Entries that are held to be sorted; a folder with more is sent as it is read, in the order of the disk."""
BATCH = 500
"""Entries made into text in one turn of the reactor."""

_FORMS = (b"text/html", b"application/json", b"text/plain")


class Listing:
    """Answers for folders without an index. ``archive`` packs them, if that is offered."""

    def __init__(
        self, documents: IDocuments, clock: IReactorTime, archive: Archive | None = None, compress: bool = False
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._archive = archive
        self._compress = compress
        self._readmes = Readmes(documents)

    async def respond(self, request: Request) -> Response:
        """The listing of the folder at the request's path, which ends in a slash."""
        wanted = _wanted(request.query)
        if b"zip" in wanted and self._archive is not None:
            return await self._archive.respond(request)
        batches = self._documents.listing(request.path, BATCH)
        entries: list[Entry] = []
        whole = True
        try:
            async for batch in batches:
                entries += batch
                if len(entries) > SORTED_MOST:
                    whole = False
                    break
        except DocumentError as error:
            return refusal(error, request)
        form = _BY_NAME.get(wanted.get(b"format", b"")) or preferred(request.fields.joined(b"accept"), _FORMS)
        form = form or _FORMS[0]
        order = wanted_order(wanted)
        if whole:
            entries = in_order(entries, *order)
        view: _View
        if form == b"text/html":
            readme = self._readmes.of(request.path, entries) if whole else ""
            view = _Page(request.path, order, whole, readme, self._archive is not None)
        else:
            view = _JSON(request.path) if form == b"application/json" else _Text()
        fields = Fields.of_block(_BLOCKS[form])
        if whole and len(entries) <= BATCH:
            response = Response(200, fields, (view.head() + view.rows(entries) + view.tail()).encode())
        else:
            response = Response(200, fields, Stream(self._chunks(view, entries, None if whole else batches)))
        return (
            coded(response, accepted_codings(request.fields.joined(b"accept-encoding"))) if self._compress else response
        )

    async def _chunks(
        self, view: _View, entries: list[Entry], more: AsyncIterator[Sequence[Entry]] | None
    ) -> AsyncGenerator[bytes, None]:
        yield view.head().encode()
        for start in range(0, len(entries), BATCH):
            yield view.rows(entries[start : start + BATCH]).encode()
            await deferLater(self._clock, 0)  # a turn for the other sessions
        if more is not None:
            async for batch in more:
                yield view.rows(batch).encode()
        yield view.tail().encode()


def _wanted(query: bytes) -> dict[bytes, bytes]:
    return dict(item.partition(b"=")[::2] for item in query.split(b"&"))


def wanted_order(wanted: Mapping[bytes, bytes]) -> tuple[str, bool]:
    """(name, size or date; whether descending) as ``?sort=size&order=desc`` asks; anything else is by name."""
    sort = wanted.get(b"sort", b"name").decode("latin-1")
    return (sort if sort in listing_page.SORTS else "name"), wanted.get(b"order") == b"desc"


def in_order(entries: list[Entry], sort: str, descending: bool) -> list[Entry]:
    """Folders first, then as asked; what is equal by name, upwards."""
    entries = sorted(entries, key=_by_name, reverse=descending and sort == "name")
    if sort != "name":
        entries.sort(key=_KEYS[sort], reverse=descending)
    entries.sort(key=lambda entry: not entry.folder)
    return entries


def _by_name(entry: Entry) -> tuple[str, bytes]:
    return natural(entry.name.decode("utf-8", "surrogateescape")), entry.name


_KEYS: dict[str, Callable[[Entry], int]] = {
    "size": lambda entry: 0 if entry.folder else entry.size,
    "date": lambda entry: entry.modified_ns,
}


class _View(ABC):
    """One listing in one form, written from top to bottom."""

    def head(self) -> str:
        """What comes before the first entry."""
        return ""

    @abstractmethod
    def rows(self, entries: Sequence[Entry]) -> str:
        """The next entries."""

    def tail(self) -> str:
        """What comes behind the last."""
        return ""


class _Page(_View):
    def __init__(self, path: bytes, order: tuple[str, bool], whole: bool, readme: str, archive: bool) -> None:
        self._path = path
        self._order = order
        self._whole = whole
        self._readme = readme
        self._archive = archive
        self._folders = self._documents = self._size = 0

    def head(self) -> str:
        return listing_page.head(self._path, *self._order, self._whole)

    def rows(self, entries: Sequence[Entry]) -> str:
        for entry in entries:
            if entry.folder:
                self._folders += 1
            else:
                self._documents += 1
                self._size += entry.size
        return listing_page.rows(entries)

    def tail(self) -> str:
        note = "" if self._whole else f"Folders with more than {SORTED_MOST:,} entries are not sorted."
        count = listing_page.count(self._folders, self._documents, self._size)
        archive = self._archive and bool(self._folders or self._documents)
        return listing_page.tail(count, note, self._readme, archive)


class _JSON(_View):
    """An object with the path and its entries; ``name`` is for people, ``href`` finds the entry whatever its bytes."""

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._first = True

    def head(self) -> str:
        return f'{{"path":{json.dumps(escape(self._path))},"entries":['

    def rows(self, entries: Sequence[Entry]) -> str:
        items = [json.dumps(self._item(entry)) for entry in entries]
        comma = "," if items and not self._first else ""
        self._first = self._first and not items
        return comma + ",".join(items)

    @staticmethod
    def _item(entry: Entry) -> dict[str, Any]:
        item: dict[str, Any] = {
            "name": escape(entry.name),
            "href": listing_page.link(entry),
            "type": "folder" if entry.folder else "document",
            "modified": _moment(entry, "%Y-%m-%dT%H:%M:%SZ"),
        }
        if not entry.folder:
            item["size"] = entry.size
        return item

    def tail(self) -> str:
        return "]}\n"


class _Text(_View):
    """A line per entry: date, size, name; a folder has ``-`` for its size and a slash behind its name."""

    def rows(self, entries: Sequence[Entry]) -> str:
        return "".join(
            [
                f"{_moment(entry, '%Y-%m-%d %H:%M')} {'-' if entry.folder else entry.size:>12} "
                f"{escape(entry.name)}{'/' if entry.folder else ''}\n"
                for entry in entries
            ]
        )


def _moment(entry: Entry, form: str) -> str:
    return time.strftime(form, civil(entry.modified))


_BY_NAME = {b"html": b"text/html", b"json": b"application/json", b"text": b"text/plain"}
_COMMON = b"\r\nX-Content-Type-Options: nosniff\r\nVary: Accept, Accept-Encoding\r\nCache-Control: no-cache"
_BLOCKS = {
    b"text/html": b"\r\nContent-Type: text/html; charset=utf-8\r\nContent-Security-Policy: %b%b"
    % (CONTENT_SECURITY, _COMMON),
    b"application/json": b"\r\nContent-Type: application/json" + _COMMON,
    b"text/plain": b"\r\nContent-Type: text/plain; charset=utf-8" + _COMMON,
}
