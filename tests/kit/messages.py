"""A message store in memory, as far as POP3 uses it: `IMessages` for tests of sessions, which do without a disk.

store = MemoryMessages()
store.put("mulder", b"Subject: hello\\r\\n\\r\\nHello\\r\\n")
store.fail("expunge", StoreFull("no room"))      # the next call fails
waiting = store.hold("take_lease")               # the next call waits until waiting.callback(None)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred

from netdaemon.messages.errors import LeaseHeld, NoSuchFolder, NoSuchMessage
from netdaemon.messages.interfaces import Folder
from netdaemon.messages.values import NO_FLAGS, Entry, Flag, UidSet


@dataclass
class _Kept:
    uid: int
    message: int
    data: bytes
    saved: float
    flags: Flag = NO_FLAGS


@dataclass
class _Box:
    id: int
    account: str
    kept: list[_Kept] = field(default_factory=list)
    uidnext: int = 1


class MemoryBody:
    """`IBody` of octets in memory. ``reads`` counts those that were read, the most at a time is ``largest``."""

    def __init__(self, store: MemoryMessages, data: bytes) -> None:
        self._store = store
        self._data = data
        self.size = len(data)

    def read_now(self, offset: int, size: int) -> bytes:
        part = self._data[offset : offset + size]
        self._store.largest = max(self._store.largest, len(part))
        return part

    def read(self, offset: int, size: int) -> Deferred[bytes]:
        return self._store.later("read", lambda: self.read_now(offset, size))


class MemoryMessages:
    """The store. Its folders are called INBOX; their UIDVALIDITY is 1000 and their own number."""

    def __init__(self, now: float = 1_000_000_000.0) -> None:
        self.now = now
        self.leases: dict[str, str] = {}
        self.calls: list[str] = []
        """What was asked that a Deferred answers."""
        self.largest = 0
        """The most octets that were read at a time."""
        self._boxes: dict[int, _Box] = {}
        self._bodies: dict[int, bytes] = {}
        self._next: dict[str, Any] = {}

    # --- for tests -------------------------------------------------------------------------------------------

    def put(self, account: str, *messages: bytes, saved: float | None = None) -> None:
        """Deliver messages into the account's INBOX."""
        box = self._box(account) or self._make(account)
        for data in messages:
            number = len(self._bodies) + 1
            self._bodies[number] = data
            box.kept.append(_Kept(box.uidnext, number, data, self.now if saved is None else saved))
            box.uidnext += 1

    def inbox(self, account: str) -> list[bytes]:
        """What is in it."""
        box = self._box(account)
        return [] if box is None else [kept.data for kept in box.kept]

    def seen(self, account: str) -> list[bool]:
        """Which of them are marked as seen."""
        box = self._box(account)
        return [] if box is None else [bool(kept.flags & Flag.SEEN) for kept in box.kept]

    def fail(self, name: str, error: Exception) -> None:
        """The next call of that name fails."""
        self._next[name] = error

    def hold(self, name: str) -> Deferred[None]:
        """The next call of that name is done when this fires."""
        waiting: Deferred[None] = Deferred()
        self._next[name] = waiting
        return waiting

    def later(self, name: str, work: Callable[[], Any]) -> Deferred[Any]:
        """What ``work`` gives, as tests have said it should go."""
        self.calls.append(name)
        how = self._next.pop(name, None)
        if isinstance(how, Exception):
            return defer.fail(how)
        if isinstance(how, Deferred):
            done: Deferred[Any] = Deferred()
            how.addCallback(lambda ignored: defer.maybeDeferred(work).chainDeferred(done))
            return done
        return defer.maybeDeferred(work)

    # --- IMessages -------------------------------------------------------------------------------------------

    def folder(self, account: str, name: str) -> Folder:
        box = self._box(account)
        if box is None or name != "INBOX":
            raise NoSuchFolder(f"there is no {name}")
        return self._folder(box)

    def folder_by_id(self, folder: int) -> Folder:
        return self._folder(self._boxes[folder])

    def ensure(self, account: str, name: str, *, kind: str = "mail") -> Deferred[Folder]:
        return self.later("ensure", lambda: self._folder(self._box(account) or self._make(account)))

    def entries(self, folder: int, uids: UidSet, **ignored: Any) -> list[Entry]:
        return [self._entry(kept) for kept in self._boxes[folder].kept if _holds(uids, kept.uid)]

    def fetch(self, folder: int, uids: UidSet, *, limit: int = 1000, **ignored: Any) -> Deferred[list[Entry]]:
        return self.later("fetch", lambda: self.entries(folder, uids)[:limit])

    def body(self, message: int) -> MemoryBody:
        if message not in self._bodies:
            raise NoSuchMessage("it is gone")
        return MemoryBody(self, self._bodies[message])

    def forget(self, message: int) -> None:
        """Its octets are gone for good."""
        del self._bodies[message]

    def expire(self, folder: int, before: float, *, keep: int | None = None) -> Deferred[int]:
        def work() -> int:
            box = self._boxes[folder]
            count = len(box.kept)
            box.kept = [kept for kept in box.kept if kept.saved >= before]
            return count - len(box.kept)

        return self.later("expire", work)

    def expunge(self, folder: int, uids: UidSet | None = None, *, deleted_only: bool = True) -> Deferred[UidSet]:
        def work() -> UidSet:
            box = self._boxes[folder]
            assert uids is not None and not deleted_only
            gone = [kept.uid for kept in box.kept if _holds(uids, kept.uid)]
            box.kept = [kept for kept in box.kept if kept.uid not in gone]
            return [(uid, uid) for uid in gone]

        return self.later("expunge", work)

    def store_flags(self, folder: int, uids: UidSet, *, add: Flag = NO_FLAGS, **ignored: Any) -> Deferred[None]:
        def work() -> None:
            for kept in self._boxes[folder].kept:
                if _holds(uids, kept.uid):
                    kept.flags |= add

        return self.later("store_flags", work)

    def take_lease(self, account: str, holder: str, seconds: float) -> Deferred[None]:
        def work() -> None:
            if self.leases.setdefault(account, holder) != holder:
                raise LeaseHeld("another session has it")

        return self.later("take_lease", work)

    def give_lease(self, account: str, holder: str) -> Deferred[None]:
        def work() -> None:
            if self.leases.get(account) == holder:
                del self.leases[account]

        return self.later("give_lease", work)

    # --- inside ----------------------------------------------------------------------------------------------

    def _box(self, account: str) -> _Box | None:
        return next((box for box in self._boxes.values() if box.account == account), None)

    def _make(self, account: str) -> _Box:
        number = len(self._boxes) + 1
        self._boxes[number] = box = _Box(number, account)
        return box

    def _folder(self, box: _Box) -> Folder:
        return Folder(
            id=box.id,
            account=box.account,
            name="INBOX",
            kind="mail",
            object_id=f"F{box.id}",
            special_use="",
            selectable=True,
            uidvalidity=1000 + box.id,
            uidnext=box.uidnext,
            modseq=1,
            vanish_floor=0,
            low_water=1,
            messages=len(box.kept),
            octets=sum(len(kept.data) for kept in box.kept),
            created=0.0,
        )

    def _entry(self, kept: _Kept) -> Entry:
        return Entry(kept.uid, 1, kept.flags, (), kept.saved, kept.saved, kept.message, len(kept.data))


def _holds(uids: UidSet, uid: int) -> bool:
    return any(first <= uid <= last for first, last in uids)
