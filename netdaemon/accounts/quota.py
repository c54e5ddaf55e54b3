"""What an account may keep, for the rooms that keep it: asked from their own threads."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from netdaemon.accounts.names import normal_name
from netdaemon.accounts.schema import open_database
from netdaemon.interfaces import LoginUnavailable

PATIENCE = 0.25
"""Seconds; readers wait for nobody but while the file is opened or closed."""


class Quotas:
    """The quotas in the accounts' table, by a connection of its own. One thread at a time may ask."""

    def __init__(self, data: Path) -> None:
        """``data`` is the daemon's data directory. Raises AccountError."""
        self._reader = open_database(data, PATIENCE)
        self._reader.execute("PRAGMA query_only = ON")

    def octets(self, account: str) -> int | None:
        """What the account may keep; None for no limit, and for accounts that stand elsewhere.

        Raises LoginUnavailable when the table can't be read.
        """
        name = normal_name(account)
        try:
            row = self._reader.execute("SELECT quota FROM account WHERE name = ?", (name,)).fetchone()
        except sqlite3.Error as error:
            raise LoginUnavailable(f"the account store can't be read: {error}") from error
        return None if row is None else row[0]

    def close(self) -> None:
        """Give the file back; a second time does nothing."""
        self._reader.close()
