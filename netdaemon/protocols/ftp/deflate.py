"""MODE Z: data deflated on the way (draft-preston-ftpext-deflate), in pieces, and never more than it may become."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

from netdaemon.protocols.ftp.grammar import Malformed

LEVEL = 6

RATIO = 250
"""Octets that one octet may become on average. Of zeros alone it becomes 1032; text rarely gets past 20."""

FREE = 1 << 20
"""Octets that a transfer may become before the ratio is looked at."""

PIECE = 1 << 16
"""Octets that are inflated at a time."""

TURN = 1 << 19
"""Octets that inflating may make, or deflating take, in one turn of the reactor."""


class Bomb(Exception):
    """The data becomes more than `RATIO` times itself."""


class Inflater:
    """Inflates one transfer. Feed it, then take `step`s until there is none.

    ``ratio`` is None where it may become whatever it does.
    """

    def __init__(self, ratio: int | None = RATIO) -> None:
        self._ratio = ratio
        self._zlib = zlib.decompressobj()
        self._waiting = b""
        self._came = 0
        self._became = 0

    @property
    def finished(self) -> bool:
        """Has the data's own end come, with its checksum right?"""
        return self._zlib.eof and not self._zlib.unused_data

    def feed(self, data: bytes) -> None:
        """More of what came."""
        self._waiting += data
        self._came += len(data)

    def step(self) -> bytes | None:
        """The next `PIECE` at most, which may be empty; None when more must come first. Raises Malformed and Bomb."""
        if not self._waiting:
            return None
        if self._zlib.eof:
            raise Malformed("octets behind the end of the deflated data")
        try:
            piece = self._zlib.decompress(self._waiting, PIECE)
        except zlib.error:
            raise Malformed("not deflated data") from None
        self._waiting = self._zlib.unconsumed_tail or self._zlib.unused_data
        self._became += len(piece)
        if self._ratio is not None and self._became > FREE + self._ratio * self._came:
            raise Bomb
        return piece


async def deflated(
    chunks: AsyncIterable[bytes], level: int, turn: Callable[[], Awaitable[object]]
) -> AsyncIterator[bytes]:
    """``chunks``, deflated. What becomes little fills no transport: others get their ``turn`` after `TURN` octets."""
    deflate = zlib.compressobj(level)
    worked = 0
    async for chunk in chunks:
        if piece := deflate.compress(chunk):
            yield piece
        worked += len(chunk)
        if worked >= TURN:
            worked = 0
            await turn()
    yield deflate.flush()
