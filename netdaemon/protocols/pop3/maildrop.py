"""Maildrop: an account's INBOX as one session sees it, from its login to its QUIT (RFC 1939 sections 4 to 6)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from netdaemon.interfaces import IDeadline, IDeadlines
from netdaemon.messages.errors import LeaseHeld, NoSuchFolder, StoreError
from netdaemon.messages.interfaces import Folder, IMessages
from netdaemon.messages.values import Entry, Flag

T = TypeVar("T")

INBOX = "INBOX"

LEASE = 60.0
"""Seconds a lease holds; it is taken anew long before. Those of a process that was killed end by themselves."""

AT_ONCE = 250
"""Messages that are looked up in the reactor's thread; of more, another reads them."""
BATCH = 1000

_log = Logger()


class Maildrop:
    """The messages that were there at the login, by their numbers from 1 on, and the marks on them.

    What the store knows of them by then is kept in arrays: 24 octets a message.
    """

    __slots__ = (
        "_deadline",
        "_holder",
        "_lost",
        "_messages",
        "_updating",
        "account",
        "deleted",
        "folder",
        "ids",
        "octets",
        "retrieved",
        "size",
        "uids",
    )

    def __init__(self, messages: IMessages, account: str, holder: str) -> None:
        self._messages = messages
        self._holder = holder
        self._deadline: IDeadline | None = None
        self._lost: Callable[[], object] | None = None
        self._updating: Deferred[None] | None = None
        self.account = account
        self.folder: Folder | None = None
        self.uids = array("Q")
        self.octets = array("Q")
        self.ids = array("Q")
        """The messages' numbers in the store."""
        self.size = 0
        """Octets of all that are not marked."""
        self.deleted: set[int] = set()
        """Numbers that are marked to be deleted."""
        self.retrieved: set[int] = set()

    # --- the lease -------------------------------------------------------------------------------------------

    async def take(self) -> None:
        """Take the lease. Raises LeaseHeld. Whatever becomes of it, `release` must be called."""
        await self._messages.take_lease(self.account, self._holder, LEASE)

    def keep(self, deadlines: IDeadlines, lost: Callable[[], object]) -> None:
        """Hold the lease from now on. ``lost`` is called if another session gets it: we stood still for too long."""
        self._lost = lost
        self._deadline = deadlines.after(LEASE / 3, self._again)

    def _again(self) -> None:
        assert self._deadline is not None, "a lease is held before it is taken anew"
        self._deadline.postpone(LEASE / 3)
        self._messages.take_lease(self.account, self._holder, LEASE).addErrback(self._not_kept)

    def _not_kept(self, failure: Failure) -> None:
        _log.warn(
            "the lease on {user}'s maildrop was not renewed: {why}", user=self.account, why=failure.getErrorMessage()
        )
        if isinstance(failure.value, LeaseHeld) and self._lost is not None:
            self._lost()

    def release(self) -> Deferred[None]:
        """Give the lease back, once `update` is done with the store. It never fails."""
        self._lost = None
        if self._deadline is not None:
            self._deadline.cancel()
        given: Deferred[None] = Deferred()

        def give(ignored: object) -> None:
            giving = self._messages.give_lease(self.account, self._holder)
            giving.addErrback(_not_given, self.account).addCallback(given.callback)

        if self._updating is None:
            give(None)
        else:
            self._updating.addBoth(give)
        return given

    # --- the snapshot ----------------------------------------------------------------------------------------

    async def open(self, older: float | None = None) -> None:
        """See what is there; what was saved before ``older`` (Unix seconds) goes first. Raises StoreError."""
        messages = self._messages
        try:
            folder = messages.folder(self.account, INBOX)
        except NoSuchFolder:
            folder = await messages.ensure(self.account, INBOX)
        if older is not None and folder.messages and await messages.expire(folder.id, older):
            folder = messages.folder_by_id(folder.id)
        self.folder = folder
        last = folder.uidnext - 1
        if folder.messages > AT_ONCE:
            first = 1
            while first <= last and (batch := await messages.fetch(folder.id, ((first, last),), limit=BATCH)):
                self._add(batch)
                first = batch[-1].uid + 1
        elif folder.messages:
            self._add(messages.entries(folder.id, ((1, last),)))

    def _add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.uids.append(entry.uid)
            self.ids.append(entry.message)
            self.octets.append(entry.octets)
            self.size += entry.octets

    # --- asking ----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many there are that are not marked."""
        return len(self.uids) - len(self.deleted)

    def has(self, number: int) -> bool:
        """Is there a message of that number that is not marked?"""
        return 0 < number <= len(self.uids) and number not in self.deleted

    def numbers(self) -> Iterator[int]:
        """Of all that are not marked, in order."""
        every = range(1, len(self.uids) + 1)
        return (number for number in every if number not in self.deleted) if self.deleted else iter(every)

    def octets_of(self, number: int) -> int:
        return self.octets[number - 1]

    def uid_of(self, number: int) -> bytes:
        """Its unique-id: no other message of this account has had it, or ever will (RFC 1939 section 7)."""
        assert self.folder is not None, "a maildrop is opened before it is asked"
        return b"%d.%d" % (self.folder.uidvalidity, self.uids[number - 1])

    # --- marking ---------------------------------------------------------------------------------------------

    def delete(self, number: int) -> None:
        """Mark it."""
        self.deleted.add(number)
        self.size -= self.octets[number - 1]

    def reset(self) -> None:
        """Take all marks off."""
        self.deleted.clear()
        self.size = sum(self.octets)

    # --- the end ---------------------------------------------------------------------------------------------

    async def update(self, *, take_retrieved: bool = False, mark_seen: bool = False) -> int:
        """UPDATE: remove what is marked (and what was retrieved, with ``take_retrieved``), in one transaction, which
        goes on when nobody waits for it any more. How many it were. Raises StoreError.
        """
        assert self.folder is not None, "a maildrop is opened before it is changed"
        if take_retrieved:
            self.deleted |= self.retrieved
        self._updating = work = Deferred.fromCoroutine(self._update(self.folder.id, mark_seen))
        await unhurried(work)
        return len(self.deleted)

    async def _update(self, folder: int, mark_seen: bool) -> None:
        seen = self.retrieved - self.deleted
        try:
            if mark_seen and seen:
                await self._messages.store_flags(folder, self._ranges(seen), add=Flag.SEEN)
            if self.deleted:
                await self._messages.expunge(folder, self._ranges(self.deleted), deleted_only=False)
        except StoreError as error:
            # said here, for the client may have gone
            _log.warn("{user}'s deleted messages stay: {why}", user=self.account, why=str(error))
            raise

    def _ranges(self, numbers: set[int]) -> list[tuple[int, int]]:
        """Their UIDs; of neighbours in the snapshot, one range, since what came between them can't be there."""
        ranges: list[tuple[int, int]] = []
        before = -1
        for number in sorted(numbers):
            uid = self.uids[number - 1]
            if number == before + 1:
                ranges[-1] = ranges[-1][0], uid
            else:
                ranges.append((uid, uid))
            before = number
        return ranges


def unhurried(work: Deferred[T]) -> Deferred[T]:
    """The same; but who stops waiting for it does not stop it."""
    waiting: Deferred[T] = Deferred()
    work.addCallbacks(waiting.callback, waiting.errback)
    return waiting


def _not_given(failure: Failure, account: str) -> None:
    _log.debug("the lease on {user}'s maildrop ends by itself: {why}", user=account, why=failure.getErrorMessage())
