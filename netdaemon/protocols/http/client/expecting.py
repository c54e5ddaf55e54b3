"""A body that waits until the server wants it (RFC 9110 section 10.1.1)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.defer import Deferred

from netdaemon.protocols.http.client.redirect import Asked
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.wire.outgoing import each

PATIENCE = 1.0
"""Seconds that a server may take for 100 Continue before the body is sent all the same: there are those that have
never heard of it."""

LARGE = 1024 * 1024
"""Octets of a body from which on it is worth to ask first, for it might have to be sent again behind a login."""


def wants_asking(asked: Asked) -> bool:
    """Is its body one that is not sent before the server wants it?

    A login may be asked for first, and then what can't be sent twice would be lost.
    """
    body = asked.body
    if not isinstance(body, Upload) or not asked.asks_first:
        return False
    return (body.length or 0) >= LARGE or (asked.url.userinfo is not None and not body.again)


class Expecting:
    """``upload`` is ``body``, which begins once `go` is called, at the latest after `PATIENCE`."""

    def __init__(self, body: Upload, clock: Any) -> None:
        self._body = body
        self._may: Deferred[None] = Deferred()
        self._refused = False
        self._timer: Any = clock.callLater(PATIENCE, self.go)
        self.begun = False
        """Has any of it been read? Else the same body can be sent once more, whatever it is."""
        self.upload = Upload(self._chunks, body.length, body.again)

    def go(self) -> None:
        """The server wants it, or has had its time."""
        self._decided()

    def refuse(self) -> None:
        """The server has answered without it."""
        self._refused = True
        self._decided()

    def _decided(self) -> None:
        if self._timer.active():
            self._timer.cancel()
        if not self._may.called:
            self._may.callback(None)

    async def _chunks(self) -> AsyncIterator[bytes]:
        await self._may
        if self._refused:
            return
        self.begun = True
        async for chunk in each(self._body.chunks()):
            yield chunk
