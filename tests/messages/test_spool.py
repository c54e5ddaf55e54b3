from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages import spool as spooling
from netdaemon.messages.errors import StoreBroken, StoreFull, TooLarge
from netdaemon.messages.spool import IN_MEMORY, PIECE, Spool


class SpoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).resolve()
        self.path.mkdir(parents=True)

    def spool(self, limit: int | None = None) -> Spool:
        spool = Spool(self.path, limit)
        self.addCleanup(spool.abort)
        return spool

    def test_in_memory_and_in_a_file(self) -> None:
        for size in (0, 1, IN_MEMORY, IN_MEMORY + 1, PIECE, PIECE + 1, 1_000_000):
            octets = os.urandom(size)
            spool = self.spool()
            for at in range(0, size, 7777):
                spool.write(octets[at : at + 7777])
            self.assertEqual(spool.finish().size, size)
            self.assertEqual(spool.digest, hashlib.sha256(octets).digest())
            self.assertEqual(b"".join(spool), octets)
            self.assertEqual(spool.read(size // 2, 100), octets[size // 2 : size // 2 + 100])
            self.assertEqual(spool.read(size, 10), b"")
            self.assertEqual(list(self.path.iterdir()), [])  # its file has no name

    @given(st.lists(st.integers(0, 40_000), max_size=12))
    def test_however_it_is_written(self, sizes: list[int]) -> None:
        octets = os.urandom(sum(sizes))
        with Spool(self.path) as spool:
            at = 0
            for size in sizes:
                spool.write(memoryview(octets)[at : at + size])
                at += size
            spool.finish()
            self.assertEqual((b"".join(spool), spool.size), (octets, len(octets)))

    def test_limit(self) -> None:
        spool = self.spool(10)
        spool.write(b"1234567890")
        with self.assertRaises(TooLarge) as caught:
            spool.write(b"1")
        self.assertFalse(caught.exception.temporary)
        with self.assertRaises(StoreBroken):
            spool.finish()
        self.assertEqual(self.spool(0).finish().size, 0)

    def descriptors(self) -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def test_aborted(self) -> None:
        descriptors = self.descriptors()
        spool = self.spool()
        spool.write(b"x" * 100_000)
        self.assertEqual(self.descriptors(), descriptors + 1)
        spool.abort()
        spool.abort()
        self.assertEqual(self.descriptors(), descriptors)
        for use in (lambda: spool.write(b"x"), spool.finish, lambda: spool.read(0, 1)):
            with self.assertRaises(StoreBroken):
                use()

    def test_not_whole_yet_and_whole_already(self) -> None:
        spool = self.spool()
        spool.write(b"x")
        with self.assertRaises(StoreBroken):
            spool.read(0, 1)
        spool.finish()
        with self.assertRaises(StoreBroken):
            spool.write(b"y")
        self.assertEqual(spool.read(0, 9), b"x")

    def test_where_files_must_have_names(self) -> None:
        """They lose them at once."""
        self.patch(spooling.os, "O_TMPFILE", os.O_RDWR | os.O_DIRECTORY)
        spool = self.spool()
        spool.write(b"x" * 100_000)
        self.assertEqual(list(self.path.iterdir()), [])
        self.assertEqual(spool.finish().read(0, 1 << 20), b"x" * 100_000)

    def test_a_full_disk(self) -> None:
        def full(*arguments: object) -> int:
            raise OSError(28, "No space left on device")

        spool = self.spool()
        self.patch(spooling.os, "pwrite", full)
        with self.assertRaises(StoreFull):
            spool.write(b"x" * 100_000)
        with self.assertRaises(StoreBroken):
            spool.finish()

    def test_no_folder(self) -> None:
        with self.assertRaises(StoreBroken), Spool(self.path / "gone") as spool:
            spool.write(b"x" * 100_000)
