"""The document tree: what one call costs, and how long a folder of 100,000 names keeps other sessions waiting."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import react

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.rights import Narrowed
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import Account, Right

NAMES = 100_000
ROUNDS = 5


def best(call: Callable[[], object], times: int = 5_000) -> float:
    """Microseconds of one call, the best of five rounds."""
    found = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(times):
            call()
        found = min(found, (time.perf_counter() - begin) / times)
    return found * 1e6


def row(what: str, value: float, unit: str) -> None:
    print(f"{what:<58} {value:>10.1f} {unit}")


def calls(tree: Tree, folder: Path) -> None:
    narrowed = Narrowed(tree, Account("walter", (Right("/dir/deep", "-"), Right("/dir", "r"))))

    def plain() -> None:
        fd = os.open(bytes(folder / "dir/file"), os.O_RDONLY)
        os.fstat(fd)
        os.close(fd)

    row("os.open + fstat + close, nothing checked", best(plain), "us")
    row("open /file", best(lambda: tree.open(b"/file").close()), "us")
    row("open /dir/file", best(lambda: tree.open(b"/dir/file").close()), "us")
    row("open /dir/deep/deeper/file", best(lambda: tree.open(b"/dir/deep/deeper/file").close()), "us")
    row("open /dir/link -> deep/deeper/file", best(lambda: tree.open(b"/dir/link").close()), "us")
    row("open /dir/file, narrowed by two rights", best(lambda: narrowed.open(b"/dir/file").close()), "us")
    row("entry /dir/file", best(lambda: tree.entry(b"/dir/file")), "us")
    row("list /few, per name (20 names)", best(lambda: list(tree.list(b"/few")), 500) / 20, "us")

    def write() -> None:
        writer = tree.write(b"/dir/new")
        writer.write(b"x" * 1024)
        writer.commit()

    row("write + commit of 1 KiB (two fsyncs)", best(write, 50), "us")

    def rename() -> None:
        tree.rename(b"/dir/new", b"/dir/newer")
        tree.rename(b"/dir/newer", b"/dir/new")

    row("rename /dir/new", best(rename) / 2, "us")
    row("may_write /dir/file", best(lambda: tree.may_write(b"/dir/file")), "us")
    sealed = Tree(DocumentsSettings(root=folder), None, ["/cgi"])
    row("may_write /dir/file, where another path is sealed", best(lambda: sealed.may_write(b"/dir/file")), "us")
    sealed.close()


def resuming(tree: Tree, folder: Path) -> None:
    """What a peer waits for who goes on with 256 MiB that are all in memory."""
    with (folder / "large").open("wb") as file:
        for _ in range(256):
            file.write(bytes(1 << 20))

    def once() -> tuple[float, float]:
        begin = time.perf_counter()
        writer = tree.resume(b"/large", 256 << 20)
        begun = time.perf_counter() - begin
        longest = 0.0
        for _ in range(256):
            begin = time.perf_counter()
            writer.write(b"x")
            longest = max(longest, time.perf_counter() - begin)
        writer.abandon()
        return begun, longest

    found = [once() for _ in range(ROUNDS)]
    row("resume a document of 256 MiB", min(begun for begun, _ in found) * 1e6, "us")
    row("a write that copies a step of it: longest", min(longest for _, longest in found) * 1e3, "ms")


class Beat:
    """An event every round of the reactor; the longest time between two is the stall."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._last = self._begin = time.perf_counter()
        self.longest = 0.0
        self.running = True
        self._beat()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest, self._last = max(self.longest, now - self._last), now
        if self.running:
            self._clock.callLater(0, self._beat)

    def end(self) -> float:
        """Seconds since it began."""
        self.running = False
        return time.perf_counter() - self._begin


async def listing(tree: Tree, clock: IReactorTime) -> None:
    beat = Beat(clock)
    count = 0
    async for entries in tree.listing(b"/many"):
        count += len(entries)
    row(f"listing /many, {NAMES} names: whole", beat.end() * 1e3, "ms")
    row(f"listing /many, {NAMES} names: longest stall", beat.longest * 1e3, "ms")
    assert count == NAMES
    for algorithm in ("sha256", "crc32"):
        beat = Beat(clock)
        await tree.digest(b"/large", algorithm)
        row(f"{algorithm} of 256 MiB: MiB a second", 256 / beat.end(), "")
        row(f"{algorithm} of 256 MiB: longest stall", beat.longest * 1e3, "ms")
    begin = time.perf_counter()
    await tree.sweep(before=0)
    row("sweep of the whole tree, resting between its turns", (time.perf_counter() - begin) * 1e3, "ms")


def main(reactor: IReactorTime) -> Deferred[None]:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "dir/deep/deeper").mkdir(parents=True)
            for path in ("file", "dir/file", "dir/deep/deeper/file"):
                (folder / path).write_bytes(b"x" * 1024)
            (folder / "dir/link").symlink_to("deep/deeper/file")
            (folder / "few").mkdir()
            (folder / "many").mkdir()
            for number in range(20):
                (folder / f"few/{number}").touch()
            for number in range(NAMES):
                (folder / f"many/{number:06}").touch()
            tree = Tree(DocumentsSettings(root=folder), reactor)
            calls(tree, folder)
            resuming(tree, folder)
            await listing(tree, reactor)
            tree.close()

    return Deferred.fromCoroutine(run())


if __name__ == "__main__":
    react(main)
