"""The store's two files: opened, made, brought up to date; and what their errors mean.

``messages.sqlite`` is shared with the accounts' tables. Every room keeps the version of its own tables in ``schema``;
the file's user_version belongs to none of them. ``blobs.sqlite`` has the messages' octets and nothing else.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netdaemon.messages.errors import StoreBroken, StoreBusy, StoreError, StoreFull
from netdaemon.messages.folding import folded
from netdaemon.messages.schema import BLOBS, INDEX

INDEX_FILE, BLOBS_FILE = "messages.sqlite", "blobs.sqlite"

RESTORING = "restoring"
"""A file that is there while a backup is being put back: until it is gone the two files may be of different times."""

READ_PATIENCE = 0.25
"""Seconds. Readers never wait for writers (WAL) but while the file is opened or closed by the last process."""
WRITE_PATIENCE = 10.0

OLDEST = (3, 35)
"""The SQLite that first had RETURNING."""

# Pages are given back to the file system by `collecting`; a usual message takes two of this size.
_OCTETS = ("PRAGMA page_size = 8192", "PRAGMA auto_vacuum = INCREMENTAL")

LARGEST_LOG = 64 << 20
"""Octets of a write-ahead log that stay on the disk when it begins anew."""

STATEMENTS = 256
"""Prepared statements a connection keeps."""


def storage_error(error: BaseException) -> StoreError:
    """What SQLite or the system said, as one of ours."""
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return StoreFull("the disk is full")
        return StoreBroken(f"the store fails: {error.strerror or error}")
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return StoreFull("the disk is full")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT):
        return StoreBusy(f"the store is busy: {error}")
    return StoreBroken(f"the store fails: {error}")


@contextmanager
def as_store_errors() -> Iterator[None]:
    """What goes wrong inside is raised as StoreError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise storage_error(error) from error


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """All or nothing. A writer takes the lock at the beginning, so that nothing it reads changes before its end; a
    DEFERRED one only reads, all of it from one moment.
    """
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:  # something failed, and SQLite did not roll back by itself
            connection.execute("ROLLBACK")


def open_index(data: Path, patience: float = WRITE_PATIENCE, *, restoring: bool = False) -> sqlite3.Connection:
    """A connection to the folders and messages, made and brought up to date if need be. Raises StoreError.

    Only who is ``restoring`` opens what is half restored.
    """
    if not restoring and (data / RESTORING).exists():
        raise StoreBroken(f"{data}: a restore was broken off: do it again")
    connection = _open(data / INDEX_FILE, patience, "messages", INDEX)
    connection.create_function("holds_folded", 2, _holds_folded, deterministic=True)
    return connection


def open_blobs(data: Path, patience: float = WRITE_PATIENCE) -> sqlite3.Connection:
    """A connection to the octets, made and brought up to date if need be. Raises StoreError."""
    return _open(data / BLOBS_FILE, patience, "blobs", BLOBS, _OCTETS)


def _holds_folded(text: str | None, wanted: str) -> bool:
    return text is not None and wanted in folded(text)


def _open(
    path: Path, patience: float, room: str, versions: tuple[tuple[str, ...], ...], before: tuple[str, ...] = ()
) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < OLDEST:
        raise StoreBroken(f"SQLite {sqlite3.sqlite_version} is too old: the store wants 3.35 or newer")
    try:
        _make(path)
        # autocommit: a transaction is what `transaction` makes one; the threads that share it take turns themselves
        connection = sqlite3.connect(
            path, timeout=patience, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
        )
        try:
            if not path.stat().st_size:
                for statement in before:  # what must be said before the file is anything; afterwards it is a write
                    connection.execute(statement)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA journal_size_limit = {LARGEST_LOG}")
            connection.execute("PRAGMA secure_delete = FAST")
            _bring_up_to_date(connection, path, room, versions)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        found = storage_error(error)
        raise type(found)(f"{path}: {found}") from error
    return connection


def _make(path: Path) -> None:
    """An empty file that nobody else may read: SQLite would make it by the umask."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        give_to_owner(path)
    except FileExistsError:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise StoreBroken(f"{path} is not a regular file") from None


def give_to_owner(path: Path) -> None:
    """What root makes in somebody's folder is his."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)


def _bring_up_to_date(
    connection: sqlite3.Connection, path: Path, room: str, versions: tuple[tuple[str, ...], ...]
) -> None:
    if _version(connection, room) == len(versions):
        return
    with transaction(connection):
        connection.execute("CREATE TABLE IF NOT EXISTS schema (room TEXT PRIMARY KEY, version INTEGER NOT NULL)")
        version = _version(connection, room)  # another process may have been faster
        if version > len(versions):
            raise StoreBroken(f"{path} was written by a newer netdaemon ({room} version {version})")
        for statements in versions[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute("INSERT OR REPLACE INTO schema VALUES (?, ?)", (room, len(versions)))


def _version(connection: sqlite3.Connection, room: str) -> int:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema'").fetchone() is None:
        return 0
    row = connection.execute("SELECT version FROM schema WHERE room = ?", (room,)).fetchone()
    return 0 if row is None else int(row[0])
