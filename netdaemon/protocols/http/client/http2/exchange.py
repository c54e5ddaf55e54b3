"""One stream of a connection: a request, and the response to it (RFC 9113 sections 5.1 and 8.1)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.connection import MAX_INTERIM
from netdaemon.protocols.http.client.http2.connection import STREAM_WINDOW
from netdaemon.protocols.http.client.http2.heads import parse_response, shown
from netdaemon.protocols.http.client.redirect import Asked
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.protocols.http.grammar.framing import response_control
from netdaemon.protocols.http.grammar.message import ResponseHead
from netdaemon.protocols.http.http2.fields import Pairs, Wrong
from netdaemon.protocols.http.http2.limits import Patience
from netdaemon.protocols.http.http2.supply import Making, Memory, Supply
from netdaemon.protocols.http.http2.turns import Priority
from netdaemon.wire.failures import Broken, Failed, NoAnswer, NotSpoken
from netdaemon.wire.outgoing import each

if TYPE_CHECKING:
    from netdaemon.protocols.http.client.http2.line import Line2

Found = tuple[ResponseHead, Body]


class Exchange:
    """From the request's head on until the response is through or the stream is reset. To `Outflow` it is a `Sender`,
    to its `Body` a `Source`."""

    def __init__(self, line: Line2, stream: int, asked: Asked, began: float) -> None:
        self._line = line
        self.stream = stream
        self.began = began
        self.closed = False
        # The request, for the outflow.
        self.queued = False
        self.priority = Priority()
        self.supply: Supply | None = None
        self.sent = 0
        self.shut: Patience | None = None
        self._body_asked = asked.body
        self._taken: Deferred[None] | None = None  # the chunk of an upload that is on its way
        self._needs_no_more = False
        self._open = False  # more of it is to be sent
        self.wanted: Callable[[], object] = lambda: None
        """Called when the server wants the body, for one that waits for that."""
        self.uploaded: Deferred[None] | None = None
        """Fires when all of an `Upload` is sent, or needs no more to be; None without one."""
        # The response.
        self._method = asked.method
        self._interim = 0
        self._answer: Deferred[Found] | None = None
        self._found: Found | None = None
        self._body: Body | None = None  # while more of it is to come
        self._fresh: list[bytes] = []  # what came of it within this read
        self._length: int | None = None
        self._received = 0
        self._owed = 0  # octets of the window that are not given back
        self._paused = False
        self._all_came = False
        self.answered = False
        """Has anything come of the response?"""

    @property
    def awaited(self) -> bool:
        """Is its head still to come?"""
        return self._found is None and not self.closed

    # --- the request -----------------------------------------------------------------------------------------

    def begin(self) -> Deferred[Found]:
        """Send the body, behind the head; fires with the head of the response. Cancelled, it resets the stream."""
        asked, self._body_asked = self._body_asked, b""
        self._answer = answer = Deferred[Found](self._cancelled)
        self._open = bool(asked)
        if isinstance(asked, Upload):
            self.uploaded = Deferred(self._cancelled)
            Deferred.fromCoroutine(self._send(asked))
        elif asked:
            self.supply = Memory(asked)
            self._line.send(self)
        return answer

    async def _send(self, upload: Upload) -> None:
        self.supply = supply = Making(lambda: None)
        failure: Exception | None = None
        try:
            await self._make(upload, supply)
        except Exception as error:  # noqa: BLE001  # whatever the caller's chunks raise is the caller's to see
            failure = error
        if self._needs_no_more:
            return
        if failure is not None:
            self.break_off(failure)
        else:
            supply.last = True
            self._line.send(self)

    async def _make(self, upload: Upload, supply: Making) -> None:
        length = left = upload.length
        async with aclosing(each(upload.chunks())) as every:
            async for chunk in every:
                if left is not None:
                    left -= len(chunk)
                    if left < 0:
                        break
                if chunk and not self._needs_no_more:
                    self._taken = taken = supply.put(chunk)
                    self._line.send(self)
                    await taken
                if self._needs_no_more:
                    return
        if left:
            raise ValueError(f"a body of {length} octets turned out to have others")

    def done(self) -> None:
        """All of the request is written."""
        self._open = False
        self._stop_sending()

    def fail(self, failure: Failure) -> None:
        """For the outflow: what is to be sent can't be had."""
        self.break_off(failure.value if isinstance(failure.value, Exception) else Broken("the request broke off"))

    def too_slow(self) -> None:
        """For the outflow: the window was shut for too long."""
        self.break_off(NoAnswer(f"the server took nothing for {self._line.timeouts.stall:g} s"))

    def break_off(self, error: Exception) -> None:
        """The request can't be finished."""
        self._line.reset(self, ErrorCodes.CANCEL, error)
        self._line.flush()

    def _stop_sending(self) -> None:
        self._needs_no_more = True
        supply, self.supply = self.supply, None
        if supply is not None:
            supply.close()
        if self.shut is not None:
            self.shut.rest()
        taken, self._taken = self._taken, None
        if taken is not None and not taken.called:
            taken.callback(None)
        self._sent_enough()

    def _sent_enough(self) -> None:
        if self.uploaded is not None and not self.uploaded.called:
            self.uploaded.callback(None)

    # --- the response ----------------------------------------------------------------------------------------

    def head(self, pairs: Pairs, ended: bool) -> None:
        """A header has come. Raises Wrong, and Malformed."""
        head = parse_response(pairs)
        self.answered = True
        self._line.trace("<", shown(head))
        if head.status == 100 or 200 <= head.status < 300:
            self.wanted()
        if head.status < 200:
            # RFC 9110 15.2: any number of interim responses; RFC 9113 8.6: 101 is of HTTP/1 only
            self._interim += 1
            if ended or head.status == 101 or self._interim > MAX_INTERIM:
                raise Wrong(f"an interim response {head.status} too many")
            return
        framing, _ = response_control(head, self._method)
        self._length = framing.length
        if ended and framing.length:
            raise Wrong("the body is shorter than its length")  # RFC 9113 8.1.1
        times = self._line.timeouts
        body = Body(None if ended else self, self._line.clock, times.stall)
        if not ended:
            self._body = body
        self._found = head, body
        if head.status >= 300:
            self._line.outflow.remove(self)
            self._stop_sending()  # RFC 9112 9.5: whoever is told no stops
        if ended:
            self._over()

    def deliver(self) -> None:
        """A read is over: give the body what came in it, in one piece however small its frames are, and then the
        response to its caller, for whom a short one is whole.
        """
        self._feed()
        self._sent_enough()
        answer, self._answer = self._answer, None
        if answer is not None and self._found is not None:
            answer.callback(self._found)

    def data(self, data: bytes, flow: int, ended: bool) -> None:
        """Octets of the body, ``flow`` of them as the window counts; ``ended``: the last. Raises Wrong."""
        self.answered = True
        self._received += len(data)
        if self._length is not None and self._received > self._length:
            raise Wrong("the body is longer than its length")
        self._owed += flow
        self._all_came = ended
        if data:
            self._fresh.append(data)
        self._line.heard_of(self)

    def _feed(self) -> None:
        fresh, self._fresh = self._fresh, []
        if self._body is not None:
            if fresh:
                self._body.feed(b"".join(fresh))
            self._pay()

    def end(self) -> None:
        """The response is whole. Raises Wrong."""
        if self._body is None:
            return
        if self._length is not None and self._received != self._length:
            raise Wrong("the body is shorter than its length")
        self._over()

    def _over(self) -> None:
        self._feed()
        body, self._body = self._body, None
        if self._open:
            # RFC 9113 8.1: nobody wants the rest of the request
            self._line.reset(self, ErrorCodes.CANCEL)
        else:
            self._line.close(self)
        if body is not None:
            body.end()  # last: its reader may ask for the next thing at once

    def leave(self, error: Exception | None = None) -> None:
        """The stream is no more; for whoever still waits, ``error`` says why."""
        self.closed = True
        self._feed()
        answer, body, self._body = self._answer, self._body, None
        if self._found is None:
            self._answer = None
        self._stop_sending()
        if error is None:
            return
        if body is not None:
            body.end(error)
        elif self._found is None and answer is not None and not answer.called:
            answer.errback(error)

    def lost(self, before: Failed, why: str) -> None:
        """The stream is gone, or its connection: ``before`` is for who waits for the head, ``why`` for who reads."""
        self._line.close(self, before if self._body is None else Broken(why))

    def wrong(self, reason: str) -> None:
        """What came is no response: a stream error (RFC 9113 8.1.1)."""
        error = NotSpoken(reason) if self._body is None else Broken(f"the response is malformed: {reason}")
        self._line.reset(self, ErrorCodes.PROTOCOL_ERROR, error)

    def _cancelled(self, ignored: object) -> None:
        self._answer = self.uploaded = None
        self._line.give_up(self)

    # --- for its body ----------------------------------------------------------------------------------------

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._pay()
        self._line.flush()

    def abort(self) -> None:
        """The reader wants no more."""
        self._body = None
        self._line.give_up(self)

    def _pay(self) -> None:
        """Give back the window that the octets took, unless more of them wait than the reader has use for."""
        if self._owed >= STREAM_WINDOW // 2 and not (self._paused or self._all_came or self.closed):
            owed, self._owed = self._owed, 0
            self._line.give_back(self.stream, owed)
