"""Writing: whole under its name or absent, whatever fails on the way."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable

from netdaemon.interfaces import DocumentError, Entry, Forbidden, IsFolder, NoSpace, NotFolder, NotFound, Unavailable
from tests.documents.forest import ForestTests, read, save, shown


class WriterTests(ForestTests):
    def test_new(self) -> None:
        self.folder("dir")
        tree = self.tree()
        writer = tree.write(b"/dir/a")
        writer.write(b"hello ")
        writer.write(b"")
        writer.write(b"world")
        self.assertEqual(shown(tree, b"/dir"), set())
        entry = writer.commit()
        self.assertEqual(entry, tree.entry(b"/dir/a"))
        self.assertEqual(read(tree, b"/dir/a"), b"hello world")
        self.assertEqual([path.name for path in (self.top / "dir").iterdir()], ["a"])

    def test_empty(self) -> None:
        tree = self.tree()
        self.assertEqual(tree.write(b"/a").commit().size, 0)
        self.assertEqual(read(tree, b"/a"), b"")

    def test_instead(self) -> None:
        self.file("a", b"old")
        tree = self.tree()
        with tree.open(b"/a") as old:
            writer = tree.write(b"/a")
            writer.write(b"new")
            self.assertEqual(read(tree, b"/a"), b"old")
            writer.commit()
            self.assertEqual(os.pread(old.fd, 10, 0), b"old")
        self.assertEqual(read(tree, b"/a"), b"new")

    def test_abandon(self) -> None:
        self.file("a", b"old")
        tree = self.tree()
        writer = tree.write(b"/a")
        writer.write(b"new")
        writer.abandon()
        writer.abandon()
        self.assertRaises(ValueError, writer.write, b"more")
        self.assertRaises(ValueError, writer.commit)
        self.assertEqual([path.read_bytes() for path in self.top.iterdir()], [b"old"])

    def test_dropped(self) -> None:
        self.tree().write(b"/a").write(b"new")
        self.assertEqual(list(self.top.iterdir()), [])

    def test_ended_by_commit(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/a")
        writer.commit()
        writer.abandon()
        self.assertRaises(ValueError, writer.commit)
        self.assertRaises(ValueError, writer.write, b"more")
        self.assertEqual(shown(tree), {b"a"})

    def test_temporary_is_never_seen(self) -> None:
        tree = self.tree(hidden=True)
        writer = tree.write(b"/a")
        (name,) = (os.fsencode(path.name) for path in self.top.iterdir())
        self.assertEqual(shown(tree), set())
        for call in (tree.entry, tree.open, tree.write, tree.remove, tree.make_folder):
            self.assertRaises(NotFound, call, b"/" + name)
        writer.abandon()

    def test_what_stands_there(self) -> None:
        self.file("a")
        self.folder("dir")
        os.mkfifo(self.top / "pipe")
        tree = self.tree()
        for path, kind in [
            (b"/", IsFolder),
            (b"/dir", IsFolder),
            (b"/dir/", IsFolder),
            (b"/a/", NotFolder),
            (b"/new/", NotFolder),
            (b"/missing/a", NotFound),
            (b"/a/b", NotFound),
            (b"/pipe", Forbidden),
        ]:
            self.assertRaises(kind, tree.write, path)
        self.assertEqual(len(list(self.top.iterdir())), 3)

    def test_what_came_to_stand_there(self) -> None:
        self.folder("dir")
        for name, make, kind in [
            ("a", lambda: (self.top / "dir/a").mkdir(), IsFolder),
            ("b", lambda: os.mkfifo(self.top / "dir/b"), Forbidden),
        ]:
            writer = self.tree().write(f"/dir/{name}".encode())
            make()
            self.assertRaises(kind, writer.commit)
            self.assertRaises(ValueError, writer.commit)
        self.assertEqual({path.name for path in (self.top / "dir").iterdir()}, {"a", "b"})

    def test_folder_gone(self) -> None:
        folder = self.folder("dir")
        writer = self.tree().write(b"/dir/a")
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        self.assertRaises(NotFound, writer.commit)

    def test_folder_replaced(self) -> None:
        folder = self.folder("dir")
        writer = self.tree().write(b"/dir/a")
        folder.rename(self.top / "other")
        folder.mkdir()
        self.assertRaises(NotFound, writer.commit)
        self.assertEqual(list(folder.iterdir()) + list((self.top / "other").iterdir()), [])

    def test_committed_in_a_thread(self) -> None:
        """Syncing waits for the disk: a session may let a thread wait."""
        tree = self.tree()
        writer = tree.write(b"/a")
        writer.write(b"new")
        entries: list[Entry] = []
        thread = threading.Thread(target=lambda: entries.append(writer.commit()))
        thread.start()
        thread.join()
        self.assertEqual(entries, [tree.entry(b"/a")])

    def test_concurrent_writers(self) -> None:
        tree = self.tree()
        first, second = tree.write(b"/a"), tree.write(b"/a")
        first.write(b"1" * 10)
        second.write(b"2" * 5)
        second.commit()
        self.assertEqual(read(tree, b"/a"), b"2" * 5)
        first.commit()
        self.assertEqual(read(tree, b"/a"), b"1" * 10)
        self.assertEqual(shown(tree), {b"a"})


class ModeTests(ForestTests):
    def mode(self, name: str) -> int:
        return stat.S_IMODE((self.top / name).stat().st_mode)

    def test_new_honours_the_umask(self) -> None:
        tree = self.tree()
        before = os.umask(0o027)
        try:
            save(tree, b"/a", b"x")
            tree.make_folder(b"/dir")
        finally:
            os.umask(before)
        self.assertEqual((self.mode("a"), self.mode("dir")), (0o640, 0o750))

    def test_replaced_keeps_its_mode(self) -> None:
        for mode in (0o600, 0o664, 0o777, 0o444):
            self.file("a").chmod(mode)
            save(self.tree(), b"/a", b"new")
            self.assertEqual(self.mode("a"), mode)

    def test_never_set_uid(self) -> None:
        self.file("a").chmod(0o6755)
        save(self.tree(), b"/a", b"new")
        self.assertEqual(self.mode("a"), 0o755)

    def test_temporary_is_no_more_readable(self) -> None:
        self.file("a").chmod(0o600)
        writer = self.tree().write(b"/a")
        (temporary,) = self.top.glob(".netdaemon-*")
        self.assertEqual(stat.S_IMODE(temporary.stat().st_mode), 0o600)
        writer.abandon()


class LinkTests(ForestTests):
    def test_replaced_not_followed(self) -> None:
        self.file("dir/a", b"old")
        self.link("link", "dir/a")
        tree = self.tree()
        save(tree, b"/link", b"new")
        self.assertFalse((self.top / "link").is_symlink())
        self.assertEqual((read(tree, b"/link"), read(tree, b"/dir/a")), (b"new", b"old"))

    def test_to_a_folder(self) -> None:
        self.folder("dir")
        self.link("link", "dir")
        self.assertRaises(IsFolder, self.tree().write, b"/link")

    def test_through_a_folder(self) -> None:
        self.folder("dir")
        self.link("link", "dir")
        tree = self.tree()
        save(tree, b"/link/a", b"new")
        self.assertEqual(read(tree, b"/dir/a"), b"new")

    def test_leading_nowhere(self) -> None:
        self.link("out", self.outside / "secret")
        self.link("dangling", "nothing")
        for path in (b"/out", b"/dangling"):
            self.assertRaises(Forbidden, self.tree().write, path)
        self.assertFalse((self.top / "nothing").exists())
        self.assertEqual((self.outside / "secret").read_bytes(), b"SECRET")


class DiskTests(ForestTests):
    """The disk refuses at each place: the old document stands, and nothing else."""

    def failing(self, function: str, number: int, hit: Callable[..., bool] = lambda *_: True) -> None:
        real = getattr(os, function)

        def fail(*arguments: object, **more: object) -> object:
            if hit(*arguments):
                raise OSError(number, os.strerror(number))
            return real(*arguments, **more)

        self.addCleanup(self.patch(os, function, fail).restore)

    def refused(self, kind: type[DocumentError]) -> None:
        tree = self.tree()
        writer = tree.write(b"/a")
        try:
            writer.write(b"new")
        except DocumentError as error:
            self.assertIs(type(error), kind)
        error = self.assertRaises(kind, writer.commit)
        self.assertEqual(error.path, b"/a")
        writer.abandon()
        self.assertEqual([(path.name, path.read_bytes()) for path in self.top.iterdir()], [("a", b"old")])

    def setUp(self) -> None:
        super().setUp()
        self.file("a", b"old")

    def test_full_at_write(self) -> None:
        self.failing("write", errno.ENOSPC)
        self.refused(NoSpace)

    def test_full_half_way(self) -> None:
        real = os.write
        sizes = iter([1, 1])

        def fills_up(fd: int, data: memoryview) -> int:
            size = next(sizes, None)
            if size is None:
                raise OSError(errno.ENOSPC, "x")
            return real(fd, data[:size])

        self.patch(os, "write", fills_up)
        self.refused(NoSpace)

    def test_short_writes(self) -> None:
        real = os.write
        self.patch(os, "write", lambda fd, data: real(fd, data[:3]))
        tree = self.tree()
        save(tree, b"/a", b"0123456789")
        self.assertEqual(read(tree, b"/a"), b"0123456789")

    def test_full_at_sync(self) -> None:
        for number in (errno.ENOSPC, errno.EDQUOT):
            self.failing("fsync", number)
            self.refused(NoSpace)

    def test_broken_at_sync(self) -> None:
        self.failing("fsync", errno.EIO)
        self.refused(Unavailable)

    def test_rename(self) -> None:
        for number, kind in ((errno.ENOSPC, NoSpace), (errno.EROFS, Forbidden), (errno.EIO, Unavailable)):
            self.failing("rename", number)
            self.refused(kind)

    def test_mode(self) -> None:
        (self.top / "a").chmod(0o666)
        self.failing("fchmod", errno.EIO)
        self.refused(Unavailable)

    def test_cannot_be_looked_at(self) -> None:
        tree = self.tree()
        self.failing("stat", errno.EIO)
        self.assertRaises(Unavailable, tree.write, b"/a")

    def test_out_of_descriptors_at_begin(self) -> None:
        tree = self.tree()
        self.failing("open", errno.EMFILE, lambda name, *_: name.startswith(b".netdaemon-"))
        self.assertRaises(Unavailable, tree.write, b"/a")

    def test_read_only_at_begin(self) -> None:
        tree = self.tree()
        self.failing("open", errno.EROFS, lambda name, *_: name.startswith(b".netdaemon-"))
        self.assertRaises(Forbidden, tree.write, b"/a")

    def test_full_at_begin(self) -> None:
        tree = self.tree()
        self.failing("open", errno.ENOSPC, lambda name, *_: name.startswith(b".netdaemon-"))
        self.assertRaises(NoSpace, tree.write, b"/a")

    def test_folder_not_synced(self) -> None:
        """The one case in which the new one may be there although commit failed: whole, and perhaps not for good."""
        tree = self.tree()
        writer = tree.write(b"/a")
        writer.write(b"new")
        self.failing("fsync", errno.EIO, lambda fd: stat.S_ISDIR(os.fstat(fd).st_mode))
        self.assertRaises(Unavailable, writer.commit)
        self.assertEqual(read(tree, b"/a"), b"new")
        self.assertEqual(shown(tree), {b"a"})

    def test_temporary_cannot_be_removed(self) -> None:
        tree = self.tree(hidden=True)
        writer = tree.write(b"/a")
        self.failing("unlink", errno.EIO)
        writer.abandon()
        self.assertEqual(shown(tree), {b"a"})

    def test_order_on_disk(self) -> None:
        """The file is on the disk before its name is, and the name before commit returns."""
        calls = []

        def recording(function: str) -> None:
            real = getattr(os, function)

            def record(*arguments: object, **more: object) -> object:
                what = function
                if function == "fsync":
                    what += " folder" if stat.S_ISDIR(os.fstat(arguments[0]).st_mode) else " file"
                calls.append(what)
                return real(*arguments, **more)

            self.patch(os, function, record)

        tree = self.tree()
        writer = tree.write(b"/a")
        for function in ("write", "fchmod", "fsync", "rename", "unlink"):
            recording(function)
        (self.top / "a").chmod(0o600)
        writer.write(b"new")
        writer.commit()
        self.assertEqual(calls, ["write", "fchmod", "fsync file", "rename", "fsync folder"])


class SweepTests(ForestTests):
    def sweep(self, before: float) -> int:
        tree = self.tree(hidden=True)
        sweeping = tree.sweep(before)
        try:
            sweeping.send(None)
        except StopIteration as done:
            return int(done.value)
        raise AssertionError("without a clock there is nothing to wait for")

    def test_old_ones_only(self) -> None:
        for path, age in [
            (".netdaemon-1.part", 100),
            ("dir/deep/.netdaemon-2.part", 100),
            (".hidden/.netdaemon-3.part", 100),
            ("dir/.netdaemon-4.part", 10),
            ("dir/a", 100),
            (".netdaemon", 100),
        ]:
            os.utime(self.file(path), (1000 - age, 1000 - age))
        (self.outside / ".netdaemon-5.part").touch()
        os.utime(self.outside / ".netdaemon-5.part", (1, 1))
        self.link("out", self.outside)
        self.link(".netdaemon-link.part", "dir/a")
        self.folder(".netdaemon-folder")
        self.assertEqual(self.sweep(950), 3)
        left = {str(path.relative_to(self.top)) for path in self.top.rglob("*") if not path.is_dir()}
        self.assertEqual(left - {"out"}, {"dir/.netdaemon-4.part", "dir/a", ".netdaemon", ".netdaemon-link.part"})
        self.assertTrue((self.outside / ".netdaemon-5.part").exists())

    def test_not_removable(self) -> None:
        os.utime(self.file(".netdaemon-1.part"), (1, 1))

        def fail(*arguments: object, **more: object) -> None:
            raise OSError(errno.EROFS, "x")

        self.patch(os, "unlink", fail)
        self.assertEqual(self.sweep(950), 0)

    def test_names_that_vanish(self) -> None:
        for name in ("1", "2"):
            os.utime(self.file(f".netdaemon-{name}.part"), (1, 1))
        real = os.unlink

        def unlinks_all(name: bytes, **more: object) -> None:
            for path in self.top.iterdir():
                real(path)
            raise FileNotFoundError(errno.ENOENT, "x")

        self.patch(os, "unlink", unlinks_all)
        self.assertEqual(self.sweep(950), 0)

    def test_folder_that_cannot_be_read(self) -> None:
        os.utime(self.file("a/.netdaemon-1.part"), (1, 1))
        os.utime(self.file("b/.netdaemon-1.part"), (1, 1))
        real = os.open

        def refusing(name: bytes, *arguments: object, **more: object) -> int:
            if name == b"a":
                raise OSError(errno.EACCES, "x")
            return real(name, *arguments, **more)  # type: ignore[arg-type]

        self.patch(os, "open", refusing)
        self.assertEqual(self.sweep(950), 1)
