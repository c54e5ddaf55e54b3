"""Fetching all that is linked beneath a URL: a site's pages, or a Gopher server's menus, into a folder here.

Only what stands at the same server beneath the folder of the URL is followed. A document that is there already is asked
for only if it has changed, and what broke off leaves the old one.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote_to_bytes, urldefrag, urljoin, urlsplit

from twisted.internet.defer import Deferred, gatherResults

from netdaemon.protocols.gopher.grammar.menu import parse_menu
from netdaemon.protocols.gopher.grammar.url import parse_url as parse_gopher
from netdaemon.protocols.gopher.grammar.url import url_of
from netdaemon.protocols.http.grammar.dates import format_date, parse_date
from netdaemon.url.opened import StatusRefused
from netdaemon.url.opener import Opener, scheme_of
from netdaemon.wire.category import Category
from netdaemon.wire.failures import Failed
from netdaemon.wire.partfile import PartFile

SCHEMES = ("http", "https", "gopher", "gophers")

MAX_PAGE = 16 * 1024 * 1024
"""Octets of a page that is looked through for links."""
MAX_DOCUMENTS = 1_000_000
MAX_DEPTH = 100

_LINKS = {
    "a": ("href",), "area": ("href",), "link": ("href",), "img": ("src",), "script": ("src",), "iframe": ("src",),
    "frame": ("src",), "source": ("src",), "video": ("src", "poster"), "audio": ("src",), "track": ("src",),
    "embed": ("src",), "object": ("data",), "input": ("src",), "body": ("background",),
}  # fmt: skip


class Outcome(NamedTuple):
    """What became of a URL that did not come."""

    url: str
    why: str
    category: Category


@dataclass
class Report:
    """What a crawl did."""

    copied: int = 0
    octets: int = 0
    same: int = 0
    problems: list[Outcome] = field(default_factory=list)

    @property
    def category(self) -> Category | None:
        """The first problem's."""
        return self.problems[0].category if self.problems else None


class Crawl:
    """One crawl, by ``jobs`` requests at once. ``told`` hears of each document kept, ``progress`` of octets."""

    def __init__(
        self,
        opener: Opener,
        url: str,
        folder: Path,
        *,
        jobs: int = 4,
        headers: tuple[tuple[str, str], ...] = (),
        told: Callable[[str], object] = lambda url: None,
        progress: Callable[[int], object] = lambda octets: None,
    ) -> None:
        self._opener = opener
        self._start = urldefrag(url).url
        self._folder = folder
        self._jobs = jobs
        self._headers = headers
        self._told = told
        self._progress = progress
        self._site: Site = (GopherSite if scheme_of(url, SCHEMES).startswith("gopher") else WebSite)(self._start)
        self._seen = {self._site.key(self._start)}
        self._waiting: deque[tuple[str, int]] = deque([(self._start, 0)])
        self._busy = 0
        self._idle: list[Deferred[None]] = []
        self.report = Report()

    async def run(self) -> Report:
        """Fetch all of it; what failed stands in the report."""
        self._folder.mkdir(parents=True, exist_ok=True)
        await gatherResults([Deferred.fromCoroutine(self._work()) for _ in range(self._jobs)], consumeErrors=True)
        return self.report

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                if not self._busy:
                    return
                idle: Deferred[None] = Deferred()
                self._idle.append(idle)
                await idle
            url, depth = self._waiting.popleft()
            self._busy += 1
            try:
                links = await self._fetch(url)
                if depth < MAX_DEPTH:
                    self._add(links, depth + 1)
            except Failed as error:
                self.report.problems.append(Outcome(url, str(error), error.category))
            except OSError as error:
                why = f"{error.filename or url}: {error.strerror or error}"
                self.report.problems.append(Outcome(url, why, Category.LOCAL))
            finally:
                self._busy -= 1
                idle_ones, self._idle = self._idle, []
                for waiting in idle_ones:
                    waiting.callback(None)

    def _add(self, links: Iterable[str], depth: int) -> None:
        for link in links:
            if not self._site.has(link):  # which says so of what is no URL of this scheme, too
                continue
            key = self._site.key(link)
            if key not in self._seen and len(self._seen) < MAX_DOCUMENTS:
                self._seen.add(key)
                self._waiting.append((link, depth))

    async def _fetch(self, url: str) -> Iterable[str]:
        """Keep one document; its links."""
        place = self._folder / self._site.place(url)
        headers = list(self._headers)
        if self._site.conditional and place.is_file():
            headers.append(("If-Modified-Since", format_date(place.stat().st_mtime).decode("ascii")))
        try:
            opened = await self._opener.open(url, headers=headers)
        except StatusRefused as error:
            if error.status == 304:
                return self._unchanged(url, place)
            raise
        async with opened:
            if opened.status == 304:
                return self._unchanged(url, place)
            if not self._site.has(opened.url):  # redirected elsewhere
                return ()
            page = bytearray() if self._site.has_links(opened.headers, opened.url) else None
            _make_folder(place.parent, self._folder)
            file = PartFile(place)
            file.open(url, opened.validator, opened.size)
            try:
                async for octets in opened:
                    file.write(octets)
                    self.report.octets += len(octets)
                    self._progress(len(octets))
                    if page is not None and len(page) < MAX_PAGE:
                        page += octets
            except BaseException:
                file.drop()
                raise
            file.finish()
        modified = parse_date(opened.headers.get("Last-Modified", "").encode("latin-1", "replace"))
        if modified is not None:
            os.utime(place, (modified, modified))
        self.report.copied += 1
        self._told(url)
        return () if page is None else self._site.links(opened.url, bytes(page), opened.headers)

    def _unchanged(self, url: str, place: Path) -> Iterable[str]:
        self.report.same += 1
        headers = Message()
        if place.suffix.lower() not in (".html", ".htm", ".xhtml", ""):
            return ()
        headers["Content-Type"] = "text/html"
        with place.open("rb") as file:
            return self._site.links(url, file.read(MAX_PAGE), headers)


class Site(Protocol):
    """What is followed, and where it is kept, of one scheme."""

    conditional: bool
    """Can a server be asked for what has changed only?"""

    def key(self, url: str) -> str:
        """The same for URLs that are the same; only asked of what it has."""

    def has(self, url: str) -> bool:
        """Does it stand beneath where the crawl began?"""

    def place(self, url: str) -> Path:
        """Where it is kept, relative to the folder."""

    def has_links(self, headers: Message, url: str) -> bool:
        """Is it one that has links?"""

    def links(self, url: str, data: bytes, headers: Message) -> Iterator[str]:
        """Those of a document."""


class WebSite:
    """Pages, by http and https."""

    conditional = True

    def __init__(self, start: str) -> None:
        parts = urlsplit(start)
        self._origin = (parts.scheme, parts.netloc.rpartition("@")[2].lower())
        self._userinfo = parts.netloc.rpartition("@")[0]
        self._beneath = parts.path.rpartition("/")[0] + "/"

    def key(self, url: str) -> str:
        return url

    def has(self, url: str) -> bool:
        parts = urlsplit(url)
        same = (parts.scheme, parts.netloc.rpartition("@")[2].lower()) == self._origin
        return same and (parts.path or "/").startswith(self._beneath)

    def place(self, url: str) -> Path:
        parts = urlsplit(url)
        path = (parts.path or "/")[len(self._beneath) :]
        *folders, last = path.split("/")
        last = last or "index.html"
        if parts.query:
            last += f"?{parts.query}"
        return Path(*map(safe_name, folders), safe_name(last))

    def has_links(self, headers: Message, url: str) -> bool:
        return headers.get_content_type() in ("text/html", "application/xhtml+xml")

    def links(self, url: str, data: bytes, headers: Message) -> Iterator[str]:
        charset = headers.get_content_charset("utf-8")
        try:
            text = data.decode(charset, "replace")
        except LookupError:
            text = data.decode("utf-8", "replace")
        reader = _Links(url)
        reader.feed(text)
        for link in reader.found:
            target = urldefrag(link).url
            if self._userinfo and self.has(target):
                parts = urlsplit(target)
                target = parts._replace(netloc=f"{self._userinfo}@{parts.netloc.rpartition('@')[2]}").geturl()
            yield target


class _Links(HTMLParser):
    """Gathers the URLs that a page refers to."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._base = url
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "base" and values.get("href"):
            self._base = self._joined(values["href"] or "") or self._base
        for name in _LINKS.get(tag, ()):
            link = values.get(name)
            if link and (joined := self._joined(link)):
                self.found.append(joined)

    def _joined(self, link: str) -> str:
        try:
            joined = urljoin(self._base, re.sub(r"[\t\r\n]", "", link.strip()))
            return joined if urlsplit(joined).scheme in ("http", "https") else ""
        except ValueError:
            return ""


class GopherSite:
    """Menus, which are kept as the gophermap of their folder, and what stands in them."""

    conditional = False

    def __init__(self, start: str) -> None:
        asked = parse_gopher(start)
        self._server = (asked.secure, asked.host, asked.port)
        folder = asked.selector if asked.type == "1" else asked.selector.rpartition(b"/")[0]
        self._beneath = folder.rstrip(b"/") + b"/" if folder else b""

    def key(self, url: str) -> str:
        asked = parse_gopher(url)
        return f"{asked.type == '1'} {asked.selector.strip(b'/').decode('latin-1')}"

    def has(self, url: str) -> bool:
        try:
            asked = parse_gopher(url)
        except ValueError:
            return False
        beneath = (asked.selector + b"/").startswith(self._beneath)
        same = (asked.secure, asked.host, asked.port) == self._server
        return same and beneath and asked.search is None and asked.type not in "78T2i3"

    def place(self, url: str) -> Path:
        asked = parse_gopher(url)
        path = asked.selector[len(self._beneath) :] if asked.selector.startswith(self._beneath) else b""
        parts = [part for part in path.split(b"/") if part]
        if asked.type == "1":
            parts.append(b"gophermap")
        return Path(*(safe_name(os.fsdecode(part), decoded=True) for part in parts or [b"gophermap"]))

    def has_links(self, headers: Message, url: str) -> bool:
        return parse_gopher(url).type == "1"

    def links(self, url: str, data: bytes, headers: Message) -> Iterator[str]:
        asked = parse_gopher(url)
        if asked.type != "1":
            return
        for item in parse_menu(data):
            if item.type in "i3" or (item.host.lower(), item.port) != (asked.host, asked.port):
                continue
            try:
                yield url_of(item, asked.secure)
            except ValueError:
                continue


def safe_name(name: str, *, decoded: bool = False) -> str:
    """One part of a path here for one of a URL's, which leads nowhere else."""
    octets = os.fsencode(name) if decoded else unquote_to_bytes(name.encode("utf-8", "surrogateescape"))
    octets = re.sub(rb"[/\x00-\x1f\x7f]", lambda match: b"%%%02X" % match[0][0], octets)[:240]
    return os.fsdecode(octets) if octets not in (b"", b".", b"..") else "%2E" * max(1, len(octets))


def _make_folder(folder: Path, root: Path) -> None:
    """Make the folders of a document. Where a document has the name of one, that is an error."""
    for parent in [*reversed(folder.relative_to(root).parents), folder.relative_to(root)]:
        path = root / parent
        if path.is_symlink():  # never out of the folder, whoever made it
            raise NotADirectoryError(20, "Not a directory", str(path))
        path.mkdir(exist_ok=True)
