"""The one thread that does the accounts' slow work: hashing, and writes to their table."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred

from netdaemon.interfaces import LoginUnavailable

T = TypeVar("T")

QUEUE = 256
"""Jobs that may wait; at some 20 hashes a second that is more than anybody's patience."""


class IWorks(Protocol):
    """Does jobs one at a time, in the order they came."""

    def do(self, job: Callable[[], T], *, must: bool = False) -> Deferred[T]:
        """What ``job`` returned or raised. LoginUnavailable when too many wait, unless it ``must`` be done."""

    def close(self) -> None:
        """Finish the job under way; those that wait, and all that come later, fail with LoginUnavailable."""


class Worker:
    """One thread. The next job starts only when the outcome of the last one was taken in on the reactor's side,
    so that a ban that follows from one login is seen before the next password is looked at.
    """

    def __init__(self, from_thread: Callable[..., object], queue: int = QUEUE) -> None:
        self._from_thread = from_thread
        self._most = queue
        self._waiting: deque[tuple[Callable[[], Any], Deferred[Any]]] = deque()
        self._under_way: Deferred[Any] | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="accounts")

    def do(self, job: Callable[[], T], *, must: bool = False) -> Deferred[T]:
        done: Deferred[T] = Deferred(self._forget)
        if self._closed or (len(self._waiting) >= self._most and not must):
            done.errback(LoginUnavailable("closed" if self._closed else "too many logins wait"))
            return done
        self._waiting.append((job, done))
        if self._under_way is None:
            self._next()
        return done

    def _forget(self, done: Deferred[Any]) -> None:
        """Nobody waits for it any more: a job that has not begun never will."""
        self._waiting = deque(waiting for waiting in self._waiting if waiting[1] is not done)

    def _next(self) -> None:
        while self._waiting and self._under_way is None:
            job, self._under_way = self._waiting.popleft()
            self._thread.submit(job).add_done_callback(self._in_thread)

    def _in_thread(self, future: Future[Any]) -> None:
        self._from_thread(self._done, future)

    def _done(self, future: Future[Any]) -> None:
        if self._closed:
            return
        done, self._under_way = self._under_way, None
        assert done is not None
        if not done.called:  # called: cancelled while it ran
            error = future.exception()
            done.callback(future.result()) if error is None else done.errback(error)
        self._next()

    def close(self) -> None:
        self._closed = True
        left = [] if self._under_way is None else [self._under_way]
        left += [done for _, done in self._waiting]
        self._waiting.clear()
        self._thread.shutdown(wait=True)
        for done in left:
            if not done.called:
                done.errback(LoginUnavailable("closed"))


class Inline:
    """Works at once, wherever it is asked: for commands, which have nobody to keep waiting, and for tests."""

    def __init__(self) -> None:
        self._closed = False

    def do(self, job: Callable[[], T], *, must: bool = False) -> Deferred[T]:
        return maybeDeferred(self._do, job)

    def _do(self, job: Callable[[], T]) -> T:
        if self._closed:
            raise LoginUnavailable("closed")
        return job()

    def close(self) -> None:
        self._closed = True
