"""A file that SQLite can't read as a whole is copied row by row, as far as its rows can be read."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netdaemon.messages.database import as_store_errors, give_to_owner
from netdaemon.messages.errors import StoreBroken

PROBES = 10_000
"""Places of a table that are tried behind one that can't be read."""
BATCH = 500


def salvage(path: Path) -> list[str]:
    """Put a new file in the place of one that is broken, which is kept as NAME.broken-TIME; what was lost, in lines.

    Nobody may use the store meanwhile. Raises StoreError when nothing can be read of it at all.
    """
    new = path.with_name(path.name + ".salvaged")
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{new}{suffix}").unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    with as_store_errors():
        old, copy = sqlite3.connect(path, isolation_level=None), sqlite3.connect(new, isolation_level=None)
        try:
            said = _copy(old, copy)
        finally:
            old.close()
            copy.close()
        _exchange(path, new)
    return said


def _copy(old: sqlite3.Connection, copy: sqlite3.Connection) -> list[str]:
    try:
        # how a file is laid out is in its first page, and what its tables are in the next
        vacuum, size = (old.execute(f"PRAGMA {name}").fetchone()[0] for name in ("auto_vacuum", "page_size"))
        things = old.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    except sqlite3.DatabaseError as error:
        raise StoreBroken(f"nothing can be read of it any more ({error}): restore a backup") from error
    copy.execute(f"PRAGMA page_size = {int(size)}")
    copy.execute(f"PRAGMA auto_vacuum = {int(vacuum)}")
    said = []
    tables = [(name, sql) for kind, name, sql in things if kind == "table" and not name.startswith("sqlite_")]
    for name, sql in tables:
        copy.execute(sql)
        count, holes = 0, 0
        copy.execute("BEGIN")
        for row in Rows(old, name, "WITHOUT ROWID" in sql.upper()):
            if row is None:
                holes += 1
                continue
            copy.execute(f'INSERT OR IGNORE INTO "{name}" VALUES ({", ".join("?" * len(row))})', row)
            count += 1
        copy.execute("COMMIT")
        if holes:
            said.append(f"{name}: {count} rows could be read, and some are lost")
    for kind, name, sql in things:
        if kind == "index":
            try:
                copy.execute(sql)
            except sqlite3.IntegrityError:
                said.append(f"{name}: rows that should differ do not")
    _keep_numbers(old, copy)
    return said


def _keep_numbers(old: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    """Numbers that were given stay given (AUTOINCREMENT)."""
    try:
        given = old.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
    except sqlite3.DatabaseError:
        return
    for name, number in given:
        if not copy.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, name)).rowcount:
            copy.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, number))


class Rows:
    """The rows of a table that can be read; None for each place where some could not be."""

    def __init__(self, db: sqlite3.Connection, table: str, keyed: bool) -> None:
        self._db = db
        self._table = table
        self._keyed = keyed

    def __iter__(self) -> Iterator[tuple[Any, ...] | None]:
        return self._by_key() if self._keyed else self._by_rowid()

    def _by_key(self) -> Iterator[tuple[Any, ...] | None]:
        """From the beginning as far as it goes, and then from the end."""
        key = ", ".join(
            f'"{row[1]}"'
            for row in sorted(self._db.execute(f'PRAGMA table_info("{self._table}")'), key=lambda r: r[5])
            if row[5]
        )
        for order in ("", " DESC"):
            columns = ", ".join(part + order for part in key.split(", "))
            try:
                yield from self._db.execute(f'SELECT * FROM "{self._table}" ORDER BY {columns}')
            except sqlite3.DatabaseError:
                yield None
            else:
                return

    def _by_rowid(self) -> Iterator[tuple[Any, ...] | None]:
        """From the beginning as far as it goes, and behind each hole from both its sides."""
        last: int | None = -(1 << 62)
        while last is not None:
            try:
                for number, *row in self._ask("rowid > ? ORDER BY rowid", last):
                    yield tuple(row)
                    last = number
            except sqlite3.DatabaseError:
                yield None
                beyond = self._beyond(last)
                if beyond is not None:
                    yield from self._back_to(last, beyond)
                last = beyond
            else:
                return

    def _ask(self, condition: str, *values: int) -> sqlite3.Cursor:
        return self._db.execute(f'SELECT rowid, * FROM "{self._table}" WHERE {condition}', values)

    def _beyond(self, last: int) -> int | None:
        """A row number behind the hole from which on something can be read."""
        step, end = 1, self._end()
        at = max(last, 0) + 1
        for _ in range(PROBES):
            if at > end:
                return None
            try:
                self._ask("rowid > ? ORDER BY rowid LIMIT 1", at).fetchone()
            except sqlite3.DatabaseError:
                at, step = at + step, min(step * 2, 1024)
            else:
                return at
        return None

    def _back_to(self, last: int, beyond: int) -> Iterator[tuple[Any, ...]]:
        """What can be read between the two, from behind."""
        try:
            for _, *row in self._ask("rowid > ? AND rowid <= ? ORDER BY rowid DESC", last, beyond):
                yield tuple(row)
        except sqlite3.DatabaseError:
            pass  # that is the hole

    def _end(self) -> int:
        try:
            row = self._db.execute(f'SELECT max(rowid) FROM "{self._table}"').fetchone()
        except sqlite3.DatabaseError:
            return PROBES * 1024
        return int(row[0]) if row[0] is not None else 0


def _free_name(path: Path) -> str:
    now = int(time.time())
    while Path(f"{path}.broken-{now}").exists():
        now += 1
    return f"{path}.broken-{now}"


def _exchange(path: Path, new: Path) -> None:
    descriptor = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    kept = _free_name(path)
    for suffix in ("", "-wal"):
        if Path(f"{path}{suffix}").exists():
            os.link(f"{path}{suffix}", f"{kept}{suffix}", follow_symlinks=False)
    # the old log must not be taken for the new file's; of the file itself there is one at every moment
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    give_to_owner(new)
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
