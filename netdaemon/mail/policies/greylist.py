"""Greylisting: who is not known yet is told to come again, which spammers seldom do (RFC 6647).

What is known stands in a small SQLite file of its own, shared by all workers. It holds digests of who wrote to whom,
not the addresses. If the file can't be used, mail is let through.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import ip_network
from pathlib import Path

from netdaemon.mail.policies.resolving import plain_address

MASK4 = 24
MASK6 = 64
MOST = 500_000
"""Rows of a table; the oldest go first."""
PATIENCE = 2.0
"""Seconds that a writer waits for another."""
SWEEP = 600.0
"""Seconds between two looks at what is over."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS triplet(
    id BLOB PRIMARY KEY, first REAL NOT NULL, last REAL NOT NULL, passed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS triplet_last ON triplet(passed, last);
CREATE TABLE IF NOT EXISTS network(id BLOB PRIMARY KEY, good INTEGER NOT NULL, last REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS network_last ON network(last);
CREATE TABLE IF NOT EXISTS swept(moment REAL NOT NULL);
"""


@dataclass(frozen=True)
class Times:
    """All in seconds."""

    delay: float = 300.0
    """How long somebody new is kept waiting."""
    retry: float = 2 * 86_400.0
    """How long we wait for him to come again."""
    keep: float = 35 * 86_400.0
    """How long somebody known is remembered who doesn't come."""
    known: int = 5
    """After so many triplets that came again, a network waits no more; 0 means never."""


class Greylist:
    """The list in one file. Its methods may wait for the disk: ask in a thread."""

    def __init__(self, file: Path, times: Times, *, most: int = MOST) -> None:
        self._file = file
        self._times = times
        self._most = most

    def seconds_left(self, address: str, sender: str, recipient: str, now: float) -> float:
        """How long this one has to wait still, 0 when he is let in. Raises OSError and sqlite3.Error.

        ``sender`` is empty for the null path. Addresses are looked at by their networks, /24 and /64.
        """
        ip = plain_address(address)
        network = str(ip_network((str(ip), MASK4 if ip.version == 4 else MASK6), strict=False))
        triplet = _digest(network, sender.lower(), recipient.lower())
        place = _digest(network)
        times = self._times
        with self._transaction() as work:
            self._sweep(work, now)
            if times.known:
                row = work.execute("SELECT good, last FROM network WHERE id = ?", (place,)).fetchone()
                if row is not None and row[0] >= times.known and row[1] > now - times.keep:
                    work.execute("UPDATE network SET last = ? WHERE id = ?", (now, place))
                    return 0.0
            row = work.execute("SELECT first, last, passed FROM triplet WHERE id = ?", (triplet,)).fetchone()
            if row is None or now - row[1] > (times.keep if row[2] else times.retry):
                work.execute("REPLACE INTO triplet VALUES (?, ?, ?, 0)", (triplet, now, now))
                return times.delay
            first, _, passed = row
            if not passed and now - first < times.delay:
                # a clock that was put back doesn't make it longer
                return float(min(times.delay, first + times.delay - now))
            work.execute("UPDATE triplet SET last = ?, passed = 1 WHERE id = ?", (now, triplet))
            if not passed:
                work.execute(
                    "INSERT INTO network VALUES (?, 1, ?) ON CONFLICT(id) DO UPDATE SET good = good + 1, last = ?",
                    (place, now, now),
                )
            return 0.0

    def _sweep(self, work: sqlite3.Connection, now: float) -> None:
        """Now and then: what is over, and what is too much."""
        row = work.execute("SELECT moment FROM swept").fetchone()
        if row is not None and 0 <= now - row[0] < SWEEP:
            return
        work.execute("DELETE FROM swept")
        work.execute("INSERT INTO swept VALUES (?)", (now,))
        work.execute("DELETE FROM triplet WHERE passed = 0 AND last < ?", (now - self._times.retry,))
        work.execute("DELETE FROM triplet WHERE passed = 1 AND last < ?", (now - self._times.keep,))
        work.execute("DELETE FROM network WHERE last < ?", (now - self._times.keep,))
        for table, order in (("triplet", "passed, last"), ("network", "last")):
            (count,) = work.execute(f"SELECT count(*) FROM {table}").fetchone()
            if count > self._most:
                work.execute(
                    f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY {order} LIMIT ?)",
                    (count - self._most,),
                )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if not self._file.exists():
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        # A connection each: it costs less than a millisecond, and nothing is open between two strangers.
        with closing(sqlite3.connect(self._file, timeout=PATIENCE, isolation_level=None)) as work:
            work.execute("PRAGMA journal_mode = WAL")
            work.execute("PRAGMA synchronous = NORMAL")
            work.execute("BEGIN IMMEDIATE")
            if work.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                for statement in _SCHEMA.split(";"):
                    work.execute(statement)
            try:
                yield work
            except BaseException:
                work.execute("ROLLBACK")
                raise
            work.execute("COMMIT")


def _digest(*texts: str) -> bytes:
    # what separates them is in none of them
    return blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
