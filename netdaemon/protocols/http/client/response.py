"""A response as its caller has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from netdaemon.protocols.http.grammar.message import Fields


class Octets(Protocol):
    """A body: an async iterator, in pieces of any size, with one reader. Raises Broken."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def read(self, limit: int) -> bytes:
        """All of it, at most ``limit`` octets. Raises TooLarge and Broken."""

    def close(self) -> None:
        """Read no further; a second close, or one at the end, does nothing."""


@dataclass(frozen=True, eq=False)
class Response:
    """One response; ``url`` is where the last redirection led, without credentials."""

    status: int
    reason: str
    fields: Fields
    url: str
    body: Octets
    version: str = "HTTP/1.1"

    async def read(self, limit: int) -> bytes:
        """The whole body, at most ``limit`` octets. Raises TooLarge and Broken."""
        return await self.body.read(limit)

    def close(self) -> None:
        """Read no further; a second close, or one at the end, does nothing."""
        self.body.close()

    async def __aenter__(self) -> Response:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()
