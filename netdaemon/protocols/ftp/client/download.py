"""What comes of a document."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from netdaemon.protocols.ftp.client.errors import Broken
from netdaemon.protocols.ftp.client.transfers import Transfer
from netdaemon.protocols.ftp.grammar.replies import Reply


class Download(AsyncIterator[bytes]):
    """An async iterator of its octets, which is read to its end or closed.

    async with await ftp.retrieve("name") as download:
        async for chunk in download:
            ...
    """

    def __init__(self, transfer: Transfer, size: int | None = None) -> None:
        self._transfer = transfer
        self.size = size
        """Octets that must come, None when nobody knows."""
        self.reply: Reply | None = None
        """What the server said behind the last octet."""
        self._came = 0

    @property
    def over(self) -> bool:
        """Has all been read, or was it closed?"""
        return self._transfer.over

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._transfer.over:
            raise StopAsyncIteration
        try:
            chunk = await self._transfer.data.read()
        except Broken as error:
            await self._transfer.end(error)
            raise
        except BaseException:
            await self._transfer.drop()
            raise
        if chunk:
            self._came += len(chunk)
            return chunk
        self.reply = await self._transfer.end()
        if self.size is not None and self._came < self.size:
            raise Broken(f"{self._came} octets came in place of {self.size}")
        if self._transfer.data.cut and self._came != self.size:
            raise Broken("the data connection ended without TLS saying so: it may have been cut")
        raise StopAsyncIteration

    async def close(self) -> None:
        """Read no further, by ABOR: the session goes on."""
        await self._transfer.abort()

    async def drop(self) -> None:
        """Read no further, and drop the session's connections with it: at once."""
        await self._transfer.drop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is None:
            await self.close()
        else:
            await self.drop()
