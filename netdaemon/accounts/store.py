"""Store: the accounts in the daemon's own database, shared between the daemon and its commands."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netdaemon.accounts.hashing import Kept
from netdaemon.accounts.names import AccountError, account_name, right, tree_path
from netdaemon.accounts.schema import open_database, transaction
from netdaemon.accounts.sources import Record
from netdaemon.interfaces import Account, LoginUnavailable, Right, ScramVerifier

READ_PATIENCE = 0.25
"""Seconds. Readers never wait for writers (WAL) but while the file is opened or closed by the last process."""

WRITE_PATIENCE = 10.0

KEPT = 86_400.0
"""Seconds for which a ban that is over stays in its table."""

LARGEST_QUOTA = (1 << 63) - 1

_COLUMNS = (
    "id, name, hash, scram_salt, scram_iterations, scram_stored_key, scram_server_key, quota, home, enabled, created"
)


@dataclass(frozen=True)
class StoredAccount:
    """A line of `netdaemon user list`; ``created`` in Unix seconds."""

    account: Account
    created: float


@dataclass(frozen=True)
class Ban:
    """One ban. ``subject`` is a network (it has a slash) or an account's name; times in Unix seconds."""

    subject: str
    since: float
    until: float
    failures: int


class Store:
    """The account and ban tables of ``data/messages.sqlite``.

    Reads are short and indexed, for one thread (the reactor's); writes may come from any thread and each is one
    transaction, durable when the call returns and seen by every process at its next read. Everything raises
    AccountError; `find` and `secret`, which logins ask, raise LoginUnavailable.
    """

    has_verifiers = True

    def __init__(self, data: Path, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._writer = open_database(data, WRITE_PATIENCE)
        self._lock = threading.Lock()
        try:
            self._reader = open_database(data, READ_PATIENCE)
        except BaseException:
            self._writer.close()
            raise
        self._reader.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Give the file back; a second close does nothing."""
        with self._lock:
            self._writer.close()
        self._reader.close()

    # --- asked by logins ---------------------------------------------------------------------------------------

    def find(self, name: str, loopback: bool = False) -> Record | None:
        """The account of that normal name, or None."""
        try:
            return self._find(name)
        except sqlite3.Error as error:
            raise LoginUnavailable(f"the account store can't be read: {error}") from error

    def renew(self, record: Record, hash: str) -> None:
        """Put a hash of the same password with newer parameters in place of the old one, if that is still there."""
        with self._write() as writer:
            writer.execute(
                "UPDATE account SET hash = ? WHERE name = ? AND hash = ?", (hash, record.account.name, record.hash)
            )

    def secret(self) -> bytes:
        """32 random bytes that stay the same for this database: what made-up SCRAM verifiers come from."""
        try:
            return bytes(self._state("scram-secret"))
        except sqlite3.Error as error:
            raise LoginUnavailable(f"the account store can't be read: {error}") from error

    # --- asked by the operator ---------------------------------------------------------------------------------

    def accounts(self) -> list[StoredAccount]:
        """Every account, by name."""
        with self._read() as reader:
            rights: dict[int, list[Right]] = {}
            rows = reader.execute(f"SELECT {_COLUMNS} FROM account ORDER BY name").fetchall()
            for number, path, mode in reader.execute("SELECT account_id, path, mode FROM account_right ORDER BY path"):
                rights.setdefault(number, []).append(Right(path, mode))
        return [StoredAccount(_record(row, tuple(rights.get(row[0], ()))).account, row[10]) for row in rows]

    def get(self, name: str) -> Account:
        """One account, which must exist."""
        with self._read():
            record = self._find(account_name(name))
        if record is None:
            raise AccountError(f"there is no account {account_name(name)}")
        return record.account

    def add(self, name: str, kept: Kept, *, quota: int | None = None, home: str = "/") -> None:
        """A new account, enabled, that reads and writes the whole tree."""
        name, home = account_name(name), tree_path(home)
        _check_quota(quota)
        with self._write() as writer:
            try:
                writer.execute(
                    "INSERT INTO account (name, hash, scram_salt, scram_iterations, scram_stored_key, scram_server_key,"
                    " quota, home, enabled, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?)",
                    (name, *_secrets(kept), quota, home, self._wall()),
                )
            except sqlite3.IntegrityError:
                raise AccountError(f"there is an account {name} already") from None

    def passwd(self, name: str, kept: Kept) -> None:
        """Another password."""
        self._update(
            name,
            "hash = ?, scram_salt = ?, scram_iterations = ?, scram_stored_key = ?, scram_server_key = ?",
            *_secrets(kept),
        )

    def set_quota(self, name: str, quota: int | None) -> None:
        """How many bytes the account may keep, None for no limit."""
        _check_quota(quota)
        self._update(name, "quota = ?", quota)

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Whether the account may log in."""
        self._update(name, "enabled = ?", enabled)

    def remove(self, name: str) -> None:
        """Remove the account and its rights. Its documents stay."""
        name = account_name(name)
        with self._write() as writer:
            if not writer.execute("DELETE FROM account WHERE name = ?", (name,)).rowcount:
                raise AccountError(f"there is no account {name}")

    def set_right(self, name: str, path: str, mode: str) -> None:
        """Beneath ``path`` the account may "rw", "r" or "-", unless a longer path says otherwise."""
        line = right(path, mode)
        with self._write() as writer:
            number = _number(writer, account_name(name))
            writer.execute("INSERT OR REPLACE INTO account_right VALUES (?, ?, ?)", (number, line.path, line.mode))

    def remove_right(self, name: str, path: str) -> None:
        """Take back what `set_right` said of that very path."""
        path = tree_path(path)
        with self._write() as writer:
            number = _number(writer, account_name(name))
            if not writer.execute(
                "DELETE FROM account_right WHERE account_id = ? AND path = ?", (number, path)
            ).rowcount:
                raise AccountError(f"{account_name(name)} has no right of its own at {path}")

    # --- bans --------------------------------------------------------------------------------------------------

    def bans(self, *, over: bool = False) -> list[Ban]:
        """The bans in force, by subject; with ``over`` also those that should be over by the clock on the wall."""
        after = -1.0 if over else self._wall()
        with self._read() as reader:
            rows = reader.execute(
                "SELECT subject, since, until, failures FROM ban WHERE until > ? ORDER BY subject", (after,)
            ).fetchall()
        return [Ban(*row) for row in rows]

    def put_bans(self, bans: Iterable[Ban]) -> None:
        """Write new bans, and forget those that were over a day ago (the clock may have been set since)."""
        with self._write() as writer:
            writer.execute("DELETE FROM ban WHERE until <= ?", (self._wall() - KEPT,))
            writer.executemany(
                "INSERT OR REPLACE INTO ban VALUES (?, ?, ?, ?)",
                [(ban.subject, ban.since, ban.until, ban.failures) for ban in bans],
            )

    def lift(self, subjects: Iterable[str]) -> int:
        """Lift these bans; a running daemon hears of it by `lifted`. How many there were."""
        with self._write() as writer:
            count = 0
            for subject in subjects:
                count += writer.execute("DELETE FROM ban WHERE subject = ?", (subject,)).rowcount
            if count:
                writer.execute("UPDATE account_state SET value = value + 1 WHERE name = 'lifted'")
            return count

    def lifted(self) -> int:
        """A number that grows whenever bans are lifted."""
        with self._read():
            return int(self._state("lifted"))

    # --- inside ------------------------------------------------------------------------------------------------

    def _state(self, name: str) -> bytes:
        value: bytes = self._reader.execute("SELECT value FROM account_state WHERE name = ?", (name,)).fetchone()[0]
        return value

    def _find(self, name: str) -> Record | None:
        # One statement sees one moment, and is asked for each recipient of each message: no transaction around it.
        rows = self._reader.execute(
            f"SELECT path, mode, {_COLUMNS} FROM account LEFT JOIN account_right ON account_id = id WHERE name = ?"
            " ORDER BY path",
            (name,),
        ).fetchall()
        if not rows:
            return None
        return _record(rows[0][2:], tuple(Right(path, mode) for path, mode, *_ in rows if path is not None))

    def _update(self, name: str, assignments: str, *values: object) -> None:
        name = account_name(name)
        with self._write() as writer:
            if not writer.execute(f"UPDATE account SET {assignments} WHERE name = ?", (*values, name)).rowcount:
                raise AccountError(f"there is no account {name}")

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        try:
            with transaction(self._reader, "DEFERRED"):
                yield self._reader
        except sqlite3.Error as error:
            raise AccountError(f"the account store can't be read: {error}") from error

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock, transaction(self._writer):
                yield self._writer
        except sqlite3.Error as error:
            raise AccountError(f"the account store can't be written: {error}") from error


def _number(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT id FROM account WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise AccountError(f"there is no account {name}")
    return int(row[0])


def _check_quota(quota: int | None) -> None:
    if quota is not None and not 0 <= quota <= LARGEST_QUOTA:
        raise AccountError(f"{quota} bytes is no quota")


def _secrets(kept: Kept) -> tuple[object, ...]:
    scram = kept.scram
    if scram is None:
        return kept.hash, None, None, None, None
    return kept.hash, scram.salt, scram.iterations, scram.stored_key, scram.server_key


def _record(row: tuple[Any, ...], rights: tuple[Right, ...]) -> Record:
    _, name, hash, salt, iterations, stored_key, server_key, quota, home, enabled, _ = row
    scram = None if salt is None else ScramVerifier(salt, iterations, stored_key, server_key)
    return Record(Account(name, rights, quota, home, bool(enabled)), hash, scram)
