"""Many things are done at a time, in the order in which the threads come to them; at the end all of it is whole."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from netdaemon.messages.checking import check
from netdaemon.messages.errors import NoSuchMessage
from netdaemon.messages.interfaces import Change
from netdaemon.messages.terms import All, HasFlags, Not, Scan
from netdaemon.messages.uids import count
from netdaemon.messages.values import Flag
from tests.messages.contract.base import EVERY, Base
from tests.messages.providers import OnThreads


class TogetherTests(Base, OnThreads):
    async def test_all_at_once(self) -> None:
        inbox, other, hers = await self.folder(), await self.folder("other"), await self.folder(account="scully")
        heard: list[Change] = []
        self.store.switchboard.subscribe(inbox.id, heard.append)
        gone = moved = 0

        async def deliver(number: int) -> None:
            for _ in range(30):
                await self.put(inbox, hers, octets=b"x" * 400_000 if number == 0 else None)

        async def flag() -> None:
            for uid in range(1, 60):
                await self.store.store_flags(inbox.id, ((uid, uid + 3),), add=Flag.DELETED if uid % 3 else Flag.SEEN)

        async def expunge() -> None:
            nonlocal gone
            for _ in range(30):
                gone += count(await self.store.expunge(inbox.id))

        async def move() -> None:
            nonlocal moved
            for uid in range(1, 60, 2):
                moved += len((await self.store.move(inbox.id, ((uid, uid),), other.id)).pairs)

        async def look() -> None:
            for _ in range(20):
                test = Scan(lambda found: sum(map(len, found.chunks())) == found.entry.octets)
                wrong = await self.store.search(inbox.id, All((Not(HasFlags(Flag.DRAFT)), Not(test))))
                self.assertEqual(wrong, ())
                for entry in await self.store.fetch(inbox.id, EVERY, limit=5):
                    try:
                        body = self.store.body(entry.message)
                        self.assertEqual(len(await body.read(0, 1 << 20)), entry.octets)
                    except NoSuchMessage:
                        pass  # expunged meanwhile

        work = [deliver(0), deliver(1), deliver(2), flag(), expunge(), move(), look()]
        await gatherResults([Deferred.fromCoroutine(each) for each in work], consumeErrors=True)
        left = self.now_is(inbox).messages
        self.assertEqual((left + gone + moved, self.now_is(hers).messages), (90, 90))
        self.assertEqual(self.now_is(other).messages, moved)
        self.assertEqual(self.now_is(inbox).uidnext, 91)
        modseqs = [change.modseq for change in heard]
        self.assertEqual(modseqs, sorted(modseqs))
        self.assertEqual(modseqs[-1], self.now_is(inbox).modseq)
        self.store.close()
        self.assertEqual(list(check(self.data)), [])
