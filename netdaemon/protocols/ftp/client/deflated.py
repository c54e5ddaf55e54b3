"""A data connection under MODE Z (draft-preston-ftpext-deflate): octets here are what they were before, or become."""

from __future__ import annotations

import zlib
from typing import Any

from netdaemon.protocols.ftp.client.errors import Broken
from netdaemon.protocols.ftp.client.links import Data
from netdaemon.protocols.ftp.deflate import LEVEL, PIECE, TURN, Inflater
from netdaemon.protocols.ftp.grammar import Malformed


class Deflated:
    """Provides `links.Data` on another.

    What comes is inflated piece by piece, as it is read: however much it becomes, no more of it is held than a piece.
    """

    def __init__(self, data: Data, level: int = LEVEL) -> None:
        self._data = data
        self._inflater = Inflater(ratio=None)
        self._deflate = zlib.compressobj(level)
        self._worked = 0  # octets since others had their turn

    @property
    def cut(self) -> bool:
        """What was cut off is told by the deflated data themselves: they have an end, and it is always looked for."""
        return False

    async def start_tls(self, context: Any) -> None:
        await self._data.start_tls(context)

    async def read(self) -> bytes:
        inflater = self._inflater
        while True:
            try:
                piece = inflater.step()
            except Malformed as error:
                raise Broken(f"what the server sends is not what MODE Z says: {error}") from None
            if piece:
                await self._work(len(piece))
                return piece
            if piece is None:
                came = await self._data.read()
                if not came:
                    break
                inflater.feed(came)
        if not inflater.finished:
            raise Broken("the data connection ended in the middle of the deflated data")
        return b""

    async def write(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        for start in range(0, len(view), PIECE):
            piece = view[start : start + PIECE]
            # Also when nothing comes of it yet: else nobody would hear that the server takes no more.
            await self._data.write(self._deflate.compress(piece))
            await self._work(len(piece))

    async def _work(self, octets: int) -> None:
        self._worked += octets
        if self._worked >= TURN:
            self._worked = 0
            await self._data.turn()

    async def turn(self) -> None:
        await self._data.turn()

    async def finish(self) -> None:
        await self._data.write(self._deflate.flush())
        await self._data.finish()

    def abort(self, why: Exception | None = None) -> None:
        self._data.abort(why)
