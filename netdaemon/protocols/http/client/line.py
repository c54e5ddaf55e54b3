"""A connection of HTTP/1 as the client's pool keeps it: an exchange at a time, each within its deadlines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure

from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.connection import Connection, Trace
from netdaemon.protocols.http.client.expecting import Expecting, wants_asking
from netdaemon.protocols.http.client.fields import request_head
from netdaemon.protocols.http.client.redirect import Asked
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.protocols.http.grammar.message import ResponseHead
from netdaemon.wire.failures import NoAnswer
from netdaemon.wire.reaching import Timeouts


class Unheard(NoAnswer):
    """The server let go of the connection before anything came of it in answer."""

    certain = False
    """Has the server said that it did not look at the request?"""


class Line1(Connection):
    """Provides `pool.Line`. ``absolute``: what is asked is a proxy."""

    def __init__(
        self,
        secure: bool,
        made: Callable[[Connection], object],
        gone: Callable[[Connection], object],
        trace: Trace,
        clock: Any,
        timeouts: Timeouts,
        absolute: bool,
    ) -> None:
        super().__init__(secure, made, gone, trace)
        self._clock = clock
        self._timeouts = timeouts
        self._absolute = absolute

    @property
    def free(self) -> bool:
        return self.idle

    async def exchange(self, asked: Asked) -> tuple[ResponseHead, Body]:
        body = asked.body
        if isinstance(body, Upload) and wants_asking(asked):
            expecting = Expecting(body, self._clock)
            self.inform = lambda head: expecting.go() if head.status == 100 else None
            try:
                return await self._exchange(asked, expecting.upload, True)
            finally:
                expecting.refuse()  # if it has not begun by now, it won't
        return await self._exchange(asked, body, False)

    async def _exchange(self, asked: Asked, body: bytes | Upload, expects: bool) -> tuple[ResponseHead, Body]:
        times = self._timeouts
        head = request_head(asked, absolute=self._absolute, expects=expects)
        answer = self.ask(head, body, asked.method, self._clock, times.stall)
        if self.sent is not None:
            try:
                await self.sent
            except BaseException:
                answer.addErrback(lambda failure: None)
                answer.cancel()
                raise
        answer.addTimeout(times.answer, self._clock, onTimeoutCancel=late)
        try:
            found: tuple[ResponseHead, Body] = await answer
            return found
        except NoAnswer as error:
            if self.answered or isinstance(error, Late):
                raise
            raise Unheard(str(error)) from None


class Late(NoAnswer):
    """Nothing came in time."""


def late(result: object, timeout: float) -> object:
    """For `Deferred.addTimeout`: what an answer that comes too late becomes. Raises Late."""
    if isinstance(result, Failure):
        raise Late(f"no response within {timeout:g} s")
    return result
