"""The process is killed at each step of a write: afterwards the old document or the new one stands, whole."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import netdaemon
from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from tests.documents.forest import read, shown

# Writes /a in steps of the operating system; before each it says which one comes, and waits for a line.
CHILD = """
import os, sys
from pathlib import Path
from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree

tree = Tree(DocumentsSettings(root=Path(sys.argv[1])))

def wait(step):
    print(step, flush=True)
    sys.stdin.readline()

def stepping(name):
    real = getattr(os, name)
    def step(*arguments, **more):
        wait(name)
        return real(*arguments, **more)
    setattr(os, name, step)

for name in ("open", "write", "fchmod", "fsync", "rename"):
    stepping(name)
writer = tree.write(b"/a")
writer.write(b"n" * 1000)
writer.write(b"n" * 1000)
writer.commit()
wait("end")
"""
OLD, NEW = b"o" * 500, b"n" * 2000


class CrashTests(SynchronousTestCase):
    def killed_before(self, number: int, top: Path) -> str:
        """Kill it before its step of that number; which step that was."""
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(top)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(netdaemon.__file__).parent.parent,
        )
        assert child.stdin is not None and child.stdout is not None
        try:
            step = child.stdout.readline().strip()
            for _ in range(number):
                child.stdin.write("\n")
                child.stdin.flush()
                step = child.stdout.readline().strip()
        finally:
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()
        self.assertEqual(child.returncode, -signal.SIGKILL)
        return step

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
