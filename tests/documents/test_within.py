"""A tree as seen from one of its folders: the same tree, and no way up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zope.interface.verify import verifyObject

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.rights import Narrowed
from netdaemon.documents.tree import Tree
from netdaemon.documents.within import Within
from netdaemon.interfaces import (
    Account,
    BadOffset,
    DocumentError,
    Exists,
    Forbidden,
    IDocuments,
    IsFolder,
    ITellsChanges,
    NoSpace,
    NotFolder,
    NotFound,
    Right,
    Unavailable,
)
from tests.documents.forest import ForestTests, read, save, shown


class WithinTests(ForestTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("a", b"above")
        self.file("home/a", b"inside")
        self.file("home/dir/b", b"deeper")

    def within(self, folder: bytes = b"/home", *rights: Right) -> Within:
        return Narrowed(self.tree(), Account("a", rights)).within(folder)

    def calls(self, documents: Within) -> dict[str, Callable[[bytes], Any]]:
        """Every method that takes a path."""
        return {
            "entry": documents.entry,
            "open": documents.open,
            "list": documents.list,
            "write": documents.write,
            "new": lambda path: documents.write(path, True),
            "resume": lambda path: documents.resume(path, 0),
            "remove": documents.remove,
            "from": lambda path: documents.rename(path, b"/free"),
            "to": lambda path: documents.rename(b"/a", path),
            "make": documents.make_folder,
            "change": lambda path: documents.change(path, 5),
            "space": documents.space,
            "digest": lambda path: self.digest(documents, path),
            "listing": lambda path: self.listing(documents, path),
        }

    def digest(self, documents: Within, path: bytes) -> bytes:
        return self.result(documents.digest(path, "crc32"))

    def listing(self, documents: Within, path: bytes) -> set[bytes]:
        async def names() -> set[bytes]:
            return {entry.name async for entries in documents.listing(path) for entry in entries}

        return self.result(names())

    def result(self, coroutine: Any) -> Any:
        """What it gives, or raises, without a clock: at once."""
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("without a clock there is nothing to wait for")

    def refused(self, call: Callable[[bytes], Any], path: bytes) -> DocumentError:
        try:
            call(path)
        except DocumentError as error:
            return error
        raise self.failureException(f"{path!r} was not refused")

    def test_interfaces(self) -> None:
        for documents in (self.within(), self.tree().within(b"/home"), self.within().within(b"/dir")):
            verifyObject(IDocuments, documents)
            verifyObject(ITellsChanges, documents)

    def test_reading(self) -> None:
        for documents in (self.within(), self.tree().within(b"home/"), self.within(b"/").within(b"/x/../home")):
            self.assertEqual(read(documents, b"/a"), b"inside")
            self.assertEqual(read(documents, b"dir/../dir//b"), b"deeper")
            self.assertEqual(shown(documents), {b"a", b"dir/"})
            self.assertEqual(self.listing(documents, b"/dir/"), {b"b"})
            self.assertEqual(documents.entry(b"/a").name, b"a")
            self.assertEqual(self.digest(documents, b"/a"), self.digest(documents, b"a"))
            for path in (b"/", b"", b"/dir/.."):
                entry = documents.entry(path)
                self.assertEqual((entry.name, entry.inode), (b"", (self.top / "home").stat().st_ino))

    def test_writing(self) -> None:
        documents = self.within()
        save(documents, b"/new", b"1")
        documents.make_folder(b"/dir/in")
        documents.rename(b"/new", b"/dir/in/new")
        self.assertEqual((self.top / "home/dir/in/new").read_bytes(), b"1")
        writer = documents.resume(b"/dir/in/new", 1)
        writer.write(b"2")
        writer.keep()
        self.assertEqual(read(documents, b"/dir/in/new.part"), b"12")
        self.assertEqual(documents.change(b"/a", 5).modified_ns, 5)
        self.assertEqual(documents.change(b"/", 5).name, b"")
        documents.remove(b"/a")
        writer = documents.write(b"/a", new=True)
        self.assertEqual(writer.commit().size, 0)
        self.assertTrue(documents.may_write(b"/a"))
        self.assertEqual(documents.space(b"/") is None, False)
        self.assertEqual((self.top / "a").read_bytes(), b"above")

    def test_dropped(self) -> None:
        self.within().write(b"/x").write(b"1")
        self.assertEqual({path.name for path in (self.top / "home").iterdir()}, {"a", "dir"})

    def test_no_way_up(self) -> None:
        documents = self.within()
        for path in (
            b"..",
            b"/..",
            b"/../a",
            b"/../home/a",
            b"/dir/../../a",
            b"/dir/../../home/a",
            b"/./../a",
            b"//../a",
            b"/../../outside/secret",
            b"/a\0",
            b"/.netdaemon-x.part",
            b"/" + b"n" * 4096,
        ):
            for what, call in self.calls(documents).items():
                error = self.refused(call, path)
                self.assertIs(type(error), NotFound, (what, path))
                self.assertEqual(error.path, path, what)
            self.assertRaises(NotFound, documents.may_write, path)
            self.assertRaises(NotFound, documents.within, path)
        self.assertRaises(NotFound, self.tree().within, b"/../home")

    def test_its_root(self) -> None:
        documents = self.within()
        for call, kind in [
            (documents.write, IsFolder),
            (lambda path: documents.write(path, True), Exists),
            (lambda path: documents.resume(path, 1), IsFolder),
            (documents.remove, Forbidden),
            (lambda path: documents.rename(path, b"/x"), Forbidden),
            (lambda path: documents.rename(b"/a", path), Exists),
            (documents.make_folder, Exists),
            (documents.open, IsFolder),
        ]:
            for path in (b"/", b"", b"/dir/.."):
                error = self.assertRaises(kind, call, path)
                self.assertIs(type(error), kind)
                self.assertEqual(error.path, path)
        empty = self.within(b"/home/dir")
        (self.top / "home/dir/b").unlink()
        self.assertRaises(Forbidden, empty.remove, b"/")
        self.assertTrue((self.top / "home/dir").is_dir())

    def test_errors_have_the_path_as_called(self) -> None:
        documents = self.within()
        for call, path, kind in [
            (documents.entry, b"no", NotFound),
            (documents.entry, b"/a/", NotFolder),
            (documents.open, b"//dir", IsFolder),
            (documents.list, b"/a", NotFolder),
            (documents.write, b"/dir/", IsFolder),
            (documents.make_folder, b"/a", Exists),
            (documents.remove, b"/dir", Forbidden),
            (documents.space, b"/a", NotFolder),
            (lambda path: documents.resume(path, 100), b"/a", BadOffset),
            (lambda path: documents.change(path, None, 0), b"/a", Forbidden),
            (lambda path: documents.rename(path, b"/x"), b"/no", NotFound),
            (lambda path: documents.rename(b"/a", path), b"/dir", Exists),
            (lambda path: documents.rename(b"/a", path), b"/home/a", NotFound),
        ]:
            error = self.assertRaises(kind, call, path)
            self.assertIs(type(error), kind)
            self.assertEqual(error.path, path)

    def test_rename_between_paths_that_look_alike(self) -> None:
        """The inner path of one end is the outer path of the other."""
        self.folder("x/x")
        self.file("x/x/a")
        documents = self.within(b"/x")
        self.folder("x/a")
        error = self.assertRaises(Exists, documents.rename, b"/x/a", b"/a")
        self.assertEqual(error.path, b"/a")
        error = self.assertRaises(NotFound, documents.rename, b"/a/no", b"/x/free")
        self.assertEqual(error.path, b"/a/no")

    def test_later_errors_too(self) -> None:
        documents = Narrowed(self.tree(), Account("a", quota=20, home="/home")).within(b"/home")
        writer = documents.write(b"w")
        self.assertEqual(self.assertRaises(NoSpace, writer.write, b"x" * 21).path, b"w")
        self.assertEqual(self.assertRaises(NoSpace, writer.commit).path, b"w")
        writer.abandon()
        entries = documents.list(b"dir")

        entries._entries = self.broken()  # type: ignore[attr-defined]
        self.assertEqual(self.assertRaises(Unavailable, next, entries).path, b"dir")

    def broken(self) -> Any:
        yield from ()
        raise Unavailable(b"/home/dir")

    def test_folder_looked_up_anew(self) -> None:
        documents = self.within(b"/later")
        for path in (b"/", b"/a"):
            self.assertRaises(NotFound, documents.entry, path)
        self.assertRaises(NotFound, documents.write, b"/a")
        (self.top / "home").rename(self.top / "later")
        self.assertEqual(read(documents, b"/a"), b"inside")

    def test_hidden(self) -> None:
        self.file(".h/a", b"hidden")
        self.file("home/.h", b"hidden")
        self.assertRaises(NotFound, self.within().open, b"/.h")
        self.assertRaises(NotFound, self.within(b"/.h").open, b"/a")
        self.assertEqual(read(self.tree(hidden=True).within(b"/.h"), b"/a"), b"hidden")

    def test_links_lead_as_in_the_whole_tree(self) -> None:
        self.link("home/up", "../a")
        self.link("home/out", self.outside)
        self.link("door", "home")
        documents = self.within(b"/door")
        self.assertEqual(read(documents, b"/up"), b"above")
        self.assertRaises(NotFound, documents.open, b"/out/secret")

    def test_rights_are_those_of_the_whole_tree(self) -> None:
        documents = self.within(b"/home", Right("/home/dir", "-"), Right("/dir", "rw"), Right("/home/a", "r"))
        self.assertEqual(shown(documents), {b"a"})
        self.assertRaises(NotFound, documents.open, b"/dir/b")
        self.assertRaises(Forbidden, documents.write, b"/a")
        self.assertRaises(NotFound, documents.within(b"/dir").open, b"/b")


class Listener:
    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def hear(self, path: bytes) -> None:
        self.heard.append(path)


class ChangesTests(ForestTests):
    def heard(self, folder: bytes, symlinks: str) -> list[bytes]:
        """What is heard there of changes all over the tree; in the order in which they are made."""
        for path in self.top.rglob("*"):
            self.assertFalse(path.is_file())
        self.folder("home/mulder")
        tree = Tree(DocumentsSettings(root=self.top, symlinks=symlinks))
        listener, whole = Listener(), Listener()
        Narrowed(tree, Account("a")).within(folder).on_change(listener.hear)
        tree.on_change(whole.hear)
        save(tree, b"/home/mulder/a", b"")
        save(tree, b"/home/mulder2", b"")
        save(tree, b"/a", b"")
        tree.rename(b"/home/mulder/a", b"/home/mulder/b")
        for path in (b"/home/mulder/b", b"/home/mulder2", b"/a"):
            tree.remove(path)
        tree.remove(b"/home/mulder")
        tree.remove(b"/home")
        self.assertEqual(len(whole.heard), 10)
        return listener.heard

    def test_without_links_what_is_outside_is_not_told(self) -> None:
        self.assertEqual(self.heard(b"/home/mulder", "no"), [b"/a", b"/a", b"/b", b"/b", b"/", b"/"])

    def test_with_links_it_may_be_inside(self) -> None:
        self.assertEqual(
            self.heard(b"/home/mulder", "inside"),
            [b"/a", b"/", b"/", b"/a", b"/b", b"/b", b"/", b"/", b"/", b"/"],
        )

    def test_of_the_root(self) -> None:
        self.assertEqual(self.heard(b"/", "inside")[:3], [b"/home/mulder/a", b"/home/mulder2", b"/a"])

    def test_a_view_may_go(self) -> None:
        """The listener hears for as long as it lives, whatever became of the view it asked."""
        tree = self.tree(symlinks="no")
        self.folder("a/b")
        listener = Listener()
        tree.within(b"/a").within(b"/b").on_change(listener.hear)
        save(tree, b"/a/b/c", b"")
        self.assertEqual(listener.heard, [b"/c"])
        tree.close()
        self.assertEqual(listener.heard, [b"/c", b"/"])

    def test_a_folder_moved_in_or_out(self) -> None:
        tree = self.tree(symlinks="no")
        self.folder("home/a")
        listener = Listener()
        tree.within(b"/home").on_change(listener.hear)
        tree.rename(b"/home/a", b"/b")
        self.assertEqual(listener.heard, [b"/"])
