from __future__ import annotations

from netdaemon.messages.errors import LeaseHeld, OverQuota
from netdaemon.messages.interfaces import Quota
from tests.messages.contract.base import EVERY, Base


class AccountContract(Base):
    async def test_usage(self) -> None:
        self.assertEqual(self.store.usage("mulder"), Quota(0, 0))
        inbox, other = await self.folder(), await self.folder("other")
        await self.put(inbox, other, octets=b"12345")
        await self.put(inbox, octets=b"123")
        self.assertEqual(self.store.usage("mulder"), Quota(13, 3))
        await self.store.expunge(inbox.id, EVERY, deleted_only=False)
        self.assertEqual(self.store.usage("mulder"), Quota(5, 1))

    async def test_quota_at_the_limit_and_past_it(self) -> None:
        inbox = await self.folder()
        self.limits["mulder"] = Quota(octets=10)
        await self.put(inbox, octets=b"1234567890")
        error = await self.fails(OverQuota, self.put(inbox, octets=b"1"))
        self.assertEqual((error.account, error.temporary), ("mulder", True))
        await self.put(inbox, octets=b"")
        self.limits["mulder"] = Quota(messages=3)
        await self.put(inbox)
        await self.fails(OverQuota, self.put(inbox))
        self.limits["mulder"] = Quota()
        await self.put(inbox)
        self.assertEqual(self.uids(inbox), [1, 2, 3, 4])

    async def test_who_is_over_can_still_remove(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 3)
        self.limits["mulder"] = Quota(octets=1)
        await self.store.expunge(inbox.id, ((1, 2),), deleted_only=False)
        self.assertEqual(self.store.usage("mulder").messages, 1)

    async def test_lease(self) -> None:
        await self.store.take_lease("mulder", "session 1", 60)
        error = await self.fails(LeaseHeld, self.store.take_lease("mulder", "session 2", 60))
        self.assertTrue(error.temporary)
        await self.store.take_lease("scully", "session 2", 60)
        await self.store.give_lease("mulder", "session 2")  # it isn't his
        await self.fails(LeaseHeld, self.store.take_lease("mulder", "session 2", 60))
        await self.store.give_lease("mulder", "session 1")
        await self.store.take_lease("mulder", "session 2", 60)

    async def test_lease_ends_by_itself(self) -> None:
        await self.store.take_lease("mulder", "session 1", 60)
        self.reopen()  # and survives a crash until then
        self.now += 59
        await self.fails(LeaseHeld, self.store.take_lease("mulder", "session 2", 60))
        await self.store.take_lease("mulder", "session 1", 60)  # kept for longer
        self.now += 59
        await self.fails(LeaseHeld, self.store.take_lease("mulder", "session 2", 60))
        self.now += 1
        await self.store.take_lease("mulder", "session 2", 60)
        await self.fails(LeaseHeld, self.store.take_lease("mulder", "session 1", 60))
