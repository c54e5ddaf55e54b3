"""Reading, removing and making: what one call of the tree gives and raises."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable

from twisted.trial.unittest import SkipTest, SynchronousTestCase
from zope.interface.verify import verifyObject

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import (
    Forbidden,
    IDocuments,
    IsFolder,
    NotFolder,
    NotFound,
    Unavailable,
)
from tests.documents.forest import ForestTests, read, save, shown


class EntryTests(ForestTests):
    def test_document(self) -> None:
        file = self.file("dir/a", b"12345")
        os.utime(file, ns=(1, 1_600_000_000_123_456_789))
        entry = self.tree().entry(b"/dir/a")
        status = file.stat()
        self.assertEqual(
            (entry.name, entry.folder, entry.size, entry.modified_ns, entry.inode, entry.device, entry.mode),
            (b"a", False, 5, 1_600_000_000_123_456_789, status.st_ino, status.st_dev, status.st_mode),
        )

    def test_folder_and_root(self) -> None:
        folder = self.folder("dir")
        tree = self.tree()
        for path in (b"/dir", b"/dir/", b"dir", b"//dir/."):
            self.assertEqual((tree.entry(path).name, tree.entry(path).inode), (b"dir", folder.stat().st_ino), path)
        for path in (b"/", b"", b"/dir/.."):
            entry = tree.entry(path)
            self.assertEqual((entry.name, entry.folder, entry.inode), (b"", True, self.top.stat().st_ino), path)

    def test_missing(self) -> None:
        self.file("a")
        tree = self.tree()
        for path in (b"/b", b"/b/c", b"/a/b", b"/a/b/c", b"/a/b/"):
            error = self.assertRaises(NotFound, tree.entry, path)
            self.assertEqual(error.path, path)

    def test_slash_after_a_document(self) -> None:
        self.file("a")
        tree = self.tree()
        for path in (b"/a/", b"/a/.", b"/a//"):
            self.assertRaises(NotFolder, tree.entry, path)
            self.assertRaises(NotFolder, tree.open, path)
            self.assertRaises(NotFolder, tree.list, path)
            self.assertRaises(NotFolder, tree.write, path)
            self.assertRaises(NotFolder, tree.remove, path)
        self.assertEqual(read(tree, b"/a"), b"data")

    def test_pipe_is_seen(self) -> None:
        os.mkfifo(self.top / "pipe")
        entry = self.tree().entry(b"/pipe")
        self.assertTrue(stat.S_ISFIFO(entry.mode) and not entry.folder)


class OpenTests(ForestTests):
    def test_reads(self) -> None:
        self.file("dir/a", b"hello")
        document = self.tree().open(b"/dir/a")
        self.assertEqual((document.entry.name, document.entry.size), (b"a", 5))
        self.assertEqual(os.read(document.fd, 10), b"hello")
        self.assertFalse(os.get_inheritable(document.fd))
        document.close()
        document.close()
        self.assertEqual(document.fd, -1)

    def test_entry_is_of_the_descriptor(self) -> None:
        file = self.file("a", b"old")
        with self.tree().open(b"/a") as document:
            file.unlink()
            file.write_bytes(b"something newer")
            self.assertEqual(os.pread(document.fd, 100, 0), b"old")
            self.assertEqual(os.fstat(document.fd).st_ino, document.entry.inode)

    def test_dropped_is_closed(self) -> None:
        self.file("a")
        self.tree().open(b"/a")  # the check of descriptors at the end sees it otherwise

    def test_folder(self) -> None:
        self.folder("dir")
        for path in (b"/", b"/dir", b"/dir/"):
            self.assertRaises(IsFolder, self.tree().open, path)

    def test_pipe_does_not_block(self) -> None:
        os.mkfifo(self.top / "pipe")
        self.assertRaises(Forbidden, self.tree().open, b"/pipe")

    def test_socket(self) -> None:
        top = os.open(self.top, os.O_PATH)
        self.addCleanup(os.close, top)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"/proc/self/fd/{top}/socket")  # a socket's path may not be long
            self.assertRaises(Forbidden, self.tree().open, b"/socket")

    def test_device(self) -> None:
        try:
            os.mknod(self.top / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError as error:
            raise SkipTest("making a device takes root") from error
        self.assertRaises(Forbidden, self.tree().open, b"/null")

    def test_not_readable(self) -> None:
        self.file("a")
        tree = self.tree()
        refuse(self, lambda name: name == b"a", errno.EACCES)
        self.assertRaises(Forbidden, tree.open, b"/a")

    def test_ours(self) -> None:
        self.file("dir/a")
        tree = self.tree()
        for number in (errno.EMFILE, errno.ENFILE, errno.EIO):
            for place in (b"dir", b"a"):
                restore = refuse(self, lambda name, place=place: name == place, number)
                self.assertRaises(Unavailable, tree.open, b"/dir/a")
                restore()
        self.assertEqual(read(tree, b"/dir/a"), b"data")

    def test_fstat_fails(self) -> None:
        self.file("a")
        tree = self.tree()

        def fail(fd: int) -> os.stat_result:
            raise OSError(errno.EIO, "x")

        patch = self.patch(os, "fstat", fail)
        try:
            self.assertRaises(Unavailable, tree.open, b"/a")
        finally:
            patch.restore()


class NameTests(ForestTests):
    def test_any_bytes(self) -> None:
        names = [b"\xff\xfe", b"caf\xe9", "café".encode(), b"a\\b", b"a\nb", b"\x1b[2J", b" ", b"%2e%2e", b"-rf", b"*"]
        tree = self.tree()
        for name in names:
            save(tree, b"/" + name, name * 2)
        self.assertEqual(shown(tree), set(names))
        self.assertEqual({os.fsencode(path.name) for path in self.top.iterdir()}, set(names))
        for name in names:
            self.assertEqual(read(tree, b"/" + name), name * 2)
            self.assertEqual(tree.entry(b"/" + name).name, name)
            tree.remove(b"/" + name)
        self.assertEqual(shown(tree), set())

    def test_longest_name(self) -> None:
        tree = self.tree()
        name = b"/" + b"n" * 255
        save(tree, name, b"long")
        self.assertEqual(read(tree, name), b"long")
        for call in (tree.entry, tree.open, tree.list, tree.write, tree.remove, tree.make_folder):
            self.assertRaises(NotFound, call, name + b"n")

    def test_deepest_path(self) -> None:
        tree = self.tree()
        path = b""
        for _ in range(300):
            path += b"/d"
            tree.make_folder(path)
        save(tree, path + b"/a", b"deep")
        self.assertEqual(read(tree, path + b"/a"), b"deep")
        self.assertRaises(NotFound, tree.entry, path + b"/a/b")
        while path:  # mktemp's own cleaning is recursive
            try:
                tree.remove(path)
            except Forbidden:
                tree.remove(path + b"/a")
                continue
            path = path[:-2]

    def test_hidden(self) -> None:
        self.file(".h/a")
        self.file(".a")
        self.file("b")
        tree = self.tree()
        self.assertEqual(shown(tree), {b"b"})
        for path in (b"/.a", b"/.h", b"/.h/", b"/.h/a"):
            for call in (tree.entry, tree.open, tree.list, tree.write, tree.remove, tree.make_folder):
                self.assertRaises(NotFound, call, path)
        tree = self.tree(hidden=True)
        self.assertEqual(shown(tree), {b"b", b".a", b".h/"})
        self.assertEqual(read(tree, b"/.h/a"), b"data")


class ListTests(ForestTests):
    def test_folder(self) -> None:
        self.file("dir/a", b"123")
        self.folder("dir/inner")
        entries = {entry.name: entry for entry in self.tree().list(b"/dir")}
        self.assertEqual(set(entries), {b"a", b"inner"})
        self.assertEqual((entries[b"a"].size, entries[b"a"].folder), (3, False))
        self.assertTrue(entries[b"inner"].folder)

    def test_errors_come_at_once(self) -> None:
        self.file("a")
        tree = self.tree()
        self.assertRaises(NotFolder, tree.list, b"/a")
        self.assertRaises(NotFound, tree.list, b"/b")
        self.assertRaises(NotFound, tree.list, b"/a/b")

    def test_dropped_is_closed(self) -> None:
        for number in range(5):
            self.file(f"{number}")
        tree = self.tree()
        next(tree.list(b"/"))
        tree.list(b"/")  # the check of descriptors at the end sees both otherwise

    def test_lazy(self) -> None:
        for number in range(2000):
            (self.top / f"{number}").touch()
        looked = []
        real = os.fsencode
        self.patch(os, "fsencode", lambda name: looked.append(name) or real(name))
        entries = self.tree().list(b"/")
        looked.clear()
        next(entries)
        self.assertEqual(len(looked), 1)

    def test_vanishing_names_are_left_out(self) -> None:
        for number in range(10):
            self.file(f"{number}")
        entries = self.tree().list(b"/")
        next(entries)
        for file in self.top.iterdir():
            file.unlink()
        self.assertEqual(list(entries), [])

    def test_links_are_what_they_lead_to(self) -> None:
        self.file("dir/a", b"1234567")
        self.link("to-a", "dir/a")
        self.link("to-dir", "dir")
        self.link("dangling", "nothing")
        self.link("out", self.outside / "secret")
        self.link("out-folder", "../outside")
        self.link("loop", "loop")
        self.assertEqual(shown(self.tree()), {b"dir/", b"to-a", b"to-dir/"})
        entries = {entry.name: entry for entry in self.tree().list(b"/")}
        self.assertEqual(entries[b"to-a"].size, 7)
        self.assertTrue(stat.S_ISREG(entries[b"to-a"].mode))
        self.assertEqual(shown(self.tree(symlinks="no")), {b"dir/"})


class RemoveTests(ForestTests):
    def test_document_and_folder(self) -> None:
        self.file("dir/a")
        tree = self.tree()
        self.assertRaises(Forbidden, tree.remove, b"/dir")
        tree.remove(b"/dir/a")
        tree.remove(b"/dir/")
        self.assertEqual(shown(tree), set())
        self.assertRaises(NotFound, tree.remove, b"/dir")

    def test_root(self) -> None:
        self.assertRaises(Forbidden, self.tree().remove, b"/")

    def test_link_itself(self) -> None:
        file = self.file("dir/a")
        self.link("to-a", "dir/a")
        self.link("to-dir", "dir")
        tree = self.tree()
        tree.remove(b"/to-a")
        tree.remove(b"/to-dir")
        self.assertTrue(file.exists())
        self.assertEqual(shown(tree), {b"dir/"})

    def test_through_a_link(self) -> None:
        file = self.file("dir/a")
        self.link("to-dir", "dir")
        self.tree().remove(b"/to-dir/a")
        self.assertFalse(file.exists())

    def test_links_that_nobody_sees(self) -> None:
        self.link("out", self.outside / "secret")
        self.link("dangling", "nothing")
        tree = self.tree()
        for path in (b"/out", b"/dangling"):
            self.assertRaises(NotFound, tree.remove, path)
        self.assertEqual(len(list(self.top.iterdir())), 2)

    def test_special(self) -> None:
        os.mkfifo(self.top / "pipe")
        self.assertRaises(Forbidden, self.tree().remove, b"/pipe")
        self.assertTrue((self.top / "pipe").exists())


class MakeFolderTests(ForestTests):
    def test_makes(self) -> None:
        tree = self.tree()
        tree.make_folder(b"/new")
        tree.make_folder(b"/new/inner/")
        self.assertTrue((self.top / "new/inner").is_dir())
        self.assertRaises(NotFound, tree.make_folder, b"/missing/inner")

    def test_something_stands_there(self) -> None:
        self.file("a")
        self.folder("dir")
        self.link("dangling", "nothing")
        tree = self.tree()
        for path in (b"/a", b"/dir", b"/dir/", b"/dangling", b"/"):
            self.assertRaises(Forbidden, tree.make_folder, path)
        self.assertFalse((self.top / "nothing").exists())

    def test_beneath_a_document(self) -> None:
        self.file("a")
        self.assertRaises(NotFound, self.tree().make_folder, b"/a/b")


class WholeTreeTests(ForestTests):
    def test_interface(self) -> None:
        verifyObject(IDocuments, self.tree())

    def test_closed(self) -> None:
        self.file("a")
        tree = self.tree()
        document = tree.open(b"/a")
        tree.close()
        tree.close()
        for call in (tree.entry, tree.open, tree.list, tree.write, tree.remove, tree.make_folder):
            self.assertRaises(Unavailable, call, b"/a")
        self.assertEqual(os.read(document.fd, 10), b"data")
        document.close()

    def test_closes_with_its_last_user(self) -> None:
        Tree(DocumentsSettings(root=self.top))  # the check of descriptors at the end sees it otherwise

    def test_stays_with_the_folder(self) -> None:
        """A root that is renamed is still the root: no path above it is walked again."""
        self.file("a", b"old")
        tree = self.tree()
        self.top.rename(self.top.parent / "moved")
        self.file("a", b"new")
        self.assertEqual(read(tree, b"/a"), b"old")

    def test_root_is_a_link(self) -> None:
        self.file("a")
        link = self.top.parent / "link"
        link.symlink_to("top")
        self.link("by-alias", link / "a")
        self.link("by-name", self.top / "a")
        tree = Tree(DocumentsSettings(root=link))
        self.addCleanup(tree.close)
        self.assertEqual(shown(tree), {b"a", b"by-alias", b"by-name"})

    def test_bad_roots(self) -> None:
        file = self.file("a")
        for root, kind in ((self.top / "missing", FileNotFoundError), (file, NotADirectoryError)):
            error = self.assertRaises(kind, Tree, DocumentsSettings(root=root))
            self.assertEqual(str(error.filename), str(root))


class EmptyTreeTests(SynchronousTestCase):
    def test_without_root(self) -> None:
        tree = Tree(DocumentsSettings())
        for path in (b"/", b"/a", b""):
            for call in (tree.entry, tree.open, tree.list):
                self.assertRaises(NotFound, call, path)
        for call in (tree.write, tree.remove, tree.make_folder):
            self.assertRaises(NotFound, call, b"/a")
        tree.close()


def refuse(test: SynchronousTestCase, hit: Callable[[bytes], bool], number: int) -> Callable[[], None]:
    """os.open fails for some names; gives what undoes it."""
    real = os.open

    def refusing(name: bytes, *arguments: object, **more: object) -> int:
        if hit(name):
            raise OSError(number, os.strerror(number), "/srv/tree/name")
        return real(name, *arguments, **more)  # type: ignore[arg-type]

    return test.patch(os, "open", refusing).restore
