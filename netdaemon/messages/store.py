"""Store: the message store on SQLite, as `interfaces.IMessages` says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred, succeed

from netdaemon.messages import bodies, collecting, flags, holding, incoming, news, reading, removal, tree
from netdaemon.messages.database import READ_PATIENCE, as_store_errors, open_blobs
from netdaemon.messages.engine import Engine, Job, Transaction
from netdaemon.messages.errors import StoreError
from netdaemon.messages.interfaces import (
    MAIL,
    SHARED,
    UPDATED,
    Change,
    Copied,
    Delivered,
    Delivery,
    FlagsStored,
    Folder,
    Heading,
    ISpool,
    Overview,
    Place,
    Quota,
    Row,
    Status,
    Summary,
    Target,
    Vanished,
)
from netdaemon.messages.lease import Leases
from netdaemon.messages.readers import Files, InlineReads, IReads, Readers, open_files
from netdaemon.messages.searching import Search
from netdaemon.messages.spool import Spool
from netdaemon.messages.switchboard import Switchboard
from netdaemon.messages.terms import Term
from netdaemon.messages.values import NO_FLAGS, Entry, Flag, UidSet
from netdaemon.messages.writer import Inline, IWrites, Writer

if TYPE_CHECKING:
    from netdaemon.messages.interfaces import IMessages

T = TypeVar("T")


class Store:
    """Reads that are short are done where they are asked, by connections of the one thread (the reactor's) that asks.

    With ``from_thread`` (the reactor's callFromThread) it writes in a thread of its own and reads what takes long in
    others; without, all is done at once, and every Deferred has fired when it is given (`done`).

    ``limit`` says what an account may keep; it is asked in the writer's thread. ``data`` must exist.
    """

    def __init__(
        self,
        data: Path,
        from_thread: Callable[..., object] | None = None,
        *,
        limit: Callable[[str], Quota | None] = lambda account: None,
        relay: Callable[[bytes], object] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._data = data
        self._switchboard = Switchboard(relay)
        engine = Engine(data, wall, limit)
        try:
            self._files = open_files(data)
        except BaseException:
            engine.close()
            raise
        self._writer: IWrites
        self._readers: IReads
        if from_thread is None:
            self._writer, self._readers = Inline(engine, self._switchboard.publish), InlineReads(self._files)
        else:
            self._writer = Writer(engine, from_thread, self._switchboard.publish)
            self._readers = Readers(data, from_thread)
        self._leases = Leases(data, wall)
        self._version = self._data_version()
        self._accounts: dict[str, tuple[object, ...]] = {}

    @property
    def switchboard(self) -> Switchboard:
        return self._switchboard

    def close(self) -> None:
        self._writer.close()
        self._readers.close()
        self._files.close()
        self._leases.close()

    def _write(self, run: Callable[..., T], *arguments: Any, spools: Sequence[ISpool] = ()) -> Deferred[T]:
        return self._writer.do(Job(lambda work: run(work, *arguments), spools))

    def _read(self, run: Callable[..., T], *arguments: Any) -> T:
        return self._files.read(lambda index: run(index, *arguments))

    def _read_long(self, run: Callable[..., T], *arguments: Any) -> Deferred[T]:
        return self._readers.do(lambda files: files.read(lambda index: run(index, *arguments)))

    # --- folders -----------------------------------------------------------------------------------------------

    def folder(self, account: str, name: str) -> Folder:
        return self._read(reading.folder, account, name)

    def folder_by_id(self, folder: int) -> Folder:
        return self._read(reading.folder_by_id, folder)

    def folders(self, account: str, patterns: Sequence[str] = ("*",), *, subscriber: str | None = None) -> list[Folder]:
        return self._read(reading.folders, account, patterns, subscriber)

    def subscriptions(self, account: str, owner: str | None = None) -> list[str]:
        return self._read(reading.subscriptions, account, account if owner is None else owner)

    def status(self, folder: int, account: str | None = None) -> Status:
        return self._read(reading.status, folder, account)

    def properties(self, folder: int) -> dict[str, str]:
        return self._read(reading.properties, folder)

    def property_of(self, account: str, name: str) -> dict[int, str]:
        return self._read(reading.property_of, account, name)

    def keywords(self, folder: int) -> list[str]:
        return self._read(reading.folder_keywords, folder)

    def create(self, account: str, name: str, *, kind: str = MAIL, special_use: str = "") -> Deferred[Folder]:
        return self._write(tree.create, account, name, kind, special_use)

    def ensure(self, account: str, name: str, *, kind: str = MAIL) -> Deferred[Folder]:
        try:
            found = self.folder(account, name)
        except StoreError:  # it is made, or said once more
            found = None
        if found is not None and found.kind == kind:
            return succeed(found)
        return self._write(tree.ensure, account, name, kind)

    def rename(self, account: str, name: str, to: str) -> Deferred[Folder]:
        return self._write(tree.rename, account, name, to)

    def delete(self, account: str, name: str) -> Deferred[None]:
        return self._write(tree.delete, account, name)

    def delete_account(self, account: str) -> Deferred[None]:
        return self._write(tree.delete_account, account)

    def subscribe(
        self, account: str, name: str, subscribed: bool = True, *, owner: str | None = None
    ) -> Deferred[None]:
        return self._write(tree.subscribe, account, name, subscribed, account if owner is None else owner)

    def set_property(self, folder: int, name: str, value: str | None) -> Deferred[None]:
        return self._write(tree.set_property, folder, name, value)

    def set_special_use(self, folder: int, special_use: str) -> Deferred[None]:
        return self._write(tree.set_special_use, folder, special_use)

    # --- messages in and about -----------------------------------------------------------------------------------

    def spool(self, limit: int | None = None) -> Spool:
        return Spool(self._data, limit)

    def deliver(
        self,
        spool: ISpool,
        summary: Summary,
        targets: Sequence[Target],
        *,
        token: str = "",
        partial: bool = False,
        replaces: tuple[int, int] | None = None,
        history: bool = False,
    ) -> Deferred[Delivered]:
        delivery = Delivery(spool, summary, targets, token, partial, replaces, history)
        return self.deliver_all([delivery]).addCallback(lambda done: done[0])

    def deliver_all(self, deliveries: Sequence[Delivery]) -> Deferred[list[Delivered]]:
        spools = [delivery.spool for delivery in deliveries]
        return self._write(incoming.deliver_all, deliveries, spools=spools)

    def hold(self, holder: str, spool: ISpool) -> Deferred[None]:
        return self._write(holding.hold, holder, spools=[spool])

    def held(self, holder: str) -> ISpool:
        blob = self._read(holding.held, holder)
        size, digest = self._files.read_blobs(lambda blobs: bodies.described(blobs, blob))
        return holding.HeldSpool(blob, size, digest, lambda: open_blobs(self._data, READ_PATIENCE))

    def release(self, holder: str) -> Deferred[None]:
        return self._write(holding.release, holder)

    def copy(self, folder: int, uids: UidSet, to: int, *, account: str | None = None) -> Deferred[Copied]:
        return self._write(removal.copy, folder, uids, to, account)

    def move(self, folder: int, uids: UidSet, to: int, *, account: str | None = None) -> Deferred[Copied]:
        return self._write(removal.move, folder, uids, to, account)

    def store_flags(
        self,
        folder: int,
        uids: UidSet,
        *,
        add: Flag = NO_FLAGS,
        remove: Flag = NO_FLAGS,
        add_keywords: Iterable[str] = (),
        remove_keywords: Iterable[str] = (),
        replace: bool = False,
        unchanged_since: int | None = None,
        account: str | None = None,
    ) -> Deferred[FlagsStored]:
        change = flags.FlagChange(
            add, remove, tuple(add_keywords), tuple(remove_keywords), replace, unchanged_since, account
        )
        return self._write(flags.store_flags, folder, uids, change)

    def expunge(self, folder: int, uids: UidSet | None = None, *, deleted_only: bool = True) -> Deferred[UidSet]:
        return self._write(removal.expunge, folder, uids, deleted_only)

    def claim_recent(self, folder: int) -> Deferred[int]:
        return self._write(tree.claim_recent, folder)

    # --- reading -------------------------------------------------------------------------------------------------

    def entries(
        self, folder: int, uids: UidSet, *, changed_since: int | None = None, account: str | None = None
    ) -> list[Entry]:
        return self._read(reading.entries, folder, uids, changed_since, account)

    def rows(self, folder: int, uids: UidSet, *, account: str | None = None) -> list[Row]:
        return self._read(reading.rows, folder, uids, account)

    def fetch(
        self,
        folder: int,
        uids: UidSet,
        *,
        changed_since: int | None = None,
        account: str | None = None,
        limit: int = 1000,
    ) -> Deferred[list[Entry]]:
        return self._read_long(reading.entries, folder, uids, changed_since, account, limit)

    def fetch_rows(
        self, folder: int, uids: UidSet, *, account: str | None = None, limit: int = 200
    ) -> Deferred[list[Row]]:
        return self._read_long(reading.rows, folder, uids, account, limit)

    def uids(self, folder: int) -> Deferred[UidSet]:
        return self._read_long(reading.all_uids, folder)

    def headings(self, folder: int, uids: UidSet, *, limit: int = 1000) -> Deferred[list[Heading]]:
        return self._read_long(reading.headings, folder, uids, limit)

    def search(self, folder: int, term: Term, *, account: str | None = None) -> Deferred[UidSet]:
        def run(files: Files) -> UidSet:
            def chunks(message: int) -> Iterator[bytes]:
                blob, size = reading.octets_of(files.index, message)
                return bodies.pieces(files.blobs, blob, size)

            # one moment for all of it: what is looked into may be expunged meanwhile, and is found all the same
            return files.read(lambda index: Search(index, folder, account, chunks).run(term))

        return self._readers.do(run)

    def vanished(self, folder: int, since: int, uids: UidSet | None = None) -> Vanished:
        return self._read(reading.vanished, folder, since, uids)

    def body(self, message: int) -> bodies.Body:
        blob, size = self._read(reading.octets_of, message)
        return bodies.Body(
            blob, size, self._files.read_blobs, lambda work: self._readers.do(lambda files: files.read_blobs(work))
        )

    # --- news ----------------------------------------------------------------------------------------------------

    def overview(self, folder: int, first: int, last: int, *, limit: int = 500) -> list[Overview]:
        return self._read(news.overview, folder, first, last, limit)

    def overview_of(self, msgid: str) -> Overview | None:
        return self._read(news.overview_of, msgid)

    def article(self, folder: int, number: int) -> Row | None:
        found = self.rows(folder, ((number, number),))
        return found[0] if found else None

    def neighbour(self, folder: int, number: int, forward: bool) -> int | None:
        return self._read(news.neighbour, folder, number, forward)

    def numbers(self, folder: int, first: int, last: int, *, limit: int = 10_000) -> list[int]:
        return self._read(news.numbers, folder, first, last, limit)

    def arrived_since(
        self, folder: int, since: float, *, limit: int = 10_000, after: int = 0
    ) -> Deferred[list[tuple[int, str]]]:
        return self._read_long(news.arrived_since, folder, since, limit, after)

    def places(self, message: int) -> list[Place]:
        return self._read(reading.places, message)

    def find(self, msgid: str, account: str = SHARED) -> list[Place]:
        return self._read(reading.find, msgid, account)

    def shown(self, folder: int, digest: bytes) -> int:
        """How often a folder shows the message with that SHA-256."""
        blobs = self._files.read_blobs(lambda blobs: bodies.with_digest(blobs, digest))
        return sum(self._read(reading.shown, folder, blob) for blob in blobs)

    def known(self, msgids: Sequence[str]) -> set[str]:
        return self._read(news.known, msgids)

    def remember(self, msgids: Sequence[str]) -> Deferred[None]:
        return self._write(news.remember, msgids)

    def expire_history(self, before: float) -> Deferred[int]:
        async def run() -> int:
            count, last = 0, (-1.0, "")
            while True:
                gone, behind = await self._write(news.expire_history, before, last)
                count += gone
                if behind is None:
                    return count
                last = behind

        return Deferred.fromCoroutine(run())

    def expire(self, folder: int, before: float, *, keep: int | None = None) -> Deferred[int]:
        async def run() -> int:
            count = 0
            while gone := await self._write(news.expire, folder, before, keep):
                count += gone
            return count

        return Deferred.fromCoroutine(run())

    # --- accounts ------------------------------------------------------------------------------------------------

    def usage(self, account: str) -> Quota:
        return self._read(reading.usage, account)

    def take_lease(self, account: str, holder: str, seconds: float) -> Deferred[None]:
        return maybeDeferred(self._leases.take, account, holder, seconds)

    def give_lease(self, account: str, holder: str) -> Deferred[None]:
        return maybeDeferred(self._leases.give, account, holder)

    # --- keeping house -------------------------------------------------------------------------------------------

    def write(self, run: Callable[[Transaction], T], spools: Sequence[ISpool] = ()) -> Deferred[T]:
        """A transaction of somebody's own, for who keeps books beside the messages in the same file: with ``spools`` it
        may `holding.hold` their octets at the same time.
        """
        return self._write(run, spools=spools)

    def collect(self) -> Deferred[int]:
        async def run() -> int:
            octets, more = 0, True
            while more:
                removed, more = await self._write(collecting.collect)
                octets += removed
            return octets

        return Deferred.fromCoroutine(run())

    def look(self) -> None:
        version = self._data_version()
        if version == self._version:
            return
        self._version = version
        for folder in self._switchboard.followed():
            row = self._read(_folder_now, folder)
            if row is not None and self._switchboard.is_news(folder, row[2]):
                self._switchboard.noticed(Change(UPDATED, row[0], folder, row[1], row[2]))
        followed = self._switchboard.followed_accounts()
        self._accounts = {account: sum_ for account, sum_ in self._accounts.items() if account in followed}
        for account in followed:
            now = self._read(_account_now, account)
            if self._accounts.get(account) != now:
                self._accounts[account] = now
                self._switchboard.noticed(Change(UPDATED, account, 0, ""))

    def _data_version(self) -> int:
        with as_store_errors():
            return int(self._files.index.execute("PRAGMA data_version").fetchone()[0])


def _folder_now(index: Any, folder: int) -> tuple[str, str, int] | None:
    found: tuple[str, str, int] | None = index.execute(
        "SELECT account, name, modseq FROM folder WHERE id = ?", (folder,)
    ).fetchone()
    return found


def _account_now(index: Any, account: str) -> tuple[object, ...]:
    """Differs when one of its folders was made, deleted or changed; not when one was renamed."""
    found: tuple[object, ...] = index.execute(
        "SELECT count(*), max(id), sum(modseq) FROM folder WHERE account = ?", (account,)
    ).fetchone()
    return found


def done(deferred: Deferred[T]) -> T:
    """What a store without threads gave, or raises what it failed with."""
    results: list[T] = []
    failures: list[Any] = []
    deferred.addCallbacks(results.append, failures.append)
    if failures:
        failures[0].raiseException()
    return results[0]


if TYPE_CHECKING:

    def _provides(store: Store) -> IMessages:
        return store
