"""A request's body on its way in: its responder pulls, and the peer is read no faster than that."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable

from twisted.internet.defer import Deferred

HELD = 64 * 1024
"""Octets that may wait for the responder before the peer is not read any more."""


class BodyLost(Exception):
    """The body ended before its end: the peer is gone, or its session is."""


class Incoming:
    """A body. Responders use `read` or ``async for``; the session feeds it.

    ``length`` is how many octets it has, None when that shows only at its end. ``asked`` is called when more is wanted:
    before the first read (RFC 9110 10.1.1: time for 100 Continue), and whenever what waited has been taken.
    """

    __slots__ = ("_asked", "_chunks", "_error", "_held", "_waiting", "begun", "finished", "length")

    def __init__(self, length: int | None, asked: Callable[[], object]) -> None:
        self.length = length
        self.begun = False
        """Has anybody wanted any of it?"""
        self.finished = False
        """Has all of it come? Some may wait still."""
        self._asked = asked
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._error: Exception | None = None
        self._waiting: Deferred[None] | None = None

    # --- for responders --------------------------------------------------------------------------------------

    async def read(self) -> bytes:
        """The next octets, empty at the end. Raises Malformed (its framing is wrong, it is too large or too slow) and
        BodyLost; let both pass, the session has the answers."""
        self.begun = True
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self.finished:
                return b""
            if self._waiting is not None:
                raise RuntimeError("a body has one reader")
            self._waiting = waiting = Deferred[None]()
            self._asked()
            try:
                await waiting
            finally:
                self._waiting = None
        data = self._chunks.popleft()
        self._held -= len(data)
        if not self._chunks and not self.finished:
            self._asked()
        return data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self.read():
            yield data

    # --- for the session -------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Does as much wait as may?"""
        return self._held >= HELD

    @property
    def wanted(self) -> bool:
        """Does its responder wait for more?"""
        return self._waiting is not None

    def feed(self, data: bytes) -> None:
        """More of it has come."""
        if data and self._error is None:
            self._chunks.append(data)
            self._held += len(data)
            self._tell()

    def finish(self) -> None:
        """All of it has come."""
        self.finished = True
        self._tell()

    def fail(self, error: Exception) -> None:
        """No more will come, and it is not whole."""
        if not self.finished and self._error is None:
            self._error = error
            self._tell()

    def _tell(self) -> None:
        waiting = self._waiting
        if waiting is not None and not waiting.called:
            waiting.callback(None)
