"""Gopher+ attributes of the tree's items (Gopher+ section 2.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from twisted.internet.interfaces import IReactorTime

from netdaemon.documents.pace import Pace
from netdaemon.interfaces import Entry
from netdaemon.protocols.gopher.grammar import plus, types
from netdaemon.protocols.gopher.listing import ABSTRACT, Found, Listing, Look, beginning, shown
from netdaemon.protocols.gopher.place import Place

ABSTRACT_MOST = 4096
"""Octets of an abstract that are told."""


class Teller:
    """Tells the attributes of items; ``admin`` says who looks after them."""

    def __init__(self, clock: IReactorTime, listing: Listing, look: Look, admin: str) -> None:
        self._clock = clock
        self._listing = listing
        self._look = look
        self._admin = admin

    def of_item(self, place: Place, path: bytes, entry: Entry, blocks: Sequence[bytes]) -> bytes:
        """The attributes of what stands at ``path``. ``entry`` is its."""
        kind = self._listing.kind(place, path, entry, self._look.endings)
        return self._block(place, Found(kind, shown(entry.name) or "/", path, entry), blocks)

    async def of_folder(self, place: Place, folder: bytes, blocks: Sequence[bytes]) -> AsyncIterator[bytes]:
        """The attributes of each item in a listing, many at a time; ``folder`` ends in a slash."""
        pace = Pace(self._clock)
        async for batch in self._listing.entries(place, folder, self._look):
            told = []
            for found in batch:
                told.append(self._block(place, found, blocks))
                if pace.over():
                    await pace.turn()
            yield b"".join(told)

    def of_line(self, line: bytes, blocks: Sequence[bytes]) -> bytes:
        """The attributes of an item of a gophermap, whose line this is: nothing more is known of it."""
        return plus.build_attributes(line, blocks, admin=self._admin)

    def _block(self, place: Place, found: Found, blocks: Sequence[bytes]) -> bytes:
        entry = found.entry
        view = types.media_of(b"" if entry.folder else entry.name, found.kind)
        abstract = beginning(place.documents, found.path + ABSTRACT, ABSTRACT_MOST) if found.path != b"/" else b""
        return plus.build_attributes(
            place.item(found.kind, found.title, found.path),
            blocks,
            admin=self._admin,
            modified=entry.modified,
            views=[(view, 0 if entry.folder else entry.size)],
            abstract=abstract.decode("utf-8", "replace").splitlines(),
        )
