"""Spool: a message on its way in, while it is still somebody's network traffic."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from netdaemon.messages.database import storage_error
from netdaemon.messages.errors import StoreBroken, TooLarge

IN_MEMORY = 64 << 10
"""Octets kept in memory; beyond that they go into a file."""
PIECE = 256 << 10
WRITE = 64 << 10
"""Octets that are gathered for one write to the file."""


class Spool:
    """Collects octets, knows their number and digest, and can be read in pieces.

    Its file has no name, so that nothing is left of it once it is aborted, or the process has ended in whatever way.
    `finish` ends the writing; after that any thread may read. `abort` forgets it all, at any time, once or more.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self._folder = folder
        self._limit = limit
        self._memory = bytearray()
        self._written = 0  # octets in the file
        self._file: int | None = None
        self._hash = hashlib.sha256()
        self._size = 0
        self._finished = False
        self._lost = False
        self._lock = (
            threading.Lock()
        )  # who reads is not to see the descriptor closed, and another's opened in its place

    @property
    def size(self) -> int:
        """Octets written so far."""
        return self._size

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was written so far."""
        return self._hash.digest()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append. Raises TooLarge, StoreFull and StoreBroken; then the message is lost, and nothing but `abort` helps.

        Nothing is synced to the disk here: what is acknowledged is what the store has taken.
        """
        if self._finished or self._lost:
            raise StoreBroken("the message on its way in is lost")
        if self._limit is not None and self._size + len(data) > self._limit:
            self.abort()
            raise TooLarge(f"a message has at most {self._limit} octets")
        self._hash.update(data)
        self._size += len(data)
        self._memory += data
        if len(self._memory) > (IN_MEMORY if self._file is None else WRITE):
            self._flush()

    def finish(self) -> Spool:
        """The message is whole."""
        if self._lost:
            raise StoreBroken("the message on its way in is lost")
        if self._file is not None and self._memory:
            self._flush()
        self._finished = True
        return self

    def read(self, offset: int, size: int) -> bytes:
        """Up to so many octets from there, fewer at the end only. Raises StoreBroken."""
        with self._lock:
            if self._lost or not self._finished:
                raise StoreBroken("the message on its way in is not whole")
            if self._file is None:
                return bytes(self._memory[offset : offset + size])
            parts = []
            try:
                while size > 0 and (part := os.pread(self._file, min(size, PIECE), offset)):
                    parts.append(part)
                    offset, size = offset + len(part), size - len(part)
            except OSError as error:
                raise storage_error(error) from error
            return b"".join(parts)

    def __iter__(self) -> Iterator[bytes]:
        """All of it in pieces."""
        for offset in range(0, self._size, PIECE):
            yield self.read(offset, PIECE)

    def abort(self) -> None:
        """Forget it all."""
        with self._lock:
            self._lost = True
            self._memory = bytearray()
            if self._file is not None:
                os.close(self._file)
                self._file = None

    close = abort
    """A message that the store has taken is forgotten in the same way."""

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.abort()

    def _flush(self) -> None:
        try:
            if self._file is None:
                self._file = _nameless(self._folder)
            view = memoryview(self._memory)
            with view:
                at = 0
                while at < len(view):
                    count = os.pwrite(self._file, view[at:], self._written)
                    at, self._written = at + count, self._written + count
        except OSError as error:
            self.abort()
            raise storage_error(error) from error
        self._memory = bytearray()


def _nameless(folder: Path) -> int:
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.EOPNOTSUPP, errno.EINVAL):  # this file system can't
            raise
    descriptor, name = tempfile.mkstemp(prefix="spool-", dir=folder)
    Path(name).unlink()
    return descriptor
