"""What a URL stands for, while it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from email.message import Message
from types import TracebackType
from typing import Self

from netdaemon.wire.category import Category
from netdaemon.wire.failures import Failed, TooLarge


class Opened(AsyncIterator[bytes]):
    """One document, whatever its scheme: its headers, and an async iterator of its octets.

    It is read to its end or closed, at best by ``async with``. Iteration raises Failed when it breaks off.
    """

    def __init__(
        self,
        url: str,
        headers: Message,
        chunks: AsyncIterator[bytes],
        close: Callable[[], object],
        *,
        status: int | None = None,
        reason: str = "",
        size: int | None = None,
        start: int = 0,
        validator: str | None = None,
        remark: str = "",
    ) -> None:
        self.url = url
        """Where the last redirection led, without user and password."""
        self.headers = headers
        """The response's; for schemes that have none, what is known: Content-Type, Content-Length, Last-Modified."""
        self.status = status
        """HTTP's status, None for other schemes."""
        self.reason = reason
        self.size = size
        """Octets of the whole, None when nobody said so. A body that turns out otherwise raises by itself."""
        self.start = start
        """Octets that do not come, for they are there: all that was begun when that is gone on with, else none."""
        self.validator = validator
        """Printable ASCII by which the next try knows the same document; None: it can't be gone on with."""
        self.remark = remark
        """Why it is from the beginning, although something was begun."""
        self.last: Callable[[], Awaitable[object]] | None = None
        """Called once behind the end, whichever it is."""
        self._chunks = chunks
        self._close = close
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except BaseException:
            await self.close()
            raise

    async def read(self, limit: int = 64 * 1024 * 1024) -> bytes:
        """All of it, at most ``limit`` octets. Raises TooLarge for more, and Failed."""
        pieces: list[bytes] = []
        async for piece in self:
            pieces.append(piece)
            limit -= len(piece)
            if limit < 0:
                await self.close()
                raise TooLarge(f"{self.url}: it is larger than wanted")
        return b"".join(pieces)

    async def close(self) -> None:
        """Read no further; a second close does nothing."""
        if not self._closed:
            self._closed = True
            self._close()
            if self.last is not None:
                await self.last()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.close()


class StatusRefused(Failed):
    """An HTTP response that does not bring what was asked for: ``status``, ``reason`` and ``headers`` are its own."""

    def __init__(self, message: str, category: Category, status: int, reason: str, headers: Message) -> None:
        super().__init__(message)
        self.category = category
        self.status = status
        self.reason = reason
        self.headers = headers
