from __future__ import annotations

from netdaemon.messages.errors import BadSearch, NoSuchFolder
from netdaemon.messages.interfaces import Folder
from netdaemon.messages.terms import (
    All,
    AnyOf,
    Between,
    HasFlags,
    HasKeyword,
    Holds,
    IsEmail,
    IsThread,
    Not,
    Scan,
    Term,
    Within,
)
from netdaemon.messages.values import Flag
from tests.messages.contract.base import EVERY, Base, numbers, summary


def has(octets: bytes) -> Scan:
    return Scan(lambda found: octets in b"".join(found.chunks()))


class SearchContract(Base):
    async def library(self) -> Folder:
        inbox = await self.folder()
        await self.put(inbox, octets=b"aaaa", about=summary("<1@x>", "Gr\u00fc\u00dfe", date=50), received=100.0)
        await self.put(inbox, octets=b"bb", about=summary("<2@x>", "100%_x"), received=200.5, flags=Flag.SEEN)
        self.now += 1000
        await self.put(inbox, octets=b"abab", received=300.0, flags=Flag.SEEN | Flag.DELETED, keywords=("$Junk",))
        return inbox

    async def test_terms(self) -> None:
        inbox = await self.library()
        rows = self.store.rows(inbox.id, EVERY)
        cases: list[tuple[Term, list[int]]] = [
            (All(()), [1, 2, 3]),
            (AnyOf(()), []),
            (HasFlags(Flag.SEEN), [2, 3]),
            (HasFlags(Flag.SEEN | Flag.DELETED), [3]),
            (Not(HasFlags(Flag.SEEN)), [1]),
            (HasKeyword("$jUNK"), [3]),
            (HasKeyword("other"), []),
            (Within(((2, 9),)), [2, 3]),
            (Within(tuple((uid, uid) for uid in range(1, 9001, 2))), [1, 3]),
            (Between("received", 200.5), [2, 3]),
            (Between("received", None, 200.5), [1]),
            (Between("received", 100, 300), [1, 2]),
            (Between("received"), [1, 2, 3]),
            (Between("saved", self.now), [3]),
            (Between("date", 40, 60), [1]),
            (Between("date", 200), [2, 3]),
            (Between("octets", 3), [1, 3]),
            (Between("modseq", rows[1].modseq), [2, 3]),
            (Holds("subject", "GR\u00dcSSE"), [1]),
            (Holds("subject", "0%_"), [2]),
            (Holds("subject", "%"), [2]),
            (Holds("subject", ""), [1, 2, 3]),
            (Holds("from_", "mulder@"), [1, 2, 3]),
            (Holds("to", "SCULLY"), [1, 2, 3]),
            (Holds("msgid", "<2@"), [2]),
            (Holds("preview", "out there"), [1, 2, 3]),
            (IsThread(rows[1].thread_id), [2]),
            (IsEmail(rows[2].email_id), [3]),
            (IsEmail("M"), []),
            (IsEmail("nonsense"), []),
            (has(b"ab"), [3]),
            (Not(has(b"ab")), [1, 2]),
            (All((HasFlags(Flag.SEEN), Not(HasFlags(Flag.DELETED)))), [2]),
            (AnyOf((HasKeyword("$Junk"), Between("octets", None, 3))), [2, 3]),
            (AnyOf((has(b"ab"), has(b"aa"), HasFlags(Flag.DELETED))), [1, 3]),
            (All((has(b"a"), Within(((1, 2),)))), [1]),
            (Not(All((has(b"a"), Not(HasFlags(Flag.SEEN))))), [2, 3]),
            (Not(AnyOf((Within(((1, 1),)), has(b"bb")))), [3]),
            (All((AnyOf((has(b"bb"), has(b"aaaa"))), AnyOf((HasFlags(Flag.SEEN), Not(Within(EVERY)))))), [2]),
        ]
        for term, found in cases:
            self.assertEqual(numbers(await self.store.search(inbox.id, term)), found, term)

    async def test_only_what_is_left_is_looked_into(self) -> None:
        inbox = await self.library()
        looked: list[int] = []
        scan = Scan(lambda found: bool(looked.append(found.entry.uid)) or True)
        for term in (
            All((scan, HasFlags(Flag.SEEN), Within(((1, 2),)))),
            All((scan, All((Within(((2, 2),)), scan)))),
            All((AnyOf((HasFlags(Flag.DRAFT), scan)), HasFlags(Flag.SEEN), Not(HasFlags(Flag.DELETED)))),
        ):
            looked.clear()
            self.assertEqual(await self.store.search(inbox.id, term), ((2, 2),))
            self.assertEqual(set(looked), {2})

    async def test_of_an_account_in_a_shared_folder(self) -> None:
        group = await self.group()
        await self.fill(group, 3)
        await self.store.store_flags(group.id, ((2, 2),), add=Flag.SEEN, account="mulder")
        self.assertEqual(await self.store.search(group.id, HasFlags(Flag.SEEN), account="mulder"), ((2, 2),))
        self.assertEqual(await self.store.search(group.id, HasFlags(Flag.SEEN), account="scully"), ())
        self.assertEqual(numbers(await self.store.search(group.id, Not(HasFlags(Flag.SEEN)), account="mulder")), [1, 3])
        modseq = self.now_is(group).modseq
        self.assertEqual(await self.store.search(group.id, Between("modseq", modseq), account="mulder"), ((2, 2),))
        self.assertEqual(await self.store.search(group.id, Between("modseq", modseq), account="scully"), ())

    async def test_too_much(self) -> None:
        inbox = await self.library()
        deep: Term = HasFlags(Flag.SEEN)
        for _ in range(5000):
            deep = Not(deep)
        wide = AnyOf(tuple(Between("octets", number) for number in range(501)))
        for term in (deep, wide, Holds("password", "x"), Between("uid", 1), Not(Between("x"))):
            await self.fails(BadSearch, self.store.search(inbox.id, term))
        wide = AnyOf(tuple(Between("octets", number + 4) for number in range(499)))
        self.assertEqual(numbers(await self.store.search(inbox.id, wide)), [1, 3])

    async def test_a_test_that_stumbles(self) -> None:
        inbox = await self.library()
        await self.fails(ZeroDivisionError, self.store.search(inbox.id, Scan(lambda found: bool(1 // 0))))
        self.assertEqual(len(self.uids(inbox)), 3)

    async def test_no_such_folder(self) -> None:
        await self.fails(NoSuchFolder, self.store.search(99, All(())))
