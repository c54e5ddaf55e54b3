"""The settings of [http], and what its keys may hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from netdaemon.accounts.names import normal_name
from netdaemon.config import disk
from netdaemon.config.keys import Value, key
from netdaemon.config.values import (
    Listen,
    choice,
    duration,
    flag,
    hostname,
    integer,
    listens,
    optional,
    path,
    several,
    size,
    words,
)
from netdaemon.wire.programsettings import ProgramSettings

T = TypeVar("T")

REDIRECTS = (301, 302, 303, 307, 308)
"""Statuses that send a client elsewhere (RFC 9110 15.4)."""


@dataclass(frozen=True)
class Redirect:
    """What is at or beneath the path ``source`` is sent to ``target``, the rest of its path and its query behind it."""

    source: str
    target: str
    status: int


@dataclass(frozen=True)
class Protected:
    """What is at or beneath ``path`` is for these accounts, by their normal names; none named means any account."""

    path: str
    accounts: tuple[str, ...]


@dataclass(frozen=True)
class ErrorPage:
    """The document at ``path`` is the body of answers with ``status``."""

    status: int
    path: str


@dataclass(frozen=True)
class Quotes:
    """At ``path`` one of the quotes in ``file``."""

    path: str
    file: Path


def _url_path(word: str, root: bool = False) -> str:
    """A decoded path in normal form, without a trailing slash. Raises ValueError."""
    trimmed = word.rstrip("/") or "/"
    if not word.startswith("/") or re.search(r"//|/\.{1,2}(/|\Z)|[\x00-\x20?#%\\]", trimmed):
        raise ValueError(f"{word!r} is no path such as /private (it is written plain, without % escapes)")
    if trimmed == "/" and not root:
        raise ValueError("/ would take all of the site")
    return trimmed


def _show_words(*parts: object) -> str:
    return " ".join(str(part) for part in parts)


def _split(line: str, least: int, most: int, form: str) -> list[str]:
    parts = line.split()
    if not least <= len(parts) <= most:
        raise ValueError(f"{line!r} is not of the form {form}")
    return parts


def _parse_redirect(line: str, directory: Path) -> Redirect:
    source, target, *rest = _split(line, 2, 3, "/FROM TO [STATUS]")
    if not re.match(r"/(?!/)|https?://[^/]", target) or re.search(r"[\x00-\x20\x7f-\uffff\\]", target):
        raise ValueError(f"{target!r} is neither a path such as /new nor a URL such as https://example.org/")
    status = rest[0] if rest else "301"
    if status not in map(str, REDIRECTS):
        raise ValueError(f"{status!r} is none of {_show_words(*REDIRECTS)}")
    return Redirect(_url_path(source, root=True), target, int(status))


def _parse_protected(line: str, directory: Path) -> Protected:
    place, *accounts = line.split()
    if not accounts:
        raise ValueError(f"{line!r} names no account: write {place} * for all that there are")
    if "*" in accounts:
        return Protected(_url_path(place, root=True), ())
    for name in accounts:
        if normal_name(name) is None:
            raise ValueError(f"{name!r} can't be the name of an account")
    return Protected(_url_path(place, root=True), tuple(name.lower() for name in accounts))


def _parse_error_page(line: str, directory: Path) -> ErrorPage:
    status, place = _split(line, 2, 2, "STATUS /PATH")
    if not re.fullmatch("[45][0-9]{2}", status):
        raise ValueError(f"{status!r} is no status of an error, 400 to 599")
    return ErrorPage(int(status), _url_path(place))


def _parse_quotes(line: str, directory: Path) -> Quotes:
    place, _, file = line.partition(" ")
    if not file:
        raise ValueError(f"{line!r} is not of the form /PATH FILE")
    return Quotes(_url_path(place), path.parse(file.strip(), directory))


def _parse_paths(line: str, directory: Path) -> tuple[str, ...]:
    return tuple(_url_path(word) for word in line.split())


def _parse_hosts(line: str, directory: Path) -> tuple[str, ...]:
    hosts = [word.lower().removesuffix(".") for word in line.split()]
    for host in hosts:
        hostname.parse(host.removeprefix("*."), directory)
    return tuple(hosts)


def _value(name: str, parse: Callable[[str, Path], T], show: Callable[[T], str], syntax: str) -> Value[T]:
    return Value(name, parse, show, syntax)


_redirect = _value(
    "redirect",
    _parse_redirect,
    lambda one: _show_words(one.source, one.target, one.status),
    "/FROM TO [STATUS], TO a path or a URL, STATUS 301 unless it is 302, 303, 307 or 308.",
)
_protected = _value(
    "protected path",
    _parse_protected,
    lambda one: _show_words(one.path, *(one.accounts or ("*",))),
    "/PATH and the accounts that may see it, or * for every account.",
)
_error_page = _value(
    "error page",
    _parse_error_page,
    lambda one: _show_words(one.status, one.path),
    "STATUS /PATH, as in 404 /lost.html.",
)
_quotes = _value("quotes", _parse_quotes, lambda one: _show_words(one.path, one.file), "/PATH FILE.")
_paths = _value("paths", _parse_paths, " ".join, "Paths of the site between white space: /cgi /bin.")
_hosts = _value(
    "host names",
    _parse_hosts,
    " ".join,
    "Names between white space; *.example.org stands for every name beneath example.org.",
)
_root = _value(
    "folder of the tree",
    lambda word, directory: _url_path(word, root=True),
    str,
    "A path of the document tree: /sites/blog.",
)
_mount = _value("path of the site", lambda word, directory: _url_path(word), str, "A path of the site: /status.")


@dataclass(frozen=True)
class HTTPSettings(ProgramSettings):
    """[http]: the document tree as a web site."""

    guest_key = "hosts"

    listen: tuple[Listen, ...] = key(
        listens, "Where it listens; not wanted with hosts, see there.", example="tcp:80 tls:443"
    )
    hosts: tuple[str, ...] = key(
        _hosts,
        "The host names of a virtual host: [http:blog] with hosts and without listen is served wherever [http] "
        "listens, to those who ask for one of these names; its certificate is chosen by [tls] sni.",
        default="",
        example="blog.example.org",
    )
    root: str = key(_root, "The folder of the document tree that is this site.", default="/", example="/sites/blog")
    index: tuple[str, ...] = key(
        words, "Documents shown for a folder, the first that is there; empty for none.", default="index.html"
    )
    listing: bool = key(flag, "List folders that have no index; otherwise they are forbidden (403).", default="no")
    archive: bool = key(flag, "Offer folders that are listed as a zip, too (?zip).", default="yes")
    compress: bool = key(
        flag,
        "Send text compressed (gzip; br and zstd where their libraries are installed) to those who take it, and "
        "documents that have a compressed copy beside them (.gz, .br, .zst) by that copy.",
        default="yes",
    )
    write: bool = key(
        flag, "Let accounts write what their rights allow, by PUT and DELETE with Basic authentication.", default="yes"
    )
    write_limit: int = key(size, "The largest document that PUT takes (413 beyond it).", default="4G")
    protect: tuple[Protected, ...] = key(
        several(_protected),
        "What is only for accounts, who say who they are by Basic authentication (RFC 7617), and see of it what their "
        "rights allow. The longest path counts; whatever else leads there, links and archives, does not.",
        default="",
        example="/private mulder scully",
    )
    redirect: tuple[Redirect, ...] = key(
        several(_redirect),
        "What has moved: requests at or beneath FROM are sent to TO, with the rest of their path and their query.",
        default="",
        example="/old https://example.org/new 308",
    )
    error_page: tuple[ErrorPage, ...] = key(
        several(_error_page),
        "Documents that stand in for our own error pages; those of programs stay.",
        default="",
        example="404 /lost.html",
    )
    https_redirect: int | None = key(
        optional(integer(1, 65535)),
        "Send those who come in clear to https at this port of the same host (308), but for what an authority asks to "
        "issue a certificate (/.well-known/acme-challenge/); empty: serve them.",
        default="",
        example="443",
    )
    hsts: float = key(
        duration,
        "How long browsers are to remember that this host is to be asked by https only (RFC 6797); 0s says nothing.",
        default="0s",
        example="365d",
    )
    security_contact: tuple[str, ...] = key(
        words,
        "Where to report security problems: URLs, told at /.well-known/security.txt (RFC 9116). A document of that "
        "name in the tree comes first, where [documents] hidden = yes shows it.",
        default="",
        example="mailto:security@example.org",
    )
    quote: tuple[Quotes, ...] = key(
        several(_quotes),
        "A page with a quote chosen by chance, at PATH, from FILE, in which quotes are set apart by empty lines or by "
        "lines with a single %.",
        default="",
        example="/quote quotes.txt",
    )
    echo: str | None = key(
        optional(_mount), "A page that shows the request as it came, at this path.", default="", example="/echo"
    )
    status: str | None = key(
        optional(_mount),
        "The daemon's counters, for people and for Prometheus, at this path: for accounts where protect says which, "
        "else for those who come from this machine, and by no proxy.",
        default="",
        example="/status",
    )
    cgi: tuple[str, ...] = key(
        _paths,
        "Paths beneath which executable documents are run as CGI scripts (RFC 3875), and nobody may write.",
        default="",
        example="/cgi",
    )
    access_log_format: str = key(
        choice("combined", "json"), "A line of the combined format a request, or an object of JSON.", default="combined"
    )
    head_timeout: float = key(
        duration, "The deadline of a request's header, from its first byte to its last (408).", default="20s"
    )
    idle_timeout: float = key(duration, "How long a connection is kept open for another request.", default="60s")
    stall_timeout: float = key(
        duration,
        "How long the next 64K of a response may wait for its reader, and a request's body for more of it, before "
        "the connection is dropped.",
        default="60s",
    )
    body_limit: int = key(size, "The largest body of a request but PUT's (413 beyond it).", default="1M")
    cache_size: int = key(
        size,
        "How much memory may keep small documents that were asked for lately; 0 keeps none. Changes on the disk are "
        "seen a second later at most, those by services of the same process at once.",
        default="32M",
    )

    @property
    def sealed(self) -> tuple[str, ...]:
        own = tuple(f"{self.root.rstrip('/')}{prefix}" for prefix in self.cgi)
        return own + tuple(prefix for guest in self.guests for prefix in guest.sealed)

    def problems(self) -> Iterator[tuple[str, str]]:
        """What the keys can't say each for itself."""
        if any("/" in name or name in (".", "..") for name in self.index):
            yield "index", "these are names of documents within the folder, without /"
        for name in ("head-timeout", "idle-timeout", "stall-timeout"):
            if getattr(self, name.replace("-", "_")) <= 0:
                yield name, "this must be longer than 0s"
        for quotes in self.quote:
            if wrong := disk.unreadable(quotes.file):
                yield "quote", wrong
        for name, subjects in (
            ("protect", [line.path for line in self.protect]),
            ("redirect", [line.source for line in self.redirect]),
            ("quote", [line.path for line in self.quote]),
            ("error-page", [str(line.status) for line in self.error_page]),
        ):
            if twice := sorted({subject for subject in subjects if subjects.count(subject) > 1}):
                yield name, f"{' '.join(twice)} stands here twice"
        for url in self.security_contact:
            if not re.match(r"(mailto:|https://|tel:)[!-~]+\Z", url):
                yield "security-contact", f"{url!r} is no URL that begins with mailto:, https:// or tel:"
