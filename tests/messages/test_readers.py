from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import TestCase

from netdaemon.messages.errors import StoreBusy
from netdaemon.messages.readers import Files, Readers
from netdaemon.messages.store import Store

reactor: Any = installed


class ReadersTests(TestCase):
    def setUp(self) -> None:
        self.data = Path(self.mktemp()).resolve()
        self.data.mkdir(parents=True)
        Store(self.data).close()
        self.readers = Readers(self.data, reactor.callFromThread, threads=1, queue=3)
        self.addCleanup(self.readers.close)
        self.gate, self.began = threading.Event(), threading.Event()
        self.addCleanup(self.gate.set)  # before close, which waits for the thread

    def wait(self, files: Files) -> str:
        self.began.set()
        self.gate.wait()
        return "waited"

    async def test_what_it_gave_or_raised(self) -> None:
        count = await self.readers.do(lambda files: files.read(lambda index: index.execute("SELECT 42").fetchone()))
        self.assertEqual(count, (42,))
        with self.assertRaises(ZeroDivisionError):
            await self.readers.do(lambda files: 1 // 0)

    async def test_never_on_the_reactor(self) -> None:
        self.assertNotEqual(await self.readers.do(lambda files: threading.get_ident()), threading.get_ident())

    async def test_they_only_read(self) -> None:
        for write in (
            lambda files: files.index.execute("DELETE FROM folder"),
            lambda files: files.blobs.execute("DELETE FROM blob"),
        ):
            with self.assertRaisesRegex(Exception, "readonly"):
                await self.readers.do(write)

    async def test_one_moment(self) -> None:
        """What is committed in the middle of a reading isn't seen in it."""
        store = Store(self.data)
        self.addCleanup(store.close)
        counts: list[int] = []

        def read(index: Any) -> None:
            for _ in range(2):
                counts.append(index.execute("SELECT count(*) FROM folder").fetchone()[0])
                if len(counts) == 1:
                    store.create("mulder", "new")

        await self.readers.do(lambda files: files.read(read))
        self.assertEqual(counts, [0, 0])
        self.assertEqual(len(store.folders("mulder")), 1)

    async def test_full_and_cancelled(self) -> None:
        done: list[str] = []
        first = self.readers.do(self.wait)
        self.began.wait()
        waiting = [self.readers.do(lambda files: done.append("x")) for _ in range(2)]
        with self.assertRaises(StoreBusy):
            await self.readers.do(lambda files: None)
        for each in (*waiting, first):
            each.cancel()
            with self.assertRaises(CancelledError):
                await each
        self.gate.set()
        self.assertEqual(await self.readers.do(lambda files: "next"), "next")
        self.assertEqual(done, [])

    async def test_close(self) -> None:
        first, waiting = self.readers.do(self.wait), self.readers.do(lambda files: None)
        self.began.wait()
        self.gate.set()
        self.readers.close()
        self.readers.close()
        for each in (first, waiting, self.readers.do(lambda files: None)):
            with self.assertRaises(StoreBusy):
                await each
