"""How many bytes stand beneath a folder, kept so that a quota costs no walk at every upload.

A quota counts the sizes of all documents beneath the account's home (the whole tree when that is ``/``), whoever
wrote them, hidden ones and uploads under way included; a document with two names counts twice, links not at all.

The first upload of an account starts a count, in short turns beside the other work. Until it ends, what was counted
so far stands for the whole; from then on every write and removal through the tree is added and taken away at once,
and the next upload that comes more than `STALE` seconds after a count, or after a folder was moved in or out, starts
another, which is how changes from outside are seen. So the sum is exact when a count ends and nothing else changed
during it; otherwise it is wrong by at most what changed while the count ran, or from outside or by moved folders
since, until the next one.
"""

from __future__ import annotations

import stat
import threading
import time
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from netdaemon.documents.names import Parts, beneath
from netdaemon.documents.pace import Pace
from netdaemon.documents.resolve import Root
from netdaemon.documents.walk import walk

STALE = 600.0
REST = 0.01  # between two turns of a count: nobody waits for it

log = Logger()


class Usage:
    """The bytes beneath one folder, as far as they are known."""

    __slots__ = ("again", "bytes", "counted", "counting")

    def __init__(self) -> None:
        self.bytes = 0
        self.counted: float | None = None
        """When the last count ended, in the clock's seconds."""
        self.again = False
        """Whether more changed than is known how much, since the last count began."""
        self.counting: Deferred[None] | None = None


class Ledger:
    """Every `Usage` of one tree. Thread-safe as far as `changed` goes: a writer may commit in a thread."""

    def __init__(self, root: Root, clock: IReactorTime | None) -> None:
        self._root = root
        self._clock = clock
        self._seconds = time.monotonic if clock is None else clock.seconds
        self._usages: dict[Parts, Usage] = {}
        self._lock = threading.Lock()

    def usage(self, folder: Parts) -> Usage:
        """The usage of a folder, counted anew if the last count is too old. With no clock it is counted at once."""
        usage = self._usages.get(folder)
        if usage is None:
            usage = self._usages[folder] = Usage()
        if usage.counting is None and (usage.counted is None or usage.again or self._seconds() - usage.counted > STALE):
            usage.again = False
            counting = usage.counting = Deferred.fromCoroutine(self._count(folder, usage))
            counting.addErrback(_report)
            counting.addBoth(self._done, usage)
        return usage

    def changed(self, where: Parts, size: int) -> None:
        """``size`` more bytes (or less) stand at ``where``."""
        if not self._usages or not size:
            return
        with self._lock:
            for depth in range(len(where)):
                usage = self._usages.get(where[:depth])
                if usage is not None:
                    usage.bytes = max(0, usage.bytes + size)

    def moved(self, where: Parts, to: Parts) -> None:
        """A folder was moved, with nobody knows how many bytes: who lost or got them is counted anew."""
        for folder, usage in list(self._usages.items()):
            if beneath(where, folder) != beneath(to, folder) or beneath(folder, where) or beneath(folder, to):
                usage.again = True

    def close(self) -> None:
        """End the counts under way."""
        for usage in list(self._usages.values()):
            if usage.counting is not None:
                usage.counting.cancel()

    async def _count(self, folder: Parts, usage: Usage) -> None:
        first = usage.counted is None
        total = 0
        async for _, _, status in walk(self._root, folder, Pace(self._clock, rest=REST)):
            if stat.S_ISREG(status.st_mode):
                total += status.st_size
                if first:
                    with self._lock:
                        usage.bytes += status.st_size
        with self._lock:
            usage.bytes = total
        usage.counted = self._seconds()

    def _done(self, result: None, usage: Usage) -> None:
        usage.counting = None


def _report(reason: Failure) -> None:
    if not isinstance(reason.value, CancelledError):
        log.failure("counting what stands beneath a home", reason)


@dataclass(frozen=True)
class Limit:
    """An account's quota: at most ``size`` bytes beneath ``home``."""

    home: Parts
    size: int


class Quota:
    """What one account may still add beneath its home."""

    __slots__ = ("_most", "_usage")

    def __init__(self, usage: Usage, most: int) -> None:
        self._usage = usage
        self._most = most

    @property
    def rest(self) -> int:
        """The bytes that still fit."""
        return max(0, self._most - self._usage.bytes)

    def allows(self, size: int) -> bool:
        """Whether ``size`` more bytes fit."""
        return self._usage.bytes + size <= self._most
