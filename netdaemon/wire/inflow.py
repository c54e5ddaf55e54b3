"""What comes over a connection and is no lines: read as fast as its reader wants it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol, Self

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

HIGH_WATER = 48 * 1024
"""Octets that may wait for the reader before the transport is paused; it goes on when all of them are read. One read
of the socket reaches it, so a thousand bodies that nobody reads take 64 MiB."""


class Source(Protocol):
    """Where it comes from: the connection, for as long as it comes."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def abort(self) -> None: ...


class Inflow(AsyncIterator[bytes]):
    """An async iterator of octets, in pieces of any size, with one reader.

    ``stall`` is how many seconds the next piece may take. An heir names its errors; iteration raises ``broken``.
    """

    broken: type[Exception] = ConnectionError
    """Raised with one line of text when it does not come to its end."""
    too_large: type[Exception] = ValueError
    """Raised by `read` for more than was wanted."""

    def __init__(self, source: Source | None, clock: Any, stall: float) -> None:
        self._source = source
        self._clock = clock
        self._stall = stall
        self._pieces: list[bytes] = []
        self._waiting = 0  # octets in the pieces
        self._paused = False
        self._error: Exception | None = None
        self._reader: Deferred[None] | None = None

    # --- the connection's side -------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """More octets have come."""
        self._pieces.append(data)
        self._waiting += len(data)
        self._wake()  # first: a reader who waits takes it at once, and the transport isn't paused for nothing
        if self._waiting >= HIGH_WATER and not self._paused and self._source is not None:
            self._paused = True
            self._source.pause()

    def end(self, error: Exception | None = None) -> None:
        """No more will come: that was all, or ``error`` says why not."""
        source, self._source = self._source, None
        if source is None:
            return  # closed by its reader
        self._error = error
        if self._paused:
            self._paused = False
            source.resume()
        self._wake()

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.callback(None)

    # --- the reader's side -----------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Will no more come, for better or worse?"""
        return self._source is None

    @property
    def finished(self) -> bool:
        """Has everything come, be it read or not?"""
        return self._source is None and self._error is None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._pieces and self._source is not None:
            await self._more()
        data = self.take()
        if not data:
            raise StopAsyncIteration
        return data

    def take(self) -> bytes:
        """What has come by now, without waiting. Raises ``broken`` when nothing has and nothing will."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        if not data and self._error is not None:
            raise self._error
        if self._paused and self._source is not None:
            self._paused = False
            self._source.resume()
        return data

    async def _more(self) -> None:
        assert self._reader is None, "there is one reader"
        reader: Deferred[None] = Deferred()
        self._reader = reader
        reader.addTimeout(self._stall, self._clock, onTimeoutCancel=self._stalled)
        try:
            await reader
        except BaseException:
            self._reader = None
            self.close()
            raise

    def _stalled(self, result: object, timeout: float) -> object:
        if isinstance(result, Failure):
            raise self.broken(f"nothing came for {timeout:g} s")
        return result

    async def read(self, limit: int) -> bytes:
        """All of it, at most ``limit`` octets. Raises ``too_large`` and ``broken``."""
        pieces = []
        async for piece in self:
            pieces.append(piece)
            limit -= len(piece)
            if limit < 0:
                self.close()
                raise self.too_large("it is larger than wanted")
        return b"".join(pieces)

    def close(self) -> None:
        """Read no further: unless all of it has come, the connection is dropped with the rest."""
        source, self._source = self._source, None
        if source is not None:
            self._error = self.broken("it was closed by its reader")
            source.abort()
