"""The process is killed: nothing that was acknowledged is missing, and nothing is there twice."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages.checking import check
from netdaemon.messages.interfaces import Target
from netdaemon.messages.store import Store, done
from tests.messages.children import child
from tests.messages.contract.base import EVERY, summary

# Ten deliverers, each with one message under way; a line for each that is acknowledged.
DELIVERING = """
store = Store(data, from_thread)
folder = wait(store.ensure("mulder", "INBOX"))
begin = int(sys.stdin.readline())

def octets(number):
    return b"%d\\n" % number * (200_000 if number % 50 == 7 else 300)

def next_one(number):
    deferred = deliver(store, folder, f"t{number}", octets(number))
    deferred.addCallback(lambda done: say(number, done.places[0][1]))
    deferred.addCallback(lambda _: next_one(number + 10))
    deferred.addErrback(lambda failure: say("failed", failure.getTraceback()))

for number in range(begin, begin + 10):
    next_one(number)
while True:
    run, arguments = reports.get()
    run(*arguments)
"""

# One delivery in steps: before and after each COMMIT it says so, and waits for a line.
STEPS = """
import sqlite3
from netdaemon.messages import database

class Stepping(sqlite3.Connection):
    def execute(self, statement, *arguments):
        if statement != "COMMIT" or not stepping:
            return super().execute(statement, *arguments)
        step("before")
        result = super().execute(statement, *arguments)
        step("after")
        return result

def step(what):
    say(what)
    sys.stdin.readline()

stepping = False
connect = sqlite3.connect
database.sqlite3.connect = lambda *arguments, **more: connect(*arguments, factory=Stepping, **more)
store = Store(data)
folder = done(store.ensure("mulder", "INBOX"))
store.switchboard.subscribe(folder.id, lambda change: step("published"))
stepping = True
done(deliver(store, folder, "t", SIZE * b"x"))
say("acknowledged")
sys.stdin.readline()
"""


class KillTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = Path(self.mktemp()).resolve()
        self.data.mkdir(parents=True)

    def test_killed_again_and_again(self) -> None:
        acknowledged: dict[int, int] = {}
        begin = 0
        for round_ in range(12):
            with child(self.data, DELIVERING) as process:
                assert process.stdin is not None and process.stdout is not None
                process.stdin.write(b"%d\n" % begin)
                process.stdin.flush()
                for _ in range(7 + 13 * round_):
                    number, uid = process.stdout.readline().split()
                    acknowledged[int(number)] = int(uid)
                os.kill(process.pid, signal.SIGKILL)
                rest = process.communicate()[0].splitlines()
                for line in rest:
                    if len(line.split()) == 2:
                        acknowledged[int(line.split()[0])] = int(line.split()[1])
            begin = (max(acknowledged) // 10 + 1) * 10 + 100
            self.check(acknowledged)

    def check(self, acknowledged: dict[int, int]) -> None:
        self.assertEqual(list(check(self.data)), [])
        store = Store(self.data)
        try:
            rows = store.rows(store.folder("mulder", "INBOX").id, EVERY)
            there = {int(row.summary.msgid[2:-3]): row.uid for row in rows}
            self.assertEqual(len(there), len(rows))  # none twice
            self.assertEqual(acknowledged.items() - there.items(), set())
            # what was under way may be there; delivered again, as after a lost answer, it is not there twice
            late = [number for number in there if number not in acknowledged]
            for number in late:
                with store.spool() as spool:
                    spool.write(b"%d\n" % number)
                    again = done(
                        store.deliver(
                            spool.finish(), summary(), [Target(store.folder("mulder", "INBOX").id)], token=f"t{number}"
                        )
                    )
                self.assertTrue(again.again)
                acknowledged[number] = again.places[0][1]
        finally:
            store.close()

    def test_killed_at_each_step(self) -> None:
        """While the child waits, the disk is as it would be had it been killed there."""
        for size, slices in ((10, 0), (9 << 20, 3)):
            data = self.data / str(size)
            data.mkdir()
            steps, found = [], []
            with child(data, STEPS.replace("SIZE", str(size))) as process:
                assert process.stdin is not None and process.stdout is not None
                while "acknowledged" not in steps:
                    steps.append(process.stdout.readline().decode().strip())
                    found.append(self.there(data))
                    process.stdin.write(b"\n")
                    process.stdin.flush()
            blobs = ["before", "after"] * (slices or 1)
            self.assertEqual(steps, [*blobs, "before", "after", "published", "acknowledged"])
            self.assertEqual(found, [0] * (len(blobs) + 1) + [1, 1, 1], steps)

    def there(self, data: Path) -> int:
        """How many messages a store has that begins with what is on the disk now; then the delivery is done again."""
        copied = Path(self.mktemp()).resolve()
        shutil.copytree(data, copied)
        self.assertEqual(list(check(copied)), [])
        store = Store(copied)
        try:
            folder = store.folder("mulder", "INBOX").id
            count = len(store.entries(folder, EVERY))
            with store.spool() as spool:
                spool.write(b"x")
                again = done(store.deliver(spool.finish(), summary(), [Target(folder)], token="t"))
            self.assertEqual(again.again, bool(count))
            self.assertEqual(len(store.entries(folder, EVERY)), 1)
        finally:
            store.close()
        return count
