"""Renaming: what may be replaced, what may not, and that a name put there meanwhile is nobody's loss."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents import moving
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import DocumentError, Exists, Forbidden, NotFolder, NotFound, Unavailable
from tests.documents.forest import ForestTests, read, save, shown


class RenameTests(ForestTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("a", b"A")
        self.file("dir/b", b"B")
        self.file("dir/deep/c", b"C")
        self.folder("empty")

    def refused(
        self, kind: type[DocumentError], path: bytes, to: bytes, named: bytes, tree: Tree | None = None
    ) -> None:
        """By an error that has the path ``named``."""
        before = sorted(self.top.rglob("*"))
        error = self.assertRaises(kind, (tree or self.tree()).rename, path, to)
        self.assertIs(type(error), kind)
        self.assertEqual(error.path, named)
        self.assertEqual(sorted(self.top.rglob("*")), before)

    def test_document(self) -> None:
        tree = self.tree()
        tree.rename(b"/a", b"/z")
        self.assertEqual(read(tree, b"/z"), b"A")
        tree.rename(b"z", b"//dir/deep/./z")
        self.assertEqual(shown(tree), {b"dir/", b"empty/"})
        self.assertEqual(shown(tree, b"/dir/deep"), {b"c", b"z"})

    def test_document_replaces_a_document(self) -> None:
        tree = self.tree()
        tree.rename(b"/a", b"/dir/b")
        self.assertEqual(read(tree, b"/dir/b"), b"A")
        self.assertEqual(shown(tree), {b"dir/", b"empty/"})

    def test_folder(self) -> None:
        tree = self.tree()
        tree.rename(b"/dir/deep", b"/moved/")
        self.assertEqual(read(tree, b"/moved/c"), b"C")
        tree.rename(b"/moved/", b"/empty/again")
        self.assertEqual(read(tree, b"/empty/again/c"), b"C")

    def test_to_itself(self) -> None:
        self.link("link", "dir")
        tree = self.tree()
        for path, to in ((b"/a", b"/a"), (b"/dir", b"/dir/"), (b"/link/b", b"/dir/b"), (b"/link", b"/link")):
            tree.rename(path, to)
        self.assertEqual(shown(tree), {b"a", b"dir/", b"empty/", b"link/"})
        self.assertEqual(shown(tree, b"/dir"), {b"b", b"deep/"})

    def test_nothing_else_is_replaced(self) -> None:
        os.mkfifo(self.top / "pipe")
        self.link("nowhere", "nothing")
        self.link("to-dir", "dir")
        for path, to in [
            (b"/a", b"/dir"),
            (b"/a", b"/empty"),
            (b"/a", b"/pipe"),
            (b"/a", b"/nowhere"),
            (b"/a", b"/to-dir"),
            (b"/a", b"/"),
            (b"/dir", b"/empty"),
            (b"/dir", b"/a"),
            (b"/dir", b"/to-dir"),
            (b"/dir", b"/pipe"),
            (b"/empty", b"/dir/deep"),
            (b"/to-dir", b"/a"),
            (b"/to-dir", b"/empty"),
        ]:
            self.refused(Exists, path, to, to)

    def test_what_may_not_be_moved(self) -> None:
        os.mkfifo(self.top / "pipe")
        self.link("nowhere", "nothing")
        self.refused(Forbidden, b"/", b"/x", b"/")
        self.refused(Forbidden, b"/dir/..", b"/x", b"/dir/..")
        self.refused(Forbidden, b"/pipe", b"/x", b"/pipe")
        self.refused(NotFound, b"/nowhere", b"/x", b"/nowhere")
        self.refused(NotFound, b"/missing", b"/x", b"/missing")
        self.refused(NotFound, b"/missing/a", b"/x", b"/missing/a")
        self.refused(NotFound, b"/a", b"/missing/x", b"/missing/x")
        self.refused(NotFound, b"/a", b"/dir/b/x", b"/dir/b/x")

    def test_slash_asks_for_a_folder(self) -> None:
        self.refused(NotFolder, b"/a/", b"/x", b"/a/")
        self.refused(NotFolder, b"/a", b"/x/", b"/x/")
        self.refused(NotFolder, b"/a", b"/dir/b/", b"/dir/b/")

    def test_beneath_itself(self) -> None:
        self.link("to-deep", "dir/deep")
        for to in (b"/dir/x", b"/dir/deep/x", b"/to-deep/x"):
            self.refused(Forbidden, b"/dir", to, to)
        self.tree().rename(b"/dir", b"/dir2")  # names are compared whole

    def test_names_nobody_may_have(self) -> None:
        self.file(".h", b"H")
        temporary = self.tree(hidden=True).write(b"/t")
        (name,) = (path.name.encode() for path in self.top.glob(".netdaemon-*"))
        for path in (b"/.h", b"/" + name, b"/.netdaemon-x.part", b"/x\0y", b"/" + b"n" * 256):
            self.refused(NotFound, path, b"/x", path)
            self.refused(NotFound, b"/a", path, path)
        shows = self.tree(hidden=True)
        self.refused(NotFound, b"/" + name, b"/x", b"/" + name, shows)
        self.refused(NotFound, b"/a", b"/.netdaemon-x.part", b"/.netdaemon-x.part", shows)
        shows.rename(b"/.h", b"/.g")
        temporary.abandon()

    def test_names_that_are_no_utf8(self) -> None:
        tree = self.tree()
        tree.rename(b"/a", b"/caf\xe9")
        tree.rename(b"/empty", b"/\xff")
        self.assertEqual(shown(tree), {b"caf\xe9", b"dir/", b"\xff/"})

    def test_link_itself(self) -> None:
        self.link("to-a", "a")
        self.link("to-dir", "dir")
        tree = self.tree()
        tree.rename(b"/to-a", b"/to-a-2")
        tree.rename(b"/to-dir", b"/to-dir-2")
        self.assertEqual({path.name for path in self.top.iterdir() if path.is_symlink()}, {"to-a-2", "to-dir-2"})
        tree.rename(b"/to-a-2", b"/dir/b")  # shown as a document, it replaces one
        self.assertTrue((self.top / "dir/b").is_symlink())
        self.assertEqual(read(tree, b"/a"), b"A")

    def test_link_is_replaced_not_followed(self) -> None:
        self.link("to-b", "dir/b")
        tree = self.tree()
        tree.rename(b"/a", b"/to-b")
        self.assertFalse((self.top / "to-b").is_symlink())
        self.assertEqual((read(tree, b"/to-b"), read(tree, b"/dir/b")), (b"A", b"B"))

    def test_through_links(self) -> None:
        self.link("to-deep", "dir/deep")
        tree = self.tree()
        tree.rename(b"/a", b"/to-deep/a")
        tree.rename(b"/to-deep/c", b"/c")
        self.assertEqual(shown(tree, b"/dir/deep"), {b"a"})
        self.assertEqual(read(tree, b"/c"), b"C")

    def test_two_names_of_one_document(self) -> None:
        """rename(2) would do nothing and say that it had."""
        (self.top / "other").hardlink_to(self.top / "a")
        tree = self.tree()
        tree.rename(b"/a", b"/other")
        self.assertEqual(shown(tree), {b"dir/", b"empty/", b"other"})
        self.assertEqual(read(tree, b"/other"), b"A")

    def test_open_documents_and_writers_stay(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/a")
        writer.write(b"new")
        with tree.open(b"/a") as document:
            tree.rename(b"/a", b"/z")
            self.assertEqual(os.pread(document.fd, 10, 0), b"A")
        writer.commit()
        self.assertEqual((read(tree, b"/a"), read(tree, b"/z")), (b"new", b"A"))

    def test_folder_with_a_writer(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/dir/new")
        tree.rename(b"/dir", b"/moved")
        self.assertRaises(NotFound, writer.commit)
        self.assertEqual(shown(tree, b"/moved"), {b"b", b"deep/"})

    def test_not_allowed_by_the_file_system(self) -> None:
        for number, kind in ((errno.EXDEV, Forbidden), (errno.EACCES, Forbidden), (errno.EIO, Unavailable)):

            def fail(*arguments: object, number: int = number, **more: object) -> None:
                raise OSError(number, "x")

            patch = self.patch(os, "rename", fail)
            self.refused(kind, b"/a", b"/x", b"/a")
            patch.restore()

    def test_closed(self) -> None:
        tree = self.tree()
        tree.close()
        self.assertRaises(Unavailable, tree.rename, b"/a", b"/b")
        self.assertRaises(NotFound, Tree(DocumentsSettings()).rename, b"/a", b"/b")


class MeanwhileTests(ForestTests):
    """Something comes to stand at the new name after it was found free."""

    kernel = True

    def setUp(self) -> None:
        super().setUp()
        if not self.kernel:
            self.patch(moving, "_renameat2", None)
        self.file("a", b"A")
        self.file("dir/b", b"B")
        self.link("to-dir", "dir")

    def meanwhile(self, make: Callable[[], object]) -> Tree:
        """A tree whose check passes, and then ``make`` is done."""
        real = moving.move

        def move(source: moving.End, target: moving.End) -> None:
            make()
            real(source, target)

        self.patch(moving, "move", move)
        return self.tree()

    def test_a_folder_for_a_folder(self) -> None:
        tree = self.meanwhile((self.top / "to").mkdir)
        self.assertRaises(Exists, tree.rename, b"/dir", b"/to")
        self.assertEqual(shown(tree), {b"a", b"dir/", b"to/", b"to-dir/"})
        self.assertEqual(shown(tree, b"/to"), set())

    def test_a_full_folder_for_a_folder(self) -> None:
        tree = self.meanwhile(lambda: self.file("to/x"))
        self.assertRaises(Exists, tree.rename, b"/dir", b"/to")
        self.assertEqual(shown(tree, b"/to"), {b"x"})

    def test_a_document_for_a_folder(self) -> None:
        tree = self.meanwhile(lambda: self.file("to", b"T"))
        self.assertRaises(Exists, tree.rename, b"/dir", b"/to")
        self.assertRaises(Exists, tree.rename, b"/to-dir", b"/to")
        self.assertEqual(read(tree, b"/to"), b"T")

    def test_a_folder_for_a_document(self) -> None:
        tree = self.meanwhile((self.top / "to").mkdir)
        self.assertRaises(Exists, tree.rename, b"/a", b"/to")
        self.assertEqual(read(tree, b"/a"), b"A")

    def test_a_document_for_a_document(self) -> None:
        tree = self.meanwhile(lambda: self.file("to", b"T"))
        tree.rename(b"/a", b"/to")
        self.assertEqual(read(tree, b"/to"), b"A")

    def test_it_vanishes(self) -> None:
        tree = self.meanwhile((self.top / "a").unlink)
        error = self.assertRaises(NotFound, tree.rename, b"/a", b"/to")
        self.assertEqual(error.path, b"/a")
        self.assertEqual(shown(tree), {b"dir/", b"to-dir/"})

    def test_nothing(self) -> None:
        tree = self.tree()
        tree.rename(b"/dir", b"/to")
        tree.rename(b"/to", b"/dir")
        tree.rename(b"/to-dir", b"/to")
        self.assertEqual(shown(tree), {b"a", b"dir/", b"to/"})
        self.assertEqual(read(tree, b"/to/b"), b"B")
        self.assertRaises(Forbidden, tree.rename, b"/dir", b"/dir/x")
        save(tree, b"/dir/x", b"")
        self.assertEqual(sorted(path.name for path in (self.top / "dir").iterdir()), ["b", "x"])

    def test_beneath_itself_by_the_kernels_word(self) -> None:
        self.patch(moving, "check", lambda source, target: None)
        error = self.assertRaises(Forbidden, self.tree().rename, b"/dir", b"/dir/x")
        self.assertIs(type(error), Forbidden)
        self.assertEqual(shown(self.tree(), b"/dir"), {b"b"})


class MeanwhileInStepsTests(MeanwhileTests):
    """The same where the kernel has no renameat2, or the file system no RENAME_NOREPLACE."""

    kernel = False


class KernelTests(ForestTests):
    def test_the_kernel_is_asked(self) -> None:
        """These machines have it: the steps are for others."""
        self.assertIsNotNone(moving._renameat2)
        self.patch(moving, "_rename_in_steps", lambda *_: self.fail("in steps"))
        self.folder("dir")
        self.tree().rename(b"/dir", b"/to")

    def test_a_file_system_that_cannot(self) -> None:
        for number in (errno.EINVAL, errno.ENOSYS):

            def cannot(*arguments: object, number: int = number) -> int:
                ctypes.set_errno(number)
                return -1

            self.folder("dir")
            patch = self.patch(moving, "_renameat2", cannot)
            self.tree().rename(b"/dir", b"/to")
            patch.restore()
            self.assertEqual([path.name for path in self.top.iterdir()], ["to"])
            (self.top / "to").rmdir()

    def test_other_errors_are_not_tried_in_steps(self) -> None:
        self.patch(moving, "_rename_in_steps", lambda *_: self.fail("in steps"))
        self.assertRaises(FileNotFoundError, moving.rename_new, b"/none/a", b"/none/b", 0, 0)
