from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

from netdaemon.messages import backup as backing
from netdaemon.messages.backup import MANIFEST, BackupRefused, backup, restore
from netdaemon.messages.checking import check
from netdaemon.messages.database import BLOBS_FILE, INDEX_FILE, RESTORING
from netdaemon.messages.errors import LeaseHeld, StoreBroken
from netdaemon.messages.store import Store, done
from netdaemon.messages.values import Flag
from tests.messages.stores import StoreCase


class BackupCase(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.inbox = self.folder()
        self.put(self.inbox, self.folder("a/b"), flags=Flag.SEEN, keywords=("x",), received=5.5)
        self.put(self.inbox, octets=b"z" * 700_000)
        (self.data / "tls").mkdir()
        (self.data / "tls" / "key.pem").write_text("key")
        self.target = self.new_folder() / "backup"

    def restored(self) -> Store:
        data = self.new_folder()
        restore(self.target, data)
        self.where = data
        return self.open(data)


class BackupTests(BackupCase):
    def test_there_and_back(self) -> None:
        octets = backup(self.data, self.target)
        self.assertEqual(octets, sum(path.stat().st_size for path in self.target.rglob("*.sqlite")) + 3)
        there = self.restored()
        self.assertEqual(self.shown(there), self.shown(self.store))
        self.assertEqual(list(check(self.where)), [])
        self.assertEqual((self.where / "tls" / "key.pem").read_text(), "key")
        self.assertFalse((self.where / RESTORING).exists())
        self.assertEqual((self.where / INDEX_FILE).stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.target.stat().st_mode & 0o777, 0o700)

    def test_uids_given_after_the_backup_mislead_nobody(self) -> None:
        backup(self.data, self.target)
        self.put(self.inbox)
        there = self.restored()
        self.assertGreater(there.folder("mulder", "INBOX").uidvalidity, self.store.folder("mulder", "a").uidvalidity)
        self.assertEqual(there.folder("mulder", "INBOX").object_id, self.inbox.object_id)
        made = done(there.create("mulder", "new"))
        self.assertGreater(
            made.uidvalidity, max(folder.uidvalidity for folder in there.folders("mulder", ["[!n]*", "a*"]))
        )

    def test_leases_end(self) -> None:
        done(self.store.take_lease("mulder", "x", 1e9))
        backup(self.data, self.target)
        with self.assertRaises(LeaseHeld):
            done(self.store.take_lease("mulder", "y", 1))
        done(self.restored().take_lease("mulder", "y", 1))

    def test_it_is_one_instant_under_load(self) -> None:
        """Messages come while both files are copied; the copy has what was there when it began, whole."""
        copy = backing._copy

        def slow(source: object, path: Path) -> None:
            delivering = threading.Thread(target=self.deliver_some)
            delivering.start()
            delivering.join()
            copy(source, path)  # type: ignore[arg-type]  # passed on

        self.patch(backing, "_copy", slow)
        before = self.shown(self.store)
        backup(self.data, self.target)
        there = self.restored()
        self.assertEqual(self.shown(there), before)
        self.assertEqual(list(check(self.where)), [])
        self.assertEqual(len(self.shown(self.store)["INBOX"]), len(before["INBOX"]) + 10)

    def deliver_some(self) -> None:
        for _ in range(5):
            self.put(self.inbox)

    def test_not_upon_anything(self) -> None:
        self.target.mkdir()
        (self.target / "x").touch()
        with self.assertRaisesRegex(BackupRefused, "is not empty"):
            backup(self.data, self.target)


class RestoreTests(BackupCase):
    def setUp(self) -> None:
        super().setUp()
        backup(self.data, self.target)

    def test_not_upon_a_store(self) -> None:
        self.store.close()
        with self.assertRaisesRegex(BackupRefused, "has a store already"):
            restore(self.target, self.data)
        self.assertEqual(len(self.shown(self.open(self.data))["INBOX"]), 2)

    def test_in_the_place_of_one(self) -> None:
        self.put(self.inbox)
        self.store.close()
        lines = restore(self.target, self.data, replace=True)
        self.assertRegex(lines[0], "what was there is kept in .*/replaced-")
        there = self.open(self.data)
        self.assertEqual(len(self.shown(there)["INBOX"]), 2)
        there.close()
        (kept,) = self.data.glob("replaced-*")
        self.assertEqual(len(self.shown(self.open(kept))["INBOX"]), 3)
        restore(self.target, self.data, replace=True)
        self.assertEqual(len(list(self.data.glob("replaced-*"))), 2)

    def test_broken_off(self) -> None:
        """It won't open until it is done again."""
        data = self.new_folder()
        self.patch(backing, "_begin_anew", lambda data: 1 // 0)
        with self.assertRaises(ZeroDivisionError):
            restore(self.target, data)
        with self.assertRaisesRegex(StoreBroken, "a restore was broken off: do it again"):
            Store(data)
        self.undo()
        restore(self.target, data)
        self.assertEqual(self.shown(self.open(data)), self.shown(self.store))

    def test_broken_off_at_each_step(self) -> None:
        """Whenever that is, what was there is kept, and the next try brings all of the backup."""
        self.put(self.inbox)
        self.store.close()
        sync = backing._sync
        for steps in range(1, 30):
            data = self.new_folder() / "data"
            shutil.copytree(self.data, data)
            left = [steps]

            def count(path: Path, left: list[int] = left) -> None:
                left[0] -= 1
                if not left[0]:
                    raise KeyboardInterrupt
                sync(path)

            self.patch(backing, "_sync", count)
            try:
                restore(self.target, data, replace=True)
                finished = True
            except KeyboardInterrupt:
                finished = False
            self.patch(backing, "_sync", sync)
            if not finished:
                if (data / RESTORING).exists():
                    with self.assertRaises(StoreBroken):
                        Store(data)
                restore(self.target, data, replace=True)
            self.assertEqual(len(self.shown(self.open(data))["INBOX"]), 2)
            kept = sorted(data.glob("replaced-*"))[0]
            self.assertEqual(len(self.shown(self.open(kept))["INBOX"]), 3)
            self.assertEqual([*check(data), *check(kept)], [])
            if finished:
                break
        self.assertTrue(6 < steps < 29, steps)

    def undo(self) -> None:
        self.patch(backing, "_begin_anew", self.begin_anew)

    begin_anew = staticmethod(backing._begin_anew)

    def test_what_is_no_backup(self) -> None:
        for spoil, why in (
            (lambda: (self.target / INDEX_FILE).open("r+b").write(b"x"), "is not what it was"),
            (lambda: (self.target / BLOBS_FILE).unlink(), "is not what it was"),
            (lambda: (self.target / MANIFEST).write_text("{"), "can't be read"),
            (lambda: (self.target / MANIFEST).write_text('{"files": {}}'), "has no store in it"),
            (lambda: self.name_another("../x"), "names what is no part of it"),
            (lambda: self.name_another("/etc/passwd"), "names what is no part of it"),
            (lambda: (self.target / MANIFEST).unlink(), "no backup, or one that was broken off"),
        ):
            spoil()
            data = self.new_folder()
            with self.assertRaisesRegex((BackupRefused, StoreBroken), why):
                restore(self.target, data)
            self.assertEqual(list(data.iterdir()), [])

    def name_another(self, name: str) -> None:
        text = json.dumps({"files": {name: {"size": 1, "sha256": ""}}})
        (self.target / MANIFEST).write_text(text)
