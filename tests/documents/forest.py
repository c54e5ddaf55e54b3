"""Trees to test with: made anew for each test, and no descriptor may be left open at its end."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import IDocuments


class ForestTests(SynchronousTestCase):
    """``self.top`` is the tree's root, ``self.outside`` a folder beside it that nobody may reach."""

    def setUp(self) -> None:
        base = Path(self.mktemp()).resolve()
        self.top = base / "top"
        self.outside = base / "outside"
        self.top.mkdir(parents=True)
        self.outside.mkdir()
        (self.outside / "secret").write_bytes(b"SECRET")
        gc.collect()
        before = descriptors()
        self.addCleanup(self.check_descriptors, before)

    def check_descriptors(self, before: dict[str, str]) -> None:
        gc.collect()
        left = {fd: name for fd, name in descriptors().items() if before.get(fd) != name}
        self.assertEqual(left, {}, "descriptors left open")

    def tree(self, hidden: bool = False, symlinks: str = "inside", clock: object = None) -> Tree:
        tree = Tree(DocumentsSettings(root=self.top, hidden=hidden, symlinks=symlinks), clock)  # type: ignore[arg-type]
        self.addCleanup(tree.close)
        return tree

    def file(self, path: str | bytes, data: bytes = b"data") -> Path:
        """A document, with the folders it stands in."""
        file = self.top / os.fsdecode(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def folder(self, path: str) -> Path:
        folder = self.top / path
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def link(self, path: str, target: str | Path) -> None:
        link = self.top / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)


def descriptors() -> dict[str, str]:
    """This process's open descriptors, and what they are."""
    found = {}
    for fd in Path("/proc/self/fd").iterdir():
        try:
            found[fd.name] = str(fd.readlink())
        except FileNotFoundError:
            pass  # the one that iterdir reads by
    return found


def read(documents: IDocuments, path: bytes) -> bytes:
    """The whole of a document."""
    with documents.open(path) as document:
        return os.pread(document.fd, 1 << 20, 0)


def save(documents: IDocuments, path: bytes, data: bytes) -> None:
    """A document written at one go."""
    writer = documents.write(path)
    writer.write(data)
    writer.commit()


def shown(documents: IDocuments, path: bytes = b"/") -> set[bytes]:
    """The names in a folder; folders end in a slash."""
    return {entry.name + b"/" * entry.folder for entry in documents.list(path)}
