"""A folder's listing as a menu: titles, sizes and dates, sorted, streamed when it is long."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from netdaemon.documents.names import natural
from netdaemon.documents.pace import Pace
from netdaemon.interfaces import DocumentError, Entry, IDocuments
from netdaemon.protocols.gopher.grammar import menu, types
from netdaemon.protocols.gopher.place import Place
from netdaemon.wire.escape import escape

SORTED_MOST = 5_000
"""Entries that are held to be sorted; a folder with more is sent as it is read, in the order of the disk."""
BATCH = 100
"""Entries looked at in one turn of the reactor: the type of some is told by their contents only."""
ABSTRACT = b".abstract"
"""How the name ends of the document that says what another is about; it is in no listing."""
TITLE_MOST = 200
"""Octets of a folder's title that are read."""


class Look(NamedTuple):
    """How a listing shows its entries."""

    endings: Mapping[bytes, bytes]
    hidden: Collection[bytes]
    """Names that are left out."""


class Found(NamedTuple):
    """An entry of a listing, as a menu has it."""

    kind: bytes
    title: str
    path: bytes
    entry: Entry


class Listing:
    """Lists folders. ``gophertag`` is the name of the document that holds a folder's title, ``runs`` says of a path
    whether what stands there is run: then its contents say nothing of its type, and are nobody's business."""

    def __init__(
        self, clock: IReactorTime, *, details: bool, gophertag: bytes, runs: Callable[[Place, bytes], bool]
    ) -> None:
        self._clock = clock
        self.runs = runs
        self._details = details
        self._gophertag = gophertag

    async def lines(self, place: Place, folder: bytes, look: Look) -> AsyncIterator[bytes]:
        """The lines of a folder's entries, many at a time; ``folder`` is a path that ends in a slash.

        Raises DocumentError, before the first of them where it can.
        """
        async for found in self.entries(place, folder, look):
            yield b"".join([self.line(place, one) for one in found])

    def line(self, place: Place, found: Found) -> bytes:
        """The line of one entry."""
        return place.item(found.kind, self._described(found), found.path)

    async def entries(self, place: Place, folder: bytes, look: Look) -> AsyncIterator[Sequence[Found]]:
        """A folder's entries in batches: folders first, then by name, unless there are too many."""
        held: list[tuple[bool, str, bytes, Found]] = []
        whole = True
        pace = Pace(self._clock)
        async for batch in place.documents.listing(folder, BATCH):
            named = []
            for entry in batch:
                if _is_shown(entry.name, look):
                    found = self._found(place, folder, entry, look)
                    named.append((not entry.folder, natural(found.title), entry.name, found))
                if pace.over():
                    await pace.turn()
            if whole:
                held += named
                whole = len(held) <= SORTED_MOST
                if whole:
                    continue
                named, held = held, []
            for start in range(0, len(named), BATCH):
                yield [one[3] for one in named[start : start + BATCH]]
                if pace.over():
                    await pace.turn()
        held.sort(key=_order)
        for start in range(0, len(held), BATCH):
            yield [one[3] for one in held[start : start + BATCH]]

    def _found(self, place: Place, folder: bytes, entry: Entry, look: Look) -> Found:
        path = folder + entry.name
        title = self._title(place.documents, path) if entry.folder else ""
        return Found(self.kind(place, path, entry, look.endings), title or shown(entry.name), path, entry)

    def kind(self, place: Place, path: bytes, entry: Entry, endings: Mapping[bytes, bytes]) -> bytes:
        """An entry's item type: by its name, or else by how it begins. A script says a menu, unless its name says
        otherwise by more than that it is a script."""
        if entry.folder:
            return types.FOLDER
        named = types.by_name(entry.name, endings)
        if self.runs(place, path):
            tells = named is not None and (named != types.TEXT or entry.name.endswith(b".txt"))
            return named if named is not None and tells else types.FOLDER
        return named or types.by_beginning(beginning(place.documents, path, types.LOOK))

    def _title(self, documents: IDocuments, path: bytes) -> str:
        return first_line(documents, path + b"/" + self._gophertag)

    def _described(self, found: Found) -> str:
        if not self._details:
            return found.title
        date = time.strftime("%Y-%m-%d %H:%M", time.gmtime(min(max(found.entry.modified, 0), 253402300799)))
        size = "" if found.entry.folder else readable_size(found.entry.size)
        return f"{found.title:<42} {date} {size:>8}".rstrip()


def _order(one: tuple[bool, str, bytes, Found]) -> tuple[bool, str, bytes]:
    return one[:3]


def _is_shown(name: bytes, look: Look) -> bool:
    # A name that would end a field or a line can't be asked for, and so is not offered.
    return name not in look.hidden and not name.endswith(ABSTRACT) and menu.is_fit(name)


def shown(name: bytes) -> str:
    """A name for people."""
    text = name.decode("utf-8", "surrogateescape")
    return text if text.isprintable() else escape(text)


def beginning(documents: IDocuments, path: bytes, most: int) -> bytes:
    """The first octets of a document; none when it can't be read."""
    try:
        with documents.open(path) as document:
            return os.pread(document.fd, most, 0)
    except (DocumentError, OSError):
        return b""


def first_line(documents: IDocuments, path: bytes) -> str:
    """A document's first line, as a title; empty when there is none."""
    line = beginning(documents, path, TITLE_MOST).partition(b"\n")[0]
    return menu.clean(line.decode("utf-8", "replace")).strip()


def readable_size(size: int) -> str:
    """``999 B``, ``1.2 KB``, ``34 MB``: two or three digits, in powers of 1024."""
    amount, units = float(size), ["TB", "GB", "MB", "KB", "B"]
    while amount >= 999.5 and len(units) > 1:
        amount /= 1024
        units.pop()
    return f"{amount:.1f} {units[-1]}" if units[-1] != "B" and amount < 9.95 else f"{amount:.0f} {units[-1]}"
