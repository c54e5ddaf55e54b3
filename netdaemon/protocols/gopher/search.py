"""Searching the tree (RFC 1436, type 7): names and texts beneath a folder, within bounds of time, names and octets."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from netdaemon.documents.pace import Pace
from netdaemon.interfaces import DocumentError, Entry
from netdaemon.protocols.gopher.grammar import menu, types
from netdaemon.protocols.gopher.grammar.pattern import Pattern, fold
from netdaemon.protocols.gopher.listing import BATCH, Found, Listing, Look, beginning, shown
from netdaemon.protocols.gopher.place import Place

PART = 256 * 1024
"""Octets of one document that are searched."""


@dataclass(frozen=True)
class Bounds:
    """How much one search may do."""

    seconds: float
    entries: int
    octets: int
    results: int


@dataclass
class _Spent:
    """What one search has done so far."""

    end: float
    entries: int = 0
    octets: int = 0
    results: int = 0
    why: str = ""
    """Why it ended before its time."""


class Searches:
    """Searches, no more than ``most`` at one time."""

    def __init__(self, clock: IReactorTime, listing: Listing, look: Look, bounds: Bounds, most: int) -> None:
        self._clock = clock
        self._listing = listing
        self._look = look
        self._bounds = bounds
        self._most = most
        self._running = 0

    @property
    def busy(self) -> bool:
        """Are there as many as may be?"""
        return self._running >= self._most

    async def lines(self, place: Place, folder: bytes, words: bytes) -> AsyncGenerator[bytes, None]:
        """The menu's lines of what is found beneath ``folder``, which ends in a slash; its paths begin so."""
        pattern = Pattern(words)
        if pattern.empty:
            yield menu.info("What is to be searched for? All the words must be there; * stands for anything.")
            return
        spent = _Spent(self._clock.seconds() + self._bounds.seconds)
        self._running += 1
        try:
            async with aclosing(self._found(place, folder, pattern, spent)) as everything:
                async for found in everything:
                    spent.results += 1
                    yield self._listing.line(place, found)
        finally:
            self._running -= 1
        if spent.why:
            yield menu.info(f"There may be more: the search ended after {spent.why}.")
        elif not spent.results:
            yield menu.info("Nothing was found.")

    async def _found(self, place: Place, top: bytes, pattern: Pattern, spent: _Spent) -> AsyncGenerator[Found, None]:
        pace = Pace(self._clock)
        waiting = [top]
        seen: set[tuple[int, int]] = set()  # links may lead round in circles
        while waiting:
            folder = waiting.pop()
            try:
                async for batch in place.documents.listing(folder, BATCH):
                    for entry in batch:
                        spent.entries += 1
                        if self._is_over(spent):
                            return
                        found = self._match(place, folder, entry, pattern, spent)
                        if found is not None:
                            yield found
                        if entry.folder and (entry.device, entry.inode) not in seen and menu.is_fit(entry.name):
                            seen.add((entry.device, entry.inode))
                            waiting.append(folder + entry.name + b"/")
                        if pace.over():
                            await pace.turn()
            except DocumentError:
                continue  # gone meanwhile, or not to be read

    def _is_over(self, spent: _Spent) -> bool:
        bounds = self._bounds
        if spent.entries > bounds.entries:
            spent.why = f"{bounds.entries:,} names"
        elif spent.octets >= bounds.octets:
            spent.why = "reading as much text as one search may"
        elif spent.results >= bounds.results:
            spent.why = f"{bounds.results:,} items"
        elif self._clock.seconds() >= spent.end:
            spent.why = f"{bounds.seconds:g} s"
        return bool(spent.why)

    def _match(self, place: Place, folder: bytes, entry: Entry, pattern: Pattern, spent: _Spent) -> Found | None:
        name, path = entry.name, folder + entry.name
        if name in self._look.hidden or not menu.is_fit(name):
            return None
        left = pattern.missing(fold(name))
        if left.empty:
            return Found(self._listing.kind(place, path, entry, self._look.endings), shown(path), path, entry)
        kind = types.by_name(name, self._look.endings)
        if entry.folder or kind not in (None, types.TEXT, b"h") or self._listing.runs(place, path):
            return None
        most = min(PART, self._bounds.octets - spent.octets)
        text = beginning(place.documents, path, most)
        spent.octets += len(text)
        kind = kind or types.by_beginning(text[: types.LOOK])
        if kind in (types.TEXT, b"h") and left.in_text(fold(text)):
            return Found(kind, shown(path), path, entry)
        return None
