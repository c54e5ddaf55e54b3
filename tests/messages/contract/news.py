from __future__ import annotations

from netdaemon.messages import news
from netdaemon.messages.errors import NoSuchFolder
from netdaemon.messages.values import Flag
from tests.messages.contract.base import Base, summary


class NewsContract(Base):
    async def test_overview(self) -> None:
        group = await self.group()
        about = summary("<1@x>", "Hello", date=9, references=("<0@x>",), lines=4)
        done = await self.put(group, octets=b"12345", about=about)
        (line,) = self.store.overview(group.id, 1, 99)
        self.assertEqual(line, (1, done.message, "Hello", about.from_, 9, "<1@x>", ("<0@x>",), 5, 4, about.envelope))
        self.assertEqual(self.store.overview_of("<1@x>"), (0, *line[1:]))
        self.assertIsNone(self.store.overview_of("<2@x>"))

    async def test_overview_of_mail_is_nobodys_business(self) -> None:
        await self.put(await self.folder(), about=summary("<1@x>"))
        self.assertIsNone(self.store.overview_of("<1@x>"))

    async def test_ranges(self) -> None:
        group = await self.group()
        await self.fill(group, 6)
        await self.store.expunge(group.id, ((3, 3),), deleted_only=False)
        self.assertEqual([line.number for line in self.store.overview(group.id, 2, 5)], [2, 4, 5])
        self.assertEqual([line.number for line in self.store.overview(group.id, 1, 1 << 31, limit=2)], [1, 2])
        self.assertEqual(self.store.numbers(group.id, 2, 4), [2, 4])
        self.assertEqual(self.store.numbers(group.id, 2, 9, limit=2), [2, 4])
        self.assertEqual(self.store.numbers(group.id, 5, 4), [])

    async def test_neighbours(self) -> None:
        group = await self.group()
        await self.fill(group, 5)
        await self.store.expunge(group.id, ((2, 3),), deleted_only=False)
        self.assertEqual(self.store.neighbour(group.id, 1, True), 4)
        self.assertEqual(self.store.neighbour(group.id, 4, False), 1)
        self.assertIsNone(self.store.neighbour(group.id, 5, True))
        self.assertIsNone(self.store.neighbour(group.id, 1, False))

    async def test_article(self) -> None:
        group = await self.group()
        done = await self.put(group)
        row = self.store.article(group.id, 1)
        self.assertEqual(row.message, done.message)
        self.assertIsNone(self.store.article(group.id, 2))
        with self.assertRaises(NoSuchFolder):
            self.store.article(99, 1)

    async def test_crossposted(self) -> None:
        one, two = await self.group("misc.one"), await self.group("misc.two")
        await self.put(one)
        done = await self.put(one, two, about=summary("<1@x>"))
        found = [(place.name, place.uid, place.kind) for place in self.store.places(done.message)]
        self.assertEqual(found, [("misc.one", 2, "news"), ("misc.two", 1, "news")])
        self.assertEqual([(place.folder, place.uid) for place in self.store.find("<1@x>")], [(one.id, 2), (two.id, 1)])

    async def test_arrived_since(self) -> None:
        group = await self.group()
        await self.put(group, about=summary("<1@x>"))
        self.now += 100
        for msgid in ("<2@x>", "<3@x>", "<4@x>"):
            await self.put(group, about=summary(msgid), received=5.0)
        self.assertEqual(await self.store.arrived_since(group.id, self.now), [(2, "<2@x>"), (3, "<3@x>"), (4, "<4@x>")])
        self.assertEqual(await self.store.arrived_since(group.id, self.now, limit=1, after=2), [(3, "<3@x>")])
        self.assertEqual(await self.store.arrived_since(group.id, self.now + 1), [])

    async def test_history(self) -> None:
        self.patch(news, "EXPIRED_AT_ONCE", 2)
        group = await self.group()
        await self.put(group, about=summary("<1@x>"), history=True)
        await self.store.remember(["<2@x>", "<1@x>", "<3@x>"])
        many = [f"<{number}@x>" for number in range(1200)]
        self.assertEqual(self.store.known(many), {"<1@x>", "<2@x>", "<3@x>"})
        self.assertEqual(self.store.known([]), set())
        self.now += 100
        await self.store.remember(["<2@x>", "<4@x>"])
        self.assertEqual(await self.store.expire_history(self.now), 2)
        self.assertEqual(self.store.known(many), {"<1@x>", "<4@x>"})
        await self.store.expunge(group.id, ((1, 1),), deleted_only=False)
        self.assertEqual(await self.store.expire_history(self.now), 1)
        self.assertEqual(self.store.known(many), {"<4@x>"})

    async def test_expire(self) -> None:
        self.patch(news, "EXPIRED_AT_ONCE", 2)
        group = await self.group()
        await self.fill(group, 5)
        self.now += 100
        await self.fill(group, 4)
        self.assertEqual(await self.store.expire(group.id, self.now), 5)
        self.assertEqual((self.uids(group), self.now_is(group).low_water), ([6, 7, 8, 9], 6))
        self.assertEqual(await self.store.expire(group.id, 0, keep=1), 3)
        self.assertEqual(self.uids(group), [9])
        self.assertEqual(await self.store.expire(group.id, 0, keep=5), 0)
        self.assertEqual(await self.store.expire(group.id, 0, keep=0), 1)
        await self.fails(NoSuchFolder, self.store.expire(99, 0))

    async def test_groups_cost_nobody_anything(self) -> None:
        await self.put(await self.group())
        self.assertEqual(self.store.usage("").octets, 0)

    async def test_numbers_are_the_uids_of_imap(self) -> None:
        group = await self.group()
        await self.put(group)
        await self.store.store_flags(group.id, ((1, 1),), add=Flag.SEEN, account="mulder")
        self.assertEqual(self.entries(group, account="mulder")[0].uid, self.store.overview(group.id, 1, 1)[0].number)
