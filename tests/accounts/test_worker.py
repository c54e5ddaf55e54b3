import threading
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.accounts.worker import Inline, Worker
from netdaemon.interfaces import LoginUnavailable

reactor: Any = installed


class WorkerTests(TestCase):
    def setUp(self) -> None:
        self.worker = Worker(reactor.callFromThread, queue=2)
        self.addCleanup(self.worker.close)
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)  # before close, which waits for the job

    async def test_result_and_error(self) -> None:
        self.assertEqual(await self.worker.do(lambda: 6 * 7), 42)
        with self.assertRaises(ZeroDivisionError):
            await self.worker.do(lambda: 1 // 0)
        self.assertEqual(await self.worker.do(lambda: "still here"), "still here")

    async def test_never_on_the_reactor_and_one_thread(self) -> None:
        first = await self.worker.do(threading.get_ident)
        second = await self.worker.do(threading.get_ident)
        self.assertEqual(first, second)
        self.assertNotEqual(first, threading.get_ident())

    async def test_one_at_a_time_in_order(self) -> None:
        """The next begins when the last one's outcome was taken in, not before."""
        heard: list[str] = []
        jobs = []
        for name in "abc":
            jobs.append(self.worker.do(lambda name=name: heard.append(f"{name} works")))
            jobs[-1].addCallback(lambda _, name=name: heard.append(f"{name} done"))
        for job in jobs:
            await job
        self.assertEqual(heard, ["a works", "a done", "b works", "b done", "c works", "c done"])

    async def test_full(self) -> None:
        running = self.worker.do(self.gate.wait)
        waiting = [self.worker.do(lambda: None) for _ in range(2)]
        with self.assertRaises(LoginUnavailable):
            await self.worker.do(lambda: None)
        must = self.worker.do(lambda: "done", must=True)
        self.gate.set()
        await running
        for job in waiting:
            await job
        self.assertEqual(await must, "done")

    async def test_cancelled_before_it_begins_is_never_done(self) -> None:
        done: list[int] = []
        running = self.worker.do(self.gate.wait)
        waiting = self.worker.do(lambda: done.append(1))
        waiting.cancel()
        with self.assertRaises(CancelledError):
            await waiting
        self.gate.set()
        await running
        await self.worker.do(lambda: None)
        self.assertEqual(done, [])

    async def test_cancelled_while_it_runs(self) -> None:
        running = self.worker.do(self.gate.wait)
        behind = self.worker.do(lambda: "next")
        running.cancel()
        with self.assertRaises(CancelledError):
            await running
        self.gate.set()
        self.assertEqual(await behind, "next")

    async def test_close(self) -> None:
        began = threading.Event()

        def work() -> str:
            began.set()
            self.gate.wait()
            return "finished"

        running, waiting = self.worker.do(work), self.worker.do(lambda: None)
        began.wait()
        self.gate.set()
        self.worker.close()  # waits for the thread
        for job in (running, waiting, self.worker.do(lambda: None, must=True)):
            with self.assertRaises(LoginUnavailable):
                await job
        turn: Deferred[None] = Deferred()
        reactor.callLater(0, turn.callback, None)
        await turn  # the finished job's report comes too late and hurts nobody


class InlineTests(SynchronousTestCase):
    def test_at_once(self) -> None:
        worker = Inline()
        self.assertEqual(self.successResultOf(worker.do(lambda: 1)), 1)
        self.failureResultOf(worker.do(lambda: 1 // 0), ZeroDivisionError)
        worker.close()
        self.failureResultOf(worker.do(lambda: 1), LoginUnavailable)
