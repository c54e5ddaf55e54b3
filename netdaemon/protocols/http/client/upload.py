"""A request's body that is sent as it is read, no faster than the server takes it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.wire.failures import NoAnswer
from netdaemon.wire.outgoing import Chunks, each


@dataclass(frozen=True)
class Upload:
    """A body of ``length`` octets, which ``chunks()`` gives; without a length it is sent in chunks (RFC 9112 7.1)."""

    chunks: Callable[[], Chunks]
    length: int | None = None
    again: bool = False
    """May ``chunks`` be called once more, for a redirection or a connection that turned out to be closed?"""
    media_type: bytes | None = None
    """Its Content-Type, unless the headers have one."""


@implementer(IPushProducer)
class Sending:
    """One `Upload` on its way into ``transport``. ``ended`` hears of its end: None, or what it failed by."""

    def __init__(
        self, transport: Any, upload: Upload, clock: Any, stall: float, ended: Callable[[Exception | None], object]
    ) -> None:
        self._transport = transport
        self._upload = upload
        self._clock = clock
        self._stall = stall
        self._ended = ended
        self._full = False
        self._drained: Deferred[None] | None = None
        self._stopped = False

    async def run(self) -> None:
        """Send it all."""
        self._transport.registerProducer(self, True)
        failure: Exception | None = None
        try:
            await self._send()
        except Exception as error:  # noqa: BLE001  # whatever the caller's chunks raise is the caller's to see
            failure = error
        finally:
            self._transport.unregisterProducer()
        if not self._stopped:
            self._stopped = True
            self._ended(failure)

    async def _send(self) -> None:
        length = left = self._upload.length
        async with aclosing(each(self._upload.chunks())) as every:
            async for chunk in every:
                if left is not None:
                    left -= len(chunk)
                    if left < 0:
                        break
                if chunk:  # an empty one would end the body
                    self._transport.write(chunk if length is not None else b"%x\r\n%b\r\n" % (len(chunk), chunk))
                    await self._room()
                if self._stopped:
                    return
        if left:
            raise ValueError(f"a body of {length} octets turned out to have others")
        if length is None:
            self._transport.write(b"0\r\n\r\n")

    def stop(self) -> None:
        """Send no more of it; ``ended`` is not called any more."""
        self._stopped = True
        self._wake()

    @property
    def stopped(self) -> bool:
        """Is it over, one way or the other?"""
        return self._stopped

    async def _room(self) -> None:
        if not self._full or self._stopped:
            return
        self._drained = drained = Deferred[None]()
        drained.addTimeout(self._stall, self._clock, onTimeoutCancel=self._late)
        try:
            await drained
        finally:
            self._drained = None

    def _late(self, result: object, timeout: float) -> object:
        if isinstance(result, Failure):
            raise NoAnswer(f"the server took nothing for {timeout:g} s")
        return result

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.called:
            self._drained.callback(None)

    def pauseProducing(self) -> None:
        self._full = True

    def resumeProducing(self) -> None:
        self._full = False
        self._wake()

    def stopProducing(self) -> None:
        self.stop()
