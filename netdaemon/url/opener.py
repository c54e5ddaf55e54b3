"""Which URLs can be opened, and by whom.

A scheme is added by its line in `SCHEMES` and a class of `Scheme`'s shape.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol, Self

from netdaemon.url.opened import Opened
from netdaemon.url.source import Source
from netdaemon.url.wishes import Wishes
from netdaemon.wire.failures import BadURL
from netdaemon.wire.partfile import Begun
from netdaemon.wire.urlparts import either, shown

SCHEMES: Mapping[str, str] = {
    "http": "netdaemon.url.overhttp:OverHTTP",
    "https": "netdaemon.url.overhttp:OverHTTP",
    "ftp": "netdaemon.url.overftp:OverFTP",
    "ftps": "netdaemon.url.overftp:OverFTP",
    "gopher": "netdaemon.url.overgopher:OverGopher",
    "gophers": "netdaemon.url.overgopher:OverGopher",
    "file": "netdaemon.url.local:Local",
    "data": "netdaemon.url.local:Local",
}
"""Scheme to "package.module:class" of its `Scheme`; imported when a URL asks for it."""


@dataclass(frozen=True)
class Asking:
    """What is asked of a URL."""

    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = b""
    """Octets, or an `Upload` of the HTTP client's."""
    begun: Begun | None = None
    """What is there already, to be gone on with if it is the beginning of the same."""
    any_status: bool = False
    """HTTP: open a response of any status; else those that don't bring what is asked for raise StatusRefused."""

    @property
    def plain(self) -> bool:
        """Is it just for what the URL stands for?"""
        return self.method == "GET" and not self.headers and not self.body


@dataclass(frozen=True)
class Sending:
    """How a document is sent."""

    resume: bool = False
    """Only what the server does not have of it."""
    headers: tuple[tuple[str, str], ...] = ()
    progress: Callable[[int], object] = lambda octets: None
    """Hears of octets as they go."""


class Scheme(Protocol):
    """Opens the URLs of a scheme; one for all of them, so that connections can be used again."""

    def __init__(self, reactor: Any, wishes: Wishes) -> None: ...

    @staticmethod
    def shown(url: str) -> str:
        """The URL for messages and notes, without a password. Raises BadURL, naming the URL, when it is none."""

    async def open(self, url: str, asking: Asking) -> Opened:
        """Ask for it. Raises Failed, its text naming the URL or the host."""

    async def send(self, source: Source, url: str, sending: Sending) -> str:
        """Send a document there. What there is to be said, mostly nothing.

        Raises Failed, and OSError when the source can't be read.
        """

    async def close(self) -> None:
        """No more is wanted; returns when every connection is gone."""


class Opener:
    """Opens any number of URLs, by the same wishes."""

    def __init__(self, reactor: Any, wishes: Wishes | None = None) -> None:
        self._reactor = reactor
        self._wishes = wishes or Wishes()
        self._schemes: dict[type[Scheme], Scheme] = {}

    async def open(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: Any = b"",
        begun: Begun | None = None,
        any_status: bool = False,
    ) -> Opened:
        """What ``url`` stands for, its octets still coming. Raises Failed.

        Only http and https know of other methods than GET, of headers and a body (octets, or the HTTP client's
        `Upload`). ``begun`` is what an earlier try left behind, to be gone on with if it is still the same.
        """
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        asking = Asking(method, tuple(pairs), body, begun, any_status)
        return await self._scheme(url).open(url, asking)

    async def send(
        self,
        source: Source,
        url: str,
        *,
        resume: bool = False,
        headers: Iterable[tuple[str, str]] = (),
        progress: Callable[[int], object] = lambda octets: None,
    ) -> str:
        """Send a document to ``url``: HTTP's PUT, FTP's STOR. What there is to be said about it, mostly nothing.

        ``resume`` sends only what the server does not have of it; ``progress`` hears of octets as they go.
        Raises Failed, and OSError when the source can't be read.
        """
        return await self._scheme(url).send(source, url, Sending(resume, tuple(headers), progress))

    async def close(self) -> None:
        """No more is wanted; returns when every connection is gone."""
        schemes, self._schemes = self._schemes, {}
        for scheme in schemes.values():
            await scheme.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.close()

    def _scheme(self, url: str) -> Scheme:
        kind = kind_of(url)
        found = self._schemes.get(kind)
        if found is None:
            found = self._schemes[kind] = kind(self._reactor, self._wishes)
        return found


def kind_of(url: str) -> type[Scheme]:
    """The class that opens ``url``. Raises BadURL when none does."""
    module, _, name = SCHEMES[scheme_of(url, SCHEMES)].partition(":")
    found: type[Scheme] = getattr(import_module(module), name)
    return found


def shown_url(url: str) -> str:
    """The URL for messages and notes, without a password. Raises BadURL, naming the URL, when it is none."""
    return kind_of(url).shown(url)


def scheme_of(url: str, schemes: Collection[str]) -> str:
    """The scheme of ``url``, which is one of ``schemes``. Raises BadURL."""
    scheme, colon, _ = url.partition(":")
    if not colon or scheme.lower() not in schemes:
        raise BadURL(f"{shown(url)} does not begin with {either(schemes)}")
    return scheme.lower()
