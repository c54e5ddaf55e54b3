"""The lease on an account's maildrop: one POP3 session at a time (RFC 1939 section 3). It ends by itself, also when
the process that has it was killed.

Leases stand in a file of their own, whose changes wait for no disk: each session makes two, and after a power cut there
is none that could be held.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from netdaemon.messages.database import storage_error
from netdaemon.messages.errors import LeaseHeld, StoreBusy

FILE = "leases.sqlite"
PATIENCE = 1.0
"""Seconds that another process's change may take; it takes some microseconds."""


class Leases:
    """The leases of every account, for all processes; opened when the first one is taken. One thread uses it."""

    def __init__(self, data: Path, wall: Callable[[], float] = time.time) -> None:
        self._path = data / FILE
        self._wall = wall
        self._db: sqlite3.Connection | None = None
        self._closed = False

    def take(self, account: str, holder: str, seconds: float) -> None:
        """Take it, or keep it for longer. Raises LeaseHeld and StoreError."""
        now = self._wall()
        try:
            row = (
                self._opened()
                .execute(
                    "INSERT INTO lease VALUES (?1, ?2, ?3) ON CONFLICT (account) DO UPDATE "
                    "SET holder = excluded.holder, until = excluded.until WHERE lease.holder = ?2 OR lease.until <= ?4 "
                    "RETURNING holder",
                    (account, holder, now + seconds, now),
                )
                .fetchone()
            )
        except (sqlite3.Error, OSError) as error:
            raise storage_error(error) from error
        if row is None:
            raise LeaseHeld(f"another session has the maildrop of {account}")

    def give(self, account: str, holder: str) -> None:
        """Give it back. Raises StoreError."""
        try:
            self._opened().execute("DELETE FROM lease WHERE account = ? AND holder = ?", (account, holder))
        except (sqlite3.Error, OSError) as error:
            raise storage_error(error) from error

    def close(self) -> None:
        """Give the file back; nothing can be taken or given any more."""
        self._closed = True
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _opened(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreBusy("the store is closed")
        if self._db is None:
            try:
                self._db = self._open()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                # a power cut tore it: whoever had a lease is gone with it
                for path in (self._path, *(Path(f"{self._path}-{kind}") for kind in ("wal", "shm", "journal"))):
                    path.unlink(missing_ok=True)
                self._db = self._open()
        return self._db

    def _open(self) -> sqlite3.Connection:
        self._path.touch(mode=0o600)
        db = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")
            db.execute(
                "CREATE TABLE IF NOT EXISTS lease "
                "(account TEXT PRIMARY KEY, holder TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID"
            )
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("it is torn")
            db.execute("DELETE FROM lease WHERE until <= ?", (self._wall(),))
        except BaseException:
            db.close()
            raise
        return db
