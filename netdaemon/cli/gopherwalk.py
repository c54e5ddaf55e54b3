"""A walk through Gopher: what is open, how one came there, and what else can be opened. It knows no terminal."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from netdaemon.protocols.gopher.client import OTHERS_PORTS, BadURL, Failed, GopherURL, parse_url, plain
from netdaemon.protocols.gopher.grammar.menu import Item, clean, parse_menu
from netdaemon.url.gopherpage import Page, Row, link, menu_page, tame, text_page

TEXTS = "0h6M"
"""Item types that are shown; menus are too, and all others are downloads."""
WEB = ("http:", "https:", "ftp:", "mailto:")
"""What is handed to the web browser, and nothing else is."""

Load = Callable[[GopherURL], bytes]


@dataclass(frozen=True)
class Stop:
    """One place of the walk."""

    url: GopherURL
    title: str
    page: Page


class Elsewhere(Exception):
    """This is not for us: ``url`` is the web browser's, or somebody has to be told of it."""

    def __init__(self, url: str) -> None:
        super().__init__(f"that is elsewhere: {tame(url)}")
        self.url = url

    @property
    def is_web(self) -> bool:
        """May the web browser have it?"""
        return self.url.lower().startswith(WEB) and self.url.isprintable() and " " not in self.url


class WantsWords(Exception):
    """A search wants to know what for; ``url`` is its."""

    def __init__(self, url: GopherURL) -> None:
        super().__init__("what is to be searched for?")
        self.url = url


class WantsFile(Exception):
    """What is there is no page, but something to keep."""

    def __init__(self, url: GopherURL) -> None:
        super().__init__("that is to be kept in a file")
        self.url = url


def loader(verify: bool, timeout: float) -> Load:
    """What loads URLs by the blocking client."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

    def load(url: GopherURL) -> bytes:
        if url.port in OTHERS_PORTS:
            raise BadURL(f"{url}: that port is another protocol's")
        tls = context if url.secure else None
        search = None if url.search is None else url.search.decode("utf-8", "surrogateescape")
        if url.type in "17":
            return plain.send_selector(url.selector, url.host, url.port, search=search, tls=tls, timeout=timeout)
        return plain.get_file(url.selector, url.host, url.port, type=url.type, tls=tls, timeout=timeout)

    return load


@dataclass
class Walk:
    """The places one has been to; ``width`` is how wide texts may be."""

    load: Load
    width: int = 80
    stops: list[Stop] = field(default_factory=list)
    at: int = -1

    @property
    def here(self) -> Stop:
        """Where one is, once something is open."""
        return self.stops[self.at]

    def open(self, text: str, title: str = "") -> None:
        """Open a URL. Raises Failed, Elsewhere, WantsWords and WantsFile; one stays where one was then."""
        scheme = text.partition(":")[0].lower()
        if scheme not in ("gopher", "gophers"):
            raise Elsewhere(text)
        try:
            url = parse_url(text)
        except ValueError as error:
            raise BadURL(str(error)) from None
        if url.type == "7" and url.search is None:
            raise WantsWords(url)
        if url.type not in "17" + TEXTS:
            raise WantsFile(url)
        self._arrive(Stop(url, title or str(url), self._page(url)))

    def choose(self, number: int) -> None:
        """Open the item of that number on this page. Raises as `open` does."""
        item = self.item(number)
        try:
            url = link(item, self.here.url)
        except ValueError as error:
            raise BadURL(str(error)) from None
        self.open(url, tame(clean(item.description)))

    def item(self, number: int) -> Item:
        """The item of that number. Raises Failed when there is none."""
        if not 1 <= number <= len(self.here.page.items):
            raise BadURL(f"there is no item {number} here")
        return self.here.page.items[number - 1]

    def back(self) -> bool:
        """To where one came from; False when one came from nowhere."""
        if self.at <= 0:
            return False
        self.at -= 1
        return True

    def forward(self) -> bool:
        """To where one went back from."""
        if self.at + 1 >= len(self.stops):
            return False
        self.at += 1
        return True

    def up(self) -> None:
        """To the folder above, as selectors that are paths have it."""
        url = self.here.url
        above = url.selector.rstrip(b"/").rpartition(b"/")[0]
        self.open(str(url._replace(type="1", selector=above, search=None, plus=b"")))

    def reload(self) -> None:
        """Load this page anew."""
        here = self.here
        self.stops[self.at] = Stop(here.url, here.title, self._page(here.url))

    def history(self) -> Page:
        """The places one has been to, as items that lead there."""
        return places([(stop.title, stop.url) for stop in self.stops])

    def show(self, title: str, page: Page) -> None:
        """Go to a page of our own."""
        self._arrive(Stop(self.here.url, title, page))

    def _arrive(self, stop: Stop) -> None:
        del self.stops[self.at + 1 :]
        self.stops.append(stop)
        self.at += 1

    def _page(self, url: GopherURL) -> Page:
        data = self.load(url)
        return menu_page(parse_menu(data)) if url.type in "17" else text_page(data, self.width)


def places(found: list[tuple[str, GopherURL]]) -> Page:
    """A page of our own that leads to these URLs."""
    if not found:
        return Page([Row("There is nothing here yet.")])
    items = [
        Item("h", title, f"URL:{url}", url.host, url.port)  # so that a search keeps its words, and gophers its TLS
        for title, url in found
    ]
    return Page([Row(f"{title}  {url}", number, "place") for number, (title, url) in enumerate(found, 1)], items)


class Bookmarks:
    """URLs kept in a file, a line each: the URL, a TAB, a title."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> list[tuple[str, GopherURL]]:
        """(title, URL) of each, in the order they were added. Raises OSError; lines that are none are left out."""
        found = []
        try:
            lines = self._file.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            url, _, title = line.partition("\t")
            try:
                found.append((tame(title) or url, parse_url(url)))
            except ValueError:
                continue
        return found

    def add(self, title: str, url: GopherURL) -> None:
        """Keep one more. Raises OSError."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{url}\t{tame(title)}\n")


__all__ = ["Bookmarks", "Elsewhere", "Failed", "Stop", "Walk", "WantsFile", "WantsWords", "loader", "places"]
