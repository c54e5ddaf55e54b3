from __future__ import annotations

from netdaemon.messages.errors import BadName, NoSuchFolder, TooManyKeywords
from netdaemon.messages.interfaces import CHANGED
from netdaemon.messages.values import NO_FLAGS, Flag
from tests.messages.contract.base import EVERY, Base

SEEN, DELETED, FLAGGED = Flag.SEEN, Flag.DELETED, Flag.FLAGGED


class FlagContract(Base):
    async def test_add_and_remove(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 3)
        done = await self.store.store_flags(inbox.id, ((1, 2),), add=SEEN | FLAGGED)
        self.assertEqual(
            [(entry.uid, entry.flags) for entry in done.entries], [(1, SEEN | FLAGGED), (2, SEEN | FLAGGED)]
        )
        self.assertEqual(done.modified, ())
        await self.store.store_flags(inbox.id, ((2, 9),), remove=SEEN, add=DELETED)
        self.assertEqual([entry.flags for entry in self.entries(inbox)], [SEEN | FLAGGED, FLAGGED | DELETED, DELETED])

    async def test_replace(self) -> None:
        inbox = await self.folder()
        await self.put(inbox, flags=SEEN, keywords=("a", "b"))
        (entry,) = (
            await self.store.store_flags(inbox.id, EVERY, add=DELETED, add_keywords=["c"], replace=True)
        ).entries
        self.assertEqual((entry.flags, entry.keywords), (DELETED, ("c",)))
        (entry,) = (await self.store.store_flags(inbox.id, EVERY, replace=True)).entries
        self.assertEqual((entry.flags, entry.keywords), (NO_FLAGS, ()))

    async def test_modseq_only_for_what_changes(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 2)
        await self.store.store_flags(inbox.id, ((1, 1),), add=SEEN)
        before = self.entries(inbox)
        heard = self.listen(inbox)
        for change in ({"add": SEEN}, {"remove": FLAGGED}, {"add": SEEN, "replace": True}, {"remove_keywords": ["x"]}):
            await self.store.store_flags(inbox.id, ((1, 1),), **change)
        self.assertEqual((self.entries(inbox), heard), (before, []))
        await self.store.store_flags(inbox.id, EVERY, add=SEEN)
        now = self.entries(inbox)
        self.assertEqual(now[0], before[0])
        self.assertGreater(now[1].modseq, max(entry.modseq for entry in before))
        self.assertEqual(self.now_is(inbox).modseq, now[1].modseq)
        self.assertEqual([(change.what, change.modseq) for change in heard], [(CHANGED, now[1].modseq)])

    async def test_unchanged_since(self) -> None:
        """RFC 7162 section 3.1.3: who changed meanwhile is left alone, and named."""
        inbox = await self.folder()
        await self.fill(inbox, 3)
        known = self.now_is(inbox).modseq
        await self.store.store_flags(inbox.id, ((2, 2),), add=FLAGGED)
        done = await self.store.store_flags(inbox.id, EVERY, add=DELETED, unchanged_since=known)
        self.assertEqual([entry.uid for entry in done.entries], [1, 3])
        self.assertEqual(done.modified, ((2, 2),))
        self.assertEqual([entry.flags for entry in self.entries(inbox)], [DELETED, FLAGGED, DELETED])
        done = await self.store.store_flags(inbox.id, EVERY, add=SEEN, unchanged_since=0)
        self.assertEqual((done.entries, done.modified), ((), ((1, 3),)))

    async def test_keywords_have_no_case(self) -> None:
        inbox = await self.folder()
        await self.put(inbox, keywords=("$Junk",))
        await self.put(inbox, keywords=("$JUNK", "$junk"))
        self.assertEqual([entry.keywords for entry in self.entries(inbox)], [("$Junk",), ("$Junk",)])
        self.assertEqual(self.store.keywords(inbox.id), ["$Junk"])
        await self.store.store_flags(inbox.id, EVERY, remove_keywords=["$jUnK"])
        self.assertEqual([entry.keywords for entry in self.entries(inbox)], [(), ()])
        self.assertEqual(self.store.keywords(inbox.id), ["$Junk"])

    async def test_limits_of_keywords(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 1)
        words = [f"k{number}" for number in range(257)]
        await self.fails(TooManyKeywords, self.store.store_flags(inbox.id, EVERY, add_keywords=words[:65]))
        for at in range(0, 256, 64):
            await self.store.store_flags(inbox.id, EVERY, add_keywords=words[at : at + 64], replace=True)
        await self.fails(TooManyKeywords, self.store.store_flags(inbox.id, EVERY, add_keywords=[words[0]]))
        await self.fails(
            TooManyKeywords, self.store.store_flags(inbox.id, EVERY, add_keywords=[words[256]], replace=True)
        )
        await self.fails(BadName, self.store.store_flags(inbox.id, EVERY, add_keywords=["\\Seen"]))
        self.assertEqual(len(self.store.keywords(inbox.id)), 256)

    async def test_no_such_folder(self) -> None:
        await self.fails(NoSuchFolder, self.store.store_flags(99, EVERY, add=SEEN))

    async def test_counts(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 4)
        await self.store.store_flags(inbox.id, ((1, 2),), add=SEEN)
        await self.store.store_flags(inbox.id, ((2, 4),), add=DELETED)
        status = self.store.status(inbox.id)
        self.assertEqual((status.unseen, status.deleted, status.first_unseen), (2, 3, 3))
        await self.store.store_flags(inbox.id, EVERY, add=SEEN)
        status = self.store.status(inbox.id)
        self.assertEqual((status.unseen, status.first_unseen, status.folder), (0, None, self.now_is(inbox)))

    async def test_private_in_shared_folders(self) -> None:
        """Seen, answered and flagged are each account's; the rest is everybody's."""
        group = await self.group()
        await self.fill(group, 2)
        await self.store.store_flags(
            group.id, ((1, 1),), add=SEEN | FLAGGED | DELETED, add_keywords=["x"], account="mulder"
        )
        self.assertEqual(
            [entry.flags for entry in self.entries(group, account="mulder")], [SEEN | FLAGGED | DELETED, NO_FLAGS]
        )
        self.assertEqual([entry.flags for entry in self.entries(group, account="scully")], [DELETED, NO_FLAGS])
        self.assertEqual(self.entries(group)[0].keywords, ("x",))
        done = await self.store.store_flags(group.id, EVERY, add=SEEN, account="scully")
        self.assertEqual([entry.flags for entry in done.entries], [SEEN | DELETED, SEEN])
        await self.store.store_flags(group.id, EVERY, remove=FLAGGED, account="mulder")
        self.assertEqual([entry.flags for entry in self.entries(group, account="mulder")], [SEEN | DELETED, NO_FLAGS])
        for account, unseen, first in (("mulder", 1, 2), ("scully", 0, None), ("skinner", 2, 1)):
            status = self.store.status(group.id, account)
            self.assertEqual((status.unseen, status.deleted, status.first_unseen), (unseen, 1, first), account)
        (row, _) = self.store.rows(group.id, EVERY, account="mulder")
        self.assertEqual(row.flags, SEEN | DELETED)

    async def test_private_flags_have_modseqs(self) -> None:
        group = await self.group()
        await self.fill(group, 3)
        known = self.now_is(group).modseq
        await self.store.store_flags(group.id, ((2, 2),), add=SEEN, account="mulder")
        (entry,) = self.entries(group, changed_since=known, account="mulder")
        self.assertEqual((entry.uid, entry.modseq), (2, self.now_is(group).modseq))
        self.assertEqual(self.entries(group, changed_since=known, account="scully"), [])
        done = await self.store.store_flags(group.id, EVERY, add=FLAGGED, unchanged_since=known, account="mulder")
        self.assertEqual(done.modified, ((2, 2),))
        done = await self.store.store_flags(group.id, ((2, 2),), add=FLAGGED, unchanged_since=known, account="scully")
        self.assertEqual(done.modified, ())

    async def test_nobodys_private_flags(self) -> None:
        group = await self.group()
        await self.fill(group, 1)
        await self.store.store_flags(group.id, EVERY, add=SEEN | DELETED)
        self.assertEqual(self.entries(group)[0].flags, DELETED)
