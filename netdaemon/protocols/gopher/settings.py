"""The keys of a [gopher] section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netdaemon.config.keys import Value, key
from netdaemon.config.values import (
    Listen,
    auto,
    duration,
    flag,
    hostname,
    integer,
    listens,
    optional,
    size,
    text,
)
from netdaemon.wire.programsettings import ProgramSettings


def _parse_path(text: str, directory: Path) -> str:
    if not text.startswith("/") or ".." in text.split("/") or not text.isprintable():
        raise ValueError(f"{text!r} is not a path of the document tree such as /gopher")
    return "/" + "/".join(part for part in text.split("/") if part not in ("", "."))


def _parse_paths(text: str, directory: Path) -> tuple[str, ...]:
    paths = tuple(_parse_path(word, directory) for word in text.split())
    if "/" in paths:
        raise ValueError("/ would take all of the tree")
    return paths


_path: Value[str] = Value("tree path", _parse_path, str, "A path of the document tree, which begins with /: /gopher.")
_paths: Value[tuple[str, ...]] = Value(
    "tree paths", _parse_paths, " ".join, "Paths of the document tree between white space: /cgi /bin."
)


def _parse_hosts(text: str, directory: Path) -> tuple[tuple[str, str], ...]:
    hosts = []
    for word in text.split():
        name, equals, path = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is not of the form NAME=/PATH")
        hosts.append((hostname.parse(name, directory).lower(), _parse_path(path, directory)))
    if len({name for name, _ in hosts}) < len(hosts):
        raise ValueError("a host stands twice")
    return tuple(hosts)


_hosts: Value[tuple[tuple[str, str], ...]] = Value(
    "hosts",
    _parse_hosts,
    lambda value: " ".join(f"{name}={path}" for name, path in value),
    "NAME=/PATH between white space: spam.example=/spam egg.example=/egg.",
)


def _parse_types(text: str, directory: Path) -> tuple[tuple[str, str], ...]:
    types = []
    for word in text.split():
        match = re.fullmatch(r"\.?([^\s=./]+)=([!-~])", word)
        if match is None:
            raise ValueError(f"{word!r} is not of the form ENDING=TYPE, such as log=0")
        if match[2] in "i3178T+2":
            raise ValueError(f"{word!r}: a document can't be of type {match[2]}")
        types.append((match[1].lower(), match[2]))
    return tuple(types)


_types: Value[tuple[tuple[str, str], ...]] = Value(
    "item types",
    _parse_types,
    lambda value: " ".join(f"{ending}={kind}" for ending, kind in value),
    "ENDING=TYPE between white space: log=0 png=I.",
)


@dataclass(frozen=True)
class GopherSettings(ProgramSettings):
    """[gopher]: the document tree as Gopher menus."""

    listen: tuple[Listen, ...] = key(listens, "Where it listens.", example="tcp:70 tls:7443")
    host: str | None = key(
        optional(hostname), "The host's name in menus; empty means [netdaemon] hostname.", default=""
    )
    port: int | None = key(
        auto(integer(1, 65535)),
        "The port in menus; auto is the one that the menu is asked for at.",
        default="auto",
    )
    root: str = key(_path, "The folder of the document tree that is shown.", default="/")
    hosts: tuple[tuple[str, str], ...] = key(
        _hosts,
        "Virtual hosts, each with its own root: asked for by the selector /;NAME (a % line in a gophermap lists them), "
        "or under TLS by the server's name.",
        default="",
    )
    users: str | None = key(
        optional(_path),
        "The folder with the users' folders: /~NAME stands for one of them, and a ~ line in a gophermap lists them.",
        default="",
        example="/home",
    )
    listing: bool = key(flag, "List folders that have no gophermap; otherwise they are refused.", default="yes")
    details: bool = key(flag, "Sizes and dates in listings.", default="yes")
    gophermap: str = key(text, "The name of a folder's hand-written menu.", default="gophermap")
    gophertag: str = key(text, "The name of a document whose first line is its folder's title.", default="gophertag")
    types: tuple[tuple[str, str], ...] = key(
        _types, "Item types of names, by their ending, that differ from the built-in ones.", default=""
    )
    plus: bool = key(flag, "Offer Gopher+ in menus. What asks for it is answered in any case.", default="yes")
    search: bool = key(flag, "Search the names and texts beneath a folder (item type 7).", default="yes")
    search_time: float = key(duration, "How long one search may take.", default="5s")
    search_entries: int = key(integer(1, 100_000_000), "How many names one search may look at.", default="100000")
    search_size: int = key(size, "How much text one search may read.", default="64M")
    search_results: int = key(integer(1, 10_000), "How many items one search may find.", default="200")
    searches: int = key(integer(1, 10_000), "Searches at one time; more are told to try later.", default="4")
    cgi: tuple[str, ...] = key(
        _paths,
        "Paths beneath root whose executable documents are run, and nobody may write.",
        default="",
        example="/cgi",
    )
    admin: str = key(
        text, "Who looks after it, as caps.txt and Gopher+ tell: Fox Mulder <mulder@spam.example>", default=""
    )
    description: str = key(text, "What is to be found here, as caps.txt tells.", default="")
    location: str = key(text, "Where this is, as caps.txt tells.", default="")
    request_timeout: float = key(
        duration, "The deadline of a request, from the connection to its last octet.", default="20s"
    )
    stall_timeout: float = key(
        duration, "How long the next 64K of an answer may wait for their reader before he is dropped.", default="60s"
    )

    @property
    def sealed(self) -> tuple[str, ...]:
        return tuple(f"{self.root.rstrip('/')}{prefix}" for prefix in self.cgi)

    def problems(self) -> Iterator[tuple[str, str]]:
        """What the keys can't say each for itself."""
        yield from super().problems()
        for name in ("gophermap", "gophertag"):
            value = getattr(self, name)
            if not value or "/" in value or value in (".", ".."):
                yield name, "this is the name of a document within its folder, without /"
        for name in ("search-time", "request-timeout", "stall-timeout"):
            if getattr(self, name.replace("-", "_")) <= 0:
                yield name, "this must be longer than 0s"
