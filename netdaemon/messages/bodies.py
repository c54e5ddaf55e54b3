"""The octets of messages, read piece by piece."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import TypeVar

from twisted.internet.defer import Deferred

from netdaemon.messages.errors import NoSuchMessage, StoreBroken
from netdaemon.messages.spool import PIECE

T = TypeVar("T")

LARGEST_READ = 1 << 20

Connection = sqlite3.Connection


def read(blobs: Connection, blob: int, offset: int, size: int) -> bytes:
    """Up to so many octets of a blob from there. Raises NoSuchMessage when it was collected, StoreBroken when a piece
    of it is missing.
    """
    row = blobs.execute("SELECT size FROM blob WHERE id = ? AND whole", (blob,)).fetchone()
    if row is None:
        raise NoSuchMessage("the message's octets are there no more")
    end = min(offset + size, int(row[0]))
    parts = []
    while offset < end:
        piece, at = divmod(offset, PIECE)
        count = min(PIECE - at, end - offset)
        # SQLite copies what is asked for, not the whole piece
        found = blobs.execute(
            "SELECT substr(data, ?, ?) FROM blob_chunk WHERE blob_id = ? AND seq = ?", (at + 1, count, blob, piece)
        ).fetchone()
        if found is None or len(found[0]) != count:
            raise StoreBroken("a piece of the message is missing: see netdaemon store check")
        parts.append(found[0])
        offset += count
    return parts[0] if len(parts) == 1 else b"".join(parts)


def with_digest(blobs: Connection, digest: bytes) -> list[int]:
    """The blobs with that SHA-256: one, or more if two processes stored the same octets at a time."""
    return [row[0] for row in blobs.execute("SELECT id FROM blob WHERE sha256 = ? AND whole", (digest,))]


def described(blobs: Connection, blob: int) -> tuple[int, bytes]:
    """(size, SHA-256) of a blob. Raises NoSuchMessage."""
    row = blobs.execute("SELECT size, sha256 FROM blob WHERE id = ? AND whole", (blob,)).fetchone()
    if row is None:
        raise NoSuchMessage("the message's octets are there no more")
    return int(row[0]), bytes(row[1])


def pieces(blobs: Connection, blob: int, size: int) -> Iterator[bytes]:
    """All of a blob."""
    for offset in range(0, size, PIECE):
        yield read(blobs, blob, offset, PIECE)


class Body:
    """The octets of one message, to be read by whoever sends them on, at his pace."""

    def __init__(
        self,
        blob: int,
        size: int,
        now: Callable[[Callable[[Connection], bytes]], bytes],
        in_thread: Callable[[Callable[[Connection], bytes]], Deferred[bytes]],
    ) -> None:
        self._blob = blob
        self._size = size
        self._now = now
        self._in_thread = in_thread

    @property
    def size(self) -> int:
        return self._size

    def read(self, offset: int, size: int) -> Deferred[bytes]:
        """Up to so many octets from there, LARGEST_READ at most, fewer at the end only."""
        size = min(size, LARGEST_READ)
        return self._in_thread(lambda blobs: read(blobs, self._blob, offset, size))

    def read_now(self, offset: int, size: int) -> bytes:
        """The same at once."""
        return self._now(lambda blobs: read(blobs, self._blob, offset, min(size, LARGEST_READ)))
