"""Which answer a request gets: documents, menus, searches, attributes, and the few things that are in no tree."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from netdaemon.documents.pace import Pace
from netdaemon.interfaces import DocumentError, Forbidden, IHouse, IsFolder, NotFound, OpenDocument
from netdaemon.protocols.gopher.attributes import Teller
from netdaemon.protocols.gopher.grammar import menu, plus, types
from netdaemon.protocols.gopher.grammar.gophermap import MAX_MAP
from netdaemon.protocols.gopher.grammar.request import Malformed, Request, parse_request, path_of
from netdaemon.protocols.gopher.listing import Listing, Look, first_line, shown
from netdaemon.protocols.gopher.maps import Maps
from netdaemon.protocols.gopher.pages import caps, redirect, web_link
from netdaemon.protocols.gopher.place import Place
from netdaemon.protocols.gopher.reply import WHOLE, Chunks, FileBody, Reply, gathered, refusal, refused
from netdaemon.protocols.gopher.scripts import Call, Scripts
from netdaemon.protocols.gopher.search import Bounds, Searches
from netdaemon.protocols.gopher.settings import GopherSettings
from netdaemon.wire.dot import DotEncoder, stuffed

CHUNK = 64 * 1024
"""Octets of a text that are read and stuffed at once."""


class Visitor(Protocol):
    """What the site must know of the connection that a request came by."""

    @property
    def port(self) -> int:
        """The port that was connected to."""

    @property
    def peer_host(self) -> str:
        """The peer's IP address."""

    @property
    def secure(self) -> bool:
        """Does it speak TLS?"""

    @property
    def server_name(self) -> str:
        """The host's name that TLS was asked for, lower case; empty when there is none."""


class Site:
    """Holds what one section's requests need; a request's line goes in and an answer, or one to come, comes out."""

    def __init__(self, settings: GopherSettings, house: IHouse) -> None:
        self._settings = settings
        self._clock: IReactorTime = house.clock
        self._host = (settings.host or house.hostname).encode("ascii")
        self._plus = b"\t+" if settings.plus else b""
        self._bases = {"": settings.root, **dict(settings.hosts)}
        self._trees = {
            name: house.documents if base == "/" else house.documents.within(os.fsencode(base))
            for name, base in self._bases.items()
        }
        self._places: dict[tuple[str, str, int], Place] = {}
        self._users = None if settings.users is None else os.fsencode(settings.users)
        self._map_name, tag = os.fsencode(settings.gophermap), os.fsencode(settings.gophertag)
        self._tag_name = tag
        own = {os.fsencode(ending): kind.encode("ascii") for ending, kind in settings.types}
        self._look = look = Look({**types.ENDINGS, **own}, {self._map_name, tag})
        self._scripts = Scripts(settings, house)
        self._listing = listing = Listing(
            house.clock, details=settings.details, gophertag=tag, runs=self._scripts.covers
        )
        names = [name for name, _ in settings.hosts]
        self._maps = Maps(house.clock, listing, look, names, self._users)
        bounds = Bounds(settings.search_time, settings.search_entries, settings.search_size, settings.search_results)
        self._searches = Searches(house.clock, listing, look, bounds, settings.searches)
        self._teller = Teller(house.clock, listing, look, settings.admin)

    def respond(self, line: bytes, visitor: Visitor) -> Reply | Awaitable[Reply]:
        """The answer to a request's line. Never raises but for defects of ours."""
        try:
            request = parse_request(line)
        except Malformed as error:
            return refusal(f"This is no request: {error}", "other")
        if request.data:
            return refusal("There are no questions here that could be answered", "other", asked=request.plus)
        link = web_link(request.selector)
        if link is not None:
            page = redirect(link)
            if page is None:
                return refusal("This is no link that is followed here", "link", asked=request.plus)
            return Reply((plus.sized(len(page)) if request.plus else b"") + page, "link")
        found = self._find(request.selector, visitor)
        if found is None:
            return refused(NotFound(request.selector), "document", request.plus)
        place, path = found
        if request.plus in (b"!", b"$"):
            return self._attributes(place, path, request, visitor)
        if self._scripts.covers(place, path):
            return self._script(place, path, request, visitor)
        if request.search is not None and self._settings.search:
            try:
                if path == b"/" or place.documents.entry(path).folder:
                    return self._search(place, path, request)
            except DocumentError as error:
                return refused(error, "search", request.plus)
        return self._document(place, path, request, visitor)

    # --- where -----------------------------------------------------------------------------------------------

    def _find(self, selector: bytes, visitor: Visitor) -> tuple[Place, bytes] | None:
        """The place and the path in it that a selector means; None when it means none."""
        path = path_of(selector)
        name, prefix = visitor.server_name, ""
        if path is not None and path.startswith(b"/;"):
            asked, _, rest = path[2:].partition(b"/")
            name = prefix = asked.decode("ascii", "replace").lower()
            if not name or name not in self._bases:
                return None
            path = b"/" + rest
        if path is None:
            return None
        if path.startswith(b"/~") and self._users is not None:
            if path[2:].partition(b"/")[0] == b"..":
                return None
            path = path_of(b"%b/%b" % (self._users, path[2:])) or path
        return self.place(name if name in self._bases else "", prefix, visitor.port), path

    def place(self, name: str, prefix: str, port: int) -> Place:
        """The place of a virtual host, or of none, whose selectors begin with ``/;prefix`` if there is one."""
        port = self._settings.port or port
        key = name, prefix, port
        place = self._places.get(key)
        if place is None:
            base = os.fsencode(self._bases[name]).rstrip(b"/")
            begins = b"/;" + prefix.encode("ascii") if prefix else b""
            host = name.encode("ascii") if name and not prefix else self._host
            place = self._places[key] = Place(self._trees[name], base, begins, host, port, self._plus)
        return place

    # --- scripts ---------------------------------------------------------------------------------------------

    async def _script(self, place: Place, path: bytes, request: Request, visitor: Visitor) -> Reply:
        try:
            return await self._scripts.answer(place, path, _call(request, visitor))
        except IsFolder:
            return await self._menu(place, path + b"/", request, visitor)

    # --- documents -------------------------------------------------------------------------------------------

    def _document(self, place: Place, path: bytes, request: Request, visitor: Visitor) -> Reply | Awaitable[Reply]:
        if path == b"/":
            return self._menu(place, path, request, visitor)
        try:
            document = place.documents.open(path)
        except IsFolder:
            return self._menu(place, path + b"/", request, visitor)
        except DocumentError as error:
            if path == b"/caps.txt" and isinstance(error, NotFound):
                return self._caps(request)
            return refused(error, "document", request.plus)
        try:
            return self._opened(document, path, request)
        except OSError:
            document.close()
            return refusal(
                "It can't be read just now", "document", asked=request.plus, code=plus.TRY_LATER, result="failed"
            )

    def _opened(self, document: OpenDocument, path: bytes, request: Request) -> Reply:
        name = path[path.rfind(b"/") + 1 :]
        size = document.entry.size
        data = os.pread(document.fd, WHOLE + 1, 0)
        kind = types.by_name(name, self._look.endings) or types.by_beginning(data[: types.LOOK])
        header = b""
        if request.plus:
            if request.wanted and request.wanted[0].partition(b" ")[0].lower() != types.media_of(name, kind):
                document.close()
                return refusal("There is no such view of it", "document", asked=request.plus)
            header = plus.DOTTED if kind == types.TEXT else plus.sized(size)
        if len(data) <= WHOLE and len(data) == size:
            document.close()
            return Reply(header + (stuffed(data) if kind == types.TEXT else data), "document")
        if kind == types.TEXT:
            return Reply(self._text(document, header), "document")
        return Reply(FileBody(document, header), "document")

    async def _text(self, document: OpenDocument, header: bytes) -> Chunks:
        pace = Pace(self._clock)
        encoder = DotEncoder()
        position = 0
        with document:
            yield header
            while data := os.pread(document.fd, CHUNK, position):
                position += len(data)
                yield encoder.feed(data)
                if pace.over():
                    await pace.turn()
        yield encoder.finish()

    def _caps(self, request: Request) -> Reply:
        settings = self._settings
        tls_port = next((listen.port for listen in settings.listen if listen.transport == "tls" and listen.port), None)
        text = caps(
            admin=settings.admin, description=settings.description, location=settings.location, tls_port=tls_port
        )
        return Reply((plus.DOTTED if request.plus else b"") + stuffed(text), "caps")

    # --- menus -----------------------------------------------------------------------------------------------

    async def _menu(self, place: Place, folder: bytes, request: Request, visitor: Visitor) -> Reply:
        if request.wanted and request.wanted[0].partition(b" ")[0].lower() not in (
            b"application/gopher-menu",
            b"application/gopher+-menu",
        ):
            return refusal("There is no such view of it", "menu", asked=request.plus)
        try:
            return await gathered(self._whole_menu(place, folder, request, visitor), "menu")
        except Forbidden:
            return refusal("This folder is not listed", "menu", asked=request.plus)
        except DocumentError as error:
            return refused(error, "menu", request.plus)

    async def _whole_menu(self, place: Place, folder: bytes, request: Request, visitor: Visitor) -> Chunks:
        yield plus.DOTTED if request.plus else b""
        async for chunk in self._lines(place, folder, request, visitor):
            yield chunk
        yield menu.END

    async def _lines(self, place: Place, folder: bytes, request: Request, visitor: Visitor) -> AsyncIterator[bytes]:
        """The lines of a folder's menu: its gophermap's, or else its listing's."""
        text = self._map(place, folder)
        if text is not None:

            def says(path: bytes) -> AsyncIterator[bytes] | None:
                if not self._scripts.covers(place, path):
                    return None
                return self._scripts.lines(place, path, _call(request, visitor))

            async for chunk in self._maps.lines(place, folder, text, says):
                yield chunk
            return
        if not self._settings.listing:
            raise Forbidden(folder)
        title = first_line(place.documents, folder + self._tag_name)
        yield menu.info(title or f"[{shown(folder.rstrip(b'/')) or '/'}]") + menu.info("")
        async for chunk in self._listing.lines(place, folder, self._look):
            yield chunk
        yield self._search_item(place, folder)

    def _search_item(self, place: Place, folder: bytes) -> bytes:
        """What stands at the end of the root's listing, so that one can search without a gophermap."""
        return place.item(types.SEARCH, "Search", b"/") if folder == b"/" and self._settings.search else b""

    def _map(self, place: Place, folder: bytes) -> bytes | None:
        try:
            with place.documents.open(folder + self._map_name) as document:
                return os.pread(document.fd, MAX_MAP, 0)
        except (DocumentError, OSError):
            return None

    async def _search(self, place: Place, path: bytes, request: Request) -> Reply:
        if self._searches.busy:
            return refusal(
                "Too many search here just now, try again later", "search", asked=request.plus, code=plus.TRY_LATER
            )
        folder = path if path == b"/" else path + b"/"
        return await gathered(self._whole_search(place, folder, request), "search")

    async def _whole_search(self, place: Place, folder: bytes, request: Request) -> Chunks:
        if request.plus:
            yield plus.DOTTED
        async with aclosing(self._searches.lines(place, folder, request.search or b"")) as lines:
            async for line in lines:  # closed at once when the peer goes, for their number is limited
                yield line
        yield menu.END

    # --- Gopher+ attributes ----------------------------------------------------------------------------------

    async def _attributes(self, place: Place, path: bytes, request: Request, visitor: Visitor) -> Reply:
        try:
            entry = place.documents.entry(path)
            if request.plus == b"!":
                told = self._teller.of_item(place, path, entry, request.wanted)
                return Reply(plus.DOTTED + told + menu.END, "attributes")
            if not entry.folder:
                return refusal("This is no folder", "attributes", asked=request.plus)
            folder = path if path == b"/" else path + b"/"
            return await gathered(self._folder_attributes(place, folder, request, visitor), "attributes")
        except DocumentError as error:
            return refused(error, "attributes", request.plus)

    async def _folder_attributes(self, place: Place, folder: bytes, request: Request, visitor: Visitor) -> Chunks:
        yield plus.DOTTED
        if self._map(place, folder) is None and self._settings.listing:
            async for told in self._teller.of_folder(place, folder, request.wanted):
                yield told
            item = self._search_item(place, folder)
            if item:
                yield self._teller.of_line(item, request.wanted)
        else:
            async for chunk in self._lines(place, folder, request, visitor):
                lines = [line for line in chunk.split(b"\r\n") if line and not line.startswith(b"i")]
                yield b"".join([self._teller.of_line(line + b"\r\n", request.wanted) for line in lines])
        yield menu.END


def _call(request: Request, visitor: Visitor) -> Call:
    return Call(request.selector, request.search or b"", visitor.peer_host, visitor.secure, request.plus)
