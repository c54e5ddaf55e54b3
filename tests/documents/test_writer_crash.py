"""The process is killed at each step of a write: afterwards the old document or the new one stands, whole."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import netdaemon
from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from tests.documents.forest import read, shown

# Does something to /a in steps of the operating system; before each it says which one comes, and waits for a line.
CHILD = """
import os, sys
from pathlib import Path
from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents import moving, unfinished, writer as writing
from netdaemon.documents.tree import Tree

tree = Tree(DocumentsSettings(root=Path(sys.argv[1])))

def wait(step):
    print(step, flush=True)
    sys.stdin.readline()

def stepping(owner, name):
    real = getattr(owner, name)
    def step(*arguments, **more):
        wait(name)
        return real(*arguments, **more)
    setattr(owner, name, step)

for name in ("open", "write", "fchmod", "fsync", "rename", "ftruncate", "copy_file_range", "link", "unlink"):
    stepping(os, name)
if sys.argv[3] == "in steps":
    moving._renameat2 = None
else:
    stepping(writing, "rename_new")
sys.stdin.readline()
exec(sys.argv[2])
wait("end")
"""
WRITE = """
writer = tree.write(b"/a")
writer.write(b"n" * 1000)
writer.write(b"n" * 1000)
writer.commit()
"""
OLD, NEW = b"o" * 500, b"n" * 2000


class CrashTests(SynchronousTestCase):
    @contextmanager
    def child(self, top: Path, does: str = WRITE, how: str = "") -> Iterator[Callable[[], str]]:
        """Gives what lets it go on, and says before which step it waits then. It is killed at the end."""
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(top), does, how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(netdaemon.__file__).parent.parent,
        )
        assert child.stdin is not None and child.stdout is not None
        stdin, stdout = child.stdin, child.stdout

        def step() -> str:
            stdin.write("\n")
            stdin.flush()
            return stdout.readline().strip()

        try:
            yield step
        finally:
            child.kill()
            child.wait()
            stdin.close()
            stdout.close()
        self.assertEqual(child.returncode, -signal.SIGKILL)

    def killed_before(self, number: int, top: Path) -> str:
        """Kill it before its step of that number; which step that was."""
        with self.child(top) as step:
            for _ in range(number):
                step()
            return step()

    def stages(self, old: bytes | None) -> list[str]:
        steps: list[str] = []
        while "end" not in steps:
            top = Path(self.mktemp()).resolve()
            top.mkdir(parents=True)
            if old is not None:
                (top / "a").write_bytes(old)
                (top / "a").chmod(0o666)
            steps.append(self.killed_before(len(steps), top))
            tree = Tree(DocumentsSettings(root=top, hidden=True))
            renamed = "rename" in steps[:-1]
            where = f"killed before step {len(steps)}, {steps[-1]}"
            if old is None and not renamed:
                self.assertEqual(shown(tree), set(), where)
            else:
                self.assertEqual(shown(tree), {b"a"}, where)
                self.assertEqual(read(tree, b"/a"), NEW if renamed else old, where)
            # the next writer and the sweep find nothing in their way
            with self.assertRaises(StopIteration):
                tree.sweep(before=1e12).send(None)
            self.assertEqual({path.name for path in top.iterdir()}, {"a"} if renamed or old is not None else set())
            tree.close()
        return steps

    def test_instead_of_an_old_one(self) -> None:
        self.assertEqual(
            self.stages(OLD),
            ["open", "open", "write", "write", "fchmod", "fsync", "open", "rename", "fsync", "end"],
        )

    def test_new(self) -> None:
        self.assertEqual(
            self.stages(None), ["open", "open", "write", "write", "fsync", "open", "rename", "fsync", "end"]
        )

    def swept(self, does: str, before: dict[str, bytes], how: str = "") -> tuple[list[str], list[dict[str, bytes]]]:
        """(the steps, what stands there when it is killed before each of them and the sweep has been).

        One child for all: while it waits, the disk is as it would be had it been killed there.
        """
        top = Path(self.mktemp()).resolve()
        top.mkdir(parents=True)
        for name, data in before.items():
            (top / name).write_bytes(data)
        steps: list[str] = []
        left: list[dict[str, bytes]] = []
        with self.child(top, does, how) as step:
            while "end" not in steps:
                steps.append(step())
                copied = top.with_name(f"{top.name}-{len(steps)}")
                shutil.copytree(top, copied)
                tree = Tree(DocumentsSettings(root=copied))
                with self.assertRaises(StopIteration):
                    tree.sweep(before=1e12).send(None)
                tree.close()
                left.append({path.name: path.read_bytes() for path in copied.iterdir()})
        return steps, left

    def test_new_only(self) -> None:
        does = "writer = tree.write(b'/a', True); writer.write(b'new'); writer.commit()"
        steps, left = self.swept(does, {})
        self.assertEqual(steps, ["open", "open", "write", "fsync", "open", "rename_new", "fsync", "end"])
        self.assertEqual(left, [{}] * 6 + [{"a": b"new"}] * 2)
        steps, left = self.swept(does, {}, "in steps")
        self.assertEqual(steps, ["open", "open", "write", "fsync", "open", "link", "unlink", "fsync", "end"])
        self.assertEqual(left, [{}] * 6 + [{"a": b"new"}] * 3)

    def test_kept(self) -> None:
        before = {"a": b"old", "a.part": b"older"}
        steps, left = self.swept("writer = tree.write(b'/a'); writer.write(b'new'); writer.keep()", before)
        self.assertEqual(steps, ["open", "open", "write", "open", "rename", "end"])
        self.assertEqual(left, [before] * 5 + [{"a": b"old", "a.part": b"new"}])

    def test_gone_on_with(self) -> None:
        """A part that was taken away is lost, the document never."""
        before = {"a": b"old", "a.part": b"12345"}
        does = "writer = tree.resume(b'/a', 4); writer.write(b'new'); writer.commit()"
        steps, left = self.swept(does, before)
        taking = ["open", "open", "rename", "fchmod", "ftruncate"]
        self.assertEqual(steps, [*taking, "write", "fsync", "open", "rename", "fsync", "end"])
        self.assertEqual(left, [before] * 3 + [{"a": b"old"}] * 6 + [{"a": b"1234new"}] * 2)

    def test_gone_on_with_from_the_document(self) -> None:
        before = {"a": b"12345"}
        does = "writer = tree.resume(b'/a', 4); writer.write(b'new'); writer.commit()"
        steps, left = self.swept(does, before)
        begin = ["open", "open", "open", "ftruncate", "copy_file_range", "write"]
        self.assertEqual(steps, [*begin, "fsync", "open", "rename", "fsync", "end"])
        self.assertEqual(left, [before] * 9 + [{"a": b"1234new"}] * 2)
