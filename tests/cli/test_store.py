from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from netdaemon.messages.store import Store, done
from tests.cli.accounts import CommandCase
from tests.messages.contract.base import summary


class MessagesCase(CommandCase):
    def messages(self) -> Store:
        """The message store as the daemon has it open."""
        self.data.mkdir(exist_ok=True, mode=0o700)
        store = Store(self.data)
        self.addCleanup(store.close)
        return store

    def put(self, store: Store, octets: bytes = b"Subject: x\r\n\r\ny\r\n", name: str = "INBOX") -> int:
        from netdaemon.messages.interfaces import Target

        folder = done(store.ensure("mulder", name))
        with store.spool() as spool:
            spool.write(octets)
            done(store.deliver(spool.finish(), summary(), [Target(folder.id)]))
        return folder.id

    def spoil(self, statement: str) -> None:
        with closing(sqlite3.connect(self.data / "messages.sqlite", isolation_level=None)) as connection:
            connection.execute(statement)

    def daemon_runs(self) -> None:
        self.data.mkdir(exist_ok=True, mode=0o700)
        descriptor = os.open(self.data / "lock", os.O_RDWR | os.O_CREAT)
        self.addCleanup(os.close, descriptor)
        os.write(descriptor, b"4711\n")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


class StoreTests(MessagesCase):
    def test_all_is_well_while_the_daemon_runs(self) -> None:
        self.put(self.messages())
        self.daemon_runs()
        self.assertEqual(self.good("store", "check"), "")
        self.assertEqual(self.good("store", "check", "--quick"), "")

    def test_faults(self) -> None:
        self.put(self.messages())
        self.spoil("UPDATE folder SET messages = 7")
        ran = self.run_command("store", "check")
        line = "mulder:INBOX: messages is 7, and should be 1\n"
        self.assertEqual((ran.status, ran.err), (1, ""))
        self.assertTrue(ran.out.startswith(line))
        self.assertTrue(self.good("store", "repair").startswith(line))
        self.assertEqual(self.good("store", "check"), "")
        self.assertEqual(self.good("store", "repair", "--quick"), "")
        self.assertFalse((self.data / "lock").exists())

    def test_no_repair_while_the_daemon_runs(self) -> None:
        self.messages()
        self.daemon_runs()
        self.assertIn("another netdaemon (process 4711) runs on", self.bad("store", "repair"))

    def test_nothing_there(self) -> None:
        for command in ("check", "repair"):
            self.assertIn("is not there", self.bad("store", command))

    def test_what_can_not_be_read(self) -> None:
        self.data.mkdir()
        (self.data / "messages.sqlite").write_bytes(b"\xff" * 10_000)
        self.assertIn("file is not a database", self.bad("store", "check"))


class BackupTests(MessagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.target = self.folder / "backup"

    def test_there_and_back(self) -> None:
        store = self.messages()
        self.put(store)
        self.daemon_runs()
        self.assertRegex(self.good("backup", str(self.target)), rf"\A\d+K? in {self.target}\n\Z")
        self.assertIn("is not empty", self.bad("backup", str(self.target)))
        self.assertIn("another netdaemon", self.bad("restore", str(self.target)))

    def test_restore(self) -> None:
        from netdaemon.accounts.hashing import Hasher
        from tests.accounts.kit import CHEAP

        self.store().add("mulder", Hasher(CHEAP).keep(b"trustno1"))
        self.put(self.messages())
        self.good("backup", str(self.target))
        self.data.rename(self.folder / "lost")
        self.assertEqual(self.good("restore", str(self.target)), "folders with new UIDVALIDITY numbers: 1\n")
        self.assertEqual(self.store().get("mulder").name, "mulder")
        self.assertEqual(self.messages().folder("mulder", "INBOX").messages, 1)
        self.assertIn("say --replace", self.bad("restore", str(self.target)))
        self.assertIn("is kept in", self.good("restore", "--replace", str(self.target)))

    def test_no_backup(self) -> None:
        self.assertIn("is not there", self.bad("backup", str(self.target)))
        self.assertIn("is no backup", self.bad("restore", str(self.folder)))
        self.assertEqual(self.misused("-c", str(self.ini), "backup").count("usage:"), 1)

    def test_a_place_that_can_not_be(self) -> None:
        self.messages()
        self.assertIn("Not a directory", self.bad("backup", str(self.ini / "x")))


class PathTests(CommandCase):
    def test_completion_knows_them(self) -> None:
        out = self.run_command("completion", "bash", config=False).out
        for word in ("store", "check", "repair", "import", "export", "backup", "restore"):
            self.assertIn(word, out)
        self.assertTrue(Path(self.ini).exists())
