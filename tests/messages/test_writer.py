from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import CancelledError
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from netdaemon.messages.engine import Engine, Job, Transaction
from netdaemon.messages.errors import NoSuchFolder, StoreBusy
from netdaemon.messages.interfaces import ARRIVED, Change, Target
from netdaemon.messages.store import Store
from netdaemon.messages.writer import Writer
from tests.messages.contract.base import summary

reactor: Any = installed


class WriterTests(TestCase):
    def setUp(self) -> None:
        self.data = Path(self.mktemp()).resolve()
        self.data.mkdir(parents=True)
        self.engine = Engine(self.data, lambda: 5.0, lambda account: None)
        self.published: list[Change] = []
        self.reports = 0
        self.writer = Writer(self.engine, self.from_thread, self.published.append, queue=4)
        self.addCleanup(self.writer.close)
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)  # before close, which waits for the thread
        self.began = threading.Event()

    def from_thread(self, run: Any, *arguments: Any) -> None:
        self.reports += 1
        reactor.callFromThread(run, *arguments)

    def wait(self, work: Transaction) -> str:
        self.began.set()
        self.gate.wait()
        return "waited"

    async def test_what_it_gave_or_raised(self) -> None:
        self.assertEqual(await self.writer.do(Job(lambda work: work.now)), 5.0)
        with self.assertRaises(ZeroDivisionError):
            await self.writer.do(Job(lambda work: 1 // 0))
        self.assertEqual(await self.writer.do(Job(lambda work: "still here")), "still here")

    async def test_a_group_is_acknowledged_at_once(self) -> None:
        first = self.writer.do(Job(self.wait))
        await deferToThread(self.began.wait, 60)
        others = [self.writer.do(Job(lambda work, number=number: number)) for number in range(3)]
        self.gate.set()
        self.assertEqual(await first, "waited")
        self.assertEqual([await other for other in others], [0, 1, 2])
        self.assertEqual(self.reports, 4)  # each time one that wakes the thread, and one of the thread's

    async def test_what_a_turn_of_the_reactor_brings_is_one_group(self) -> None:
        jobs = [self.writer.do(Job(lambda work, number=number: number)) for number in range(4)]
        self.assertEqual([await job for job in jobs], [0, 1, 2, 3])
        self.assertEqual(self.reports, 2)

    async def test_one_that_fails_is_undone_alone(self) -> None:
        def insert(work: Transaction, name: str, fails: bool) -> None:
            work.db.execute("INSERT INTO counter VALUES (?, 1)", (name,))
            work.changed(ARRIVED, 1, "", name)
            if fails:
                raise NoSuchFolder("x")

        first = self.writer.do(Job(self.wait))
        await deferToThread(self.began.wait, 60)
        jobs = [self.writer.do(Job(lambda work, name=name: insert(work, name, name == "b"))) for name in "abc"]
        self.gate.set()
        await first
        await jobs[0]
        with self.assertRaises(NoSuchFolder):
            await jobs[1]
        await jobs[2]
        names = await self.writer.do(
            Job(lambda work: work.db.execute("SELECT name FROM counter ORDER BY name").fetchall())
        )
        self.assertEqual(names, [("a",), ("c",)])
        self.assertEqual([change.name for change in self.published], ["a", "c"])

    async def test_full(self) -> None:
        first = self.writer.do(Job(self.wait))
        await deferToThread(self.began.wait, 60)
        waiting = [self.writer.do(Job(lambda work: None)) for _ in range(3)]
        with self.assertRaises(StoreBusy):
            await self.writer.do(Job(lambda work: None))
        self.gate.set()
        await first
        for each in waiting:
            await each
        await self.writer.do(Job(lambda work: None))

    async def test_cancelled(self) -> None:
        """What has not begun is never done; what has is, and nobody hears of it."""
        done: list[str] = []
        first = self.writer.do(Job(self.wait))
        await deferToThread(self.began.wait, 60)
        waiting = self.writer.do(Job(lambda work: done.append("never")))
        for each in (waiting, first):
            each.cancel()
            with self.assertRaises(CancelledError):
                await each
        self.gate.set()
        await self.writer.do(Job(lambda work: done.append("next")))
        self.assertEqual(done, ["next"])

    async def test_close(self) -> None:
        first = self.writer.do(Job(self.wait))
        await deferToThread(self.began.wait, 60)
        waiting = self.writer.do(Job(lambda work: None))
        self.gate.set()
        self.writer.close()
        self.writer.close()
        self.assertEqual(await first, "waited")  # it is durable, and said to be
        for each in (waiting, self.writer.do(Job(lambda work: None))):
            try:
                await each
            except StoreBusy:
                pass

    async def test_a_batch_that_fails_fails_for_all(self) -> None:
        def broken(work: Transaction) -> None:
            work.db.execute("SELECT * FROM nothing")

        first = self.writer.do(Job(self.wait))
        await deferToThread(self.began.wait, 60)
        jobs = [
            self.writer.do(Job(lambda work: work.changed(ARRIVED, 1, "", "x"))),
            self.writer.do(Job(broken)),
        ]
        self.gate.set()
        await first
        results = []
        for job in jobs:
            try:
                await job
                results.append("done")
            except Exception as error:  # noqa: BLE001  # whichever it is
                results.append(type(error).__name__)
        self.assertIn(results, (["StoreBroken", "StoreBroken"], ["done", "StoreBroken"]))  # one group, or two
        self.assertEqual(len(self.published), results.count("done"))


class LargeTests(TestCase):
    async def test_others_do_not_wait_for_a_large_message(self) -> None:
        data = Path(self.mktemp()).resolve()
        data.mkdir(parents=True)
        store = Store(data, reactor.callFromThread)
        self.addCleanup(store.close)
        inbox = await store.ensure("mulder", "INBOX")
        both_wait = threading.Event()
        self.addCleanup(both_wait.set)
        advance = Engine.advance
        self.patch(Engine, "advance", lambda this, job: both_wait.wait() and advance(this, job))
        large, small = store.spool(), store.spool()
        self.addCleanup(large.abort)
        self.addCleanup(small.abort)
        large.write(b"x" * (64 << 20))
        small.write(b"y")
        order: list[str] = []
        one = store.deliver(large.finish(), summary(), [Target(inbox.id)])
        two = store.deliver(small.finish(), summary(), [Target(inbox.id)])
        one.addCallback(lambda done: order.append("large"))
        two.addCallback(lambda done: order.append("small"))
        both_wait.set()
        await one
        await two
        self.assertEqual(order, ["small", "large"])
