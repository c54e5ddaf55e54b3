from __future__ import annotations

from netdaemon.messages.errors import BadName, NoSuchFolder, OverQuota, StoreBroken, TooManyKeywords
from netdaemon.messages.interfaces import ARRIVED, Delivery, Quota, Target
from netdaemon.messages.values import NO_FLAGS, Flag
from tests.messages.contract.base import Base, summary


class DeliveryContract(Base):
    async def test_one(self) -> None:
        inbox = await self.folder()
        about = summary("<1@x>", "gr\u00fc\u00df", date=-5, references=("<0@x>", "<2@x>"), lines=7)
        done = await self.put(
            inbox, octets=b"Hello", about=about, flags=Flag.SEEN | Flag.DRAFT, keywords=("$Forwarded",), received=12.5
        )
        self.assertEqual((done.places, done.again, done.known, done.refused), (((inbox.id, 1),), False, False, ()))
        (row,) = self.store.rows(inbox.id, ((1, 1),))
        self.assertEqual(row.summary, about)
        self.assertEqual((row.uid, row.flags, row.keywords), (1, Flag.SEEN | Flag.DRAFT, ("$Forwarded",)))
        self.assertEqual((row.received, row.saved, row.octets, row.message), (12.5, self.now, 5, done.message))
        self.assertEqual(await self.octets(done.message), b"Hello")
        now = self.now_is(inbox)
        self.assertEqual((now.messages, now.octets, now.uidnext, now.modseq), (1, 5, 2, row.modseq))
        self.assertGreater(now.modseq, inbox.modseq)

    async def test_it_is_there_after_a_restart(self) -> None:
        inbox = await self.folder()
        done = await self.put(inbox, octets=b"Hello")
        self.reopen()
        self.assertEqual(self.uids(inbox), [1])
        self.assertEqual(await self.octets(done.message), b"Hello")

    async def test_many_folders_one_message(self) -> None:
        folders = [await self.folder(account=account) for account in ("a", "b", "c")]
        groups = [await self.group("misc.one"), await self.group("misc.two")]
        done = await self.put(*folders, *groups)
        self.assertEqual(done.places, tuple((folder.id, 1) for folder in [*folders, *groups]))
        for folder in [*folders, *groups]:
            self.assertEqual([entry.message for entry in self.entries(folder)], [done.message])
        self.assertEqual([place.name for place in self.store.places(done.message)][:2], ["misc.one", "misc.two"])

    async def test_the_same_octets_are_one_message(self) -> None:
        one, two = await self.folder(), await self.folder("a")
        first = await self.put(one, octets=b"same", about=summary("<1@x>"))
        second = await self.put(one, two, octets=b"same", about=summary("<1@x>"))
        self.assertEqual(second.message, first.message)
        self.assertEqual((self.uids(one), self.uids(two)), ([1, 2], [1]))
        self.assertEqual(len({row.email_id for row in self.store.rows(one.id, ((1, 9),))}), 1)

    async def test_email_and_thread_ids(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 2)
        rows = self.store.rows(inbox.id, ((1, 2),))
        for row in rows:
            self.assertRegex(row.email_id, r"\A[A-Za-z][A-Za-z0-9_-]{0,254}\Z")
            self.assertRegex(row.thread_id, r"\A[A-Za-z][A-Za-z0-9_-]{0,254}\Z")
        self.assertNotEqual(rows[0].email_id, rows[1].email_id)

    async def threads(self, *messages: tuple[str, str, tuple[str, ...]]) -> list[int]:
        """For each message, the first one of its thread."""
        inbox = await self.folder()
        ids = []
        for msgid, subject, references in messages:
            await self.put(inbox, about=summary(msgid, subject, references=references))
            ids.append(self.store.rows(inbox.id, ((1, 99),))[-1].thread_id)
        return [ids.index(each) for each in ids]

    async def test_threads_by_references(self) -> None:
        self.assertEqual(
            await self.threads(
                ("<1@x>", "Hello", ()),
                ("<2@x>", "Re: Hello", ("<1@x>",)),
                ("<3@x>", "Something else", ("<0@x>", "<2@x>")),
                ("<4@x>", "Hello", ()),
            ),
            [0, 0, 0, 3],
        )

    async def test_threads_with_the_answer_first(self) -> None:
        self.assertEqual(await self.threads(("<2@x>", "Re: Hello", ("<1@x>",)), ("<1@x>", "Hello", ())), [0, 0])

    async def test_a_thread_ends_with_its_last_message(self) -> None:
        inbox = await self.folder()
        first = summary("<1@x>", "Hello")
        answer = summary("<2@x>", "Re: Hello", references=("<1@x>",))
        await self.put(inbox, about=first)
        await self.put(inbox, about=answer)
        (begun, _) = [row.thread_id for row in self.store.rows(inbox.id, ((1, 9),))]
        await self.store.expunge(inbox.id, ((1, 1),), deleted_only=False)
        await self.put(inbox, about=summary("<3@x>", "Re: Hello", references=("<1@x>",)))
        self.assertEqual({row.thread_id for row in self.store.rows(inbox.id, ((1, 9),))}, {begun})
        await self.store.expunge(inbox.id, ((1, 9),), deleted_only=False)
        await self.put(inbox, about=answer)
        self.assertNotEqual(self.store.rows(inbox.id, ((1, 9),))[0].thread_id, begun)

    async def test_threads_by_subject(self) -> None:
        self.assertEqual(
            await self.threads(
                ("<1@x>", "[list] Hello  there", ()),
                ("<2@x>", "Re: [list] Fwd: hello there (fwd)", ()),
                ("", "Hello there", ()),
                ("", "Re: Other", ()),
                ("", "", ()),
                ("", "Re:", ()),
            ),
            [0, 0, 2, 3, 4, 5],
        )

    async def test_empty(self) -> None:
        inbox = await self.folder()
        done = await self.put(inbox, octets=b"")
        self.assertEqual(await self.octets(done.message), b"")
        self.assertEqual(self.now_is(inbox).octets, 0)

    async def test_large(self) -> None:
        """Of several pieces and slices, and at their borders."""
        inbox = await self.folder()
        for size in (1 << 18, (1 << 18) + 1, (1 << 22) - 1, 1 << 22, (1 << 22) + 1, 9_999_999):
            octets = (b"%d " % size) * (size // 5)
            octets = octets[:size]
            done = await self.put(inbox, octets=octets)
            self.assertEqual(await self.octets(done.message), octets, size)

    async def test_large_twice(self) -> None:
        inbox = await self.folder()
        octets = b"x" * (5 << 20)
        first, second = [await self.put(inbox, octets=octets) for _ in range(2)]
        self.assertEqual(first.message, second.message)

    async def test_whatever_text_there_is(self) -> None:
        inbox = await self.folder()
        about = summary("<\ud800@x>", "a\0b" + "x" * 10_000, date=1 << 70, from_="\udcff", references=("<1 2@x>", ""))
        await self.put(inbox, about=about)
        (row,) = self.store.rows(inbox.id, ((1, 1),))
        self.assertEqual((row.summary.msgid, row.summary.date, row.summary.from_), ("<?@x>", None, "?"))
        self.assertTrue(row.summary.subject.startswith("abxxx"))

    async def test_token(self) -> None:
        """The answer to a delivery may be lost in a crash: done again, it is not done twice."""
        inbox, other = await self.folder(), await self.folder(account="scully")
        first = await self.put(inbox, other, octets=b"same", token="queue-1")
        self.reopen()
        again = await self.put(inbox, other, octets=b"same", token="queue-1")
        self.assertEqual((again.message, again.places, again.again), (first.message, first.places, True))
        self.assertEqual((self.uids(inbox), self.uids(other)), ([1], [1]))
        self.assertEqual(self.store.usage("mulder").messages, 1)
        await self.put(inbox, octets=b"same", token="queue-2")
        self.assertEqual(self.uids(inbox), [1, 2])

    async def test_token_of_one_that_failed(self) -> None:
        inbox = await self.folder()
        self.limits["mulder"] = Quota(octets=3)
        await self.fails(OverQuota, self.put(inbox, octets=b"same", token="t"))
        del self.limits["mulder"]
        self.assertFalse((await self.put(inbox, octets=b"same", token="t")).again)

    async def test_all_folders_or_none(self) -> None:
        inbox, gone = await self.folder(), await self.folder("gone")
        await self.store.delete("mulder", "gone")
        await self.fails(NoSuchFolder, self.put(inbox, gone))
        self.assertEqual(self.entries(inbox), [])
        self.assertEqual(self.now_is(inbox), inbox)
        self.assertEqual(self.store.usage("mulder").messages, 0)
        await self.fails(NoSuchFolder, self.put())

    async def test_partial(self) -> None:
        inbox, gone, full = await self.folder(), await self.folder("gone"), await self.folder(account="scully")
        await self.store.delete("mulder", "gone")
        self.limits["scully"] = Quota(octets=3)
        done = await self.put(gone, inbox, full, octets=b"same", partial=True)
        self.assertEqual(done.places, ((inbox.id, 1),))
        self.assertEqual(
            [(folder, type(why)) for folder, why in done.refused], [(gone.id, NoSuchFolder), (full.id, OverQuota)]
        )
        await self.fails(NoSuchFolder, self.put(gone, full, partial=True))
        self.assertEqual(self.now_is(full), full)

    async def test_several_or_none(self) -> None:
        """MULTIAPPEND (RFC 3502)."""
        inbox = await self.folder()
        deliveries = [Delivery(self.spool(), summary(), [Target(inbox.id)]) for _ in range(3)]
        done = await self.store.deliver_all(deliveries)
        self.assertEqual([each.places for each in done], [((inbox.id, uid),) for uid in (1, 2, 3)])
        deliveries = [Delivery(self.spool(), summary(), [Target(folder)]) for folder in (inbox.id, inbox.id + 1)]
        await self.fails(NoSuchFolder, self.store.deliver_all(deliveries))
        self.assertEqual(self.uids(inbox), [1, 2, 3])

    async def test_several_large_ones(self) -> None:
        inbox = await self.folder()
        bodies = [b"a" * (5 << 20), b"small", b"b" * (5 << 20)]
        done = await self.store.deliver_all(
            [Delivery(self.spool(body), summary(), [Target(inbox.id)]) for body in bodies]
        )
        for each, body in zip(done, bodies, strict=True):
            self.assertEqual(await self.octets(each.message), body)

    async def test_the_same_twice_in_one(self) -> None:
        inbox = await self.folder()
        deliveries = [Delivery(self.spool(b"same"), summary(), [Target(inbox.id)]) for _ in range(2)]
        one, two = await self.store.deliver_all(deliveries)
        self.assertEqual(one.message, two.message)
        self.assertEqual(self.uids(inbox), [1, 2])

    async def test_replaces(self) -> None:
        inbox, drafts = await self.folder(), await self.folder("Drafts")
        await self.put(drafts)
        await self.put(inbox, replaces=(drafts.id, 1))
        await self.put(inbox, replaces=(drafts.id, 1))  # it is gone by now
        self.assertEqual((self.uids(inbox), self.uids(drafts)), ([1, 2], []))
        self.assertEqual(self.store.vanished(drafts.id, 1).uids, ((1, 1),))

    async def test_history(self) -> None:
        group, other = await self.group(), await self.group("misc.two")
        self.assertFalse((await self.put(group, about=summary("<1@x>"), history=True)).known)
        again = await self.put(other, about=summary("<1@x>"), history=True)
        self.assertEqual((again.known, again.places), (True, ()))
        self.assertEqual((self.uids(group), self.uids(other)), ([1], []))
        self.assertEqual(self.store.known(["<1@x>", "<2@x>"]), {"<1@x>"})

    async def test_history_of_one_that_failed(self) -> None:
        group = await self.group()
        await self.fails(
            NoSuchFolder, self.store.deliver(self.spool(), summary("<1@x>"), [Target(group.id + 1)], history=True)
        )
        self.assertEqual(self.store.known(["<1@x>"]), set())

    async def test_a_spool_that_is_lost(self) -> None:
        inbox = await self.folder()
        spool = self.spool()
        spool.abort()
        await self.fails(StoreBroken, self.store.deliver(spool, summary(), [Target(inbox.id)]))
        await self.put(inbox)
        self.assertEqual(self.uids(inbox), [1])

    async def test_bad_keywords(self) -> None:
        inbox = await self.folder()
        for word in ("", "a b", "(", "\\Seen", "x" * 65, "gr\u00fc\u00df", "a]"):
            await self.fails(BadName, self.put(inbox, keywords=(word,)))
        await self.fails(TooManyKeywords, self.put(inbox, keywords=tuple(f"k{number}" for number in range(65))))
        self.assertEqual((self.uids(inbox), self.store.keywords(inbox.id)), ([], []))

    async def test_many_at_once(self) -> None:
        """Each has its own UID and modseq, in the order in which they were asked for."""
        inbox = await self.folder()
        waiting = [self.store.deliver(self.spool(), summary(), [Target(inbox.id)]) for _ in range(50)]
        uids = [(await each).places[0][1] for each in waiting]
        self.assertEqual(uids, list(range(1, 51)))
        modseqs = [entry.modseq for entry in self.entries(inbox)]
        self.assertEqual(modseqs, sorted(set(modseqs)))
        self.assertEqual(self.now_is(inbox).modseq, modseqs[-1])

    async def test_one_that_fails_among_many(self) -> None:
        inbox = await self.folder()
        waiting = [self.store.deliver(self.spool(), summary(), [Target(inbox.id + number % 2)]) for number in range(10)]
        for number, each in enumerate(waiting):
            if number % 2:
                await self.fails(NoSuchFolder, each)
            else:
                await each
        self.assertEqual(self.uids(inbox), [1, 2, 3, 4, 5])

    async def test_it_tells_before_it_answers(self) -> None:
        inbox, other = await self.folder(), await self.folder("other")
        order: list[object] = []
        self.store.switchboard.subscribe(inbox.id, order.append)
        await self.put(other)
        waiting = self.store.deliver(self.spool(), summary(), [Target(inbox.id, NO_FLAGS)])
        waiting.addCallback(lambda done: order.append("answered"))
        await waiting
        self.assertEqual(order[1:], ["answered"])
        (change,) = order[:1]
        self.assertEqual((change.what, change.folder, change.modseq), (ARRIVED, inbox.id, self.now_is(inbox).modseq))
