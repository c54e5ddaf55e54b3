"""Folder listings: HTML, JSON or plain text by Accept, sorted on request, streamed when they are big."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from netdaemon.interfaces import DocumentError, Entry, IDocuments
from netdaemon.protocols.http import listing_page
from netdaemon.protocols.http.grammar.accept import preferred
from netdaemon.protocols.http.grammar.dates import civil
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.pages import CONTENT_SECURITY, refusal
from netdaemon.protocols.http.request import Request
from netdaemon.protocols.http.response import Response, Stream
from netdaemon.wire.escape import escape

SORTED_MOST = 10_000
"""Entries that are held to be sorted; a folder with more is sent as it is read, in the order of the disk."""
BATCH = 500
"""Entries made into text in one turn of the reactor."""

_FORMS = (b"text/html", b"application/json", b"text/plain")


class Listing:
    """Answers for folders without an index."""

    def __init__(self, documents: IDocuments, clock: IReactorTime) -> None:
        self._documents = documents
        self._clock = clock

    async def respond(self, request: Request) -> Response:
        """The listing of the folder at the request's path, which ends in a slash."""
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
        form = preferred(request.fields.joined(b"accept"), _FORMS) or _FORMS[0]
        sort, descending = wanted_order(request.query)
        view = _VIEWS[form](request.path, sort, descending, whole)
        if whole:
            entries = in_order(entries, sort, descending)
        fields = Fields.of_block(_BLOCKS[form])
        if whole and len(entries) <= BATCH:
            return Response(200, fields, (view.head() + view.rows(entries) + view.tail()).encode())
        return Response(200, fields, Stream(self._chunks(view, entries, None if whole else batches)))

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


def wanted_order(query: bytes) -> tuple[str, bool]:
    """(name, size or date; whether descending) as ``?sort=size&order=desc`` asks; anything else is by name."""
    wanted = dict(item.partition(b"=")[::2] for item in query.split(b"&"))
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
    return entry.name.decode("utf-8", "surrogateescape").casefold(), entry.name


_KEYS: dict[str, Callable[[Entry], int]] = {
    "size": lambda entry: 0 if entry.folder else entry.size,
    "date": lambda entry: entry.modified_ns,
}


class _View(ABC):
    """One listing in one form, written from top to bottom."""

    def __init__(self, path: bytes, sort: str, descending: bool, whole: bool) -> None:
        self.path = path
        self.sort = sort
        self.descending = descending
        self.whole = whole

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
    folders = documents = size = 0

    def head(self) -> str:
        return listing_page.head(self.path, self.sort, self.descending, self.whole)

    def rows(self, entries: Sequence[Entry]) -> str:
        for entry in entries:
            if entry.folder:
                self.folders += 1
            else:
                self.documents += 1
                self.size += entry.size
        return listing_page.rows(entries)

    def tail(self) -> str:
        note = "" if self.whole else f"Folders with more than {SORTED_MOST:,} entries are not sorted."
        return listing_page.tail(self.folders, self.documents, self.size, note)


class _JSON(_View):
    """An object with the path and its entries; ``name`` is for people, ``href`` finds the entry whatever its bytes."""

    _first = True

    def head(self) -> str:
        return f'{{"path":{json.dumps(escape(self.path))},"entries":['

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


_VIEWS: dict[bytes, type[_View]] = {b"text/html": _Page, b"application/json": _JSON, b"text/plain": _Text}
_COMMON = b"\r\nX-Content-Type-Options: nosniff\r\nVary: Accept\r\nCache-Control: no-cache"
_BLOCKS = {
    b"text/html": b"\r\nContent-Type: text/html; charset=utf-8\r\nContent-Security-Policy: %b%b"
    % (CONTENT_SECURITY, _COMMON),
    b"application/json": b"\r\nContent-Type: application/json" + _COMMON,
    b"text/plain": b"\r\nContent-Type: text/plain; charset=utf-8" + _COMMON,
}
