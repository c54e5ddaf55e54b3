from __future__ import annotations

from netdaemon.messages import collecting, removal
from netdaemon.messages.errors import FolderRefused, NoSuchFolder, NoSuchMessage, OverQuota
from netdaemon.messages.interfaces import ARRIVED, EXPUNGED, Quota, Target
from netdaemon.messages.values import NO_FLAGS, Flag
from tests.messages.contract.base import EVERY, Base, numbers, summary


class RemovalContract(Base):
    async def test_expunge_the_deleted(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 5)
        await self.store.store_flags(inbox.id, ((2, 2), (4, 5)), add=Flag.DELETED)
        self.assertEqual(await self.store.expunge(inbox.id, ((1, 4),)), ((2, 2), (4, 4)))
        self.assertEqual(self.uids(inbox), [1, 3, 5])
        self.assertEqual(await self.store.expunge(inbox.id), ((5, 5),))
        self.assertEqual(await self.store.expunge(inbox.id), ())
        self.assertEqual(await self.store.expunge(inbox.id, ((3, 9),), deleted_only=False), ((3, 3),))
        await self.fails(NoSuchFolder, self.store.expunge(inbox.id + 1))

    async def test_counts_and_numbers(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 3)
        before = self.now_is(inbox)
        await self.store.expunge(inbox.id, ((1, 1), (3, 3)), deleted_only=False)
        now = self.now_is(inbox)
        self.assertEqual((now.messages, now.octets, now.uidnext), (1, before.octets // 3, 4))
        self.assertEqual(now.modseq, before.modseq + 1)
        self.assertEqual((now.low_water, now.high_water), (2, 3))
        self.assertEqual(self.store.usage("mulder"), Quota(now.octets, 1))
        await self.store.expunge(inbox.id, EVERY, deleted_only=False)
        now = self.now_is(inbox)
        self.assertEqual((now.messages, now.octets, now.low_water, now.high_water), (0, 0, 4, 3))
        await self.put(inbox)
        self.assertEqual(self.uids(inbox), [4])

    async def test_vanished(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 6)
        start = self.now_is(inbox).modseq
        await self.store.expunge(inbox.id, ((2, 3),), deleted_only=False)
        middle = self.now_is(inbox).modseq
        await self.store.expunge(inbox.id, ((5, 5),), deleted_only=False)
        end = self.now_is(inbox).modseq
        for since, uids, found in (
            (start, None, ((2, 3), (5, 5))),
            (middle, None, ((5, 5),)),
            (end, None, ()),
            (start, ((3, 4),), ((3, 3),)),
        ):
            vanished = self.store.vanished(inbox.id, since, uids)
            self.assertEqual((vanished.uids, vanished.exact), (found, True), since)
        with self.assertRaises(NoSuchFolder):
            self.store.vanished(inbox.id + 1, 1)

    async def test_vanished_longer_ago_than_anybody_remembers(self) -> None:
        """RFC 7162 section 3.2.5.2: then it is every UID that isn't there."""
        self.patch(removal, "HISTORY", 2)
        self.patch(removal, "LOOKED_EVERY", 1)
        inbox = await self.folder()
        await self.fill(inbox, 9)
        for uid in (1, 2, 3, 4, 6):
            await self.store.expunge(inbox.id, ((uid, uid),), deleted_only=False)
        now = self.now_is(inbox)
        self.assertEqual(now.vanish_floor, now.modseq - 2)
        vanished = self.store.vanished(inbox.id, now.vanish_floor - 1)
        self.assertEqual((vanished.uids, vanished.exact), (((1, 4), (6, 6)), False))
        vanished = self.store.vanished(inbox.id, now.vanish_floor)
        self.assertEqual((vanished.uids, vanished.exact), (((4, 4), (6, 6)), True))
        self.assertEqual(self.store.vanished(inbox.id, 0, ((2, 6),)).uids, ((2, 4), (6, 6)))

    async def test_copy(self) -> None:
        inbox, other = await self.folder(), await self.folder("other")
        await self.put(other)
        await self.put(inbox, flags=Flag.SEEN, keywords=("$Junk",), received=5.0)
        await self.put(inbox)
        self.now += 10
        copied = await self.store.copy(inbox.id, ((1, 9),), other.id)
        self.assertEqual((copied.uidvalidity, copied.pairs), (other.uidvalidity, ((1, 2), (2, 3))))
        (_, entry, _) = self.entries(other)
        first = self.entries(inbox)[0]
        self.assertEqual((entry.flags, entry.keywords, entry.received), (Flag.SEEN, ("$Junk",), 5.0))
        self.assertEqual((entry.message, entry.saved, first.saved), (first.message, self.now, self.now - 10))
        self.assertEqual(self.store.usage("mulder").messages, 5)
        self.assertEqual(self.now_is(other).messages, 3)
        self.assertEqual((await self.store.copy(inbox.id, ((7, 9),), other.id)).pairs, ())
        self.assertEqual((await self.store.copy(inbox.id, ((1, 1),), inbox.id)).pairs, ((1, 3),))
        await self.fails(NoSuchFolder, self.store.copy(inbox.id, EVERY, 99))

    async def test_move(self) -> None:
        inbox, other = await self.folder(), await self.folder("other")
        await self.fill(inbox, 3)
        known = self.now_is(inbox).modseq
        here, there = self.listen(inbox), self.listen(other)
        copied = await self.store.move(inbox.id, ((1, 1), (3, 3)), other.id)
        self.assertEqual(copied.pairs, ((1, 1), (3, 2)))
        self.assertEqual((self.uids(inbox), self.uids(other)), ([2], [1, 2]))
        self.assertEqual(numbers(self.store.vanished(inbox.id, known).uids), [1, 3])
        self.assertEqual(self.store.usage("mulder").messages, 3)
        self.assertEqual(([change.what for change in here], [change.what for change in there]), ([EXPUNGED], [ARRIVED]))
        await self.fails(FolderRefused, self.store.move(inbox.id, EVERY, inbox.id))

    async def test_a_full_account_can_be_tidied_up(self) -> None:
        inbox, trash = await self.folder(), await self.folder("Trash")
        await self.fill(inbox, 2)
        self.limits["mulder"] = Quota(messages=2)
        await self.fails(OverQuota, self.store.copy(inbox.id, EVERY, trash.id))
        self.assertEqual(self.uids(trash), [])
        await self.store.move(inbox.id, EVERY, trash.id)
        self.assertEqual((self.uids(trash), self.store.usage("mulder").messages), ([1, 2], 2))

    async def test_to_another_account(self) -> None:
        mine, hers = await self.folder(), await self.folder(account="scully")
        await self.fill(mine, 2)
        await self.store.move(mine.id, ((1, 1),), hers.id)
        self.assertEqual((self.store.usage("mulder").messages, self.store.usage("scully").messages), (1, 1))

    async def test_newsgroups_take_no_copies(self) -> None:
        inbox, group = await self.folder(), await self.group()
        await self.fill(inbox, 1)
        await self.fails(FolderRefused, self.store.copy(inbox.id, EVERY, group.id))
        await self.put(group)
        await self.store.copy(group.id, EVERY, inbox.id)
        self.assertEqual(self.uids(inbox), [1, 2])

    async def test_what_was_read_is_read_where_it_is_copied(self) -> None:
        inbox, group = await self.folder(), await self.group()
        await self.fill(group, 2)
        await self.store.store_flags(group.id, ((2, 2),), add=Flag.SEEN | Flag.FLAGGED, account="mulder")
        await self.store.copy(group.id, EVERY, inbox.id, account="mulder")
        await self.store.copy(group.id, EVERY, inbox.id, account="scully")
        read = Flag.SEEN | Flag.FLAGGED
        self.assertEqual([entry.flags for entry in self.entries(inbox)], [NO_FLAGS, read, NO_FLAGS, NO_FLAGS])

    async def test_octets_stay_for_who_reads_them(self) -> None:
        inbox, other = await self.folder(), await self.folder("other")
        message = (await self.put(inbox, other, octets=b"Hello")).message
        await self.store.expunge(inbox.id, EVERY, deleted_only=False)
        self.assertEqual(await self.octets(message), b"Hello")
        body = self.store.body(message)
        await self.store.expunge(other.id, EVERY, deleted_only=False)
        with self.assertRaises(NoSuchMessage):
            self.store.body(message)
        self.assertEqual(await self.store.collect(), 0)
        self.assertEqual(await body.read(0, 9), b"Hello")
        self.now += 3601
        self.assertEqual(await self.store.collect(), 5)
        await self.fails(NoSuchMessage, body.read(0, 9))
        with self.assertRaises(NoSuchMessage):
            body.read_now(0, 9)
        self.assertEqual(await self.store.collect(), 0)

    async def test_many_at_once(self) -> None:
        """What a whole folder showed is forgotten bit by bit, so that nobody waits behind it."""
        self.patch(removal, "DROPPED_AT_ONCE", 3)
        self.patch(collecting, "DROPPED_AT_ONCE", 3)
        inbox, other = await self.folder(), await self.folder("other")
        for number in range(10):
            await self.put(*([inbox, other] if number == 4 else [inbox]), octets=b"%d" % number)
        await self.store.expunge(inbox.id, EVERY, deleted_only=False)
        await self.put(other, octets=b"7")
        self.assertEqual(await self.store.collect(), 0)
        self.now += 3601
        self.assertEqual(await self.store.collect(), 8)
        self.assertEqual([await self.octets(entry.message) for entry in self.entries(other)], [b"4", b"7"])

    async def test_what_comes_again_is_not_collected(self) -> None:
        inbox = await self.folder()
        await self.put(inbox, octets=b"Hello")
        await self.store.expunge(inbox.id, EVERY, deleted_only=False)
        message = (await self.put(inbox, octets=b"Hello")).message
        self.now += 3601
        self.assertEqual(await self.store.collect(), 0)
        self.assertEqual(await self.octets(message), b"Hello")

    async def test_collect_what_was_never_delivered(self) -> None:
        inbox = await self.folder()
        await self.put(inbox, octets=b"kept")
        self.limits["mulder"] = Quota(octets=4)
        for number in range(150):
            await self.fails(OverQuota, self.put(inbox, octets=b"%05d" % number))
        self.assertEqual(await self.store.collect(), 0)
        self.now += 3601
        self.assertEqual(await self.store.collect(), 750)
        self.assertEqual(await self.octets(self.entries(inbox)[0].message), b"kept")

    async def test_tokens_are_forgotten(self) -> None:
        inbox = await self.folder()
        await self.put(inbox, token="t")
        self.now += 6 * 86_400
        await self.store.collect()
        self.assertTrue((await self.put(inbox, token="t")).again)
        self.now += 2 * 86_400
        await self.store.collect()
        self.assertFalse((await self.put(inbox, token="t")).again)

    async def test_a_deleted_folder_leaves_nothing(self) -> None:
        made = await self.folder("a")
        await self.put(made, octets=b"Hello", keywords=("x",))
        await self.store.delete("mulder", "a")
        self.now += 3601
        self.assertEqual(await self.store.collect(), 5)
        again = await self.folder("a")
        await self.put(again)
        self.assertEqual((self.entries(again)[0].keywords, self.store.keywords(again.id)), ((), []))

    async def test_expunged_in_a_shared_folder(self) -> None:
        group = await self.group()
        await self.fill(group, 2)
        await self.store.store_flags(group.id, EVERY, add=Flag.SEEN, account="mulder")
        await self.store.expunge(group.id, ((1, 1),), deleted_only=False)
        self.assertEqual(self.store.status(group.id, "mulder").unseen, 0)
        await self.fill(group, 1)
        self.assertEqual([entry.flags for entry in self.entries(group, account="mulder")], [Flag.SEEN, NO_FLAGS])


class HoldingContract(Base):
    async def test_held(self) -> None:
        await self.store.hold("queue-1", self.spool(b"Hello"))
        self.reopen()
        held = self.store.held("queue-1")
        self.assertEqual((held.size, held.digest), (5, self.spool(b"Hello").digest))
        self.assertEqual((held.read(0, 9), held.read(3, 9)), (b"Hello", b"lo"))

    async def test_it_is_not_collected(self) -> None:
        await self.store.hold("queue-1", self.spool(b"Hello"))
        self.now += 3601
        self.assertEqual(await self.store.collect(), 0)
        await self.store.release("queue-1")
        await self.store.release("queue-1")
        with self.assertRaises(NoSuchMessage):
            self.store.held("queue-1")
        self.now += 3601
        self.assertEqual(await self.store.collect(), 5)

    async def test_delivered_from_there(self) -> None:
        inbox = await self.folder()
        await self.store.hold("queue-1", self.spool(b"Hello"))
        done = await self.store.deliver(self.store.held("queue-1"), summary(), [Target(inbox.id)])
        await self.store.release("queue-1")
        self.now += 7202
        self.assertEqual(await self.store.collect(), 0)
        self.assertEqual(await self.octets(done.message), b"Hello")
        await self.store.hold("queue-2", self.spool(b"Hello"))
        await self.store.expunge(inbox.id, EVERY, deleted_only=False)
        self.now += 7202
        self.assertEqual(await self.store.collect(), 0)
        self.assertEqual(self.store.held("queue-2").read(0, 9), b"Hello")

    async def test_another_in_its_place(self) -> None:
        await self.store.hold("queue-1", self.spool(b"one"))
        await self.store.hold("queue-1", self.spool(b"other"))
        self.assertEqual(self.store.held("queue-1").read(0, 9), b"other")
        self.now += 3601
        self.assertEqual(await self.store.collect(), 3)
