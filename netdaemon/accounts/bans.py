"""Bans: who may not log in for a while, in memory and in the database, where commands list and lift them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from netdaemon.accounts.names import AccountError
from netdaemon.accounts.store import Ban, Store
from netdaemon.accounts.worker import IWorks

MOST = 10_000
"""Bans at one time; beyond that the one that would end soonest ends now."""

LOOK = 1.0
"""Seconds between two looks at whether somebody lifted a ban."""

log = Logger()


class Bans:
    """The bans in force. In memory they end by the monotonic clock; what is written down is the time of day.

    A ban holds at once and is written by the accounts' thread. One read from the database, at start or when some
    were lifted, lasts ``longest`` seconds at most: the clock on the wall may have been set meanwhile.
    """

    def __init__(
        self, store: Store, worker: IWorks, clock: IReactorTime, wall: Callable[[], float], longest: float
    ) -> None:
        self._store = store
        self._worker = worker
        self._clock = clock
        self._wall = wall
        self._longest = longest
        self._until: dict[str, tuple[float, float]] = {}
        """Of each subject: when its ban ends, and when by the clock on the wall."""
        self._unwritten: dict[str, Ban] = {}
        self._writing = False
        self._looked = clock.seconds()
        self._lifted = store.lifted()
        self.on_lifted: Callable[[str], Any] = lambda subject: None
        """Called with the subject of each ban that was lifted from outside."""
        self._read()

    def seconds(self, subjects: Iterable[str]) -> float:
        """How long the longest ban on any of these lasts still; 0.0 when there is none."""
        now = self._clock.seconds()
        if now - self._looked >= LOOK:
            self._look(now)
        longest = 0.0
        for subject in subjects:
            if subject in self._until:
                left = self._until[subject][0] - now
                if left > 0:
                    longest = max(longest, left)
                else:
                    del self._until[subject]
        return longest

    def add(self, subject: str, seconds: float, failures: int) -> None:
        """Ban it for so long from now."""
        if len(self._until) >= MOST and subject not in self._until:
            self._make_room()
        since = self._wall()
        self._until[subject] = self._clock.seconds() + seconds, since + seconds
        self._unwritten[subject] = Ban(subject, since, since + seconds, failures)
        if not self._writing:
            self._write()

    def close(self) -> None:
        """Write what is not written yet. The worker must be closed before."""
        if self._unwritten:
            self._store.put_bans(self._unwritten.values())
            self._unwritten.clear()

    def _make_room(self) -> None:
        now = self._clock.seconds()
        self._until = {subject: ends for subject, ends in self._until.items() if ends[0] > now}
        while len(self._until) >= MOST:
            del self._until[min(self._until, key=self._until.__getitem__)]

    def _write(self) -> None:
        self._writing = True
        bans = dict(self._unwritten)
        done = self._worker.do(lambda: self._store.put_bans(bans.values()), must=True)
        done.addCallbacks(self._written, self._not_written, callbackArgs=(bans,))

    def _written(self, _: None, bans: dict[str, Ban]) -> None:
        self._writing = False
        for subject, ban in bans.items():
            if self._unwritten.get(subject) is ban:
                del self._unwritten[subject]
        self._lifted = -1  # one may have been lifted between the writing and now, when it still looked unwritten
        if self._unwritten:
            self._write()

    def _not_written(self, reason: Failure) -> None:
        self._writing = False  # the next ban tries again, and so does the end
        log.error("bans are kept in memory only: {reason}", reason=reason.getErrorMessage())

    def _look(self, now: float) -> None:
        self._looked = now
        try:
            lifted = self._store.lifted()
            if lifted != self._lifted:
                before = set(self._until)
                self._read()
                self._lifted = lifted
                for subject in before - set(self._until):
                    self.on_lifted(subject)
        except AccountError as error:
            log.error("bans can't be looked at: {reason}", reason=str(error))

    def _read(self) -> None:
        now, wall = self._clock.seconds(), self._wall()
        kept = {subject: self._until[subject] for subject in self._unwritten if subject in self._until}
        for ban in self._store.bans(over=True):
            known = self._until.get(ban.subject)
            if known is not None and known[1] == ban.until:
                kept[ban.subject] = known  # whatever the clock on the wall did since
            elif ban.until > wall:
                kept.setdefault(ban.subject, (now + min(ban.until - wall, self._longest), ban.until))
        self._until = kept
