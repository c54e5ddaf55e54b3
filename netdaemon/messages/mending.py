"""The whole of a repair: files are salvaged, what does not go together is put right, and what is homeless is shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from netdaemon.messages import bodies
from netdaemon.messages.checking import integrity, repair
from netdaemon.messages.database import BLOBS_FILE, INDEX_FILE, as_store_errors, give_to_owner
from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import StoreBroken
from netdaemon.messages.salvage import salvage
from netdaemon.messages.store import Store, done

HOMELESS = "salvaged"
"""The folder in the data directory for octets whose message was lost."""


def mend(data: Path, *, octets: bool = True) -> Iterator[str]:
    """Repair what can be repaired, telling of each thing in a line. Nobody may use the store meanwhile.

    Raises StoreError when the disk fails, or nothing can be read any more.
    """
    salvaged = False
    for name in (INDEX_FILE, BLOBS_FILE):
        if (data / name).exists() and (lines := _broken(data / name)):
            for line in lines:
                yield f"{name}: {line}"
            for line in salvage(data / name):
                yield f"{name}: {line}"
            salvaged = salvaged or name == INDEX_FILE
    store = Store(data)
    try:
        if salvaged:  # first, for the repair forgets messages that are in no folder
            yield from done(store.write(lambda work: _rescue(work, data / HOMELESS)))
        yield from done(store.write(lambda work: repair(work, octets)))
    finally:
        store.close()


_KNOWN = (
    "SELECT 1 FROM message JOIN entry ON entry.message_id = message.id JOIN folder ON folder.id = entry.folder_id "
    "WHERE message.blob_id = ?1 UNION ALL SELECT 1 FROM unused_blob WHERE blob_id = ?1 "
    "UNION ALL SELECT 1 FROM hold WHERE blob_id = ?1"
)


def _broken(path: Path) -> list[str]:
    with as_store_errors(), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return integrity(connection)


def _rescue(work: Transaction, folder: Path) -> list[str]:
    """Write out the octets that no message has, but for those that were on their way out: who looks knows whose."""
    count = 0
    for blob, size in work.blobs.execute("SELECT id, size FROM blob WHERE whole ORDER BY id").fetchall():
        if work.db.execute(f"{_KNOWN} LIMIT 1", (blob,)).fetchone():
            continue
        folder.mkdir(mode=0o700, exist_ok=True)
        give_to_owner(folder)
        path = folder / f"{blob}.eml"
        try:
            with path.open("wb") as file:
                for piece in bodies.pieces(work.blobs, blob, size):
                    file.write(piece)
        except StoreBroken:
            path.unlink()  # a piece of it is lost, too
            continue
        give_to_owner(path)
        count += 1
    return [f"{count} messages that are in no folder any more were written to {folder}"] if count else []
