"""The accounts' tables in ``data/messages.sqlite``: opened, made, brought up to date.

The file is shared by rooms and by processes (the daemon and its commands). Every room keeps the version of its own
tables in ``schema``; the file's user_version belongs to none of them.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netdaemon.accounts.names import AccountError

FILE = "messages.sqlite"

ROOM = "accounts"

VERSIONS: tuple[tuple[str, ...], ...] = (
    (
        # AUTOINCREMENT: what the message store keeps for a removed account is never shown to a later one
        """CREATE TABLE account (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            hash TEXT NOT NULL,
            scram_salt BLOB,
            scram_iterations INTEGER,
            scram_stored_key BLOB,
            scram_server_key BLOB,
            quota INTEGER,
            home TEXT NOT NULL,
            enabled INTEGER NOT NULL,
            created REAL NOT NULL
        )""",
        """CREATE TABLE account_right (
            account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
            path TEXT NOT NULL,
            mode TEXT NOT NULL,
            PRIMARY KEY (account_id, path)
        ) WITHOUT ROWID""",
        # SUBJECT is a network ("192.0.2.7/32") or an account's name; SINCE and UNTIL are Unix seconds
        """CREATE TABLE ban (
            subject TEXT PRIMARY KEY,
            since REAL NOT NULL,
            until REAL NOT NULL,
            failures INTEGER NOT NULL
        ) WITHOUT ROWID""",
        # scram-secret: 32 random bytes; lifted: how often bans were lifted
        "CREATE TABLE account_state (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
        "INSERT INTO account_state VALUES ('scram-secret', randomblob(32)), ('lifted', 0)",
    ),
)
"""The statements that make each version from the one before."""


def open_database(data: Path, patience: float) -> sqlite3.Connection:
    """A connection to the file in the data directory, made and brought up to date if need be.

    ``patience`` is how many seconds a statement waits for another writer. Raises AccountError.
    """
    path = data / FILE
    try:
        _make(path)
        # autocommit: a transaction is what `transaction` makes one; the threads that share it take turns themselves
        connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            _bring_up_to_date(connection, path)
        except BaseException:
            connection.close()
            raise
    except OSError as error:
        raise AccountError(f"{path}: {error.strerror}") from None
    except sqlite3.Error as error:
        raise AccountError(f"{path}: {error}") from None
    return connection


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


def _make(path: Path) -> None:
    """An empty file that nobody else may read: SQLite would make it by the umask."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise AccountError(f"{path} is not a regular file") from None


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) == len(VERSIONS):
        return
    with transaction(connection):
        connection.execute("CREATE TABLE IF NOT EXISTS schema (room TEXT PRIMARY KEY, version INTEGER NOT NULL)")
        version = _version(connection)  # another process may have been faster
        if version > len(VERSIONS):
            raise AccountError(f"{path} was written by a newer netdaemon (accounts version {version})")
        for statements in VERSIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute("INSERT OR REPLACE INTO schema VALUES (?, ?)", (ROOM, len(VERSIONS)))


def _version(connection: sqlite3.Connection) -> int:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema'").fetchone() is None:
        return 0
    row = connection.execute("SELECT version FROM schema WHERE room = ?", (ROOM,)).fetchone()
    return 0 if row is None else int(row[0])
