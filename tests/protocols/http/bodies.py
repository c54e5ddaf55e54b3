"""Bodies of responses, without a connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.decoding import Decoded


class Source:
    """Where a body comes from; hears whether it was dropped."""

    def __init__(self) -> None:
        self.dropped = False

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def abort(self) -> None:
        self.dropped = True


def body_of(*pieces: bytes, source: Source | None = None) -> Body:
    """A body that comes in just these pieces: each is there when the one before it was read."""
    return _Pieces(source or Source(), pieces)


class _Pieces(Body):
    def __init__(self, source: Source, pieces: Sequence[bytes]) -> None:
        super().__init__(source, Clock(), 60.0)
        self._coming = list(pieces)

    async def __anext__(self) -> bytes:
        while self._coming and not self.over:
            self.feed(self._coming.pop(0))
            if data := self.take():
                return data
        if not self.over:
            self.end()
        return await super().__anext__()


def pieces_of(decoded: Decoded) -> list[bytes]:
    """All pieces that come out. Raises what it raises."""

    async def read() -> list[bytes]:
        return [piece async for piece in decoded]

    return now(read())


def now(work: Any) -> Any:
    """What comes of ``work``, which has nothing to wait for."""
    found: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(found.append)
    (result,) = found
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result
