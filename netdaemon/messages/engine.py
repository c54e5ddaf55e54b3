"""Engine: the one place that writes the store's files, a batch of jobs at a time, each batch durable as a whole.

Octets are committed first and what refers to them second, so that a crash in between leaves octets nobody knows,
which are collected, and never a message without octets.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netdaemon.messages.database import WRITE_PATIENCE, open_blobs, open_index, storage_error, transaction
from netdaemon.messages.errors import NoSuchFolder, StoreBroken, StoreBusy, StoreError
from netdaemon.messages.interfaces import Change, ISpool, Quota
from netdaemon.messages.spool import PIECE

SLICE = 4 << 20
"""Octets of a large message that are written in one go: others wait no longer than that takes."""


CACHE = 16 << 20
"""Octets of the index that are kept in memory: a group of deliveries touches every one of its indexes."""


class _Collected(StoreBusy):
    """Octets that nobody needed were found for a message, and then removed. Stored anew, they stay."""


@dataclass(eq=False)
class Job:
    """What somebody wants done in one transaction, with the octets it needs in the store by then."""

    run: Callable[[Transaction], Any]
    spools: Sequence[ISpool] = ()
    blobs: dict[int, int] = field(default_factory=dict)
    """The blob of each spool, by the spool's place."""
    begun: tuple[int, int] | None = None
    """The blob that is being written in slices, and the pieces it has."""

    @property
    def large(self) -> bool:
        return sum(spool.size for spool in self.spools) > SLICE


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its result or its error, and what is to be published."""

    result: Any = None
    error: Exception | None = None
    changes: Sequence[Change] = ()


class Transaction:
    """What a job works with: the index, in the middle of a transaction, and what it tells of."""

    def __init__(self, engine: Engine, job: Job, now: float) -> None:
        self.db = engine.index
        self.blobs = engine.blobs
        self.now = now
        self.limit = engine.limit
        self.changes: list[Change] = []
        self._job = job

    def blob(self, number: int) -> int:
        """The blob of the job's spool at that place. It can't be collected before the transaction ends."""
        blob = self._job.blobs[number]
        # Another process may have collected it, which it does under the index's lock: this answer stands.
        if self.blobs.execute("SELECT 1 FROM blob WHERE id = ? AND whole", (blob,)).fetchone() is None:
            raise _Collected("the message's octets were collected before it was delivered")
        return blob

    def folder(self, folder: int) -> tuple[str, str, str]:
        """(account, name, kind) of a folder that has messages. Raises NoSuchFolder."""
        row = self.db.execute(
            "SELECT account, name, kind FROM folder WHERE id = ? AND selectable", (folder,)
        ).fetchone()
        if row is None:
            raise NoSuchFolder(f"there is no folder {folder} any more")
        found: tuple[str, str, str] = row
        return found

    def next_modseq(self, folder: int) -> int:
        """A new modification sequence in that folder. Raises NoSuchFolder."""
        row = self.db.execute(
            "UPDATE folder SET modseq = modseq + 1 WHERE id = ? AND selectable RETURNING modseq", (folder,)
        ).fetchone()
        if row is None:
            raise NoSuchFolder(f"there is no folder {folder} any more")
        return int(row[0])

    def changed(self, what: str, folder: int, account: str, name: str, modseq: int = 0) -> None:
        """Have it published once all is durable."""
        self.changes.append(Change(what, account, folder, name, modseq))

    @contextmanager
    def step(self) -> Iterator[None]:
        """A part that is undone alone when it fails."""
        self.db.execute("SAVEPOINT step")
        try:
            yield
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK TO step")
                self.db.execute("RELEASE step")
            raise
        self.db.execute("RELEASE step")


class Engine:
    """Two connections that write. One thread uses it at a time."""

    def __init__(self, data: Path, wall: Callable[[], float], limit: Callable[[str], Quota | None]) -> None:
        self._data = data
        self._wall = wall
        self.limit = limit
        self.index = open_index(data, WRITE_PATIENCE)
        self.index.execute(f"PRAGMA cache_size = -{CACHE >> 10}")
        try:
            self.blobs = open_blobs(data, WRITE_PATIENCE)
        except BaseException:
            self.index.close()
            raise

    def close(self) -> None:
        self.index.close()
        self.blobs.close()

    # --- large messages, slice by slice ----------------------------------------------------------------------

    def advance(self, job: Job) -> bool:
        """Write another slice of a large message; True when all the job's octets are there. Raises StoreError."""
        for number, spool in enumerate(job.spools):
            if number in job.blobs:
                continue
            try:
                with transaction(self.blobs):
                    self._advance(job, number, spool)
            except (sqlite3.Error, OSError) as error:
                raise storage_error(error) from error
            break
        return len(job.blobs) == len(job.spools)

    def _advance(self, job: Job, number: int, spool: ISpool) -> None:
        if job.begun is None:
            known = self._known(spool)
            if known is not None:
                job.blobs[number] = known
                return
            blob, pieces = self._begin(spool, whole=False), 0
        else:
            blob, pieces = job.begun
        end = min(pieces + SLICE // PIECE, -(-spool.size // PIECE))
        self._write(blob, spool, pieces, end)
        if end * PIECE < spool.size:
            job.begun = blob, end
            return
        if not self.blobs.execute("UPDATE blob SET whole = 1 WHERE id = ? RETURNING id", (blob,)).fetchone():
            raise StoreBusy("the message's octets were collected before it was whole")
        job.begun = None
        job.blobs[number] = blob

    def _known(self, spool: ISpool) -> int | None:
        row = self.blobs.execute(
            "SELECT id FROM blob WHERE sha256 = ? AND size = ? AND whole", (spool.digest, spool.size)
        ).fetchone()
        return None if row is None else int(row[0])

    def _begin(self, spool: ISpool, whole: bool) -> int:
        row = self.blobs.execute(
            "INSERT INTO blob (sha256, size, whole, created) VALUES (?, ?, ?, ?) RETURNING id",
            (spool.digest, spool.size, whole, self._wall()),
        ).fetchone()
        return int(row[0])

    def _write(self, blob: int, spool: ISpool, first: int, end: int) -> None:
        for piece in range(first, end):
            data = spool.read(piece * PIECE, PIECE)
            if len(data) != min(PIECE, spool.size - piece * PIECE):
                raise StoreBroken("the message on its way in is shorter than it was")
            self.blobs.execute("INSERT INTO blob_chunk (blob_id, seq, data) VALUES (?, ?, ?)", (blob, piece, data))

    # --- batches -----------------------------------------------------------------------------------------------

    def perform(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Do them in their order, all in one transaction, durable at the return; each fails alone, but for a disk that
        fails them all.
        """
        outcomes = self._perform(jobs)
        late = [number for number, outcome in enumerate(outcomes) if isinstance(outcome.error, _Collected)]
        if late:
            for number in late:
                jobs[number].blobs.clear()
            for number, outcome in zip(late, self._perform([jobs[number] for number in late]), strict=True):
                outcomes[number] = outcome
        return outcomes

    def _perform(self, jobs: Sequence[Job]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        try:
            self._store(jobs, outcomes)
            with transaction(self.index):
                for number, job in enumerate(jobs):
                    if number not in outcomes:
                        outcomes[number] = self._run(job)
        except (sqlite3.Error, OSError) as error:
            failed = Outcome(error=storage_error(error))
            return [
                outcome if (outcome := outcomes.get(number)) is not None and outcome.error is not None else failed
                for number in range(len(jobs))
            ]
        return [outcomes[number] for number in range(len(jobs))]

    def _store(self, jobs: Sequence[Job], outcomes: dict[int, Outcome]) -> None:
        """The octets of all of them, in one transaction."""
        wanting = [(number, job) for number, job in enumerate(jobs) if len(job.blobs) < len(job.spools)]
        if not wanting:
            return
        with transaction(self.blobs):
            for number, job in wanting:
                try:
                    for place, spool in enumerate(job.spools):
                        if place not in job.blobs:
                            job.blobs[place] = self._put(spool)
                except StoreError as error:  # a spool that is lost; what was written of it is collected
                    outcomes[number] = Outcome(error=error)

    def _put(self, spool: ISpool) -> int:
        blob = self._known(spool)
        if blob is None:
            data = spool.read(0, PIECE)  # before anything is written for a spool that is lost
            if len(data) != min(PIECE, spool.size):
                raise StoreBroken("the message on its way in is shorter than it was")
            # not whole before its last piece is there: the next one may be lost, and others must not come upon it
            blob = self._begin(spool, whole=spool.size <= PIECE)
            if spool.size:
                self.blobs.execute("INSERT INTO blob_chunk (blob_id, seq, data) VALUES (?, 0, ?)", (blob, data))
            if spool.size > PIECE:
                self._write(blob, spool, 1, -(-spool.size // PIECE))
                self.blobs.execute("UPDATE blob SET whole = 1 WHERE id = ?", (blob,))
        return blob

    def _run(self, job: Job) -> Outcome:
        work = Transaction(self, job, self._wall())
        try:
            with work.step():
                result = job.run(work)
        except (sqlite3.Error, OSError):
            raise
        except Exception as error:  # noqa: BLE001  # it is whoever asked who gets it
            return Outcome(error=error)
        return Outcome(result, None, work.changes)
