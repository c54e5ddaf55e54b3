"""Which URLs can be opened, and by whom.

A scheme is added by its line in `SCHEMES` and a class of `Scheme`'s shape.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from importlib import import_module
from types import TracebackType
from typing import Any, Self

from netdaemon.protocols.http.client.url import BY_PROXY
from netdaemon.url.opened import Opened
from netdaemon.url.robots import RobotsRules
from netdaemon.url.scheme import Asking, Scheme, Sending
from netdaemon.url.source import Source
from netdaemon.url.wishes import Wishes
from netdaemon.wire.failures import BadURL
from netdaemon.wire.partfile import Begun
from netdaemon.wire.urlparts import either, shown, split_url

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


class Opener:
    """Opens any number of URLs, by the same wishes."""

    def __init__(self, reactor: Any, wishes: Wishes | None = None) -> None:
        self._reactor = reactor
        self._wishes = wishes or Wishes()
        self._schemes: dict[type[Scheme], Scheme] = {}
        self._robots = RobotsRules()

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
        scheme = self._scheme(url)
        if self._wishes.robots and scheme_of(url, SCHEMES) in ("http", "https"):
            await self._robots.check(scheme, url)
        return await scheme.open(url, asking)

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
        if scheme_of(url, SCHEMES) in BY_PROXY and self._goes_by_proxy(url):
            kind = kind_of("http:")
        found = self._schemes.get(kind)
        if found is None:
            found = self._schemes[kind] = kind(self._reactor, self._wishes)
        return found

    def _goes_by_proxy(self, url: str) -> bool:
        parts = split_url(url, BY_PROXY)
        port = parts.port or BY_PROXY[parts.scheme]
        return self._wishes.proxies.proxy_for(parts.scheme, parts.host, port) is not None


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
