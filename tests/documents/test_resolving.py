"""Random trees and random paths: what we reach is what realpath(3) says, and always beneath the root."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import IsFolder, NotFolder, NotFound

NAMES = ["a", "b", "c", ".h", "\udcff"]
TOP, OUTSIDE = "top", "outside"

# A link's target by its text: steps, and where they start. Above the root there is only `outside`, in which nothing
# leads back: out and back is refused by us and not by realpath (test_traversal.py).
steps = st.lists(st.sampled_from([*NAMES, *NAMES, ".", "..", ""]), min_size=1, max_size=5).map("/".join)
targets = st.one_of(
    steps.map(lambda text: text.lstrip("/") or "."),
    steps.map(lambda text: f"<top>/{text}"),
    st.sampled_from(["../outside", "../../outside/secret", "<outside>", "<outside>/secret", "/", "/dev/null", "<top>"]),
)
nodes = st.recursive(
    st.one_of(st.just(("file",)), st.tuples(st.just("link"), targets), st.tuples(st.just("link"), targets)),
    lambda inner: st.tuples(st.just("folder"), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)),
    max_leaves=14,
)
trees = st.dictionaries(st.sampled_from(NAMES), nodes, min_size=1, max_size=5)
paths = st.lists(st.sampled_from([*NAMES, *NAMES, "", ".", ".."]), max_size=7).map("/".join)


def build(folder: Path, content: dict, base: Path) -> None:
    for name, node in content.items():
        path = folder / name
        if node[0] == "file":
            path.write_bytes(b"x")
        elif node[0] == "link":
            path.symlink_to(node[1].replace("<top>", f"{base}/{TOP}").replace("<outside>", f"{base}/{OUTSIDE}"))
        else:
            path.mkdir()
            build(path, node[1], base)


def taken_lexically(path: str) -> str | None:
    """``..`` of a path takes back a name; None when it leads above the root."""
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            if not names:
                return None
            names.pop()
        elif name not in ("", "."):
            names.append(name)
    return "/".join(names)


def by_realpath(top: Path, path: str) -> os.stat_result | None:
    """What the kernel finds there; None when there is nothing, or realpath(3) says that it isn't beneath the root."""
    plain = taken_lexically(path)
    if plain is None:
        return None
    place = f"{top}/{plain}" if plain else str(top)
    try:
        status = Path(place).stat()  # also counts links as the kernel does
        real = os.path.realpath(place, strict=True)
    except OSError:
        return None
    return status if real == str(top) or real.startswith(f"{top}/") else None


class ResolvingTests(SynchronousTestCase):
    @given(trees, st.lists(paths, min_size=1, max_size=12))
    @settings(deadline=None, max_examples=150)
    def test_as_realpath_says(self, content: dict, asked: list[str]) -> None:
        base = Path(tempfile.mkdtemp(dir=self.base)).resolve()
        top = base / TOP
        top.mkdir()
        (base / OUTSIDE).mkdir()
        (base / OUTSIDE / "secret").touch()
        build(top, content, base)
        everything = Tree(DocumentsSettings(root=top, hidden=True))
        plain = Tree(DocumentsSettings(root=top))
        unlinked = Tree(DocumentsSettings(root=top, symlinks="no"))
        beneath = {(status.st_dev, status.st_ino) for status in every_inode(top)}
        for path in asked:
            expected = by_realpath(top, path)
            self.check(everything, top, path, expected)
            for tree in (plain, unlinked):
                try:
                    entry = tree.entry(os.fsencode(path))
                except (NotFound, NotFolder):
                    continue
                self.assertIn((entry.device, entry.inode), beneath)
                self.assertEqual(expected and expected.st_ino, entry.inode)
        shutil.rmtree(base)

    def check(self, tree: Tree, top: Path, path: str, expected: os.stat_result | None) -> None:
        wire = os.fsencode(path)
        wants_folder = path == "" or path.split("/")[-1] in ("", ".", "..")
        if expected is None:
            self.assertRaises(NotFound, tree.entry, wire)
            self.assertRaises(NotFound, tree.open, wire)
            self.assertRaises(NotFound, tree.list, wire)
        elif stat.S_ISDIR(expected.st_mode):
            self.assertEqual(tree.entry(wire).inode, expected.st_ino)
            self.assertRaises(IsFolder, tree.open, wire)
            for entry in tree.list(wire):
                shown = by_realpath(top, f"{taken_lexically(path)}/{os.fsdecode(entry.name)}")
                assert shown is not None
                self.assertEqual((entry.inode, entry.size), (shown.st_ino, shown.st_size))
        elif wants_folder:
            self.assertRaises(NotFolder, tree.entry, wire)
            self.assertRaises(NotFolder, tree.open, wire)
        else:
            with tree.open(wire) as document:
                self.assertEqual(document.entry.inode, expected.st_ino)
            self.assertEqual(tree.entry(wire), document.entry)
            self.assertRaises(NotFolder, tree.list, wire)

    def setUp(self) -> None:
        self.base = self.mktemp()
        Path(self.base).mkdir(parents=True)


def every_inode(top: Path) -> list[os.stat_result]:
    found = [top.lstat()]
    for folder, folders, files in os.walk(top):
        found += [Path(folder, name).lstat() for name in folders + files]
    return found
