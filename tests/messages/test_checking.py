from __future__ import annotations

import sqlite3
from contextlib import closing

from netdaemon.messages.checking import check
from netdaemon.messages.database import BLOBS_FILE, INDEX_FILE
from netdaemon.messages.interfaces import Delivery, Quota, Target
from netdaemon.messages.mending import mend
from netdaemon.messages.store import done
from netdaemon.messages.values import Flag
from tests.messages.contract.base import summary
from tests.messages.stores import StoreCase


class CheckCase(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.inbox, self.other = self.folder(), self.folder("other")
        self.messages = [self.put(self.inbox, self.other, keywords=("x",)).message for _ in range(3)]
        self.put(self.inbox, octets=b"y" * 600_000)

    def spoil(self, statement: str, file: str = INDEX_FILE) -> None:
        with closing(sqlite3.connect(self.data / file, isolation_level=None)) as connection:
            connection.execute(statement)

    def check(self, octets: bool = True) -> list[str]:
        return list(check(self.data, octets=octets))

    def mend(self) -> list[str]:
        self.store.close()
        lines = list(mend(self.data))
        self.store = self.open(self.data)
        return lines


class CheckTests(CheckCase):
    def test_all_is_well(self) -> None:
        done(self.store.expunge(self.inbox.id, ((1, 1),), deleted_only=False))
        done(self.store.move(self.other.id, ((2, 2),), self.inbox.id))
        done(self.store.store_flags(self.inbox.id, ((1, 9),), add=Flag.SEEN, remove_keywords=["x"]))
        self.assertEqual(self.check(), [])
        self.assertEqual(self.mend(), [])

    def test_an_empty_store(self) -> None:
        self.assertEqual(list(check(self.new_folder())), [])

    def test_each_fault_is_found_and_mended(self) -> None:
        for statement, said in (
            ("UPDATE folder SET messages = 7 WHERE name = 'other'", "mulder:other: messages is 7, and should be 3"),
            ("UPDATE folder SET octets = 7 WHERE name = 'other'", "mulder:other: octets is 7, and should be"),
            ("UPDATE folder SET uidnext = 2 WHERE name = 'other'", "mulder:other: uidnext is 2, and should be 4"),
            ("UPDATE folder SET modseq = 1 WHERE name = 'other'", "mulder:other: modseq is 1, and should be 4"),
            ("UPDATE folder SET low_water = 3 WHERE name = 'other'", "mulder:other: low_water is 3, and should be 1"),
            ("UPDATE usage SET octets = 1", "mulder: keeps"),
            ("DELETE FROM usage", "mulder: keeps"),
            ("INSERT INTO entry_keyword VALUES (1, 99, 'x')", "entry_keyword of a message that is not there (1, 99)"),
            ("INSERT INTO seen VALUES ('mulder', 1, 99, 1, 1)", "seen of a message that is not there (1, 99)"),
            ("UPDATE entry SET flags = 0 WHERE folder_id = 1 AND uid = 1", "the keywords of message 1 in folder 1"),
            ("UPDATE entry SET flags = 256 WHERE folder_id = 1 AND uid = 4", "the keywords of message 4 in folder 1"),
            ("INSERT INTO entry SELECT 99, 1, 1, 0, 0, 1, 0", "message 1 is in a folder that is not there (99)"),
        ):
            before = self.shown(self.store)
            self.spoil(statement)
            for lines in (self.check(), self.mend()):
                self.assertTrue(any(line.startswith(said) for line in lines), (said, lines))
            self.assertEqual(self.check(), [], statement)
            self.assertEqual(self.shown(self.store), before)
            self.assertEqual(self.store.usage("mulder").messages, 7)

    def test_a_message_that_is_not_there(self) -> None:
        self.spoil(f"DELETE FROM message WHERE id = {self.messages[0]}")
        self.assertEqual(
            self.check()[:2], ["mulder:INBOX: message 1 is not there", "mulder:other: message 1 is not there"]
        )
        self.mend()
        self.assertEqual(self.check(), [])
        self.assertEqual([entry.uid for entry in self.store.entries(self.inbox.id, ((1, 9),))], [2, 3, 4])
        self.assertEqual(self.store.folder_by_id(self.inbox.id).uidnext, 5)

    def test_a_message_in_no_folder(self) -> None:
        self.spoil(f"DELETE FROM entry WHERE message_id = {self.messages[2]}")
        self.assertIn(f"message {self.messages[2]} is in no folder", self.check())
        self.mend()
        self.assertEqual(self.check(), [])

    def test_octets_that_are_lost(self) -> None:
        """The message is taken out, as if it had been expunged; the others stay."""
        for statement, said, quick in (
            ("DELETE FROM blob WHERE id = 1", "its octets are not there", True),
            ("UPDATE blob SET size = 1 WHERE id = 2", "its octets are another's", True),
            ("DELETE FROM blob_chunk WHERE blob_id = 4 AND seq = 1", "a piece of it is missing", True),
            ("UPDATE blob_chunk SET data = x'00' WHERE blob_id = 3", "a piece of it is missing", True),
        ):
            self.spoil(statement, BLOBS_FILE)
            for octets in (True, False) if quick else (True,):
                (line,) = self.check(octets)
                self.assertTrue(line.endswith(said), line)
            self.assertEqual(len(self.mend()), 1)
            self.assertEqual(self.check(), [])
        self.assertEqual(self.store.usage("mulder"), Quota(0, 0))
        self.assertEqual(self.store.vanished(self.inbox.id, 1).uids, ((1, 4),))

    def test_octets_that_are_held(self) -> None:
        with self.store.spool() as spool:
            spool.write(b"held")
            done(self.store.hold("queue-1", spool.finish()))
        self.assertEqual(self.check(), [])
        self.spoil("DELETE FROM blob WHERE size = 4", BLOBS_FILE)
        for lines in (self.check(), self.mend()):
            self.assertEqual(lines, ["what is held for queue-1 is not there"])
        self.assertEqual(self.check(), [])

    def test_octets_that_changed(self) -> None:
        self.spoil("UPDATE blob_chunk SET data = replace(data, 'T', 't') WHERE blob_id = 1", BLOBS_FILE)
        self.spoil("UPDATE blob_chunk SET data = CAST(data AS BLOB)", BLOBS_FILE)
        (line,) = self.check()
        self.assertTrue(line.endswith("its octets are not what they were"), line)
        self.assertEqual(self.check(octets=False), [])
        self.mend()
        self.assertEqual([entry.uid for entry in self.store.entries(self.inbox.id, ((1, 9),))], [2, 3, 4])


class SalvageTests(CheckCase):
    """Pages of the files are overwritten."""

    def setUp(self) -> None:
        super().setUp()
        deliveries = []
        for number in range(300):
            spool = self.store.spool()
            self.addCleanup(spool.abort)
            spool.write(b"Subject: %d\r\n\r\n" % number + b"x" * 3000)
            deliveries.append(Delivery(spool.finish(), summary(f"<{number}@x>"), [Target(self.inbox.id)]))
        done(self.store.deliver_all(deliveries))
        self.store.close()

    def overwrite(self, file: str, page: int) -> None:
        with open(self.data / file, "r+b") as opened:
            opened.seek((page - 1) * self.size(file))
            opened.write(b"\xff" * self.size(file))

    def size(self, file: str) -> int:
        with closing(sqlite3.connect(self.data / file)) as connection:
            return int(connection.execute("PRAGMA page_size").fetchone()[0])

    def pages(self, file: str, table: str) -> list[int]:
        """The leaves of a table."""
        with closing(sqlite3.connect(self.data / file)) as connection:
            return [
                row[0]
                for row in connection.execute(
                    "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno", (table,)
                )
            ]

    def test_the_index(self) -> None:
        pages = self.pages(INDEX_FILE, "message")
        self.overwrite(INDEX_FILE, pages[len(pages) // 2])
        self.assertTrue(self.check())
        lines = list(mend(self.data))
        self.assertTrue(any("some are lost" in line for line in lines), lines)
        self.assertTrue(any("were written to" in line for line in lines), lines)
        self.assertEqual(self.check(), [])
        self.store = self.open(self.data)
        left = len(self.store.entries(self.inbox.id, ((1, 999),)))
        written = len(list((self.data / "salvaged").iterdir()))
        self.assertEqual(left + written, 304)
        self.assertTrue(270 < left < 304, left)
        self.put(self.inbox)
        self.assertEqual(self.store.folder_by_id(self.inbox.id).uidnext, 306)
        self.assertTrue(list(self.data.glob("messages.sqlite.broken-*")))

    def test_the_folders(self) -> None:
        """Nobody knows whose the messages were: they are all written out."""
        (page,) = self.pages(INDEX_FILE, "folder")
        self.overwrite(INDEX_FILE, page)
        list(mend(self.data))
        self.assertEqual(self.check(), [])
        self.assertEqual(len(list((self.data / "salvaged").iterdir())), 304)
        self.store = self.open(self.data)
        self.assertEqual(self.store.folders("mulder"), [])
        self.put(self.folder())
        self.assertEqual(self.check(), [])

    def test_an_index_of_the_index(self) -> None:
        pages = self.pages(INDEX_FILE, "message_msgid")
        self.overwrite(INDEX_FILE, pages[-1])
        self.assertTrue(self.check())
        list(mend(self.data))
        self.assertEqual(self.check(), [])
        self.assertEqual(len(self.open(self.data).entries(self.inbox.id, ((1, 999),))), 304)

    def test_the_octets(self) -> None:
        pages = self.pages(BLOBS_FILE, "blob_chunk")
        self.overwrite(BLOBS_FILE, pages[len(pages) // 2])
        self.assertTrue(self.check())
        list(mend(self.data))
        self.assertEqual(self.check(), [])
        self.assertTrue(290 < len(self.open(self.data).entries(self.inbox.id, ((1, 999),))) < 304)

    def test_nothing_is_left_of_it(self) -> None:
        (self.data / INDEX_FILE).write_bytes(b"\xff" * 100_000)
        with self.assertRaisesRegex(Exception, "nothing can be read of it any more.*restore a backup"):
            list(mend(self.data))
