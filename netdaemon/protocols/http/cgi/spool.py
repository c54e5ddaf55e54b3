"""Bodies whose length nobody knows before their end: CONTENT_LENGTH must be known (RFC 3875 4.1.2)."""

from __future__ import annotations

import tempfile
from typing import IO

from netdaemon.protocols.http.incoming import Incoming
from netdaemon.wire.program import Source

IN_MEMORY = 64 * 1024
"""Octets that are kept in memory; a larger body goes into a file that has no name."""


class Spool:
    """A whole body. `close` it."""

    def __init__(self) -> None:
        self.length = 0
        self._chunks: list[bytes] = []
        self._file: IO[bytes] | None = None

    @classmethod
    async def of(cls, body: Incoming) -> Spool:
        """Take all of ``body``, which is limited by its route. Raises what reading it raises, and OSError."""
        spool = cls()
        try:
            async for data in body:
                spool._add(data)
            if spool._file is not None:
                spool._file.seek(0)
        except BaseException:
            spool.close()
            raise
        return spool

    def input(self) -> Source | int:
        """It as a program's input."""
        return self._read if self._file is None else self._file.fileno()

    def close(self) -> None:
        """Give the file back; a program that has it keeps it."""
        if self._file is not None:
            self._file.close()

    def _add(self, data: bytes) -> None:
        self.length += len(data)
        if self._file is None:
            self._chunks.append(data)
            if self.length <= IN_MEMORY:
                return
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - `close` closes it
            data = b"".join(self._chunks)
            self._chunks.clear()
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    async def _read(self) -> bytes:
        return self._chunks.pop(0) if self._chunks else b""
