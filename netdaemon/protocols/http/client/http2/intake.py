"""What a server sends, frame by frame and event by event: what h2 need not see, may not see, or makes of it.

Where the RFC wants something else than h2 does, the section stands beside what is done about it. The server's side has
its own `protocols.http.http2.intake`: another half of the frames means something there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)

from netdaemon.protocols.http.client.connection import MAX_HEAD
from netdaemon.protocols.http.client.http2.connection import STREAM_WINDOW, Connection
from netdaemon.protocols.http.grammar.message import Malformed
from netdaemon.protocols.http.http2 import frames
from netdaemon.protocols.http.http2.fields import Wrong, check_trailers
from netdaemon.protocols.http.http2.frames import ConnectionFault, Frame, Framer, check_goaway, opens_nothing, tamed
from netdaemon.protocols.http.http2.limits import Budget

if TYPE_CHECKING:
    from netdaemon.protocols.http.client.http2.line import Line2

NOISE, NOISE_A_SECOND = 400.0, 20.0
"""Frames that ask for work and bring none on: PING, SETTINGS, window updates, empty DATA, ..."""
EARNED = 3.0
"""Frames of that kind that are to be expected for each frame of data, and each response."""


class Intake:
    """The reading side of one connection."""

    def __init__(self, line: Line2, h2: Connection) -> None:
        self._line = line
        self._exchanges = line.exchanges
        self._h2 = h2
        self._framer = Framer(b"", MAX_HEAD)
        self._noise = Budget(NOISE, NOISE_A_SECOND, line.clock.seconds)
        self._stray = 0  # octets that may come on streams that we have reset: they were on their way

    @property
    def spoken(self) -> bool:
        """Has the server shown that it speaks HTTP/2?"""
        return self._framer.settled

    def feed(self, data: bytes) -> None:
        """Take what was read. Raises ConnectionFault, and h2's ProtocolError, for which h2 has its GOAWAY ready."""
        for frame in self._framer.feed(data):
            _TAKERS.get(frame.kind, Intake._take_unknown)(self, frame)
            if self._line.closing:
                break

    def earned(self) -> None:
        """A frame of data went, or came."""
        self._noise.earn(EARNED)

    def reset(self) -> None:
        """We have reset a stream, on which the server may have filled its window meanwhile."""
        self._stray += STREAM_WINDOW

    # --- frames ----------------------------------------------------------------------------------------------

    def _feed(self, frame: Frame) -> None:
        """Have h2 look at a frame, and do what it makes of it."""
        for event in self._h2.receive_data(frame.raw):
            taker = _EVENTS.get(event.__class__)
            if taker is not None:
                taker(self, event)

    def _spend(self) -> None:
        if not self._noise.spend():
            # RFC 9113 10.5
            raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "this is a flood")

    def _take_noise(self, frame: Frame) -> None:
        self._spend()
        self._feed(frame)

    def _take_unknown(self, frame: Frame) -> None:
        """RFC 9113 5.5: what is not known is read over. h2 would look into some of it; PRIORITY is of no use either."""
        self._spend()

    def _take_data(self, frame: Frame) -> None:
        if not frame.flags & frames.END_STREAM and (not frame.body or frame.flags & frames.PADDED):
            self._spend()  # empty, or perhaps only padded (CVE-2019-9518)
        exchange = self._exchanges.get(frame.stream)
        if exchange is not None and not exchange.awaited:
            self._feed(frame)
            return
        if exchange is not None:
            exchange.wrong("there is a body without a head")  # h2 makes a connection error of it
        elif self._never_was(frame):
            raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "there is data of no response")
        # h2 would open the connection's window for it, for ever, and reset the stream once more each time
        size = len(frame.body)
        self._stray -= size
        if self._stray < 0:
            raise ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "there is data that nobody asked for")
        self._line.give_back_unseen(size)

    def _never_was(self, frame: Frame) -> bool:
        """RFC 9113 5.1: was nothing asked on that stream?"""
        return not frame.stream % 2 or frame.stream > self._h2.highest_outbound_stream_id

    def _take_headers(self, frame: Frame) -> None:
        h2, exchange = self._h2, self._exchanges.get(frame.stream)
        if self._never_was(frame):
            raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "there is a response to no request")
        ends = bool(frame.flags & frames.END_STREAM)
        if exchange is None:
            self._spend()
        elif not ends and not exchange.awaited:
            # RFC 9113 8.1: trailers that don't end the stream are a stream error; h2 makes one of the connection
            exchange.wrong("its trailers are not its end")
        # h2 wants no interim response that ends the stream, nor one behind the final: both are stream errors
        h2.decoder.awaited = exchange is not None and exchange.awaited and not ends
        self._feed(frame)  # its block must be decoded, whatever becomes of it

    def _take_rst_stream(self, frame: Frame) -> None:
        if self._never_was(frame):
            # RFC 9113 6.4: of a stream that never was; h2 has nothing against it
            raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "RST_STREAM of an idle stream")
        if frame.stream not in self._exchanges:
            self._spend()
        self._feed(frame)

    def _take_settings(self, frame: Frame) -> None:
        self._spend()
        self._feed(tamed(frame))

    def _take_push_promise(self, frame: Frame) -> None:
        # RFC 9113 8.4: our SETTINGS forbid it
        raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "nothing may be pushed")

    def _take_goaway(self, frame: Frame) -> None:
        """h2 would take part in nothing from now on, though the streams that the server knows go on."""
        check_goaway(frame)
        self._spend()
        last = int.from_bytes(frame.body[:4], "big") & 0x7FFFFFFF
        self._line.told_goodbye(last, int.from_bytes(frame.body[4:8], "big"))

    def _take_window_update(self, frame: Frame) -> None:
        self._spend()
        exchange = self._exchanges.get(frame.stream)
        if exchange is not None and opens_nothing(frame):
            exchange.wrong("its window is opened by nothing")
        else:
            self._feed(frame)

    # --- what h2 makes of them -------------------------------------------------------------------------------

    def _response(self, event: ResponseReceived | InformationalResponseReceived) -> None:
        exchange = self._exchanges.get(event.stream_id or 0)
        if exchange is None:
            return
        self.earned()
        ended = isinstance(event, ResponseReceived) and event.stream_ended is not None
        try:
            exchange.head(self._h2.fields, ended)
        except Wrong as error:
            exchange.wrong(str(error))
        except Malformed as error:
            exchange.wrong(error.reason)
        if not exchange.awaited:
            self._line.heard_of(exchange)

    def _trailers(self, event: TrailersReceived) -> None:
        exchange = self._exchanges.get(event.stream_id or 0)
        if exchange is not None:
            try:
                check_trailers(self._h2.fields)  # and no more, for nobody asks for them
            except Wrong as error:
                exchange.wrong(str(error))

    def _data(self, event: DataReceived) -> None:
        flow = event.flow_controlled_length or 0
        self._line.give_back(0, flow)
        exchange = self._exchanges.get(event.stream_id or 0)
        if event.data:
            self.earned()
        if exchange is not None:
            try:
                exchange.data(event.data or b"", flow, event.stream_ended is not None)
            except Wrong as error:
                exchange.wrong(str(error))

    def _stream_ended(self, event: StreamEnded) -> None:
        exchange = self._exchanges.get(event.stream_id or 0)
        if exchange is not None:
            try:
                exchange.end()
            except Wrong as error:
                exchange.wrong(str(error))

    def _stream_reset(self, event: StreamReset) -> None:
        exchange = self._exchanges.get(event.stream_id or 0)
        if exchange is None:
            return
        if event.remote_reset:
            self._line.was_reset(exchange, event.error_code or 0)
        else:
            exchange.wrong("its window is opened too far")

    def _window_updated(self, event: WindowUpdated) -> None:
        if not event.stream_id:
            self._line.outflow.all_opened()
            return
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            self._line.outflow.opened(exchange)

    def _settings_changed(self, event: Event) -> None:
        for exchange in self._exchanges.values():  # its windows may have become larger
            self._line.outflow.opened(exchange)


_TAKERS = {
    frames.DATA: Intake._take_data,
    frames.HEADERS: Intake._take_headers,
    frames.RST_STREAM: Intake._take_rst_stream,
    frames.SETTINGS: Intake._take_settings,
    frames.PUSH_PROMISE: Intake._take_push_promise,
    frames.PING: Intake._take_noise,
    frames.GOAWAY: Intake._take_goaway,
    frames.WINDOW_UPDATE: Intake._take_window_update,
}
"""How a frame is taken, by its type."""

_EVENTS: dict[type[Event], Any] = {
    ResponseReceived: Intake._response,
    InformationalResponseReceived: Intake._response,
    TrailersReceived: Intake._trailers,
    DataReceived: Intake._data,
    StreamEnded: Intake._stream_ended,
    StreamReset: Intake._stream_reset,
    WindowUpdated: Intake._window_updated,
    RemoteSettingsChanged: Intake._settings_changed,
}
"""What is done about an event of h2's; the others mean nothing to us."""
