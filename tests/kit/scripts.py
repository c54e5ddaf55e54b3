"""Scripts for tests of programs: written into a folder, run, and looked for afterwards.

scripts = Scripts(self)
scripts.add("cgi/hello", "#!/bin/sh\\necho hello\\n")
await scripts.gone(pid)
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.wire.program import _End

reactor: Any = _reactor

PATIENCE = 30.0
"""Seconds until a test gives up on what it waits for; nothing takes long on a quiet machine."""
POLL = 0.01
PYTHON = f"#!{sys.executable} -IS\n"
SH = "#!/bin/sh\n"


def alive(pid: int) -> bool:
    """Does that process run? One that has ended and was not asked for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in (b"Z", b"X")


class Scripts:
    """A document tree with programs in it, that of one test; ``public`` if other users are to run them."""

    def __init__(self, test: TestCase, public: bool = False) -> None:
        self._test = test
        if public:
            self.top = Path(tempfile.mkdtemp(prefix="netdaemon-")).resolve()
            test.addCleanup(shutil.rmtree, self.top)
            self.top.chmod(0o755)
        else:
            self.top = Path(test.mktemp()).resolve()
            self.top.mkdir(parents=True)

    def tree(self) -> Tree:
        """It as a tree."""
        tree = Tree(DocumentsSettings(root=self.top))
        self._test.addCleanup(tree.close)
        return tree

    def add(self, path: str, text: str | bytes, mode: int = 0o755) -> Path:
        """Write a script."""
        place = self.top / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
        place.chmod(mode)
        return place

    async def until(self, true: Any, what: str) -> None:
        """Wait until ``true()`` holds."""
        end = reactor.seconds() + PATIENCE
        while not true():
            if reactor.seconds() > end:
                raise AssertionError(f"after {PATIENCE:.0f} s there was no sign that {what}")
            await deferLater(reactor, POLL)

    async def pids(self, name: str, count: int = 1) -> list[int]:
        """The process numbers that scripts have written into a file, a line each, once there are so many."""
        file = self.top / name
        await self.until(lambda: file.exists() and file.read_bytes().count(b"\n") >= count, f"{name} is written")
        return [int(line) for line in file.read_text().split()]

    async def gone(self, *pids: int) -> None:
        """Wait until none of these processes runs."""
        await self.until(lambda: not any(map(alive, pids)), f"{pids} have ended")

    async def unwatched(self) -> None:
        """Wait until the reactor has heard of every program's end."""
        await self.until(lambda: not any(isinstance(one, _End) for one in reactor.getReaders()), "all is heard")

    def descriptors(self) -> set[str]:
        """What this process has open. (Once the reactor runs: it opens some of its own when it begins.)"""
        found = set()
        for descriptor in Path("/proc/self/fd").iterdir():
            try:
                found.add(f"{descriptor.name} {descriptor.readlink()}")
            except FileNotFoundError:
                pass  # that of the listing itself
        return found
