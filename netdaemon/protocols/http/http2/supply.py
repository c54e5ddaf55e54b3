"""What is left to send of a body, frame by frame: octets in memory, of a document, or in the making."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from netdaemon.protocols.http.partial import Shrunk
from netdaemon.protocols.http.response import FileBody


class Supply(Protocol):
    """What is left of one body."""

    @property
    def left(self) -> int:
        """Octets that may be taken now."""

    @property
    def last(self) -> bool:
        """Do none come behind them?"""

    def take(self, most: int) -> bytes:
        """At most so many of them, at least one. Raises OSError and Shrunk."""

    def close(self) -> None:
        """Give back what it holds on to."""


class Memory:
    """A body that is there."""

    last = True

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.left = len(data)

    def take(self, most: int) -> bytes:
        at = len(self._data) - self.left
        data = self._data[at : at + most]
        self.left -= len(data)
        return data

    def close(self) -> None:
        self._data = b""
        self.left = 0


class Document:
    """A stretch of an open document."""

    last = True

    def __init__(self, body: FileBody) -> None:
        self._body = body
        self._position = body.offset
        self.left = body.length

    def take(self, most: int) -> bytes:
        data = os.pread(self._body.document.fd, min(most, self.left), self._position)
        if not data:
            raise Shrunk
        self._position += len(data)
        self.left -= len(data)
        return data

    def close(self) -> None:
        self._body.close()


class Making:
    """A body that is made while it is sent: the next chunk is asked for when the one before it is taken. ``close`` is
    called when it is over, one way or the other."""

    def __init__(self, close: Callable[[], object]) -> None:
        self._close = close
        self._chunk = Memory(b"")
        self._taken: Deferred[None] | None = None
        self.last = False

    @property
    def left(self) -> int:
        return self._chunk.left

    def put(self, data: bytes) -> Deferred[None]:
        """The next chunk, when there is none; the Deferred fires when it is taken."""
        self._chunk = Memory(data)
        self._taken = taken = Deferred[None]()
        return taken

    def take(self, most: int) -> bytes:
        data = self._chunk.take(most)
        if not self._chunk.left and self._taken is not None:
            taken, self._taken = self._taken, None
            taken.callback(None)
        return data

    def close(self) -> None:
        self._close()
