"""Where programs are run from nobody writes, and nobody puts another folder in its place: by no path and no link."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.rights import Narrowed
from netdaemon.documents.sealed import Seals
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import Account, DocumentError, Forbidden, IDocuments, NotFound, Right, Unavailable
from tests.documents.forest import ForestTests, read, save, shown


class SealedTests(ForestTests):
    def sealed(self, *paths: str, symlinks: str = "inside") -> Tree:
        tree = Tree(DocumentsSettings(root=self.top, hidden=True, symlinks=symlinks), None, paths)
        self.addCleanup(tree.close)
        return tree

    def snapshot(self) -> dict[str, tuple[int, int, bytes | str]]:
        found = {}
        for path in self.top.rglob("*"):
            status = path.lstat()
            data: bytes | str = b""
            if path.is_symlink():
                data = str(path.readlink())
            elif path.is_file():
                data = path.read_bytes()
            found[str(path.relative_to(self.top))] = (status.st_mode, status.st_mtime_ns, data)
        return found

    def untouchable(self, documents: IDocuments, *paths: bytes, above: Iterable[bytes] = ()) -> None:
        """Nothing of ``paths`` can be changed, and of what is ``above`` them nothing that would move them."""
        self.file("loose", b"data")
        self.folder("loose-folder")
        before = self.snapshot()
        calls: list[tuple[str, Callable[[bytes], object]]] = [
            ("write", documents.write),
            ("new", lambda path: documents.write(path, True)),
            ("resume", lambda path: documents.resume(path, 1)),
            ("remove", documents.remove),
            ("make", documents.make_folder),
            ("time", lambda path: documents.change(path, modified_ns=1)),
        ]
        moves: list[tuple[str, Callable[[bytes], object]]] = [
            ("remove", documents.remove),
            ("from", lambda path: documents.rename(path, b"/away")),
            ("to", lambda path: documents.rename(b"/loose", path)),
            ("folder to", lambda path: documents.rename(b"/loose-folder", path)),
            ("mode", lambda path: documents.change(path, mode=0o777)),
        ]
        for path in paths:
            for what, call in calls + moves:
                error = self.assertRaises(Forbidden, call, path)
                self.assertEqual(error.path if "to" not in what else path, path, what)
            self.assertFalse(documents.may_write(path), path)
        for path in above:
            for _, call in moves:
                self.assertRaises(Forbidden, call, path)
        self.assertEqual(self.snapshot(), before)

    def test_at_and_beneath(self) -> None:
        self.file("cgi/run", b"#!/bin/sh")
        self.folder("cgi/in")
        self.file("cgi-bin/a")
        tree = self.sealed("/cgi")
        self.untouchable(tree, b"/cgi", b"cgi//", b"/cgi/in", b"/cgi/new", b"/cgi/no/such", above=[b"/"])
        self.untouchable(tree, b"/cgi/run", b"/x/../cgi/run")
        self.assertEqual(tree.space(b"/cgi/in"), 0)
        self.assertEqual(read(tree, b"/cgi/run"), b"#!/bin/sh")
        self.assertEqual(shown(tree, b"/cgi"), {b"run", b"in/"})
        self.assertTrue(tree.may_write(b"/cgi-bin/a"))  # names are compared whole
        tree.rename(b"/cgi-bin", b"/cgi2")
        save(tree, b"/cgi2/a", b"new")

    def test_programs_are_not_read_by_who_has_no_name(self) -> None:
        self.file("cgi/script", b"password = 'trustno1'")
        self.file("other", b"data")
        tree = self.sealed("/cgi")
        anonymous = Narrowed(tree, Account("anonymous", rights=(Right("/", "r"),)))
        self.assertEqual(read(anonymous, b"/other"), b"data")
        self.assertNotIn(b"cgi", [entry.name for entry in anonymous.list(b"/")])
        self.link("way", "cgi/script")
        for path in (b"/cgi", b"/cgi/", b"/cgi/script", b"/way", b"/other/../cgi/script"):
            self.assertRaises(NotFound, anonymous.entry, path)
            self.assertRaises(NotFound, anonymous.open, path)
        self.assertEqual(read(Narrowed(tree, Account("mulder")), b"/cgi/script"), b"password = 'trustno1'")

    def test_not_there_yet(self) -> None:
        tree = self.sealed("/cgi", "/a/b/cgi/")
        self.untouchable(tree, b"/cgi", b"/cgi/x")
        tree.make_folder(b"/a")
        tree.make_folder(b"/a/b")
        self.untouchable(tree, b"/a/b/cgi", above=[b"/a", b"/a/b"])
        save(tree, b"/a/b/x", b"beside")

    def test_no_folder_with_programs_comes_to_lead_there(self) -> None:
        tree = self.sealed("/a/b/cgi")
        self.file("home/b/cgi/run")
        self.assertRaises(Forbidden, tree.rename, b"/home", b"/a")
        tree.make_folder(b"/a")
        self.assertRaises(Forbidden, tree.rename, b"/home/b", b"/a/b")
        tree.make_folder(b"/a/b")
        self.assertRaises(Forbidden, tree.rename, b"/home/b/cgi", b"/a/b/cgi")
        self.assertEqual(list((self.top / "a/b").iterdir()), [])

    def test_parents(self) -> None:
        self.file("a/b/cgi/run")
        tree = self.sealed("/a/b/cgi")
        self.untouchable(tree, b"/a/b/cgi", b"/a/b/cgi/run", above=[b"/a", b"/a/b", b"/", b"/a/b/."])
        save(tree, b"/a/b/beside", b"x")
        tree.remove(b"/a/b/beside")
        tree.change(b"/a/b", modified_ns=1)

    def test_empty_parent(self) -> None:
        self.folder("a/b")
        tree = self.sealed("/a/b/cgi")
        self.assertRaises(Forbidden, tree.remove, b"/a/b")

    def test_by_links_that_lead_there(self) -> None:
        self.file("cgi/run")
        self.folder("pub")
        self.link("pub/door", "../cgi")
        self.link("pub/absolute", self.top / "cgi")
        self.link("pub/chain", "door")
        self.link("pub/up", "..")
        tree = self.sealed("/cgi")
        for door in (b"/pub/door", b"/pub/absolute", b"/pub/chain", b"/pub/up/cgi"):
            self.untouchable(tree, door + b"/run", door + b"/new")
            self.assertRaises(Forbidden, tree.change, door, 1)
            self.assertFalse(tree.may_write(door))
        tree.rename(b"/pub/door", b"/pub/door2")  # the link alone
        tree.remove(b"/pub/door2")
        self.assertEqual(shown(tree, b"/cgi"), {b"run"})

    def test_by_the_place_it_really_is(self) -> None:
        """/cgi is a link: what it leads to is sealed, and so is every link and folder on the way."""
        self.file("srv/deep/programs/run")
        self.link("cgi", "one")
        self.link("one", "srv/two/programs")
        self.link("srv/two", "deep")
        tree = self.sealed("/cgi")
        self.untouchable(
            tree,
            b"/cgi",
            b"/cgi/run",
            b"/cgi/new",
            b"/srv/deep/programs",
            b"/srv/deep/programs/run",
            b"/srv/deep/programs/new",
            b"/srv/two/programs/run",
            b"/one/run",
            above=[b"/srv", b"/srv/deep"],
        )
        for link in (b"/one", b"/srv/two"):
            self.assertRaises(Forbidden, tree.remove, link)
            self.assertRaises(Forbidden, tree.rename, link, b"/away")
            self.assertRaises(Forbidden, tree.rename, b"/loose-folder", link)
        save(tree, b"/srv/beside", b"x")
        save(tree, b"/srv/deep/beside", b"x")
        # it is looked up anew each time
        self.folder("other")
        (self.top / "one").unlink()
        self.link("one", "other")
        self.assertRaises(Forbidden, tree.write, b"/other/new")
        save(tree, b"/srv/deep/programs/run", b"x")

    def test_a_link_that_leads_nowhere_yet(self) -> None:
        self.link("cgi", "srv/programs")
        tree = self.sealed("/cgi")
        self.file("home/programs/run")
        self.assertRaises(Forbidden, tree.rename, b"/home", b"/srv")
        tree.make_folder(b"/srv")
        self.untouchable(tree, b"/srv/programs", above=[b"/srv"])

    def test_links_that_are_not_followed(self) -> None:
        self.folder("programs")
        self.link("cgi", "programs")
        tree = self.sealed("/cgi", symlinks="no")
        self.assertRaises(Forbidden, tree.write, b"/cgi/x")
        save(tree, b"/programs/x", b"")  # nobody runs it: the service does not come here either

    def test_whole_tree(self) -> None:
        self.file("a")
        self.untouchable(self.sealed("/"), b"/a", b"/new", above=[b"/"])

    def test_names_that_are_no_utf8(self) -> None:
        self.file(b"caf\xe9/run")
        self.untouchable(self.sealed("/caf\udce9"), b"/caf\xe9/run")

    def test_a_writer_begun_before_the_link(self) -> None:
        """At commit it is asked again."""
        self.folder("programs")
        tree = self.sealed("/cgi")
        writer = tree.write(b"/programs/run")
        writer.write(b"#!/bin/sh")
        self.link("cgi", "programs")
        self.assertRaises(Forbidden, writer.commit)
        self.assertEqual(list((self.top / "programs").iterdir()), [])

    def test_a_part(self) -> None:
        """An upload kept would be a program."""
        tree = self.sealed("/a.part")
        writer = tree.write(b"/a")
        writer.write(b"#!/bin/sh")
        writer.keep()
        self.assertEqual(list(self.top.iterdir()), [])
        self.file("a.part", b"#!/bin/sh")
        self.assertRaises(NotFound, tree.resume, b"/a", 2)
        self.assertEqual(read(tree, b"/a.part"), b"#!/bin/sh")

    def test_whatever_the_rights(self) -> None:
        self.file("a/cgi/run")
        tree = self.sealed("/a/cgi")
        for rights in ((), (Right("/a/cgi", "rw"),)):
            self.untouchable(Narrowed(tree, Account("a", rights)), b"/a/cgi/run", b"/a/cgi/new", above=[b"/a"])
        hidden = Narrowed(tree, Account("a", (Right("/a", "-"),)))
        error = self.assertRaises(DocumentError, hidden.write, b"/a/cgi/run")
        self.assertIs(type(error), NotFound, "what is hidden is not told of by its seal")

    def test_from_within(self) -> None:
        self.file("a/cgi/run")
        tree = self.sealed("/a/cgi")
        within = tree.within(b"/a")
        for call in (within.write, within.remove, within.make_folder):
            self.assertRaises(Forbidden, call, b"/cgi/x")
        self.assertRaises(Forbidden, tree.within(b"/a/cgi").write, b"/run")
        self.assertRaises(Forbidden, within.rename, b"/cgi", b"/x")
        self.assertRaises(Forbidden, within.rename, b"/cgi/run", b"/x")

    def test_what_is_no_path(self) -> None:
        for path in ("/../cgi", "/a\0b", "/" + "n" * 256):
            self.assertRaises(ValueError, Tree, DocumentsSettings(root=self.top), None, [path])
        Tree(DocumentsSettings(root=None), None, ["/cgi"])

    def test_it_cannot_be_looked_up(self) -> None:
        """Out of descriptors: refused, for nobody knows."""
        self.folder("programs")
        self.link("cgi", "x/programs")
        self.folder("x")
        seals = Seals(self.sealed()._root, ["/cgi"])  # type: ignore[arg-type]
        real = os.open

        def fail(name: bytes | Path, *arguments: object, **more: object) -> int:
            if name == b"x":
                raise OSError(errno.EMFILE, "x")
            return real(name, *arguments, **more)  # type: ignore[arg-type]

        self.patch(os, "open", fail)
        permit = seals.guard(None)
        assert permit is not None
        self.assertIs(permit((b"anything",)), Unavailable)

    def test_nothing_sealed_costs_nothing(self) -> None:
        tree = self.sealed()
        permit = Narrowed(tree, Account("a"))._rights.writes
        self.assertEqual(tree._seal(permit), permit)
