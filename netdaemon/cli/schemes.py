"""Which URLs can be fetched, by whom, and what a fetcher gives to `netdaemon get`.

A scheme is added by its line in `FETCHERS` and a class of `Fetcher`'s shape. `get` does the rest: files, resuming, the
progress bar, exit statuses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from netdaemon.cli.source import Source
from netdaemon.wire.category import Category
from netdaemon.wire.partfile import Begun
from netdaemon.wire.urlparts import either, shown

FETCHERS: Mapping[str, str] = {
    "ftp": "netdaemon.cli.over_ftp:FTPFetcher",
    "ftps": "netdaemon.cli.over_ftp:FTPFetcher",
    "http": "netdaemon.cli.over_http:HTTPFetcher",
    "https": "netdaemon.cli.over_http:HTTPFetcher",
    "gopher": "netdaemon.cli.over_gopher:GopherFetcher",
    "gophers": "netdaemon.cli.over_gopher:GopherFetcher",
}
"""Scheme to "package.module:class" of its `Fetcher`; imported when a URL asks for it."""

SENDERS: Mapping[str, str] = {
    "ftp": "netdaemon.cli.over_ftp:FTPSender",
    "ftps": "netdaemon.cli.over_ftp:FTPSender",
    "http": "netdaemon.cli.over_http:HTTPSender",
    "https": "netdaemon.cli.over_http:HTTPSender",
}
"""The same for `netdaemon put`: the class of its `Sender`."""


__all__ = [
    "FETCHERS",
    "SENDERS",
    "Begun",
    "Fetched",
    "Fetcher",
    "Sender",
    "TransferFailed",
    "Wishes",
    "fetcher",
    "sender",
]


class TransferFailed(Exception):
    """A URL that brought nothing, or not all of it. The text is one line, naming the URL, without secrets."""

    def __init__(self, message: str, category: Category) -> None:
        super().__init__(message)
        self.category = category


@dataclass(frozen=True)
class Wishes:
    """What the command line says to every scheme alike."""

    verify: bool = True
    """Look at certificates."""
    timeout: float = 30.0
    """Seconds without progress until it is given up."""
    starttls: bool = False
    """Where TLS can be begun on a connection in clear: do so, or fail."""
    compress: bool = False
    """Where data can be deflated on the way: do so."""
    readable: bool = False
    """The octets are for somebody to read: what is a table for programs, as a Gopher menu, may be made a text."""
    say: Callable[[str], object] | None = None
    """Takes lines of the conversation (``> GET / HTTP/1.1``), escaped and without secrets; None: nobody listens."""


@dataclass(frozen=True)
class Fetched:
    """One document that comes: its octets, and what `get` must know to keep them."""

    chunks: AsyncIterator[bytes]
    """The octets, from ``start`` on; raises TransferFailed when they break off."""
    close: Callable[[], object]
    """Read no further. Called once in any case, also behind the last octet."""
    total: int | None = None
    """How long the whole is; None when nobody said so. A body that turns out otherwise raises by itself."""
    start: int = 0
    """Octets that are not in ``chunks``: all of ``Begun.size`` when what was begun is gone on with, else none."""
    validator: str | None = None
    """Printable ASCII by which the next try knows that it is the same document; None: it can't be gone on with."""
    remark: str = ""
    """Why it is from the beginning, although something was begun."""


class Fetcher(Protocol):
    """Fetches the URLs of a scheme; one for all of a command's, so that connections can be used again."""

    def __init__(self, reactor: Any, wishes: Wishes) -> None: ...

    @staticmethod
    def shown(url: str) -> str:
        """The URL for messages and notes, without a password. Raises ValueError, naming the URL, when it is none."""

    async def fetch(self, url: str, begun: Begun | None) -> Fetched:
        """Ask for it; go on behind what was ``begun`` if that is a part of the same. Raises TransferFailed."""

    async def close(self) -> None:
        """No more is wanted; returns when every connection is gone."""


class Sender(Protocol):
    """Sends documents to the URLs of a scheme."""

    def __init__(self, reactor: Any, wishes: Wishes) -> None: ...

    @staticmethod
    def shown(url: str) -> str:
        """As `Fetcher.shown`."""

    async def send(self, source: Source, url: str, resume: bool, progress: Callable[[int], object]) -> str:
        """Send it; ``progress`` hears of octets as they go. What there is to be said about it, mostly nothing.

        Raises TransferFailed, and OSError when the source can't be read.
        """

    async def close(self) -> None:
        """As `Fetcher.close`."""


def fetcher(url: str) -> type[Fetcher]:
    """The class that fetches ``url``. Raises ValueError when none does."""
    found: type[Fetcher] = chosen(url, FETCHERS)
    return found


def sender(url: str) -> type[Sender]:
    """The class that sends to ``url``. Raises ValueError when none does."""
    found: type[Sender] = chosen(url, SENDERS)
    return found


def chosen(url: str, table: Mapping[str, str]) -> Any:
    """What ``table`` names for the scheme of ``url``. Raises ValueError when that is not in it."""
    module, _, name = table[scheme_of(url, table)].partition(":")
    return getattr(import_module(module), name)


def scheme_of(url: str, schemes: Collection[str]) -> str:
    """The scheme of ``url``, which is one of ``schemes``. Raises ValueError."""
    scheme, colon, _ = url.partition(":")
    if not colon or scheme.lower() not in schemes:
        raise ValueError(f"{shown(url)} does not begin with {either(schemes)}")
    return scheme.lower()
