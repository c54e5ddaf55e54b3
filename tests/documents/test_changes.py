"""What a tree tells of the changes made through it, and when."""

from __future__ import annotations

import gc
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.rights import Narrowed
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import Account, DocumentError, ITellsChanges
from tests.documents.forest import save


class Listener:
    def __init__(self, top: Path) -> None:
        self.top = top
        self.heard: list[tuple[bytes, bool]] = []

    def hear(self, path: bytes) -> None:
        """What changed, and whether the file system shows it already."""
        self.heard.append((path, (self.top / path.decode().lstrip("/")).exists()))


class ChangesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.top = Path(self.mktemp()).resolve()
        self.top.mkdir()
        self.tree = Tree(DocumentsSettings(root=self.top))
        self.addCleanup(self.tree.close)
        self.listener = Listener(self.top)
        self.tree.on_change(self.listener.hear)

    def test_the_seam(self) -> None:
        verifyObject(ITellsChanges, self.tree)
        verifyObject(ITellsChanges, Narrowed(self.tree, Account("a")))

    def test_told_once_done(self) -> None:
        self.tree.make_folder(b"/x")
        writer = self.tree.write(b"x//y/../z")
        writer.write(b"data")
        self.assertEqual(self.listener.heard, [(b"/x", True)], "nobody sees it yet")
        writer.commit()
        self.tree.remove(b"/x/z")
        self.tree.remove(b"/x/")
        self.assertEqual(self.listener.heard, [(b"/x", True), (b"/x/z", True), (b"/x/z", False), (b"/x", False)])

    def test_renamed_kept_and_changed(self) -> None:
        for path in ("a", "dir/b"):
            (self.top / path).parent.mkdir(exist_ok=True)
            (self.top / path).touch()
        self.tree.rename(b"a", b"/dir//b")
        self.assertEqual(self.listener.heard, [(b"/a", False), (b"/dir/b", True)])
        self.tree.rename(b"/dir", b"/dir2")  # with all that stands in it
        self.tree.change(b"/dir2/b", 5)
        self.assertEqual(self.listener.heard[2:], [(b"/", True), (b"/dir2/b", True)])
        writer = self.tree.write(b"/dir2/b")
        writer.write(b"12345")
        writer.keep()
        self.assertEqual(self.listener.heard[4:], [(b"/dir2/b.part", True)])
        self.tree.resume(b"/dir2/b", 3).commit()
        self.assertEqual(self.listener.heard[5:], [(b"/dir2/b.part", False), (b"/dir2/b", True)])

    def test_nothing_done_nothing_told(self) -> None:
        self.tree.write(b"/a").abandon()
        self.tree.write(b"/a").keep()
        for refused in (
            lambda: self.tree.remove(b"/none"),
            lambda: self.tree.make_folder(b"/"),
            lambda: self.tree.rename(b"/none", b"/a"),
            lambda: self.tree.change(b"/none", 5),
            lambda: self.tree.resume(b"/none", 5),
        ):
            self.assertRaises(DocumentError, refused)
        (self.top / "a").mkdir()
        self.assertRaises(DocumentError, self.tree.make_folder, b"/a")
        self.assertEqual(self.listener.heard, [])

    def test_an_account_tells_and_hears_the_whole_tree(self) -> None:
        narrowed, other = Narrowed(self.tree, Account("a")), Listener(self.top)
        narrowed.on_change(other.hear)
        save(narrowed, b"/a", b"1")
        save(self.tree, b"/b", b"1")
        self.assertEqual(other.heard, [(b"/a", True), (b"/b", True)])
        self.assertEqual(self.listener.heard, other.heard)

    def test_closing_changes_all(self) -> None:
        self.tree.close()
        self.assertEqual([path for path, _ in self.listener.heard], [b"/"])

    def test_a_listener_may_go_without_goodbye(self) -> None:
        for _ in range(3):
            self.tree.on_change(Listener(self.top).hear)
        gc.collect()
        save(self.tree, b"/a", b"1")
        self.tree.on_change(self.listener.hear)
        self.assertEqual(len(self.tree._changes._listeners), 2, "the dead are forgotten")
        self.assertEqual(self.listener.heard, [(b"/a", True)])
