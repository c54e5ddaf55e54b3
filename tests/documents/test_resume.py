"""New documents only, uploads that are kept unfinished, and going on with them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from netdaemon.documents import moving, unfinished
from netdaemon.documents.tree import Tree
from netdaemon.documents.unfinished import STEP
from netdaemon.interfaces import (
    BadOffset,
    DocumentError,
    Exists,
    Forbidden,
    IsFolder,
    NoSpace,
    NotFolder,
    NotFound,
    Unavailable,
)
from tests.documents.forest import ForestTests, read, save, shown


class NewTests(ForestTests):
    def test_not_there(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/a", new=True)
        writer.write(b"new")
        self.assertEqual(writer.commit(), tree.entry(b"/a"))
        self.assertEqual([path.name for path in self.top.iterdir()], ["a"])
        self.assertEqual((self.top / "a").stat().st_nlink, 1)

    def test_not_there_in_steps(self) -> None:
        self.patch(moving, "_renameat2", None)
        self.test_not_there()

    def test_there(self) -> None:
        self.file("a")
        self.folder("dir")
        os.mkfifo(self.top / "pipe")
        self.link("nowhere", "nothing")
        self.link("to-a", "a")
        tree = self.tree()
        for path in (b"/a", b"/a/", b"/dir", b"/pipe", b"/nowhere", b"/to-a", b"/"):
            error = self.assertRaises(Exists, tree.write, path, True)
            self.assertEqual(error.path, path)
        self.assertRaises(NotFolder, tree.write, b"/new/", True)

    def test_came_meanwhile(self) -> None:
        tree = self.tree()
        makes: list[Callable[[], object]] = [
            lambda: save(tree, b"/a", b"theirs"),
            (self.top / "a").mkdir,
            lambda: (self.top / "a").symlink_to("nothing"),
        ]
        for make in makes:
            writer = tree.write(b"/a", new=True)
            writer.write(b"ours")
            make()
            self.assertRaises(Exists, writer.commit)
            self.assertEqual([path.name for path in self.top.iterdir()], ["a"])
            tree.remove(b"/a") if not (self.top / "a").is_symlink() else (self.top / "a").unlink()

    def test_came_between_the_steps_of_commit(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/a", new=True)
        real = os.fsync
        self.patch(os, "fsync", lambda fd: (self.file("a", b"theirs"), real(fd)))
        self.assertRaises(Exists, writer.commit)
        self.assertEqual(read(tree, b"/a"), b"theirs")

    def test_of_two_the_first_wins(self) -> None:
        tree = self.tree()
        first, second = tree.write(b"/a", new=True), tree.write(b"/a", new=True)
        second.write(b"2")
        second.commit()
        self.assertRaises(Exists, first.commit)
        self.assertEqual(read(tree, b"/a"), b"2")

    def test_kept(self) -> None:
        """An older part is no reason not to keep a new document's."""
        self.file("a.part", b"older and longer")
        tree = self.tree()
        writer = tree.write(b"/a", new=True)
        writer.write(b"ours")
        writer.keep()
        self.assertEqual(read(tree, b"/a.part"), b"ours")


class KeepTests(ForestTests):
    def kept(self, path: bytes = b"/a", data: bytes = b"12345", tree: Tree | None = None) -> None:
        writer = (tree or self.tree()).write(path)
        writer.write(data)
        writer.keep()

    def names(self) -> list[str]:
        return sorted(path.name for path in self.top.iterdir())

    def test_kept(self) -> None:
        self.file("a", b"old")
        self.kept()
        tree = self.tree()
        self.assertEqual(self.names(), ["a", "a.part"])
        self.assertEqual((read(tree, b"/a"), read(tree, b"/a.part")), (b"old", b"12345"))
        tree.remove(b"/a.part")

    def test_ended(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/a")
        writer.write(b"12345")
        writer.keep()
        writer.keep()
        writer.abandon()
        self.assertRaises(ValueError, writer.write, b"more")
        self.assertRaises(ValueError, writer.commit)
        self.assertEqual(read(tree, b"/a.part"), b"12345")
        for end in ("commit", "abandon"):
            writer = tree.write(b"/b")
            writer.write(b"12345")
            getattr(writer, end)()
            writer.keep()
        self.assertEqual(self.names(), ["a.part", "b"])

    def test_older_part_is_replaced(self) -> None:
        for data in (b"123456789", b"abc"):
            self.kept(data=data)
            self.assertEqual(read(self.tree(), b"/a.part"), data)

    def test_nothing_replaces_no_older_part(self) -> None:
        self.kept()
        self.tree().write(b"/a").keep()
        self.assertEqual(read(self.tree(), b"/a.part"), b"12345")
        self.assertEqual(self.names(), ["a.part"])

    def test_longest_name(self) -> None:
        self.kept(b"/" + b"n" * 250)
        self.kept(b"/" + b"m" * 251)
        self.assertEqual(self.names(), ["n" * 250 + ".part"])

    def test_something_else_stands_there(self) -> None:
        self.folder("a.part")
        os.mkfifo(self.top / "b.part")
        self.file("d", b"D")
        self.link("c.part", "d")
        for path in (b"/a", b"/b", b"/c"):
            self.kept(path)
        self.assertEqual(self.names(), ["a.part", "b.part", "c.part", "d"])
        self.assertFalse((self.top / "c.part").is_symlink())
        self.assertEqual((self.top / "d").read_bytes(), b"D")

    def test_folder_moved_away(self) -> None:
        self.folder("dir")
        writer = self.tree().write(b"/dir/a")
        writer.write(b"12345")
        (self.top / "dir").rename(self.outside / "dir")
        writer.keep()
        self.assertEqual(list((self.outside / "dir").iterdir()), [])

    def test_after_the_disk_was_full(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/a")
        writer.write(b"12345")

        def full(fd: int, data: memoryview) -> int:
            raise OSError(errno.ENOSPC, "x")

        patch = self.patch(os, "write", full)
        self.assertRaises(NoSpace, writer.write, b"6")
        patch.restore()
        writer.keep()
        self.assertEqual(read(tree, b"/a.part"), b"12345")

    def test_what_fails(self) -> None:
        tree = self.tree()
        for function in ("rename", "stat"):
            writer = tree.write(b"/a")
            writer.write(b"12345")

            def fail(*arguments: object, **more: object) -> None:
                raise OSError(errno.EIO, "x")

            patch = self.patch(os, function, fail)
            writer.keep()
            patch.restore()
            self.assertEqual(self.names(), [])

    def test_mode_of_what_it_was_to_replace(self) -> None:
        self.file("a").chmod(0o600)
        self.kept()
        self.assertEqual(stat.S_IMODE((self.top / "a.part").stat().st_mode), 0o600)


class ResumeTests(ForestTests):
    def resumed(self, offset: int, data: bytes = b"xyz") -> bytes:
        tree = self.tree()
        writer = tree.resume(b"/a", offset)
        writer.write(data)
        entry = writer.commit()
        self.assertEqual(entry, tree.entry(b"/a"))
        return read(tree, b"/a")

    def names(self) -> set[str]:
        return {path.name for path in self.top.iterdir()}

    def test_part(self) -> None:
        for offset in (0, 1, 4, 5):
            self.file("a.part", b"12345")
            self.assertEqual(self.resumed(offset), b"12345"[:offset] + b"xyz")
            self.assertEqual(self.names(), {"a"})

    def test_part_before_the_document(self) -> None:
        self.file("a.part", b"12345")
        self.file("a", b"abcdefgh")
        self.assertEqual(self.resumed(5), b"12345xyz")

    def test_document_where_the_part_is_too_short(self) -> None:
        self.file("a.part", b"12345")
        self.file("a", b"abcdefgh")
        self.assertEqual(self.resumed(6), b"abcdefxyz")
        self.assertEqual(self.names(), {"a", "a.part"})

    def test_document(self) -> None:
        for offset in (0, 1, 7, 8):
            self.file("a", b"abcdefgh")
            self.assertEqual(self.resumed(offset), b"abcdefgh"[:offset] + b"xyz")
            self.file("a", b"abcdefgh")
            self.assertEqual(self.resumed(offset, b""), b"abcdefgh"[:offset])
        self.assertEqual(self.names(), {"a"})

    def test_document_stands_until_commit(self) -> None:
        self.file("a", b"abcdefgh")
        tree = self.tree()
        writer = tree.resume(b"/a", 4)
        writer.write(b"xyz")
        self.assertEqual(read(tree, b"/a"), b"abcdefgh")
        self.assertEqual(shown(tree), {b"a"})
        writer.abandon()
        self.assertEqual(self.names(), {"a"})
        self.assertEqual(read(tree, b"/a"), b"abcdefgh")

    def test_goes_on_from_the_old_one(self) -> None:
        """Whatever comes to stand there meanwhile: the octets are those that were there when it began."""
        self.file("a", b"abcdefgh")
        tree = self.tree()
        writer = tree.resume(b"/a", 4)
        save(tree, b"/a", b"ANOTHER")
        writer.write(b"xyz")
        writer.commit()
        self.assertEqual(read(tree, b"/a"), b"abcdxyz")

    def test_neither(self) -> None:
        self.folder("dir")
        for offset, path, kind in [
            (0, b"/a", NotFound),
            (1, b"/a", NotFound),
            (-1, b"/a", BadOffset),
            (1, b"/dir", IsFolder),
            (1, b"/", IsFolder),
            (1, b"/missing/a", NotFound),
        ]:
            error = self.assertRaises(kind, self.tree().resume, path, offset)
            self.assertEqual(error.path, path)
        self.assertEqual(self.names(), {"dir"})

    def test_too_far(self) -> None:
        self.file("a.part", b"12345")
        self.assertRaises(BadOffset, self.tree().resume, b"/a", 6)
        self.file("a", b"12")
        self.assertRaises(BadOffset, self.tree().resume, b"/a", 6)
        (self.top / "a.part").unlink()
        self.assertRaises(BadOffset, self.tree().resume, b"/a", 3)
        self.assertEqual(self.names(), {"a"})

    def test_again_and_again(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/a")
        writer.write(b"12")
        writer.keep()
        for offset in range(2, 8):
            writer = tree.resume(b"/a", offset)
            self.assertEqual(shown(tree), set())
            writer.write(b"%d" % (offset + 1))
            writer.keep()
            self.assertEqual(shown(tree), {b"a.part"})
        tree.resume(b"/a", 8).commit()
        self.assertEqual(read(tree, b"/a"), b"12345678")

    def test_kept_untouched(self) -> None:
        self.file("a.part", b"12345")
        self.tree().resume(b"/a", 3).keep()
        self.assertEqual(read(self.tree(), b"/a.part"), b"123")

    def test_two_at_one_time(self) -> None:
        self.file("a.part", b"12345")
        tree = self.tree()
        first = tree.resume(b"/a", 5)
        self.assertRaises(NotFound, tree.resume, b"/a", 5)
        self.file("a", b"abcdefgh")
        second = tree.resume(b"/a", 5)
        first.write(b"1st")
        second.write(b"2nd")
        first.commit()
        self.assertEqual(read(tree, b"/a"), b"123451st")
        second.commit()
        self.assertEqual(read(tree, b"/a"), b"abcde2nd")
        self.assertEqual(self.names(), {"a"})

    def test_beside_a_new_upload(self) -> None:
        self.file("a.part", b"12345")
        tree = self.tree()
        resumed, fresh = tree.resume(b"/a", 5), tree.write(b"/a")
        fresh.write(b"fresh")
        fresh.keep()
        resumed.write(b"6")
        resumed.commit()
        self.assertEqual((read(tree, b"/a"), read(tree, b"/a.part")), (b"123456", b"fresh"))

    def test_part_that_is_not_ours_alone(self) -> None:
        """Another name of it, or another owner: its bytes could be changed once it is the document."""
        self.file("a.part", b"12345")
        (self.top / "b").hardlink_to(self.top / "a.part")
        self.assertRaises(NotFound, self.tree().resume, b"/a", 3)
        (self.top / "b").unlink()
        self.patch(os, "geteuid", lambda: 54321)
        self.assertRaises(NotFound, self.tree().resume, b"/a", 3)
        self.assertEqual((self.top / "a.part").read_bytes(), b"12345")

    def test_part_that_is_no_document(self) -> None:
        for make in (
            lambda: (self.top / "a.part").mkdir(),
            lambda: os.mkfifo(self.top / "a.part"),
            lambda: (self.top / "a.part").symlink_to(self.outside / "secret"),
            lambda: (self.top / "a.part").symlink_to("b"),
        ):
            self.file("b", b"inside")
            make()
            self.assertRaises(NotFound, self.tree().resume, b"/a", 3)
            self.assertEqual(self.names(), {"a.part", "b"})
            (self.top / "a.part").rmdir() if (self.top / "a.part").is_dir() else (self.top / "a.part").unlink()
        self.assertEqual((self.outside / "secret").read_bytes(), b"SECRET")

    def test_document_by_a_link(self) -> None:
        """Of a link what it leads to is gone on from, and the link is replaced, as write does."""
        self.file("b", b"abcdefgh")
        self.link("a", "b")
        self.assertEqual(self.resumed(4), b"abcdxyz")
        self.assertFalse((self.top / "a").is_symlink())
        self.assertEqual((self.top / "b").read_bytes(), b"abcdefgh")
        for target in (self.outside / "secret", "nothing"):
            (self.top / "a").unlink()
            self.link("a", target)
            self.assertRaises(Forbidden, self.tree().resume, b"/a", 3)

    def test_never_set_uid(self) -> None:
        self.file("a.part", b"12345").chmod(0o6755)
        self.resumed(5, b"")
        self.assertEqual(stat.S_IMODE((self.top / "a").stat().st_mode), 0o755)

    def test_no_part_for_so_long_a_name(self) -> None:
        name = b"n" * 255
        self.file(name, b"abcdefgh")
        writer = self.tree().resume(b"/" + name, 4)
        writer.write(b"xyz")
        writer.keep()
        self.assertEqual((self.top / os.fsdecode(name)).read_bytes(), b"abcdefgh")
        self.assertEqual(len(self.names()), 1)


class CopyTests(ForestTests):
    """The beginning is copied in steps, by whatever way the file system has."""

    SIZE = 3 * STEP + 12345

    def setUp(self) -> None:
        super().setUp()
        self.old = os.urandom(self.SIZE)
        self.file("a", self.old)

    def written(self, tree: Tree) -> bytes:
        writer = tree.resume(b"/a", self.SIZE - 7)
        writer.write(b"one")
        writer.write(b"two")
        writer.commit()
        return (self.top / "a").read_bytes()

    def test_whole(self) -> None:
        self.assertTrue(self.written(self.tree()) == self.old[:-7] + b"onetwo")

    def test_without_copy_file_range(self) -> None:
        for number in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):

            def fail(*arguments: object, number: int = number) -> int:
                raise OSError(number, "x")

            patch = self.patch(os, "copy_file_range", fail)
            self.file("a", self.old)
            self.assertTrue(self.written(self.tree()) == self.old[:-7] + b"onetwo")
            patch.restore()

    def test_copy_file_range_that_says_0(self) -> None:
        self.patch(os, "copy_file_range", lambda *_: 0)
        self.assertTrue(self.written(self.tree()) == self.old[:-7] + b"onetwo")

    def test_a_step_with_each_write(self) -> None:
        sizes: list[int] = []
        real = unfinished.copy

        def copying(source: int, file: int, offset: int, size: int) -> int:
            copied = real(source, file, offset, size)
            sizes.append(copied)
            return copied

        self.patch(unfinished, "copy", copying)
        writer = self.tree().resume(b"/a", self.SIZE)
        self.assertEqual(sizes, [])
        for number in range(1, 4):
            writer.write(b"x")
            self.assertEqual(sum(sizes), number * STEP)
        writer.commit()
        self.assertEqual(sum(sizes), self.SIZE)
        self.assertTrue((self.top / "a").read_bytes() == self.old + b"xxx")

    def test_kept_whole(self) -> None:
        writer = self.tree().resume(b"/a", self.SIZE - 7)
        writer.write(b"one")
        writer.keep()
        self.assertTrue((self.top / "a.part").read_bytes() == self.old[:-7] + b"one")
        self.assertTrue((self.top / "a").read_bytes() == self.old)

    def failing(self, fail: Callable[..., object], kind: type[DocumentError]) -> None:
        """At a write, in commit and in keep."""
        for end in ("write", "commit", "keep"):
            writer = self.tree().resume(b"/a", self.SIZE)
            patch = self.patch(os, "copy_file_range", fail)
            if end == "keep":
                writer.keep()
            elif end == "commit":
                self.assertRaises(kind, writer.commit)
                writer.keep()
            else:
                self.assertRaises(kind, writer.write, b"x")
                self.assertRaises(kind, writer.commit)
                writer.keep()
            patch.restore()
            self.assertRaises((ValueError, kind), writer.commit)
            self.assertEqual([path.name for path in self.top.iterdir()], ["a"], end)

    def test_full(self) -> None:
        def fail(*arguments: object) -> int:
            raise OSError(errno.ENOSPC, "x")

        self.failing(fail, NoSpace)

    def test_broken(self) -> None:
        def fail(*arguments: object) -> int:
            raise OSError(errno.EIO, "x")

        self.failing(fail, Unavailable)

    def test_cut_short_by_another_program(self) -> None:
        writer = self.tree().resume(b"/a", self.SIZE)
        os.truncate(self.top / "a", 100)
        self.assertRaises(BadOffset, writer.commit)
        writer.keep()
        self.assertEqual([path.name for path in self.top.iterdir()], ["a"])


class TakingTests(ForestTests):
    """What happens between two steps of taking a part away."""

    def setUp(self) -> None:
        super().setUp()
        self.file("a.part", b"12345")

    def before(self, function: str, name: bytes, do: Callable[[], object]) -> None:
        real = getattr(os, function)
        done: list[bytes] = []

        def doing(path: bytes, *arguments: object, **more: object) -> object:
            if path == name and not done:
                done.append(path)
                do()
            return real(path, *arguments, **more)

        self.patch(os, function, doing)
        self.addCleanup(lambda: self.assertEqual(done, [name], "the moment never came"))

    def another(self) -> None:
        other = self.file("other", b"abcdefgh")
        other.rename(self.top / "a.part")

    def test_taken_by_somebody_quicker(self) -> None:
        for function in ("open", "rename"):
            self.file("a.part", b"12345")
            self.before(function, b"a.part", (self.top / "a.part").unlink)
            self.assertRaises(NotFound, self.tree().resume, b"/a", 3)
        self.assertEqual(list(self.top.iterdir()), [])

    def test_another_was_put_there(self) -> None:
        self.before("rename", b"a.part", self.another)
        self.assertRaises(NotFound, self.tree().resume, b"/a", 3)
        self.assertEqual([path.name for path in self.top.iterdir()], ["a.part"])
        self.assertEqual((self.top / "a.part").read_bytes(), b"abcdefgh")

    def test_and_yet_another(self) -> None:
        self.before("rename", b"a.part", self.another)
        real = unfinished.rename_new

        def rename_new(name: bytes, to: bytes, folder: int, to_folder: int) -> None:
            self.file("a.part", b"newest")
            real(name, to, folder, to_folder)

        self.patch(unfinished, "rename_new", rename_new)
        self.assertRaises(NotFound, self.tree().resume, b"/a", 3)
        self.assertEqual([path.name for path in self.top.iterdir()], ["a.part"])
        self.assertEqual((self.top / "a.part").read_bytes(), b"newest")

    def test_a_link_out_was_put_there(self) -> None:
        def swap() -> None:
            (self.top / "a.part").unlink()
            (self.top / "a.part").symlink_to(self.outside / "secret")

        for function in ("open", "rename"):
            self.file("a.part", b"12345")
            self.before(function, b"a.part", swap)
            self.assertRaises(NotFound, self.tree().resume, b"/a", 3)
            self.assertTrue((self.top / "a.part").is_symlink())
            (self.top / "a.part").unlink()
        self.assertEqual((self.outside / "secret").read_bytes(), b"SECRET")

    def test_cannot_be_cut(self) -> None:
        def fail(*arguments: object) -> None:
            raise OSError(errno.EIO, "x")

        self.patch(os, "ftruncate", fail)
        self.assertRaises(Unavailable, self.tree().resume, b"/a", 3)
        self.file("b", b"abcdefgh")
        self.assertRaises(Unavailable, self.tree().resume, b"/b", 3)
        self.assertEqual({path.name for path in self.top.iterdir()}, {"a.part", "b"})
        self.assertEqual((self.top / "a.part").read_bytes(), b"12345")

    def test_too_far_for_the_file_system(self) -> None:
        self.assertRaises(BadOffset, self.tree().resume, b"/a", 1 << 70)
