"""Times and permission bits, what may be written, and how much."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import SimpleNamespace

from netdaemon.documents.rights import Narrowed
from netdaemon.interfaces import Account, DocumentError, Forbidden, NotFolder, NotFound, Right, Unavailable
from tests.documents.forest import ForestTests


class ChangeTests(ForestTests):
    def test_time(self) -> None:
        file = self.file("dir/a")
        os.utime(file, ns=(123, 456))
        tree = self.tree()
        for path, place in ((b"/dir/a", file), (b"/dir", file.parent), (b"/", self.top)):
            entry = tree.change(path, modified_ns=1_600_000_000_123_456_789)
            self.assertEqual(entry, tree.entry(path))
            self.assertEqual(place.stat().st_mtime_ns, 1_600_000_000_123_456_789)
        self.assertEqual(file.stat().st_atime_ns, 123)
        self.assertEqual(tree.change(b"/dir/a", modified_ns=-5_000_000_000).modified_ns, -5_000_000_000)

    def test_mode(self) -> None:
        file = self.file("dir/a")
        tree = self.tree()
        for mode in (0o400, 0o640, 0o777):
            self.assertEqual(tree.change(b"/dir/a", mode=mode).mode, stat.S_IFREG | mode)
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), mode)
        for mode in (0o700, 0o755):
            self.assertEqual(tree.change(b"/dir/", mode=mode).mode, stat.S_IFDIR | mode)

    def test_both_and_neither(self) -> None:
        self.file("a")
        tree = self.tree()
        entry = tree.change(b"/a", 5, 0o600)
        self.assertEqual((entry.modified_ns, entry.mode & 0o777), (5, 0o600))
        self.assertEqual(tree.change(b"/a"), entry)

    def test_never_set_uid(self) -> None:
        file = self.file("dir/a")
        file.chmod(0o6644)
        tree = self.tree()
        for mode in (0o4755, 0o2755, 0o1755, 0o10644, -1):
            for path in (b"/dir/a", b"/dir"):
                self.assertRaises(Forbidden, tree.change, path, None, mode)
        tree.change(b"/dir/a", mode=0o755)
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o755)

    def test_operators_bits_of_a_folder_stay(self) -> None:
        self.folder("dir").chmod(0o3775)
        self.tree().change(b"/dir", mode=0o700)
        self.assertEqual(stat.S_IMODE((self.top / "dir").stat().st_mode), 0o3700)

    def test_we_are_not_kept_out(self) -> None:
        self.file("dir/a")
        before = [path.stat().st_mode for path in (self.top / "dir", self.top / "dir/a")]
        tree = self.tree()
        for path, modes in ((b"/dir", (0, 0o077, 0o677, 0o577, 0o377)), (b"/dir/a", (0, 0o377, 0o044))):
            for mode in modes:
                self.assertRaises(Forbidden, tree.change, path, None, mode)
        self.assertEqual([path.stat().st_mode for path in (self.top / "dir", self.top / "dir/a")], before)

    def test_times_that_are_none(self) -> None:
        self.file("a")
        for time in (1 << 100, -(1 << 100)):
            self.assertRaises(Forbidden, self.tree().change, b"/a", time)

    def test_not_there(self) -> None:
        self.file("a")
        self.file(".h")
        os.mkfifo(self.top / "pipe")
        for path, kind in [
            (b"/b", NotFound),
            (b"/a/b", NotFound),
            (b"/.h", NotFound),
            (b"/a/", NotFolder),
            (b"/pipe", Forbidden),
        ]:
            error = self.assertRaises(kind, self.tree().change, path, 1, 0o700)
            self.assertEqual(error.path, path)

    def test_by_links(self) -> None:
        file = self.file("dir/a")
        (self.outside / "secret").chmod(0o644)
        before = (self.outside / "secret").stat()
        self.link("to-a", "dir/a")
        self.link("to-dir", "dir")
        self.link("out", self.outside / "secret")
        self.link("out-folder", self.outside)
        tree = self.tree()
        self.assertEqual(tree.change(b"/to-a", 5, 0o600).name, b"to-a")
        self.assertEqual((file.stat().st_mtime_ns, stat.S_IMODE(file.stat().st_mode)), (5, 0o600))
        tree.change(b"/to-dir", 6)
        self.assertEqual(file.parent.stat().st_mtime_ns, 6)
        for path in (b"/out", b"/out-folder", b"/out-folder/secret", b"/../outside/secret"):
            self.assertRaises(NotFound, tree.change, path, 5, 0o700)
        after = (self.outside / "secret").stat()
        self.assertEqual((after.st_mtime_ns, after.st_mode), (before.st_mtime_ns, before.st_mode))

    def swapped(self, function: str) -> None:
        """A link to the outside is put in the place of what was looked at, before ``function``."""
        self.file("a")
        before = (self.outside / "secret").stat()
        real = getattr(os, function)

        def swapping(path: bytes, *arguments: object, **more: object) -> object:
            if path == b"a" and not (self.top / "a").is_symlink():
                (self.top / "a").unlink()
                (self.top / "a").symlink_to(self.outside / "secret")
            return real(path, *arguments, **more)

        patch = self.patch(os, function, swapping)
        self.assertRaises(NotFound, self.tree().change, b"/a", 5, 0o777)
        patch.restore()
        after = (self.outside / "secret").stat()
        self.assertEqual((after.st_mtime_ns, after.st_mode), (before.st_mtime_ns, before.st_mode))
        (self.top / "a").unlink()

    def test_swapped_for_a_link_out(self) -> None:
        for function in ("stat", "open"):
            self.swapped(function)

    def test_swapped_for_a_pipe(self) -> None:
        self.file("a")
        real = os.open

        def swapping(path: bytes, *arguments: object, **more: object) -> int:
            if path == b"a":
                (self.top / "a").unlink()
                os.mkfifo(self.top / "a")
            return real(path, *arguments, **more)  # type: ignore[arg-type]

        self.patch(os, "open", swapping)
        self.assertRaises(Forbidden, self.tree().change, b"/a", 5)

    def test_not_ours(self) -> None:
        self.file("a")

        def fail(*arguments: object, **more: object) -> None:
            raise OSError(errno.EPERM, "x")

        self.patch(os, "utime", fail)
        self.patch(os, "fchmod", fail)
        self.assertRaises(Forbidden, self.tree().change, b"/a", 5)
        self.assertRaises(Forbidden, self.tree().change, b"/a", None, 0o600)

    def test_rights(self) -> None:
        self.file("pub/a")
        self.file("private/a")
        self.link("mine", "pub/a")
        documents = Narrowed(self.tree(), Account("a", (Right("/pub", "r"), Right("/private", "-"))))
        for path in (b"/pub/a", b"/pub", b"/mine"):
            self.assertRaises(Forbidden, documents.change, path, 5)
        self.assertRaises(NotFound, documents.change, b"/private/a", 5)
        self.assertRaises(Forbidden, Narrowed(self.tree(), Account("anonymous")).change, b"/pub/a", 5)


class MayWriteTests(ForestTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("dir/a")
        self.file("pub/a")
        self.file("private/a")

    def allowed(self, documents: object, *paths: bytes) -> list[bytes]:
        return [path for path in paths if documents.may_write(path)]  # type: ignore[attr-defined]

    def test_tree(self) -> None:
        self.file(".h")
        os.mkfifo(self.top / "pipe")
        self.link("nowhere", "nothing")
        self.link("out", self.outside)
        self.link("to-dir", "dir")
        self.link("to-a", "dir/a")
        yes = [b"/", b"/dir", b"/dir/", b"/dir/a", b"/new", b"/new/", b"/to-dir", b"/to-dir/new", b"/to-a"]
        no = [b"/..", b"/.h", b"/.new", b"/a\0", b"/dir/a/", b"/dir/a/b", b"/missing/new", b"/pipe", b"/nowhere"]
        no += [b"/out", b"/out/new"]
        self.assertEqual(self.allowed(self.tree(), *yes, *no), yes)

    def test_as_write_says(self) -> None:
        """Documents: exactly where a writer can be begun."""
        self.link("dir/to-pub", "../pub/a")
        self.link("pub/to-dir", "../dir/a")
        documents = Narrowed(
            self.tree(),
            Account("a", (Right("/pub", "r"), Right("/private", "-"), Right("/pub/in", "rw")), quota=100, home="/dir"),
        )
        for path in [
            b"/dir/a", b"/dir/new", b"/dir/to-pub", b"/dir/missing/a", b"/pub/a", b"/pub/to-dir", b"/pub/in",
            b"/private/a", b"/private/new", b"/elsewhere", b"/dir/../elsewhere", b"/dir/../dir/new",
        ]:  # fmt: skip
            try:
                documents.write(path).abandon()
            except DocumentError:
                self.assertFalse(documents.may_write(path), path)
            else:
                self.assertTrue(documents.may_write(path), path)

    def test_folders(self) -> None:
        self.link("dir/to-pub", "../pub")
        self.link("to-private", "private")
        documents = Narrowed(self.tree(), Account("a", (Right("/pub", "r"), Right("/private", "-"))))
        paths = (b"/", b"/dir", b"/dir/to-pub", b"/pub", b"/private", b"/to-private")
        self.assertEqual(self.allowed(documents, *paths), [b"/", b"/dir"])
        documents = Narrowed(self.tree(), Account("a", quota=5, home="/dir"))
        self.assertEqual(self.allowed(documents, *paths), [b"/dir"])
        self.assertEqual(self.allowed(Narrowed(self.tree(), Account("anonymous")), *paths), [])

    def test_file_system(self) -> None:
        asked = []

        def access(name: bytes, mode: int, *, dir_fd: int, effective_ids: bool) -> bool:
            asked.append((name, Path(f"/proc/self/fd/{dir_fd}").readlink().name, mode, effective_ids))
            return False

        self.patch(os, "access", access)
        self.assertEqual(self.allowed(self.tree(), b"/dir", b"/dir/a", b"/dir/new"), [])
        how = (os.W_OK | os.X_OK, True)
        self.assertEqual(asked, [(b"dir", "top", *how), (b".", "dir", *how), (b".", "dir", *how)])

    def test_closed(self) -> None:
        tree = self.tree()
        tree.close()
        self.assertRaises(Unavailable, tree.may_write, b"/a")


class SpaceTests(ForestTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("dir/a", b"x" * 30)
        self.disk = SimpleNamespace(f_bavail=10, f_frsize=100, f_bfree=20, f_blocks=50, f_bsize=4096)
        self.patch(os, "fstatvfs", lambda fd: self.disk)

    def test_disk(self) -> None:
        self.assertEqual(self.tree().space(b"/dir"), 1000)
        self.disk.f_blocks = 0  # a file system that doesn't count
        self.assertIsNone(self.tree().space(b"/"))

    def test_quota(self) -> None:
        for quota, rest in ((100, 70), (30, 0), (20, 0), (5000, 1000)):
            documents = Narrowed(self.tree(), Account("a", quota=quota, home="/dir"))
            self.assertEqual(documents.space(b"/dir"), rest)
            self.assertEqual(documents.space(b"/"), 0)
        self.disk.f_blocks = 0
        self.assertEqual(Narrowed(self.tree(), Account("a", quota=100, home="/dir")).space(b"/dir"), 70)

    def test_rights(self) -> None:
        self.link("to-dir", "dir")
        documents = Narrowed(self.tree(), Account("a", (Right("/dir", "r"),)))
        self.assertEqual([documents.space(path) for path in (b"/", b"/dir", b"/to-dir")], [1000, 0, 0])
        documents = Narrowed(self.tree(), Account("a", (Right("/dir", "-"),)))
        self.assertRaises(NotFound, documents.space, b"/dir")

    def test_not_there(self) -> None:
        for path, kind in ((b"/b", NotFound), (b"/dir/a", NotFolder), (b"/..", NotFound)):
            self.assertRaises(kind, self.tree().space, path)

    def test_broken(self) -> None:
        def fail(fd: int) -> None:
            raise OSError(errno.EIO, "x")

        self.patch(os, "fstatvfs", fail)
        self.assertRaises(Unavailable, self.tree().space, b"/")
