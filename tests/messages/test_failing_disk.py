"""The disk fails or is full: no acknowledgement, a clear error, and all goes on when it is well again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from netdaemon.messages.checking import check
from netdaemon.messages.store import Store
from tests.messages import faults
from tests.messages.children import said
from tests.messages.contract.base import EVERY

# Three messages, then calls fail in the thread that delivers; whatever it says, the main thread goes on afterwards.
FAILING = """
store = Store(data)
folder = done(store.ensure("mulder", "INBOX"))
for number in range(3):
    done(deliver(store, folder, f"t{number}", b"%d" % number * SIZE))

def attempt():
    for number in (3, 4):
        try:
            done(deliver(store, folder, f"t{number}", b"%d" % number * SIZE))
            say("acknowledged", number)
        except StoreError as error:
            say(type(error).__name__, error.temporary)

failing_with(CODE, CALLS, attempt)
for number in (3, 4, 5):
    done(deliver(store, folder, f"t{number}", b"%d" % number * SIZE))
say("recovered")
"""

# In a mount of its own with 3 MiB on it.
FULL = """
import subprocess
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(data)], check=True)
store = Store(data)
folder = done(store.ensure("mulder", "INBOX"))
count = 0
while True:
    try:
        done(deliver(store, folder, f"t{count}", os.urandom(50_000)))
        count += 1
    except StoreError as error:
        say(type(error).__name__, error.temporary)
        break
for number in range(5):
    try:
        done(deliver(store, folder, f"t{count}", b"x" * 50_000))
        say("acknowledged")
    except StoreError as error:
        say(type(error).__name__, error.temporary)
spool = store.spool()
try:
    spool.write(b"x" * 4_000_000)
    say("taken")
except StoreError as error:
    say(type(error).__name__, error.temporary)
spool.abort()
subprocess.run(["mount", "-o", "remount,size=30m", str(data)], check=True)
done(deliver(store, folder, f"t{count}", b"x" * 50_000))
there = store.entries(folder.id, ((1, 9999),))
from netdaemon.messages.checking import check
say("recovered", len(there) - count - 1, *check(data))
"""


class FailingDiskTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = Path(self.mktemp()).resolve()
        self.data.mkdir(parents=True)

    def fail_with(self, code: str, calls: list[str], size: int) -> list[str]:
        if not faults.possible():
            raise SkipTest("no system call filters here")
        script = FAILING.replace("CODE", f"__import__('errno').{code}").replace("CALLS", repr(calls))
        lines = said(self.data, script.replace("SIZE", str(size)))
        self.assertEqual(list(check(self.data)), [])
        store = Store(self.data)
        self.addCleanup(store.close)
        rows = store.rows(store.folder("mulder", "INBOX").id, EVERY)
        self.assertEqual(sorted(row.summary.msgid for row in rows), [f"<t{number}@x>" for number in range(6)])
        return lines

    def test_syncing_fails(self) -> None:
        for size in (10, 20_000, 5 << 20):
            self.data = self.data / str(size)
            self.data.mkdir()
            lines = self.fail_with("EIO", ["fsync", "fdatasync"], size)
            self.assertEqual(lines, ["StoreBroken True", "StoreBroken True", "recovered"], size)

    def test_writing_fails(self) -> None:
        for size in (10, 20_000, 5 << 20):
            self.data = self.data / str(size)
            self.data.mkdir()
            lines = self.fail_with("EIO", ["write", "pwrite64"], size)
            self.assertEqual(lines, ["StoreBroken True", "StoreBroken True", "recovered"], size)

    def test_writing_says_that_the_disk_is_full(self) -> None:
        for size in (10, 20_000, 5 << 20):
            self.data = self.data / str(size)
            self.data.mkdir()
            lines = self.fail_with("ENOSPC", ["write", "pwrite64"], size)
            self.assertEqual(lines, ["StoreFull True", "StoreFull True", "recovered"], size)

    def test_a_full_disk(self) -> None:
        can = ["unshare", "--user", "--map-root-user", "--mount"]
        if shutil.which("unshare") is None or subprocess.run([*can, "true"], capture_output=True).returncode:
            raise SkipTest("no mounts of one's own here")
        lines = said(self.data, FULL, *can)
        self.assertEqual(lines, ["StoreFull True"] * 7 + ["recovered 0"])


class LimitTests(SynchronousTestCase):
    def test_python_is_whole(self) -> None:
        """The filter is for threads that are given it, not for this process."""
        if not faults.possible():
            raise SkipTest("no system call filters here")
        self.assertTrue(sys.executable)
        path = Path(self.mktemp())
        failed: list[OSError] = []

        def attempt() -> None:
            try:
                path.write_bytes(b"x")
            except OSError as error:
                failed.append(error)

        faults.failing_with(28, ["write"], attempt)
        self.assertEqual([error.errno for error in failed], [28])
        path.write_bytes(b"x")
