"""Mailboxes are their owners', and it may be root who reads and writes them: no link leads anywhere."""

from __future__ import annotations

import os
from pathlib import Path

from netdaemon.messages import maildir
from netdaemon.messages.errors import BadName
from netdaemon.messages.exporting import to_maildir, to_mbox
from netdaemon.messages.importing import Import, kind_of, sources
from tests.messages.stores import StoreCase, summarise

SECRET = b"root:secret\n"


class TraversalCase(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.outside = self.new_folder()
        self.secret = self.outside / "shadow"
        self.secret.write_bytes(SECRET)
        self.top = self.new_folder()

    def ignore(self, octets: int) -> None:
        pass


class ReadingTests(TraversalCase):
    def bring(self, path: Path) -> None:
        bringing = Import(self.store, "mulder", summarise)
        for name, messages in sources(path, kind_of(path)):
            bringing.folder(name, messages(), self.ignore)

    def nothing_came(self) -> None:
        for messages in self.shown(self.store).values():
            self.assertEqual(messages, [])

    def maildir(self, *folders: str) -> None:
        for folder in ("", *folders):
            for part in ("cur", "new", "tmp"):
                (self.top / folder / part).mkdir(parents=True)

    def test_links_to_files(self) -> None:
        self.maildir()
        (self.top / "cur" / "1:2,S").symlink_to(self.secret)
        (self.top / "new" / "2").symlink_to(self.top / "nowhere")
        (self.top / "dovecot-keywords").symlink_to(self.secret)
        with self.assertRaises(OSError):
            self.bring(self.top)
        (self.top / "dovecot-keywords").unlink()
        self.bring(self.top)
        self.nothing_came()

    def test_links_to_folders(self) -> None:
        self.maildir(".real")
        (self.outside / "1").write_bytes(SECRET)
        (self.outside / "cur").mkdir()
        (self.outside / "new").mkdir()
        (self.outside / "cur" / "1").write_bytes(SECRET)
        (self.top / ".linked").symlink_to(self.outside)
        (self.top / ".real" / "cur").rmdir()
        (self.top / ".real" / "cur").symlink_to(self.outside)
        self.bring(self.top)
        self.assertEqual(self.shown(self.store), {"INBOX": []})

    def test_what_is_no_file(self) -> None:
        self.maildir()
        os.mkfifo(self.top / "new" / "1")
        (self.top / "cur" / "2").mkdir()
        self.bring(self.top)
        self.nothing_came()

    def test_put_in_place_of_a_file_meanwhile(self) -> None:
        self.maildir()
        path = self.top / "new" / "1"
        path.write_bytes(b"x")
        (found,) = maildir.messages(self.top)
        path.unlink()
        path.symlink_to(self.secret)
        with self.assertRaises(OSError):
            list(found.pieces())

    def test_mbox(self) -> None:
        (self.top / "a.mbox").symlink_to(self.secret)
        (self.top / "b").symlink_to(self.outside)
        (self.outside / "x.mbox").write_bytes(b"From a\n\nx\n")
        (self.top / "good.mbox").write_bytes(b"From a\n\nx\n")
        self.bring(self.top)
        self.assertEqual(list(self.shown(self.store)), ["good"])
        with self.assertRaises(OSError):
            self.bring(self.top / "a.mbox")

    def test_names(self) -> None:
        (self.top / "..mbox").write_bytes(b"")
        with self.assertRaises(BadName):
            self.bring(self.top)


class WritingTests(TraversalCase):
    def setUp(self) -> None:
        super().setUp()
        self.inbox = self.folder("a/b")
        self.put(self.inbox, octets=b"Subject: mine\r\n\r\n", keywords=("work",))

    def unharmed(self) -> None:
        self.assertEqual(self.secret.read_bytes(), SECRET)
        self.assertEqual([path.name for path in self.outside.iterdir()], ["shadow"])

    def test_links_to_folders(self) -> None:
        for name in ("cur", ".a.b", ".a.b/cur", ".a.b/tmp"):
            top = self.new_folder()
            (top / name).parent.mkdir(exist_ok=True)
            (top / name).symlink_to(self.outside)
            with self.assertRaises(OSError):
                to_maildir(self.store, self.inbox, top, self.ignore)
        (self.top / "a").symlink_to(self.outside)
        with self.assertRaises(OSError):
            to_mbox(self.store, self.inbox, self.top, self.ignore)
        self.unharmed()

    def test_links_to_files(self) -> None:
        to_maildir(self.store, self.inbox, self.top, self.ignore)
        folder = self.top / ".a.b"
        (written,) = (folder / "cur").iterdir()
        written.unlink()
        (folder / "tmp" / written.name.partition(":")[0]).symlink_to(self.secret)
        (folder / "tmp" / "dovecot-keywords").symlink_to(self.secret)
        to_maildir(self.store, self.inbox, self.top, self.ignore)
        (self.top / "a").mkdir()
        (self.top / "a" / "b.mbox").symlink_to(self.secret)
        (self.top / "a" / "b.mbox.part").symlink_to(self.secret)
        to_mbox(self.store, self.inbox, self.top, self.ignore)
        self.assertFalse((self.top / "a" / "b.mbox").is_symlink())
        self.unharmed()

    def test_whatever_a_folder_is_called(self) -> None:
        for name in ("...", "a\\..\\b", ".hidden", "~root", "$HOME", "-rf", "cur", "tmp/new", "a:b", "\u202eb"):
            made = self.folder(name)
            self.put(made)
            to_maildir(self.store, made, self.top / "maildir", self.ignore)
            to_mbox(self.store, made, self.top / "mbox", self.ignore)
        there = self.open(self.new_folder())
        for kind in ("maildir", "mbox"):
            bringing = Import(there, kind, summarise)
            for name, messages in sources(self.top / kind, kind):
                bringing.folder(name, messages(), self.ignore)
            names = {folder.name for folder in there.folders(kind) if folder.messages}
            self.assertEqual(
                names, {folder.name for folder in self.store.folders("mulder") if folder.messages} - {"a/b"}
            )
        self.unharmed()
