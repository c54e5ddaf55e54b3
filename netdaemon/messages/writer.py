"""The one thread that writes: jobs come through a queue of its own and are committed in groups."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from netdaemon.messages.engine import Engine, Job, Outcome
from netdaemon.messages.errors import StoreBusy, StoreError
from netdaemon.messages.interfaces import Change

GROUP = 256
"""Jobs that are committed together at most."""
GROUP_OCTETS = 16 << 20
"""Octets that are committed together, or one job's if it has more."""
QUEUE = 8192
"""Jobs that may wait."""


class IWrites(Protocol):
    """Does jobs, in the order they came but for those with large messages, and tells when they are durable."""

    def do(self, job: Job) -> Deferred[Any]:
        """What the job gave. Its changes are published before. Fails with StoreError, or what the job raised."""

    def close(self) -> None:
        """End the batch under way; what waits, and what comes later, fails with StoreBusy."""


class Writer:
    """A thread with an engine. All that waits when it is free is one group: one commit acknowledges them all.

    It is woken once for each turn of the reactor, so that what comes at a time is committed together.
    """

    _log = Logger()

    def __init__(
        self,
        engine: Engine,
        from_thread: Callable[..., object],
        publish: Callable[[Change], object],
        queue: int = QUEUE,
    ) -> None:
        self._engine = engine
        self._from_thread = from_thread
        self._publish = publish
        self._most = queue
        self._lock = threading.Condition()
        self._waiting: deque[tuple[Job, Deferred[Any]]] = deque()
        self._large: deque[tuple[Job, Deferred[Any]]] = deque()  # the thread's own
        self._done: deque[tuple[Deferred[Any], Outcome]] = deque()
        self._open: set[Deferred[Any]] = set()  # the reactor's own
        self._closed = False
        self._waking = False  # the reactor's own
        self._thread = threading.Thread(target=self._work, name="messages", daemon=True)
        self._thread.start()

    def do(self, job: Job) -> Deferred[Any]:
        done: Deferred[Any] = Deferred(self._forget)
        if self._closed or len(self._open) >= self._most:
            done.errback(StoreBusy("the store is closed" if self._closed else "too much waits to be written"))
            return done
        self._open.add(done)
        with self._lock:
            self._waiting.append((job, done))
        if not self._waking:
            # Once this turn of the reactor is over: what else it brings belongs to the same group.
            self._waking = True
            self._from_thread(self._wake)
        return done

    def _wake(self) -> None:
        self._waking = False
        with self._lock:
            self._lock.notify()

    def _forget(self, done: Deferred[Any]) -> None:
        """Nobody waits for it any more: a job that has not begun never will."""
        self._open.discard(done)
        with self._lock:
            self._waiting = deque(waiting for waiting in self._waiting if waiting[1] is not done)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with self._lock:
            self._lock.notify()
        self._thread.join()
        self._acknowledge()
        for done in list(self._open):
            self._open.discard(done)
            done.errback(StoreBusy("the store is closed"))
        self._engine.close()

    # --- in the thread -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (group := self._take()) is not None:
            outcomes: list[Outcome] = []
            jobs = [job for job, _ in group]
            try:
                outcomes = self._engine.perform(jobs)
            except Exception as error:  # noqa: BLE001  # whatever it is, nobody is to wait for ever
                self._log.failure("the store's writer stumbled")
                outcomes = [Outcome(error=StoreBusy(f"the store stumbled: {error!r}")) for _ in jobs]
            self._tell(list(zip((done for _, done in group), outcomes, strict=True)))

    def _take(self) -> list[tuple[Job, Deferred[Any]]] | None:
        """The next group; None at the end."""
        while True:
            group: list[tuple[Job, Deferred[Any]]] = []
            with self._lock:
                while not self._waiting and not self._large and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return None
                octets = 0
                while self._waiting and len(group) < GROUP and octets < GROUP_OCTETS:
                    job, done = self._waiting.popleft()
                    if job.large:
                        self._large.append((job, done))
                        continue
                    octets += sum(spool.size for spool in job.spools)
                    group.append((job, done))
            group += self._slice()
            if group:
                return group

    def _slice(self) -> list[tuple[Job, Deferred[Any]]]:
        """Take a large message one slice further, each in its turn; those that are whole join the group."""
        if not self._large:
            return []
        job, done = self._large.popleft()
        if done.called:  # cancelled; what is there of it is collected
            return []
        try:
            if self._engine.advance(job):
                return [(job, done)]
        except Exception as error:  # noqa: BLE001  # as in _work
            known = error if isinstance(error, StoreError) else StoreBusy(f"the store stumbled: {error!r}")
            self._tell([(done, Outcome(error=known))])
            return []
        self._large.append((job, done))
        return []

    def _tell(self, done: list[tuple[Deferred[Any], Outcome]]) -> None:
        self._done.extend(done)
        self._from_thread(self._acknowledge)

    # --- in the reactor ----------------------------------------------------------------------------------------

    def _acknowledge(self) -> None:
        """Of a whole group: publish first, for who hears of his own deed has heard of it already."""
        group = [self._done.popleft() for _ in range(len(self._done))]
        for _, outcome in group:
            for change in outcome.changes:
                self._publish(change)
        for done, outcome in group:
            if done not in self._open:  # cancelled while it was done
                continue
            self._open.discard(done)
            done.callback(outcome.result) if outcome.error is None else done.errback(outcome.error)


class Inline:
    """Writes at once, wherever it is asked: for commands, which have nobody to keep waiting, and for tests."""

    def __init__(self, engine: Engine, publish: Callable[[Change], object]) -> None:
        self._engine = engine
        self._publish = publish
        self._closed = False

    def do(self, job: Job) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        try:
            if self._closed:
                raise StoreBusy("the store is closed")
            while job.large and not self._engine.advance(job):
                pass
            (outcome,) = self._engine.perform([job])
        except StoreError as error:
            outcome = Outcome(error=error)
        for change in outcome.changes:
            self._publish(change)
        done.callback(outcome.result) if outcome.error is None else done.errback(outcome.error)
        return done

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._engine.close()
