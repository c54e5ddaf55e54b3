"""Connections to origins, kept between exchanges."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from netdaemon.interfaces import IDeadlines
from netdaemon.protocols.http.client.connection import Connection


class Place(NamedTuple):
    """Who is at the other end of a connection: connections are shared by whoever asks at the same place."""

    secure: bool
    host: str
    port: int
    upstream: bool = False
    """Is that the upstream proxy, asked in the absolute form?"""


class Link(Connection):
    """A connection to an origin. ``late`` says that it was dropped because nothing came in time."""

    def __init__(self, pool: Pool, place: Place) -> None:
        super().__init__(place.secure, lambda connection: None, lambda connection: None, lambda direction, head: None)
        self.place = place
        self.late = False
        self.used = False
        """Is this not its first exchange?"""
        self.resting = False
        """Is it kept, and nobody's?"""
        self._pool = pool
        self._seconds = pool.seconds
        self._until: float | None = None
        self._due = inf  # when the deadline looks
        self._deadline = pool.deadlines.after(0, self._look)
        self._deadline.cancel()

    def within(self, seconds: float | None) -> None:
        """It is to be over in so many seconds, what is under way or its rest; None: no more of that."""
        if seconds is None:
            self._until = None
            return
        self._until = until = self._seconds() + seconds
        if until < self._due:  # else the deadline asks when it comes: to set it anew for each request costs more
            self._due = until
            self._deadline.postpone(seconds)

    def _look(self) -> None:
        self._due = inf
        if self._until is None:
            return
        left = self._until - self._seconds()
        if left > 0:
            self.within(left)
        else:
            self._expired()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._deadline.cancel()
        super().connectionLost(reason)
        self._pool.forget(self)

    def _expired(self) -> None:
        if self.resting:
            self.close()
        else:
            self.late = True
            self.abort()


class _Corner:
    """What there is for one place."""

    def __init__(self) -> None:
        self.count = 0
        """Connections, and those that are being made."""
        self.resting: list[Link] = []
        self.waiting: deque[Deferred[Link | None]] = deque()


class Pool:
    """At most ``limit`` connections to each place; idle ones are kept for ``idle`` seconds."""

    def __init__(self, deadlines: IDeadlines, seconds: Callable[[], float], limit: int, idle: float) -> None:
        self.deadlines = deadlines
        self.seconds = seconds
        self._limit = limit
        self._idle = idle
        self._corners: defaultdict[Place, _Corner] = defaultdict(_Corner)

    @property
    def places(self) -> int:
        """How many there are connections to."""
        return len(self._corners)

    def take(self, place: Place) -> Link | None:
        """A connection that is at rest, the one that was used last."""
        corner = self._corners.get(place)
        while corner is not None and corner.resting:
            link = corner.resting.pop()
            link.resting = False
            link.within(None)
            if link.idle:
                return link
        return None

    async def claim(self, place: Place, fresh: bool) -> Link | None:
        """The right to make a connection (None), to be given back by `forget` or `forgo`; or one that has come free.

        ``fresh``: no used one will do. Waits when there are as many as may be.
        """
        corner = self._corners[place]
        if corner.count < self._limit:
            corner.count += 1
            return None
        if fresh and corner.resting:
            corner.resting.pop().abort()
        waiting: Deferred[Link | None] = Deferred()
        corner.waiting.append(waiting)
        try:
            link = await waiting
        except BaseException:
            if waiting in corner.waiting:
                corner.waiting.remove(waiting)
            raise
        if link is not None and fresh:
            link.abort()
            return await self.claim(place, fresh)
        return link

    def give_back(self, link: Link) -> None:
        """An exchange is over: the connection is kept, if it can be used again. More than once does nothing."""
        if not link.idle or link.resting:
            return
        link.used = True
        corner = self._corners[link.place]
        while corner.waiting:
            waiting = corner.waiting.popleft()
            if not waiting.called:
                waiting.callback(link)
                return
        link.resting = True
        corner.resting.append(link)
        link.within(self._idle)

    def forget(self, link: Link) -> None:
        """A connection is gone."""
        corner = self._corners.get(link.place)
        if corner is not None and link.resting and link in corner.resting:
            corner.resting.remove(link)
        link.resting = False
        self.forgo(link.place)

    def forgo(self, place: Place) -> None:
        """A connection that was claimed is no more, or never was."""
        corner = self._corners[place]
        while corner.waiting:
            waiting = corner.waiting.popleft()
            if not waiting.called:
                waiting.callback(None)  # the claim goes on to whom waited longest
                return
        corner.count -= 1
        if not corner.count:
            del self._corners[place]

    def close(self) -> None:
        """Close what is at rest."""
        for corner in list(self._corners.values()):
            for link in list(corner.resting):
                link.close()
