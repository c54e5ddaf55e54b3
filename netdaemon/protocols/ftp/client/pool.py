"""Several sessions with one server, which share out a heap of work."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from twisted.internet.defer import Deferred, FirstError, gatherResults

from netdaemon.protocols.ftp.client.errors import Broken
from netdaemon.protocols.ftp.client.session import FTP
from netdaemon.wire.failures import Failed, NoAnswer

Job = Callable[[FTP], Awaitable[None]]

TRIES = 3
"""How often a job is begun whose connection is lost each time."""


class Queued(NamedTuple):
    """A job, what hears of its failure, and how often it was begun."""

    job: Job
    failed: Callable[[Failed], None]
    tries: int = 0


class Pool:
    """At most ``size`` sessions, made by ``connect`` when there is work for them and kept for more."""

    def __init__(self, connect: Callable[[], Awaitable[FTP]], size: int) -> None:
        self._connect = connect
        self._size = size
        self._idle: list[FTP] = []
        self._all: list[FTP] = []
        self._queue: deque[Queued] = deque()
        self._working = 0
        self._connecting = 0
        self._hungry: list[Deferred[None]] = []
        self._limited = False  # the server lets no more in

    def add(self, job: Job, failed: Callable[[Failed], None]) -> None:
        """More work, also from within a job. ``failed`` is called once, when it failed for good."""
        self._queue.append(Queued(job, failed))
        self._feed()

    async def work(self) -> None:
        """Return when no job is left.

        Raises Failed when there is no connection any more, and whatever a job raises that is none.
        """
        workers = [Deferred.fromCoroutine(self._worker()) for _ in range(self._size)]
        try:
            await gatherResults(workers, consumeErrors=True)
        except FirstError as error:
            for worker in workers:
                worker.cancel()
            error.subFailure.raiseException()

    async def close(self) -> None:
        """Take leave in every session."""
        sessions, self._all = self._all, []
        for session in sessions:
            await session.quit()

    def drop(self) -> None:
        """Drop every connection, with whatever is under way."""
        for session in self._all:
            session.abort()

    # --- inside ----------------------------------------------------------------------------------------------

    async def _worker(self) -> None:
        session: FTP | None = None
        try:
            while self._queue or self._working:
                if session is not None and session.gone:
                    session = None
                if not self._queue or (session is None and self._connecting and not self._stands()):
                    # The first session comes alone: what the server thinks of a second one is no failure then.
                    hungry: Deferred[None] = Deferred()
                    self._hungry.append(hungry)
                    await hungry
                elif session is None:
                    session = await self._session()
                    if session is None:
                        return
                else:
                    await self._do(self._queue.popleft(), session)
        finally:
            if session is not None and not session.gone:
                self._idle.append(session)
            self._feed()

    async def _do(self, queued: Queued, session: FTP) -> None:
        self._working += 1
        self._feed()  # there may be more than this one
        try:
            await queued.job(session)
        except (NoAnswer, Broken) as error:
            if queued.tries + 1 < TRIES:
                self._queue.append(queued._replace(tries=queued.tries + 1))
            else:
                queued.failed(error)
        except Failed as error:
            queued.failed(error)
        finally:
            self._working -= 1
            if not self._working:
                self._feed()

    async def _session(self) -> FTP | None:
        """A session; None when there are others, and the server wants no more of them."""
        if self._idle:
            return self._idle.pop()
        if self._limited and self._stands():
            return None
        self._working += 1  # who waits for work waits for us too
        self._connecting += 1
        try:
            session = await self._connect()
        except Failed:
            if not self._stands():
                raise
            self._limited = True
            return None
        finally:
            self._working -= 1
            self._connecting -= 1
        self._all.append(session)
        return session

    def _stands(self) -> bool:
        """Is there a session?"""
        self._all = [session for session in self._all if not session.gone]
        return bool(self._all)

    def _feed(self) -> None:
        hungry, self._hungry = self._hungry, []
        for waiting in hungry:
            waiting.callback(None)
