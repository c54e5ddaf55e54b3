"""A connection of HTTP/2 as the client's pool keeps it: many exchanges at a time, each within its deadlines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hyperframe.frame import GoAwayFrame, WindowUpdateFrame
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import IDeadline
from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.connection import Trace
from netdaemon.protocols.http.client.expecting import Expecting, wants_asking
from netdaemon.protocols.http.client.http2.connection import MAX_STREAMS, WINDOW, Connection
from netdaemon.protocols.http.client.http2.exchange import Exchange
from netdaemon.protocols.http.client.http2.heads import encode_request
from netdaemon.protocols.http.client.http2.intake import Intake
from netdaemon.protocols.http.client.line import Unheard, late
from netdaemon.protocols.http.client.redirect import Asked
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.protocols.http.grammar.message import ResponseHead
from netdaemon.protocols.http.http2.compression import ENCODED
from netdaemon.protocols.http.http2.frames import ConnectionFault
from netdaemon.protocols.http.http2.limits import Patience
from netdaemon.protocols.http.http2.outflow import Outflow
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.failures import Failed, NoAnswer, NotSpoken
from netdaemon.wire.reaching import Timeouts

LAST_STREAM = 2**31 - 1
"""RFC 9113 5.1.1: no stream has a higher number."""

GOODBYE = 1.0
"""Seconds for our last words to go, and for the server to close; then the connection is dropped."""


def named(code: int) -> str:
    """An error code for a message (RFC 9113 7)."""
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"error {code:#x}"


@implementer(IPushProducer)
class Line2(Protocol):
    """Provides `pool.Line`. ``outdated`` is called when the server wants to be asked by HTTP/1 (RFC 9113 7)."""

    transport: Any

    def __init__(
        self,
        made: Callable[[Line2], object],
        gone: Callable[[Line2], object],
        trace: Trace,
        clock: Any,
        timeouts: Timeouts,
        outdated: Callable[[], object] = lambda: None,
    ) -> None:
        self._made = made
        self._gone = gone
        self._outdated = outdated
        self.trace = trace
        self.clock = clock
        self.timeouts = timeouts
        self.ready: Deferred[None] = Deferred(lambda ready: self.abort())
        """Fires when the first request may be sent."""
        self.settled: Deferred[None] = Deferred()
        """Fires when the server has said how many may be under way at a time, or never will."""
        self.exchanges: dict[int, Exchange] = {}
        """Those that are under way, by stream."""
        self.leaving = False
        """No request is sent any more; the connection ends with the last response."""
        self.closing = False
        """The end is written, or has come."""
        self._deadlines = Wheel(clock)
        self._h2 = h2 = Connection()
        self.outflow = Outflow(self, h2)
        self._intake = Intake(self, h2)
        self._lost = False
        self._busy = False
        self._stall: IDeadline | None = None
        self._full = False  # the transport can't write
        self._heard_of: dict[Exchange, None] = {}  # of whose responses something came within this read
        self._owed = 0  # octets of the connection's window that are not given back
        self._unseen = 0  # the same of octets that h2 has not seen
        self._updates = b""
        self._heard = 0.0  # when something came last
        self._idle_since = 0.0
        self._farewell = ""

    @property
    def idle_since(self) -> float:
        """When its last exchange ended: now, while there are others."""
        return float(self.clock.seconds()) if self.exchanges else self._idle_since

    @property
    def free(self) -> bool:
        if self.leaving or self.closing or self._h2.highest_outbound_stream_id >= LAST_STREAM - 1:
            return False
        if not self.settled.called:
            return not self._h2.highest_outbound_stream_id  # the first need not wait for them
        return len(self.exchanges) < min(MAX_STREAMS, self._h2.remote_settings.max_concurrent_streams)

    async def exchange(self, asked: Asked) -> tuple[ResponseHead, Body]:
        body = asked.body
        if isinstance(body, Upload) and wants_asking(asked):
            expecting = Expecting(body, self.clock)
            try:
                return await self._exchange(asked._replace(body=expecting.upload), expecting)
            finally:
                expecting.refuse()  # if it has not begun by now, it won't
        return await self._exchange(asked, None)

    async def _exchange(self, asked: Asked, expecting: Expecting | None) -> tuple[ResponseHead, Body]:
        if not self.free:
            raise _unheard("the connection takes no request now", certain=True)
        block, head = encode_request(asked, expects=expecting is not None)
        stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream, ((ENCODED, block),), end_stream=not asked.body)
        self.exchanges[stream] = exchange = Exchange(self, stream, asked, self.clock.seconds())
        self.trace(">", head)
        if expecting is not None:
            exchange.wanted = expecting.go
        answer = exchange.begin()
        uploaded = exchange.uploaded
        self.flush()
        if uploaded is not None:
            await uploaded
        answer.addTimeout(self.timeouts.answer, self.clock, onTimeoutCancel=late)
        return await answer

    # --- the transport's calls -------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._heard = self._idle_since = self.clock.seconds()
        self.transport.registerProducer(self, True)
        self._made(self)
        self._write()
        self.ready.callback(None)

    def dataReceived(self, data: bytes) -> None:
        if self.closing:
            return
        self._heard = self.clock.seconds()
        fault: ConnectionFault | None = None
        self._busy = True
        try:
            self._intake.feed(data)
        except ConnectionFault as error:
            fault = error
        except ProtocolError as error:
            fault = ConnectionFault(error.error_code, str(error) or "the frame is out of order")
        finally:
            if self._intake.spoken and not self.settled.called:
                self.settled.callback(None)
            heard, self._heard_of = self._heard_of, {}
            for exchange in heard:
                exchange.deliver()
            self._busy = False
        if fault is not None:
            self.fail(fault.code, fault.reason)
        self.flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = self.closing = True
        self._deadlines.stop()
        self._lose_all(f"the server ended the connection{self._farewell}")
        self._gone(self)
        if not self.settled.called:
            self.settled.callback(None)

    def pauseProducing(self) -> None:
        self._full = True
        if self._stall is None:
            self._stall = self._deadlines.after(self.timeouts.stall, self._stalled)
        else:
            self._stall.postpone(self.timeouts.stall)

    def resumeProducing(self) -> None:
        self._full = False
        if self._stall is not None:
            self._stall.cancel()
        self.flush()

    def stopProducing(self) -> None:
        """The connection is going; connectionLost says so too."""

    def _stalled(self) -> None:
        self._lose_all(f"the server took nothing for {self.timeouts.stall:g} s")
        self._drop()

    # --- for the intake --------------------------------------------------------------------------------------

    def heard_of(self, exchange: Exchange) -> None:
        """Something of its response has come: its caller gets it at the end of this read."""
        self._heard_of[exchange] = None

    def told_goodbye(self, last: int, code: int) -> None:
        """GOAWAY: requests on streams above ``last`` have not been looked at (RFC 9113 6.8)."""
        self.leaving = True
        if code == ErrorCodes.HTTP_1_1_REQUIRED:
            self._outdated()
        if code != ErrorCodes.NO_ERROR:
            self._farewell = f": {named(code)}"
        for stream, exchange in list(self.exchanges.items()):
            if stream > last:
                why = f"the server did not look at the request any more{self._farewell}"
                exchange.lost(_unheard(why, certain=True), why)

    def was_reset(self, exchange: Exchange, code: int) -> None:
        """The server has ended the stream."""
        why = f"the server broke off the response: {named(code)}"
        before: Failed = NoAnswer(f"the server gave no response: {named(code)}")
        if code == ErrorCodes.REFUSED_STREAM:  # RFC 9113 8.7
            before = _unheard("the server did not look at the request", certain=True)
        elif code == ErrorCodes.HTTP_1_1_REQUIRED:
            self.leaving = True
            self._outdated()
            before = _unheard("the server wants to be asked by HTTP/1.1", certain=True)
        exchange.lost(before, why)

    def give_back(self, stream: int, flow: int) -> None:
        """So much of a stream's window is free again; for 0 of the connection's."""
        if self.closing or not flow:
            return
        if stream:
            self._h2.increment_flow_control_window(flow, stream)
            return
        self._owed += flow
        if self._owed >= WINDOW // 2:
            owed, self._owed = self._owed, 0
            self._h2.increment_flow_control_window(owed)

    def give_back_unseen(self, flow: int) -> None:
        """The same of the connection's window, for data that h2 has not seen."""
        self._unseen += flow
        if self._unseen >= WINDOW // 4:
            self._updates += WindowUpdateFrame(0, window_increment=self._unseen).serialize()
            self._unseen = 0

    # --- for the exchanges -----------------------------------------------------------------------------------

    def patience(self, run: Callable[[], object]) -> Patience:
        """For as long as an upload may stand still."""
        return Patience(self._deadlines, self.clock.seconds, self.timeouts.stall, run)

    def earned(self) -> None:
        """A frame of data was sent, for which the server may open windows."""
        self._intake.earned()

    def send(self, exchange: Exchange) -> None:
        """There is something of its body to send."""
        self.outflow.add(exchange)
        self.flush()

    def give_up(self, exchange: Exchange) -> None:
        """Nobody waits for it any more: the stream ends, and the connection goes on unless it seems to be dead."""
        self.reset(exchange, ErrorCodes.CANCEL)
        silent = self.clock.seconds() - max(self._heard, exchange.began)
        if silent >= min(self.timeouts.answer, self.timeouts.stall) / 2:
            self.leaving = True
        self.flush()

    def reset(self, exchange: Exchange, code: ErrorCodes, error: Exception | None = None) -> None:
        """End a stream; ``error`` is for who waits for it."""
        if exchange.closed:
            return
        self.close(exchange, error)
        if self.closing:
            return
        self._intake.reset()
        try:
            self._h2.reset_stream(exchange.stream, code)
        except ProtocolError:
            pass  # it is closed already

    def close(self, exchange: Exchange, error: Exception | None = None) -> None:
        """A stream is through; ``error`` is for who waits for more of it."""
        if self.exchanges.pop(exchange.stream, None) is not None and not self.exchanges:
            self._idle_since = self.clock.seconds()
        self.outflow.remove(exchange)
        exchange.leave(error)

    # --- writing ---------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what there is to write, as far as the windows and the transport go; within a read, at its end."""
        if self._busy or self.closing:
            return
        self._busy = True
        try:
            more = True
            while more and not self.closing:
                more = not self._full and self.outflow.fill()
                self._write()
        finally:
            self._busy = False
        if self.leaving and not self.exchanges:
            self._say_goodbye(ErrorCodes.NO_ERROR)
            self._close()

    def _write(self) -> None:
        data = self._h2.data_to_send() + self._updates
        self._updates = b""
        if data:
            self.transport.write(data)

    # --- the end ---------------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Drop it, with whatever is under way; without anything, after a goodbye."""
        if self._lost:
            return
        idle = not self.exchanges and not self.closing and not self._full
        self._say_goodbye(ErrorCodes.NO_ERROR)
        if idle:
            self._close()
        else:
            self._lose_all("the connection was dropped", heard=True)
            self._drop()

    def fail(self, code: ErrorCodes, reason: str) -> None:
        """A connection error (RFC 9113 5.4.1)."""
        if self.closing:
            return
        self._say_goodbye(code)
        self._close()
        if self._intake.spoken:
            self._lose_all(f"the server breaks the rules of HTTP/2: {reason}", heard=True)
        else:
            self._lose_all("what answers there speaks no HTTP/2", spoken=False)

    def _say_goodbye(self, code: ErrorCodes) -> None:
        """GOAWAY. (After h2's own nothing could be sent any more.)"""
        if not self.closing:
            self.leaving = True
            self._write()
            self.transport.write(GoAwayFrame(0, last_stream_id=0, error_code=code).serialize())

    def _lose_all(self, why: str, *, heard: bool = False, spoken: bool = True) -> None:
        """Tell those who wait why they wait in vain. ``heard``: the server may have looked at what they asked."""
        self.leaving = self.closing = True
        for exchange in list(self.exchanges.values()):
            if not spoken:
                before: Failed = NotSpoken(why)
            elif heard or exchange.answered:
                before = NoAnswer(why)
            else:
                before = _unheard(why)
            exchange.lost(before, why)
        self.outflow.all_opened()

    def _close(self) -> None:
        """Close behind what was written."""
        self.closing = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self._deadlines.after(GOODBYE, self._drop)

    def _drop(self) -> None:
        self.leaving = self.closing = True
        if not self._lost:
            self.transport.abortConnection()


def _unheard(why: str, *, certain: bool = False) -> Unheard:
    error = Unheard(why)
    error.certain = certain
    return error
