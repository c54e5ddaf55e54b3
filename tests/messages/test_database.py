from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from netdaemon.accounts.schema import open_database
from netdaemon.messages import database
from netdaemon.messages.database import BLOBS_FILE, INDEX_FILE, open_blobs, open_index, storage_error
from netdaemon.messages.errors import StoreBroken, StoreBusy, StoreFull
from netdaemon.messages.schema import INDEX
from netdaemon.messages.store import Store, done
from tests.messages.children import child
from tests.messages.contract.base import EVERY
from tests.messages.stores import StoreCase

# Delivers and answers, beside others that do.
DELIVERING = """
store = Store(data, from_thread)
folder = wait(store.ensure("mulder", "INBOX"))
say("ready")
who = sys.stdin.readline().strip()
for number in range(60):
    wait(deliver(store, folder, f"{who}-{number}", b"%d" % (number % 7)))
store.close()
say("done")
"""


class OpenTests(StoreCase):
    def test_made_for_nobody_else(self) -> None:
        for name in (INDEX_FILE, BLOBS_FILE):
            self.assertEqual((self.data / name).stat().st_mode & 0o777, 0o600)

    def test_durable(self) -> None:
        for connection in (open_index(self.data), open_blobs(self.data)):
            with closing(connection):
                self.assertEqual(connection.execute("PRAGMA journal_mode").fetchone(), ("wal",))
                self.assertEqual(connection.execute("PRAGMA synchronous").fetchone(), (2,))

    def test_opening_writes_nothing(self) -> None:
        """Threads that read open the files while others write, and while the disk is full."""
        for opening in (open_index, open_blobs):
            with closing(opening(self.data)) as writer:
                writer.execute("BEGIN IMMEDIATE")
                with closing(opening(self.data, 0.0)) as reader:
                    reader.execute("SELECT 1 FROM sqlite_master").fetchall()
                writer.execute("ROLLBACK")

    def test_pages_of_the_octets(self) -> None:
        for _ in range(2):
            with closing(open_blobs(self.data)) as connection:
                self.assertEqual(connection.execute("PRAGMA page_size").fetchone(), (8192,))
                self.assertEqual(connection.execute("PRAGMA auto_vacuum").fetchone(), (2,))  # INCREMENTAL

    def test_beside_the_accounts(self) -> None:
        """Either may be the first in the file."""
        for first, second in ((open_database, open_index), (open_index, open_database)):
            data = self.new_folder()
            for opening in (first, second, first):
                with closing(opening(data, 1.0)) as connection:
                    rooms = connection.execute("SELECT room FROM schema ORDER BY room").fetchall()
            self.assertEqual(rooms, [("accounts",), ("messages",)])

    def test_written_by_a_newer_one(self) -> None:
        self.store.close()
        with closing(sqlite3.connect(self.data / INDEX_FILE, isolation_level=None)) as connection:
            connection.execute("UPDATE schema SET version = ? WHERE room = 'messages'", (len(INDEX) + 1,))
        with self.assertRaisesRegex(StoreBroken, "was written by a newer netdaemon"):
            Store(self.data)

    def test_no_regular_file(self) -> None:
        data = self.new_folder()
        os.mkfifo(data / INDEX_FILE)
        with self.assertRaisesRegex(StoreBroken, "is not a regular file"):
            Store(data)
        with self.assertRaises(StoreBroken):
            Store(data / "nowhere")

    def test_no_database(self) -> None:
        data = self.new_folder()
        (data / BLOBS_FILE).write_bytes(b"x" * 9000)
        with self.assertRaisesRegex(StoreBroken, BLOBS_FILE):
            Store(data)
        (data / BLOBS_FILE).unlink()
        Store(data).close()

    def test_an_old_sqlite(self) -> None:
        self.patch(database.sqlite3, "sqlite_version_info", (3, 34, 1))
        with self.assertRaisesRegex(StoreBroken, "too old"):
            open_index(self.data)

    def test_errors(self) -> None:
        for code, kind in (
            (sqlite3.SQLITE_FULL, StoreFull),
            (sqlite3.SQLITE_BUSY, StoreBusy),
            (sqlite3.SQLITE_LOCKED, StoreBusy),
            (sqlite3.SQLITE_IOERR_FSYNC, StoreBroken),
            (sqlite3.SQLITE_CORRUPT, StoreBroken),
        ):
            error = sqlite3.OperationalError("x")
            error.sqlite_errorcode = code
            found = storage_error(error)
            self.assertEqual((type(found), found.temporary), (kind, True))
        self.assertIsInstance(storage_error(OSError(28, "x")), StoreFull)
        self.assertIsInstance(storage_error(OSError(122, "x")), StoreFull)
        self.assertIsInstance(storage_error(OSError(5, "x")), StoreBroken)
        self.assertIsInstance(storage_error(sqlite3.ProgrammingError("x")), StoreBroken)

    def test_the_lock_is_another_s(self) -> None:
        self.patch(database, "WRITE_PATIENCE", 0.0)
        from netdaemon.messages import engine

        self.patch(engine, "WRITE_PATIENCE", 0.0)
        data = self.new_folder()
        store = self.open(data)
        with closing(open_index(data)) as other:
            other.execute("BEGIN IMMEDIATE")
            with self.assertRaises(StoreBusy):
                done(store.create("mulder", "x"))
            other.execute("ROLLBACK")
        done(store.create("mulder", "x"))


class ProcessTests(StoreCase):
    def test_several_deliver_at_a_time(self) -> None:
        """Workers have the files open beside each other, and the same octets come to all of them."""
        with (
            child(self.data, DELIVERING) as one,
            child(self.data, DELIVERING) as two,
            child(self.data, DELIVERING) as three,
        ):
            processes = [one, two, three]
            for process in processes:
                assert process.stdout is not None
                self.assertEqual(process.stdout.readline(), b"ready\n")
            for number, process in enumerate(processes):
                assert process.stdin is not None
                process.stdin.write(b"%d\n" % number)
                process.stdin.flush()
            for process in processes:
                out, err = process.communicate()
                self.assertEqual((out, err.decode()), (b"done\n", ""))
        from netdaemon.messages.checking import check

        self.assertEqual(list(check(self.data)), [])
        inbox = self.store.folder("mulder", "INBOX")
        rows = self.store.rows(inbox.id, EVERY)
        self.assertEqual([row.uid for row in rows], list(range(1, 181)))
        self.assertLessEqual(len({row.message for row in rows}), 21)
        modseqs = [row.modseq for row in rows]
        self.assertEqual(modseqs, sorted(set(modseqs)))
        self.assertEqual(len(list(Path(self.data).glob("*.sqlite"))), 2)
