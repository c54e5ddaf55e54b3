"""Octets that are kept without being in a folder: messages on their way out, which a queue's books name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from netdaemon.messages.bodies import read
from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import NoSuchMessage


def hold(work: Transaction, holder: str, place: int = 0) -> None:
    """Keep the octets of the job's spool at that place, for as long as ``holder`` holds them; it holds no others."""
    work.db.execute(
        "INSERT INTO hold VALUES (?, ?) ON CONFLICT (holder) DO UPDATE SET blob_id = excluded.blob_id",
        (holder, work.blob(place)),
    )


def release(work: Transaction, holder: str) -> None:
    """They are needed no more."""
    row = work.db.execute("DELETE FROM hold WHERE holder = ? RETURNING blob_id", (holder,)).fetchone()
    if row is not None and not in_use(work.db, row[0]):
        work.db.execute("INSERT INTO unused_blob VALUES (?, ?) ON CONFLICT DO NOTHING", (row[0], work.now))


def in_use(db: sqlite3.Connection, blob: int) -> bool:
    """Does a message or a holder need these octets?"""
    return (
        db.execute(
            "SELECT 1 FROM message WHERE blob_id = ?1 UNION ALL SELECT 1 FROM hold WHERE blob_id = ?1 LIMIT 1", (blob,)
        ).fetchone()
        is not None
    )


def held(db: sqlite3.Connection, holder: str) -> int:
    """The blob. Raises NoSuchMessage."""
    row = db.execute("SELECT blob_id FROM hold WHERE holder = ?", (holder,)).fetchone()
    if row is None:
        raise NoSuchMessage(f"nothing is held for {holder}")
    return int(row[0])


class HeldSpool:
    """Held octets as a spool: what is delivered from it isn't copied, for the store knows it has them."""

    def __init__(self, blob: int, size: int, digest: bytes, blobs: Callable[[], sqlite3.Connection]) -> None:
        self._blob = blob
        self._size = size
        self._digest = digest
        self._blobs = blobs

    @property
    def size(self) -> int:
        return self._size

    @property
    def digest(self) -> bytes:
        return self._digest

    def read(self, offset: int, size: int) -> bytes:
        """Up to so many octets from there; any thread may ask."""
        blobs = self._blobs()
        try:
            return read(blobs, self._blob, offset, size)
        finally:
            blobs.close()
