from __future__ import annotations

from netdaemon.accounts.hashing import Hasher
from tests.accounts.kit import CHEAP
from tests.cli.test_store import MessagesCase
from tests.messages.contract.base import EVERY


class MailboxTests(MessagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.store().add("mulder", Hasher(CHEAP).keep(b"trustno1"))
        self.mbox = self.folder / "mail"
        self.mbox.write_bytes(b"From a Thu Jan  1 00:00:05 1970\nSubject: a\nStatus: R\n\nb\n\nFrom a\n\nc\n")

    def names(self) -> dict[str, int]:
        return {folder.name: folder.messages for folder in self.messages().folders("mulder")}

    def test_import_beside_a_daemon(self) -> None:
        self.daemon_runs()
        self.assertEqual(self.good("mail", "import", "Mulder", str(self.mbox)), "INBOX: 2 new, 0 known\n")
        self.assertEqual(self.good("mail", "import", "mulder", str(self.mbox)), "INBOX: 0 new, 2 known\n")
        store = self.messages()
        (entry, _) = store.entries(store.folder("mulder", "INBOX").id, EVERY)
        self.assertEqual((entry.received, int(entry.flags)), (5.0, 1))

    def test_into_a_folder(self) -> None:
        words = ("mail", "import", "mulder", str(self.mbox), "--folder")
        self.assertEqual(self.good(*words, "old/2001", "--format", "mbox"), "old/2001: 2 new, 0 known\n")
        self.assertEqual(self.names(), {"old": 0, "old/2001": 2})
        self.assertIn("a folder's name", self.bad(*words, "../x"))

    def test_export_and_import(self) -> None:
        store = self.messages()
        for name in ("INBOX", "a/b", "z"):
            self.put(store, name=name)
        written = "INBOX: 1 written\na: 0 written\na/b: 1 written\nz: 1 written\n"
        for format in ("maildir", "mbox"):
            path = str(self.folder / format)
            self.assertEqual(self.good("mail", "export", "mulder", path, "--format", format), written)
            self.store().add(format, Hasher(CHEAP).keep(b"trustno1"))
            back = self.good("mail", "import", format, path).splitlines()
            self.assertEqual(
                sorted(back), ["INBOX: 1 new, 0 known", "a/b: 1 new, 0 known", "a: 0 new, 0 known", "z: 1 new, 0 known"]
            )
            self.assertEqual({folder.name: folder.messages for folder in store.folders(format)}, self.names())

    def test_export_of_a_part(self) -> None:
        store = self.messages()
        for name in ("INBOX", "a/b", "ab"):
            self.put(store, name=name)
        path = self.folder / "out"
        self.assertEqual(
            self.good("mail", "export", "mulder", str(path), "--folder", "a"), "a: 0 written\na/b: 1 written\n"
        )
        self.assertEqual(sorted(each.name for each in path.iterdir()), [".a", ".a.b", "cur", "new", "tmp"])

    def test_what_can_not_be(self) -> None:
        for words, why in (
            (("mail", "import", "scully", str(self.mbox)), "there is no account scully"),
            (("mail", "export", "scully", str(self.folder / "x")), "there is no account scully"),
            (("mail", "import", "mulder", str(self.folder / "x")), "is not there"),
            (("mail", "import", "mulder", str(self.data)), "has no files called *.mbox"),
            (("mail", "import", "mulder", str(self.data), "--format", "maildir"), "is no Maildir"),
            (("mail", "export", "mulder", str(self.folder / "x"), "--folder", "none"), "there is no folder none"),
        ):
            self.assertIn(why, self.bad(*words), words)
        self.put(self.messages())
        self.assertIn("File exists", self.bad("mail", "export", "mulder", str(self.mbox)))
        self.assertIn("invalid choice", self.misused("mail", "export", "mulder", "x", "--format", "mh"))

    def test_keywords_are_complained_of(self) -> None:
        self.mbox.write_bytes(b"From a\nX-Keywords: ok \xff(\n\nb\n")
        ran = self.run_command("mail", "import", "mulder", str(self.mbox))
        self.assertEqual((ran.status, ran.out), (0, "INBOX: 1 new, 0 known\n"))
        self.assertIn("can't be a keyword", ran.err)
