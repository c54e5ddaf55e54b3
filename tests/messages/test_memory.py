"""A message of 100 MB comes in and goes out in at most 30 MB more memory."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.messages.children import said

LARGE = """
import hashlib, resource
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

store = Store(data, from_thread)
folder = wait(store.ensure("mulder", "INBOX"))
wait(deliver(store, folder, "small", b"x" * 300_000))
wait(store.body(1).read(0, 100))
before = peak()
piece, sum_ = bytes(range(256)) * 256, hashlib.sha256()
spool = store.spool()
for number in range(1600):
    spool.write(piece)
    sum_.update(piece)
done_ = wait(store.deliver(spool.finish(), summary(), [Target(folder.id)]))
spool.abort()
came = peak()
body, at, back = store.body(done_.message), 0, hashlib.sha256()
while at < body.size:
    part = wait(body.read(at, 1 << 18))
    back.update(part)
    at += len(part)
say(body.size, back.digest() == sum_.digest(), came - before, peak() - before)
os._exit(0)
"""


class MemoryTests(SynchronousTestCase):
    def test_in_and_out(self) -> None:
        data = Path(self.mktemp()).resolve()
        data.mkdir(parents=True)
        (line,) = said(data, LARGE)
        size, same, coming, going = line.split()
        self.assertEqual((size, same), ("104857600", "True"))
        self.assertLessEqual(int(coming), 30)
        self.assertLessEqual(int(going), 30)
        self.last = coming, going
