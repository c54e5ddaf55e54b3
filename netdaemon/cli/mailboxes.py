"""What `netdaemon mail list` and `read` want of a mailbox on a server, whatever its protocol.

A scheme is added by its line in `mailread.MAILBOXES` and a class of `Mailbox`'s shape.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from netdaemon.url.wishes import Wishes


class Mailbox(Protocol):
    """One mailbox. Everything raises Failed, which names the URL, without its password."""

    number: int | None
    """The message that the URL names."""

    def __init__(self, url: str, wishes: Wishes) -> None:
        """Raises BadURL."""

    async def open(self, reactor: Any) -> None:
        """Log in."""

    def headers(self) -> AsyncIterator[tuple[int, int, bytes | None]]:
        """Each message's number, octets and header; None when that can't be had alone."""

    async def message(self, number: int) -> bytes:
        """A whole message."""

    async def copy(self, number: int, write: Callable[[bytes], object]) -> None:
        """Hand it to ``write`` as it comes."""

    async def close(self) -> None:
        """Take leave."""

    def abort(self) -> None:
        """Hang up."""
