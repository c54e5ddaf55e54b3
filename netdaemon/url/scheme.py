"""What a scheme provides: one that opens its URLs, and sends to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from netdaemon.url.opened import Opened
from netdaemon.url.source import Source
from netdaemon.url.wishes import Wishes
from netdaemon.wire.partfile import Begun


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
