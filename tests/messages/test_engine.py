"""What happens between a message's octets and what refers to them, in one process and in several."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from netdaemon.messages import collecting, engine
from netdaemon.messages.engine import Engine, Job
from netdaemon.messages.errors import StoreBroken, StoreBusy
from netdaemon.messages.interfaces import Target
from netdaemon.messages.store import Store, done
from tests.messages.contract.base import EVERY, summary
from tests.messages.stores import StoreCase

reactor: Any = installed


class Short:
    """A spool that has less than it says."""

    digest = b"d" * 32

    def __init__(self, size: int) -> None:
        self.size = size

    def read(self, offset: int, size: int) -> bytes:
        return b"x" * max(0, min(size, self.size - 1 - offset))


class BetweenTests(StoreCase):
    def deliver(self, spool: Any) -> Any:
        return self.store.deliver(spool, summary(), [Target(self.folder().id)])

    def blobs(self) -> list[tuple[int, int]]:
        return done(
            self.store.write(lambda work: work.blobs.execute("SELECT whole, size FROM blob ORDER BY id").fetchall())
        )

    def collecting_at_once(self, times: int) -> None:
        """So many times, another process collects between a message's octets and its delivery."""
        store = Engine._store
        left = [times]

        def slow(this: Engine, jobs: list[Job], outcomes: Any) -> None:
            store(this, jobs, outcomes)
            if jobs[0].spools and left[0]:
                left[0] -= 1
                self.now += 7200
                done(self.open(self.data).collect())

        self.patch(Engine, "_store", slow)

    def test_collected_before_it_was_delivered(self) -> None:
        self.folder()
        for times in (1, 2):
            self.collecting_at_once(times)
            with self.store.spool() as spool:
                spool.write(b"Hello %d" % times)
                spool.finish()
                if times == 2:
                    with self.assertRaisesRegex(StoreBusy, "were collected"):
                        done(self.deliver(spool))
                message = done(self.deliver(spool)).message
            self.assertEqual(self.store.body(message).read_now(0, 9), b"Hello %d" % times)

    def test_shorter_than_it_was(self) -> None:
        for size in (10, 300_000, 5 << 20):
            with self.assertRaisesRegex(StoreBroken, "is shorter than it was"):
                done(self.deliver(Short(size)))
        self.assertEqual(self.store.entries(self.folder().id, EVERY), [])

    def test_what_is_not_whole_is_nobody_elses(self) -> None:
        """The next message with that digest doesn't get the pieces of the one that broke off."""
        with self.assertRaises(StoreBroken):
            done(self.deliver(Short(300_000)))
        self.assertEqual(self.blobs(), [(0, 300_000)])
        spool = Short(300_001)
        spool.size = 300_000
        spool.read = lambda offset, size: b"y" * min(size, 300_000 - offset)  # type: ignore[method-assign]
        message = done(self.deliver(spool)).message
        self.assertEqual(self.store.body(message).read_now(0, 1 << 20), b"y" * 300_000)

    def test_a_broken_off_one_is_collected_a_day_later(self) -> None:
        with self.assertRaises(StoreBroken):
            done(self.deliver(Short(300_000)))
        self.now += 7200
        self.assertEqual(done(self.store.collect()), 0)
        self.now += 86_400
        self.assertEqual(done(self.store.collect()), 300_000)
        self.assertEqual(self.blobs(), [])

    def test_so_much_at_once(self) -> None:
        self.patch(collecting, "OCTETS", 10)
        inbox = self.folder()
        for number in range(9):
            self.put(inbox, octets=b"%08d" % number)
        done(self.store.expunge(inbox.id, EVERY, deleted_only=False))
        self.now += 7200
        removed, more = done(self.store.write(collecting.collect))
        self.assertEqual((removed, more), (16, True))
        self.assertEqual(done(self.store.collect()), 56)
        self.assertEqual(self.blobs(), [])


class StumblingTests(TestCase):
    """Whatever happens in the writer's thread, nobody waits for ever."""

    def setUp(self) -> None:
        data = Path(self.mktemp()).resolve()
        data.mkdir(parents=True)
        self.store = Store(data, reactor.callFromThread)
        self.addCleanup(self.store.close)

    async def test_a_batch(self) -> None:
        inbox = await self.store.ensure("mulder", "INBOX")
        perform = Engine.perform

        def stumble(this: Engine, jobs: list[Job]) -> Any:
            raise ZeroDivisionError

        self.patch(Engine, "perform", stumble)
        with self.assertRaisesRegex(StoreBusy, "ZeroDivisionError"):
            await self.store.expunge(inbox.id)
        self.patch(Engine, "perform", perform)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        await self.store.expunge(inbox.id)

    async def test_a_large_message(self) -> None:
        inbox = await self.store.ensure("mulder", "INBOX")
        with self.assertRaises(StoreBroken):
            await self.store.deliver(Short(9 << 20), summary(), [Target(inbox.id)])
        self.assertEqual(self.store.entries(inbox.id, EVERY), [])

    async def test_a_large_message_that_nobody_waits_for(self) -> None:
        """It is given up between two slices."""
        inbox = await self.store.ensure("mulder", "INBOX")
        begun, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)
        advance = Engine.advance
        slices: list[int] = []

        def slow(this: Engine, job: Job) -> bool:
            slices.append(1)
            begun.set()
            go_on.wait()
            return advance(this, job)

        self.patch(engine.Engine, "advance", slow)
        spool = self.store.spool()
        self.addCleanup(spool.abort)
        spool.write(b"x" * (40 << 20))
        waiting = self.store.deliver(spool.finish(), summary(), [Target(inbox.id)])
        waiting.addErrback(lambda failure: None)
        await deferToThread(begun.wait, 60)
        waiting.cancel()
        go_on.set()
        await self.store.expunge(inbox.id)
        await self.store.expunge(inbox.id)
        self.assertEqual(self.store.entries(inbox.id, EVERY), [])
        self.assertLess(len(slices), 10)
