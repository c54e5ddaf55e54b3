from __future__ import annotations

from netdaemon.messages.errors import NoSuchFolder, NoSuchMessage
from netdaemon.messages.values import Flag
from tests.messages.contract.base import EVERY, Base, summary


class ReadingContract(Base):
    async def test_entries(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 9)
        for uids, found in (
            (((2, 3), (5, 5), (9, 99)), [2, 3, 5, 9]),
            (((1, 9),), list(range(1, 10))),
            ((), []),
            (((10, 20),), []),
            (tuple((uid, uid) for uid in range(1, 1000, 2)), [1, 3, 5, 7, 9]),
        ):
            self.assertEqual([entry.uid for entry in self.store.entries(inbox.id, uids)], found)
            self.assertEqual([entry.uid for entry in await self.store.fetch(inbox.id, uids)], found)
            self.assertEqual([row.uid for row in self.store.rows(inbox.id, uids)], found)
        for row, entry in zip(self.store.rows(inbox.id, EVERY), self.entries(inbox), strict=True):
            self.assertEqual(row[:8], entry)

    async def test_limits(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 5)
        uids = ((1, 2), (4, 5))
        self.assertEqual([entry.uid for entry in await self.store.fetch(inbox.id, uids, limit=3)], [1, 2, 4])
        self.assertEqual([row.uid for row in await self.store.fetch_rows(inbox.id, uids, limit=2)], [1, 2])
        self.assertEqual([heading.uid for heading in await self.store.headings(inbox.id, uids, limit=1)], [1])

    async def test_changed_since(self) -> None:
        inbox = await self.folder()
        await self.fill(inbox, 4)
        known = self.now_is(inbox).modseq
        await self.store.store_flags(inbox.id, ((2, 2), (4, 4)), add=Flag.SEEN)
        self.assertEqual([entry.uid for entry in self.entries(inbox, changed_since=known)], [2, 4])
        found = await self.store.fetch(inbox.id, ((1, 3),), changed_since=known)
        self.assertEqual([entry.uid for entry in found], [2])
        self.assertEqual(self.entries(inbox, changed_since=self.now_is(inbox).modseq), [])

    async def test_no_such_folder(self) -> None:
        for read in (self.store.entries, self.store.rows):
            with self.assertRaises(NoSuchFolder):
                read(99, EVERY)
        for read_long in (self.store.fetch, self.store.fetch_rows, self.store.headings):
            await self.fails(NoSuchFolder, read_long(99, EVERY))
        await self.fails(NoSuchFolder, self.store.uids(99))
        with self.assertRaises(NoSuchFolder):
            self.store.status(99)

    async def test_uids(self) -> None:
        inbox = await self.folder()
        self.assertEqual(await self.store.uids(inbox.id), ())
        await self.fill(inbox, 5)
        await self.store.expunge(inbox.id, ((3, 3),), deleted_only=False)
        self.assertEqual(await self.store.uids(inbox.id), ((1, 2), (4, 5)))

    async def test_headings(self) -> None:
        inbox = await self.folder()
        about = summary("<1@x>", "Re: Hello", date=7, references=("<0@x>",))
        done = await self.put(inbox, octets=b"12345", about=about, received=3.0)
        (heading,) = await self.store.headings(inbox.id, EVERY)
        (row,) = self.store.rows(inbox.id, EVERY)
        self.assertEqual(
            heading,
            (
                1,
                done.message,
                3.0,
                5,
                "<1@x>",
                "Re: Hello",
                about.from_,
                about.to,
                7,
                ("<0@x>",),
                row.thread_id,
                "hello",
            ),
        )

    async def test_parts_of_a_body(self) -> None:
        inbox = await self.folder()
        octets = bytes(range(256)) * 3000
        body = self.store.body((await self.put(inbox, octets=octets)).message)
        self.assertEqual(body.size, len(octets))
        for offset, size in ((0, 10), (262_140, 8), (262_144, 262_144), (0, 1 << 20), (len(octets) - 3, 9)):
            self.assertEqual(await body.read(offset, size), octets[offset : offset + size], (offset, size))
            self.assertEqual(body.read_now(offset, size), octets[offset : offset + size])
        self.assertEqual(await body.read(len(octets), 10), b"")
        self.assertEqual(await body.read(0, 0), b"")

    async def test_no_more_than_a_mebibyte_at_once(self) -> None:
        inbox = await self.folder()
        body = self.store.body((await self.put(inbox, octets=b"x" * ((1 << 20) + 9))).message)
        self.assertEqual(len(await body.read(0, 1 << 30)), 1 << 20)
        self.assertEqual(len(await body.read(1 << 20, 1 << 30)), 9)

    async def test_no_such_message(self) -> None:
        with self.assertRaises(NoSuchMessage):
            self.store.body(99)

    async def test_find(self) -> None:
        inbox, other, hers = await self.folder(), await self.folder("other"), await self.folder(account="scully")
        await self.put(inbox, other, hers, about=summary("<1@x>"))
        self.assertEqual([place.name for place in self.store.find("<1@x>", "mulder")], ["INBOX", "other"])
        self.assertEqual([place.account for place in self.store.find("<1@x>", "scully")], ["scully"])
        self.assertEqual(self.store.find("<2@x>", "mulder"), [])
