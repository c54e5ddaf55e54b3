"""Gophermaps made into menus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from netdaemon.documents.pace import Pace
from netdaemon.interfaces import DocumentError
from netdaemon.protocols.gopher.grammar import menu, types
from netdaemon.protocols.gopher.grammar.gophermap import MAX_MAP, Hide, Include, Link, Mark, Retype, Text, parse_map
from netdaemon.protocols.gopher.grammar.request import path_of
from netdaemon.protocols.gopher.listing import BATCH, Listing, Look, beginning
from netdaemon.protocols.gopher.pages import web_link
from netdaemon.protocols.gopher.place import Place

DEEPEST = 4
"""How many maps may stand in one another."""
INCLUDES = 32
"""How many ``=`` lines of one menu are followed."""

Says = Callable[[bytes], AsyncIterator[bytes] | None]
"""Runs the program at a path and gives what it says; None for a path that no programs are run from."""


@dataclass
class _Sheet:
    """One menu being made of a map, and what the map has said of its listing."""

    place: Place
    folder: bytes
    hidden: set[bytes]
    endings: dict[bytes, bytes]
    says: Says
    includes: int = 0
    listed: set[Mark] = field(default_factory=set)
    """What has been listed: each is listed once, however often a map says so."""


class Maps:
    """Makes menus of gophermaps.

    ``hosts`` are the virtual hosts' names, ``users`` is the folder with the users' folders, None for none.
    """

    def __init__(
        self, clock: IReactorTime, listing: Listing, look: Look, hosts: Sequence[str], users: bytes | None
    ) -> None:
        self._clock = clock
        self._listing = listing
        self._look = look
        self._hosts = hosts
        self._users = users

    async def lines(self, place: Place, folder: bytes, text: bytes, says: Says) -> AsyncIterator[bytes]:
        """The lines of the menu that a map's ``text`` makes of ``folder``, which ends in a slash; many at a time.

        ``says`` runs what ``=`` lines include.
        """
        sheet = _Sheet(place, folder, set(self._look.hidden), dict(self._look.endings), says)
        async for chunk in self._map(sheet, text, 0):
            yield chunk

    async def _map(self, sheet: _Sheet, text: bytes, depth: int) -> AsyncIterator[bytes]:
        pace = Pace(self._clock)
        waiting: list[bytes] = []
        for entry in parse_map(text):
            if isinstance(entry, Text):
                waiting.append(menu.info(entry.text))
            elif isinstance(entry, Link):
                waiting.append(_link(sheet, entry))
            elif isinstance(entry, Hide):
                sheet.hidden.add(entry.name)
            elif isinstance(entry, Retype):
                sheet.endings[entry.ending] = entry.type
            else:
                yield b"".join(waiting)
                waiting.clear()
                others = (
                    self._include(sheet, entry, depth) if isinstance(entry, Include) else self._listed(sheet, entry)
                )
                async for chunk in others:
                    yield chunk
            if pace.over():
                await pace.turn()
            if len(waiting) >= BATCH:
                yield b"".join(waiting)
                waiting.clear()
        yield b"".join(waiting)

    async def _listed(self, sheet: _Sheet, mark: Mark) -> AsyncIterator[bytes]:
        if mark in sheet.listed:
            return
        sheet.listed.add(mark)
        if mark is Mark.LISTING:
            look = Look(sheet.endings, sheet.hidden)
            async for chunk in self._listing.lines(sheet.place, sheet.folder, look):
                yield chunk
        elif mark is Mark.HOSTS:
            place = sheet.place._replace(prefix=b"")
            yield b"".join(place.item(types.FOLDER, name, b"/;" + name.encode()) for name in self._hosts)
        elif mark is Mark.USERS and self._users is not None:
            try:
                async for found in self._listing.entries(sheet.place, self._users + b"/", self._look):
                    yield b"".join(
                        sheet.place.item(
                            types.FOLDER, f"~{one.entry.name.decode('utf-8', 'replace')}", b"/~" + one.entry.name
                        )
                        for one in found
                        if one.entry.folder
                    )
            except DocumentError:
                pass  # nobody has a folder yet

    async def _include(self, sheet: _Sheet, include: Include, depth: int) -> AsyncIterator[bytes]:
        path = path_of(include.selector if include.selector.startswith(b"/") else sheet.folder + include.selector)
        sheet.includes += 1
        if path is None or sheet.includes > INCLUDES or depth >= DEEPEST:
            return
        said = sheet.says(path)
        if said is None:
            text = beginning(sheet.place.documents, path, MAX_MAP)
        else:
            text = b""
            async for chunk in said:
                text += chunk
                if len(text) > MAX_MAP:
                    break
        if text and types.by_beginning(text[: types.LOOK]) == types.TEXT:
            async for chunk in self._map(sheet, text[:MAX_MAP], depth + 1):
                yield chunk


def _link(sheet: _Sheet, link: Link) -> bytes:
    selector, place = link.selector, sheet.place
    if not menu.is_fit(selector) or not menu.is_fit(link.host) or not link.host.isascii() or b" " in link.host:
        return menu.info(link.description)
    if link.host or web_link(selector) is not None or selector.startswith(b"/;"):
        return place.other(link.type, link.description, selector, link.host, link.port)
    path = selector if selector.startswith(b"/") else sheet.folder + selector
    return place._replace(port=link.port or place.port).item(link.type, link.description, path)
