"""Nobody gets out of the tree: by ``..``, by links, by links put in place between two steps."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path

from netdaemon.documents.resolve import LINKS
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import DocumentError, Forbidden, IsFolder, NotFolder, NotFound
from tests.documents.forest import ForestTests, descriptors, read, save, shown


class PathTests(ForestTests):
    def test_probes(self) -> None:
        self.file("a")
        self.file("dir/a")
        tree = self.tree(hidden=True)
        for path in [
            b"..",
            b"/..",
            b"/../",
            b"/../outside/secret",
            b"/dir/../../outside/secret",
            b"/dir/../../top/a",
            b"//../outside/secret",
            b"/./../outside/secret",
            b"/dir/./../.././outside/secret",
            b"/../../../../../../../../etc/passwd",
            b"/a\0",
            b"/a\0/../../outside/secret",
            b"\0/a",
        ]:
            for call in (tree.entry, tree.open, tree.list, tree.write, tree.remove, tree.make_folder):
                self.assertRaises(NotFound, call, path)
            for call in others(tree):
                self.assertRaises(NotFound, call, path)
            self.assertFalse(tree.may_write(path))
        for path in [
            b"/%2e%2e/outside/secret",  # decoding is the protocol's, and done
            b"/..\\outside\\secret",
            b"/\\..\\outside\\secret",
            b"/..%2foutside/secret",
            b"/\xc0\xae\xc0\xae/outside/secret",  # overlong UTF-8 of ".."
            b"/.. /outside/secret",
            b"/..;/outside/secret",
            b"/etc/passwd",
            bytes(self.outside / "secret"),
            bytes(self.top / "a"),
        ]:
            self.assertRaises(NotFound, tree.open, path)
        self.assertEqual((self.outside / "secret").read_bytes(), b"SECRET")


class LinkTests(ForestTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("dir/a", b"inside")

    def refused(self, *paths: bytes) -> None:
        tree = self.tree()
        for path in paths:
            for call in (tree.entry, tree.open, tree.list, tree.remove):
                self.assertRaises(NotFound, call, path)
            self.assertRaises((NotFound, Forbidden), tree.write, path)
            self.assertRaises((NotFound, Forbidden), tree.make_folder, path)
            for call in others(tree):
                self.assertRaises((NotFound, Forbidden, NotFolder), call, path)
            self.assertFalse(tree.may_write(path))
        self.assertEqual((self.top / "dir/a").read_bytes(), b"inside")
        self.assertEqual([(path.name, path.read_bytes()) for path in self.outside.iterdir()], [("secret", b"SECRET")])

    def test_out_of_the_tree(self) -> None:
        self.link("absolute", self.outside / "secret")
        self.link("absolute-folder", self.outside)
        self.link("relative", "../outside/secret")
        self.link("dir/relative", "../../outside/secret")
        self.link("relative-folder", "../outside")
        self.link("up", "..")
        self.link("dir/up", "../..")
        self.link("slash", "/")
        self.link("passwd", "/etc/passwd")
        self.link("proc", "/proc/self/root")
        self.refused(
            b"/absolute",
            b"/absolute-folder",
            b"/absolute-folder/secret",
            b"/relative",
            b"/dir/relative",
            b"/relative-folder/secret",
            b"/relative-folder/",
            b"/up",
            b"/up/outside/secret",
            b"/up/top/dir/a",
            b"/dir/up/outside/secret",
            b"/slash",
            b"/slash/etc/passwd",
            b"/passwd",
            b"/proc/etc/passwd",
        )

    def test_out_and_back(self) -> None:
        """Even a link that comes back may not leave: what it passes outside is not ours to know."""
        self.link("back", "../top/dir/a")
        self.link("dots", f"{self.top}/../top/dir/a")
        self.link("sibling", f"{self.top}-other/a")
        self.file("a", b"where a wrong prefix would lead")
        (self.top.parent / "top-other").mkdir()
        (self.top.parent / "top-other/a").write_bytes(b"SECRET")
        self.refused(b"/back", b"/dots", b"/sibling")

    def test_by_a_chain(self) -> None:
        self.link("one", "two")
        self.link("two", "dir/three")
        self.link("dir/three", "../four")
        self.link("four", self.outside)
        self.refused(b"/one", b"/one/secret", b"/two/secret", b"/dir/three/secret")

    def test_by_a_link_outside_that_leads_in(self) -> None:
        (self.outside / "in").symlink_to(self.top)
        self.link("out", self.outside / "in")
        tree = self.tree()
        self.assertRaises(NotFound, tree.entry, b"/out")
        self.assertRaises(NotFound, tree.open, b"/out/dir/a")

    def test_magic_links(self) -> None:
        """/proc's links are followed by their text alone, never to the open file behind them."""
        secret = os.open(self.outside / "secret", os.O_RDONLY)
        self.addCleanup(os.close, secret)
        self.link("fd", f"/proc/self/fd/{secret}")
        self.assertRaises(NotFound, self.tree().open, b"/fd")

    def test_inside(self) -> None:
        self.link("relative", "dir/a")
        self.link("absolute", self.top / "dir/a")
        self.link("folder", "dir")
        self.link("dir/self", ".")
        self.link("dir/up", "../dir/./a")
        self.link("dir/top", "..")
        self.link("dir/root", self.top)
        self.link("slashes", ".//dir///a")
        self.link("chain", "folder/self/top/relative")
        tree = self.tree()
        for path in [
            b"/relative",
            b"/absolute",
            b"/folder/a",
            b"/dir/self/a",
            b"/folder/self/self/a",
            b"/dir/up",
            b"/dir/top/dir/a",
            b"/dir/root/folder/a",
            b"/slashes",
            b"/chain",
        ]:
            self.assertEqual(read(tree, path), b"inside", path)
            self.assertEqual(tree.entry(path).name, path.rsplit(b"/", 1)[1])
        self.assertEqual(tree.entry(b"/dir/root").inode, self.top.stat().st_ino)
        self.assertIn(b"a", shown(tree, b"/dir/root/folder/"))
        self.assertRaises(IsFolder, tree.open, b"/folder")
        self.assertRaises(NotFolder, tree.open, b"/relative/")
        self.assertRaises(NotFolder, tree.list, b"/relative")

    def test_dots_in_a_path_take_back_the_name(self) -> None:
        """``..`` of a peer's path is lexical, that of a link the folder's real parent."""
        self.file("deep/inner/b", b"b")
        self.link("short", "deep/inner")
        self.link("parent", "short/..")
        tree = self.tree()
        self.assertEqual(read(tree, b"/short/../dir/a"), b"inside")
        self.assertIn(b"inner/", shown(tree, b"/parent"))

    def test_folder_wanted_by_a_link(self) -> None:
        self.link("slash", "dir/a/")
        self.link("dot", "dir/a/.")
        self.link("absolute", f"{self.top}/dir/a/")
        self.link("beneath", "dir/a/b")
        tree = self.tree()
        for path in (b"/slash", b"/dot", b"/absolute", b"/beneath"):
            self.assertRaises(NotFound, tree.open, path)

    def test_loops(self) -> None:
        self.link("self", "self")
        self.link("one", "two")
        self.link("two", "one")
        self.link("grows", "grows/x")
        self.refused(b"/self", b"/self/a", b"/one", b"/two/a", b"/grows", b"/grows/x")

    def test_as_many_links_as_linux(self) -> None:
        self.link("l0", "dir/a")
        for number in range(1, LINKS + 1):
            self.link(f"l{number}", f"l{number - 1}")
        tree = self.tree()
        self.assertEqual(read(tree, b"/l%d" % (LINKS - 1)), b"inside")
        self.assertRaises(NotFound, tree.open, b"/l%d" % LINKS)
        self.assertRaises(OSError, os.stat, self.top / f"l{LINKS}")

    def test_hidden_by_a_link(self) -> None:
        """A hidden name stays hidden when a link leads to it or past it."""
        self.file(".h/a")
        self.link("to-hidden", ".h/a")
        self.link("to-folder", ".h")
        self.link(".h/back", "../dir/a")
        self.link("past", ".h/back")
        self.link("past-up", ".h/../dir/a")
        self.refused(b"/to-hidden", b"/to-folder", b"/to-folder/a", b"/past", b"/past-up")
        self.assertEqual(read(self.tree(hidden=True), b"/past"), b"inside")

    def test_none_followed(self) -> None:
        self.link("file", "dir/a")
        self.link("folder", "dir")
        tree = self.tree(symlinks="no")
        for path in (b"/file", b"/folder", b"/folder/a"):
            self.assertRaises(NotFound, tree.entry, path)
            self.assertRaises(NotFound, tree.open, path)
        self.assertRaises(Forbidden, tree.write, b"/file")
        self.assertRaises(NotFound, tree.write, b"/folder/new")
        self.assertEqual(read(tree, b"/dir/a"), b"inside")

    def test_many_links_leave_no_descriptors(self) -> None:
        self.folder("dir/b/c/d")
        self.link("dir/b/c/d/up", "../../../b/c/d/../../../../nothing/x")
        tree = self.tree()
        before = descriptors()
        for _ in range(10):
            self.assertRaises(NotFound, tree.open, b"/dir/b/c/d/up/up")
        self.assertEqual(descriptors(), before)


class SwapTests(ForestTests):
    """Somebody on this machine swaps things between two of our steps: each place is tried."""

    def setUp(self) -> None:
        super().setUp()
        self.file("dir/deep/a", b"inside")
        (self.outside / "deep").mkdir()
        (self.outside / "a").write_bytes(b"SECRET")
        (self.outside / "deep/a").write_bytes(b"SECRET")

    def before_call(self, function: str, name: bytes, swap: Callable[[], object]) -> None:
        """Do ``swap`` once, just before the tree's first ``os.function(name, ...)``."""
        real = getattr(os, function)
        done = []

        def swapping(path: bytes, *arguments: object, **more: object) -> object:
            if path == name and not done:
                done.append(name)
                swap()
            return real(path, *arguments, **more)

        self.patch(os, function, swapping)
        self.addCleanup(lambda: self.assertEqual(done, [name], "the moment never came"))

    def swap_for_link(self, path: str, target: Path) -> Callable[[], None]:
        def swap() -> None:
            (self.top / path).rename(self.top / f"{path}-away")
            (self.top / path).symlink_to(target)

        return swap

    def test_folder_for_a_link_before_it_is_opened(self) -> None:
        tree = self.tree()
        self.before_call("open", b"dir", self.swap_for_link("dir", self.outside))
        self.assertRaises(NotFound, tree.open, b"/dir/deep/a")

    def test_folder_for_a_link_after_it_was_opened(self) -> None:
        tree = self.tree()
        self.before_call("open", b"deep", self.swap_for_link("dir", self.outside))
        self.assertEqual(read(tree, b"/dir/deep/a"), b"inside")

    def test_document_for_a_link(self) -> None:
        tree = self.tree()
        self.before_call("open", b"a", self.swap_for_link("dir/deep/a", self.outside / "a"))
        self.assertRaises(NotFound, tree.open, b"/dir/deep/a")

    def test_link_for_another_before_it_is_read(self) -> None:
        self.link("link", "dir")
        tree = self.tree()
        self.before_call("readlink", b"link", self.swap_for_link("link", self.outside))
        self.assertRaises(NotFound, tree.open, b"/link/deep/a")

    def test_what_a_link_leads_to_for_a_link(self) -> None:
        self.link("link", "dir/deep")
        tree = self.tree()
        self.before_call("open", b"deep", self.swap_for_link("dir/deep", self.outside))
        self.assertRaises(NotFound, tree.open, b"/link/a")

    def test_link_for_a_document(self) -> None:
        """The last name was a link when it was opened and is a document when it is read as one."""
        self.link("link", self.outside / "a")
        tree = self.tree()

        def swap() -> None:
            (self.top / "link").unlink()
            (self.top / "link").write_bytes(b"inside")

        self.before_call("readlink", b"link", swap)
        self.assertEqual(read(tree, b"/link"), b"inside")

    def test_link_for_a_folder(self) -> None:
        self.link("link", self.outside)
        tree = self.tree()

        def swap() -> None:
            (self.top / "link").unlink()
            (self.top / "link").mkdir()

        self.before_call("readlink", b"link", swap)
        self.assertRaises(NotFound, tree.open, b"/link/a")

    def test_document_for_a_pipe(self) -> None:
        tree = self.tree()

        def swap() -> None:
            (self.top / "dir/deep/a").unlink()
            os.mkfifo(self.top / "dir/deep/a")

        self.before_call("open", b"a", swap)
        self.assertRaises(Forbidden, tree.open, b"/dir/deep/a")

    def test_folder_moved_out_while_we_stand_in_it(self) -> None:
        """``..`` of the moved folder would be outside: we step back to where we came from."""
        self.link("dir/deep/up", "../../b")
        self.file("b", b"inside")
        (self.top.parent / "b").write_bytes(b"SECRET")
        (self.outside / "b").write_bytes(b"SECRET")
        tree = self.tree()
        self.before_call("readlink", b"up", lambda: (self.top / "dir/deep").rename(self.outside / "deep/moved"))
        self.assertEqual(read(tree, b"/dir/deep/up"), b"inside")

    def test_folder_moved_out_then_asked_again(self) -> None:
        tree = self.tree()
        self.before_call("open", b"a", lambda: (self.top / "dir/deep").rename(self.outside / "moved"))
        # opened a moment before the move: the very document that stood in the tree
        self.assertEqual(read(tree, b"/dir/deep/a"), b"inside")
        self.assertRaises(NotFound, tree.open, b"/dir/deep/a")

    def test_listing(self) -> None:
        tree = self.tree()
        self.before_call("open", b"deep", self.swap_for_link("dir/deep", self.outside))
        self.assertRaises(NotFound, tree.list, b"/dir/deep")

    def test_listed_folder(self) -> None:
        tree = self.tree()
        entries = tree.list(b"/dir")
        self.swap_for_link("dir", self.outside)()
        self.assertEqual([entry.name for entry in entries], [b"deep"])

    def test_folder_removed_for_a_link(self) -> None:
        tree = self.tree()
        self.folder("empty")
        (self.outside / "empty").mkdir()
        self.before_call("rmdir", b"empty", self.swap_for_link("empty", self.outside / "empty"))
        self.assertRaises(DocumentError, tree.remove, b"/empty")
        self.assertTrue((self.outside / "empty").is_dir())

    def test_written_into_a_folder_swapped_for_a_link(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/dir/deep/a")
        writer.write(b"new")
        self.swap_for_link("dir/deep", self.outside)()
        self.assertRaises(NotFound, writer.commit)
        self.assertEqual((self.outside / "a").read_bytes(), b"SECRET")
        self.assertEqual((self.top / "dir/deep-away/a").read_bytes(), b"inside")

    def test_written_into_a_folder_moved_out(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/dir/deep/a")
        writer.write(b"new")
        (self.top / "dir/deep").rename(self.outside / "moved")
        self.assertRaises(NotFound, writer.commit)
        self.assertEqual({path.name for path in (self.outside / "moved").iterdir()}, {"a"})
        self.assertEqual((self.outside / "moved/a").read_bytes(), b"inside")

    def test_renamed_from_a_folder_swapped_for_a_link(self) -> None:
        tree = self.tree()
        self.before_call("open", b"deep", self.swap_for_link("dir/deep", self.outside))
        self.assertRaises(NotFound, tree.rename, b"/dir/deep/a", b"/a")
        self.assertEqual((self.outside / "a").read_bytes(), b"SECRET")

    def test_renamed_into_a_folder_swapped_for_a_link(self) -> None:
        self.file("b", b"inside")
        tree = self.tree()
        self.before_call("open", b"deep", self.swap_for_link("dir/deep", self.outside))
        self.assertRaises(NotFound, tree.rename, b"/b", b"/dir/deep/a")
        self.assertEqual((self.outside / "a").read_bytes(), b"SECRET")

    def test_renamed_when_both_folders_are_open(self) -> None:
        """The folders are those that were found, wherever their names lead by now."""
        self.file("b", b"B")
        self.folder("other")
        tree = self.tree()
        self.before_call("rename", b"b", self.swap_for_link("other", self.outside))
        tree.rename(b"/b", b"/other/a")
        self.assertEqual((self.outside / "a").read_bytes(), b"SECRET")
        self.assertEqual((self.top / "other-away/a").read_bytes(), b"B")

    def test_renamed_over_what_became_a_link(self) -> None:
        self.file("b", b"B")
        tree = self.tree()
        self.before_call("rename", b"b", self.swap_for_link("dir/deep/a", self.outside / "a"))
        tree.rename(b"/b", b"/dir/deep/a")
        self.assertEqual((self.outside / "a").read_bytes(), b"SECRET")
        self.assertEqual(read(tree, b"/dir/deep/a"), b"B")

    def test_renamed_after_it_became_a_link(self) -> None:
        """The link is moved, never what it leads to."""
        tree = self.tree()
        self.before_call("rename", b"a", self.swap_for_link("dir/deep/a", self.outside / "a"))
        tree.rename(b"/dir/deep/a", b"/moved")
        self.assertTrue((self.top / "moved").is_symlink())
        self.assertRaises(NotFound, tree.open, b"/moved")
        self.assertEqual((self.outside / "a").read_bytes(), b"SECRET")

    def test_kept_in_a_folder_swapped_for_a_link(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/dir/deep/a")
        writer.write(b"new")
        self.swap_for_link("dir/deep", self.outside)()
        writer.keep()
        self.assertEqual({path.name for path in self.outside.iterdir()}, {"a", "deep", "secret"})
        self.assertEqual({path.name for path in (self.top / "dir/deep-away").iterdir()}, {"a"})

    def test_kept_over_what_became_a_link(self) -> None:
        self.file("dir/deep/a.part", b"older")
        tree = self.tree()
        writer = tree.write(b"/dir/deep/a")
        writer.write(b"new")
        self.before_call("rename", writer._temporary, self.swap_for_link("dir/deep/a.part", self.outside / "a"))
        writer.keep()
        self.assertEqual(read(tree, b"/dir/deep/a.part"), b"new")
        self.assertEqual((self.outside / "a").read_bytes(), b"SECRET")

    def test_gone_on_with_where_a_link_was_put(self) -> None:
        self.file("dir/deep/b", b"12345")
        tree = self.tree()
        self.before_call("open", b"b", self.swap_for_link("dir/deep/b", self.outside / "a"))
        self.assertRaises(NotFound, tree.resume, b"/dir/deep/b", 3)
        self.assertEqual({path.name for path in (self.top / "dir/deep").iterdir()}, {"a", "b", "b-away"})

    def test_changed_by_a_folder_swapped_for_a_link(self) -> None:
        tree = self.tree()
        before = (self.outside / "a").stat()
        self.before_call("open", b"deep", self.swap_for_link("dir/deep", self.outside))
        self.assertRaises(NotFound, tree.change, b"/dir/deep/a", 5, 0o777)
        self.assertEqual((self.outside / "a").stat(), before)

    def test_written_over_what_became_a_link(self) -> None:
        tree = self.tree()
        writer = tree.write(b"/dir/deep/a")
        writer.write(b"new")
        self.before_call("rename", writer._temporary, self.swap_for_link("dir/deep/a", self.outside / "a"))
        writer.commit()
        self.assertEqual(read(tree, b"/dir/deep/a"), b"new")
        self.assertEqual((self.outside / "a").read_bytes(), b"SECRET")


class RaceTests(ForestTests):
    def test_exchanged_by_another_thread(self) -> None:
        """A folder and a link to the outside change places as fast as they can, while we read and write."""
        self.file("x/a", b"inside")
        (self.outside / "a").write_bytes(b"SECRET")
        before = (self.outside / "a").stat().st_mtime_ns
        self.link("y", self.outside)
        exchange = exchanger(self.top / "x", self.top / "y")
        tree = self.tree()
        stop = threading.Event()

        def swap() -> None:
            while not stop.is_set():
                exchange()

        thread = threading.Thread(target=swap)
        thread.start()
        seen = set()
        try:
            for number in range(1500):
                try:
                    seen.add(read(tree, b"/x/a"))
                except DocumentError:
                    seen.add(b"")
                try:
                    seen.update(entry.name for entry in tree.list(b"/y"))
                except DocumentError:
                    pass  # it changed under our hands: any refusal will do
                if number % 30 == 0:
                    for call in (
                        lambda: save(tree, b"/x/new", b"new"),
                        lambda: tree.rename(b"/x/new", b"/x/newer"),
                        lambda: tree.rename(b"/y/a", b"/stolen"),
                        lambda: tree.rename(b"/x/newer", b"/y/put"),
                        lambda: tree.change(b"/y/a", 5),
                        lambda: seen.add(kept(tree, b"/x/a")),
                    ):
                        try:
                            call()
                        except DocumentError:
                            pass
        finally:
            stop.set()
            thread.join()
        self.assertLessEqual(seen, {b"inside", b"", b"a", b"new", b"newer", b"put", b"a.part"})
        self.assertEqual({path.name for path in self.outside.iterdir()}, {"a", "secret"})
        self.assertEqual((self.outside / "a").read_bytes(), b"SECRET")
        self.assertEqual((self.outside / "a").stat().st_mtime_ns, before)


def others(tree: Tree) -> list[Callable[[bytes], object]]:
    """The methods with more than a path, and those that came later."""
    return [
        lambda path: tree.write(path, True),
        lambda path: tree.resume(path, 0),
        lambda path: tree.rename(path, b"/elsewhere"),
        lambda path: tree.rename(b"/dir/a", path),
        lambda path: tree.change(path, 5, 0o700),
        tree.space,
        lambda path: tree.digest(path, "crc32").send(None),
        lambda path: tree.within(b"/dir").entry(path + b"/../../x"),
        lambda path: tree.within(path).entry(b"/"),
    ]


def kept(tree: Tree, path: bytes) -> bytes:
    """Go on with a document, keep it, and see what was kept."""
    tree.resume(path, 3).keep()
    return read(tree, path + b".part").replace(b"ins", b"inside")


def exchanger(one: Path, two: Path) -> Callable[[], None]:
    """renameat2(RENAME_EXCHANGE) where there is one: no moment at which either name is missing."""
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except AttributeError:
        renameat2 = None

    def by_turns() -> None:
        third = one.with_name("third")
        one.rename(third)
        two.rename(one)
        third.rename(two)

    if renameat2 is None or renameat2(here, bytes(one), here, bytes(two), exchange) != 0:
        return by_turns
    return lambda: renameat2(here, bytes(one), here, bytes(two), exchange)
