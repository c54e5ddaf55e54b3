"""Any sequence of writes, renames and broken uploads, compared with a model that has no disk."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.rights import Narrowed
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import (
    Account,
    BadOffset,
    DocumentError,
    DocumentWriter,
    Exists,
    Forbidden,
    IsFolder,
    NoSpace,
    NotFound,
)
from tests.documents.forest import ForestTests

QUOTA = 60
HOME = ("home",)

Path = tuple[str, ...]
paths = st.lists(st.sampled_from(["a", "b", "a.part"]), max_size=2).map(tuple) | st.tuples(
    st.just("home"), st.sampled_from(["a", "b", "a.part"])
)
data = st.binary(max_size=25)
FOLDER = None


class Upload:
    """One that is under way: what it has so far, and whether its folder still stands where it stood."""

    def __init__(self, path: Path, new: bool, content: bytes, writer: DocumentWriter) -> None:
        self.path = path
        self.new = new
        self.content = content
        self.writer = writer
        self.quota_full = False


class Machine(RuleBasedStateMachine):
    """The tree and the model: a dict of paths, FOLDER or a document's bytes."""

    test: Any
    number = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).number += 1
        top = self.test.folder(f"tree-{self.number}")
        self.tree = Tree(DocumentsSettings(root=top))
        (top / "home").mkdir()
        self.documents = Narrowed(self.tree, Account("a"))
        self.limited = Narrowed(self.tree, Account("m", quota=QUOTA, home="/home"))
        self.limited.write(b"/home/a").abandon()  # the count begins
        self.model: dict[Path, bytes | None] = {(): FOLDER, ("home",): FOLDER}
        self.uploads: list[Upload] = []

    def teardown(self) -> None:
        for upload in self.uploads:
            upload.writer.abandon()
        self.tree.close()

    # --- the model

    def is_folder(self, path: Path) -> bool:
        return path in self.model and self.model[path] is FOLDER

    def expected(self, kind: type[DocumentError] | None, call: Any, *arguments: Any) -> Any:
        """What the call gives when the model sees nothing against it; else the error it must raise."""
        if kind is None:
            return call(*arguments)
        try:
            call(*arguments)
        except DocumentError as error:
            assert type(error) is kind, (arguments, kind, error)
            return None
        raise AssertionError(f"{arguments} should have been {kind.__name__}")

    def not_writable(self, path: Path, new: bool) -> type[DocumentError] | None:
        if not path:
            return Exists if new else IsFolder
        if not self.is_folder(path[:-1]):
            return NotFound
        if path in self.model and new:
            return Exists
        return IsFolder if self.is_folder(path) else None

    def taken(self) -> int:
        """What stands beneath the home, uploads under way included."""
        still = sum(len(upload.content) for upload in self.uploads if upload.path[:1] == HOME)
        return still + sum(len(content or b"") for path, content in self.model.items() if path[:1] == HOME)

    # --- what can be done

    @rule(path=paths)
    def make_folder(self, path: Path) -> None:
        kind: type[DocumentError] | None = None
        if path in self.model:
            kind = Exists
        elif not self.is_folder(path[:-1]):
            kind = NotFound
        self.expected(kind, self.documents.make_folder, name(path))
        if kind is None:
            self.model[path] = FOLDER

    @rule(path=paths)
    def remove(self, path: Path) -> None:
        kind: type[DocumentError] | None = None
        if not path:
            kind = Forbidden
        elif path not in self.model:
            kind = NotFound
        elif any(other[:-1] == path for other in self.model if other):
            kind = Forbidden
        elif self.is_folder(path) and any(upload.path[:-1] == path for upload in self.uploads):
            return  # their hidden names keep it full: whether that is told is nobody's promise
        self.expected(kind, self.documents.remove, name(path))
        if kind is None:
            del self.model[path]

    @rule(path=paths, to=paths)
    def rename(self, path: Path, to: Path) -> None:
        kind: type[DocumentError] | None = None
        if not path:
            kind = Forbidden
        elif not to:
            kind = Exists
        elif not self.is_folder(path[:-1]) or not self.is_folder(to[:-1]) or path not in self.model:
            kind = NotFound
        elif path == to:
            pass
        elif self.is_folder(path) and to[: len(path)] == path:
            kind = Forbidden
        elif to in self.model and (self.is_folder(path) or self.is_folder(to)):
            kind = Exists
        if self.is_folder(path) and any(upload.path[: len(path)] == path for upload in self.uploads):
            return  # see test_rename: what becomes of them
        self.expected(kind, self.documents.rename, name(path), name(to))
        if kind is None and path != to:
            for old in [old for old in self.model if old[: len(path)] == path]:
                self.model[to + old[len(path) :]] = self.model.pop(old)

    @rule(path=paths, new=st.booleans(), limited=st.booleans())
    def write(self, path: Path, new: bool, limited: bool) -> None:
        kind: type[DocumentError] | None = self.not_writable(path, new)
        if limited and path[:1] != HOME and path:
            kind = Forbidden
        elif limited and not path:
            return
        writer = self.expected(kind, (self.limited if limited else self.documents).write, name(path), new)
        if writer is not None:
            self.uploads.append(Upload(path, new, b"", writer))

    @rule(path=paths, offset=st.integers(0, 30))
    def resume(self, path: Path, offset: int) -> None:
        kind = self.not_writable(path, new=False)
        content = b""
        part = (*path[:-1], path[-1] + ".part") if path else ()
        if kind is None:
            kept, document = self.model.get(part), self.model.get(path)
            if kept is not None and len(kept) >= offset:
                content = kept[:offset]
            elif document is not None and len(document) >= offset:
                content = document[:offset]
                part = ()
            else:
                kind = NotFound if kept is None and document is None else BadOffset
        writer = self.expected(kind, self.documents.resume, name(path), offset)
        if writer is not None:
            if part:
                del self.model[part]
            self.uploads.append(Upload(path, False, content, writer))

    @precondition(lambda self: self.uploads)
    @rule(choose=st.data(), more=data)
    def upload(self, choose: st.DataObject, more: bytes) -> None:
        upload = choose.draw(st.sampled_from(self.uploads))
        try:
            upload.writer.write(more)
        except NoSpace:
            upload.quota_full = True
            old = len(self.model.get(upload.path) or b"")
            assert self.taken() + len(more) > QUOTA or old, "it would have fitted"
        else:
            assert not upload.quota_full
            upload.content += more

    @precondition(lambda self: self.uploads)
    @rule(choose=st.data(), end=st.sampled_from(["commit", "keep", "abandon"]))
    def end(self, choose: st.DataObject, end: str) -> None:
        upload = choose.draw(st.sampled_from(self.uploads))
        self.uploads.remove(upload)
        part = (*upload.path[:-1], upload.path[-1] + ".part")
        if end == "commit":
            kind = NoSpace if upload.quota_full else self.not_writable(upload.path, upload.new)
            self.expected(kind, upload.writer.commit)
            if kind is None:
                self.model[upload.path] = upload.content
            elif kind is NoSpace:
                upload.writer.abandon()
        elif end == "keep":
            upload.writer.keep()
            if upload.content and not self.is_folder(part):
                self.model[part] = upload.content
        else:
            upload.writer.abandon()

    # --- what must be so, whatever was done

    @invariant()
    def same(self) -> None:
        for path, content in self.model.items():
            if content is FOLDER:
                names = {entry.name.decode() for entry in self.tree.list(name(path))}
                assert names == {other[-1] for other in self.model if other and other[:-1] == path}, path
            else:
                with self.tree.open(name(path)) as document:
                    assert document.entry.size == len(content), path
                    assert os.pread(document.fd, 1000, 0) == content, path

    @invariant()
    def counted(self) -> None:
        usage = self.tree._ledger.usage((b"home",))
        if not usage.again:
            assert usage.bytes == self.taken(), (usage.bytes, self.taken())


def name(path: Path) -> bytes:
    return ("/" + "/".join(path)).encode()


class SequenceTests(ForestTests):
    def test_any_sequence(self) -> None:
        machine = type("Machine", (Machine,), {"test": self})
        case = machine.TestCase
        case.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
        case("runTest").runTest()
