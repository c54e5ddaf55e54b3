"""What a client sends, frame by frame and event by event: what h2 need not see, may not see, or makes of it.

Where the RFC wants something else than h2 does, the section stands beside what is done about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)

from netdaemon.protocols.http.grammar.message import Malformed
from netdaemon.protocols.http.http2 import frames
from netdaemon.protocols.http.http2.connection import MAX_STREAMS, Connection
from netdaemon.protocols.http.http2.exchange import Exchange
from netdaemon.protocols.http.http2.fields import Wrong, check_trailers
from netdaemon.protocols.http.http2.frames import ConnectionFault, Frame, Framer, check_goaway, opens_nothing, tamed
from netdaemon.protocols.http.http2.limits import Budget
from netdaemon.protocols.http.http2.turns import parse_priority

if TYPE_CHECKING:
    from netdaemon.protocols.http.http2.session import Session

RESETS, RESETS_A_SECOND = 200.0, 20.0
"""Streams that may end by a reset. A browser that leaves a page resets a hundred."""
NOISE, NOISE_A_SECOND = 400.0, 20.0
"""Frames that ask for work and bring none on: PING, SETTINGS, window updates, empty DATA, ..."""
EARNED = 3.0
"""Frames of that kind that are to be expected for each frame of data."""


class Intake:
    """The reading side of one connection."""

    def __init__(self, session: Session, h2: Connection) -> None:
        seconds = session.factory.seconds
        self._session = session
        self._exchanges = session.exchanges
        self._h2 = h2
        self._framer = Framer()
        self._resets = Budget(RESETS, RESETS_A_SECOND, seconds)
        self._noise = Budget(NOISE, NOISE_A_SECOND, seconds)
        self.requests = 0
        """How many there were."""

    @property
    def waiting(self) -> bool:
        """Does something stand open that must not stand open for long?"""
        return self._framer.waiting

    @property
    def count(self) -> int:
        """Frames that came whole."""
        return self._framer.count

    def feed(self, data: bytes) -> None:
        """Take what was read. Raises ConnectionFault, and h2's ProtocolError, for which h2 has its GOAWAY ready."""
        for frame in self._framer.feed(data):
            _TAKERS.get(frame.kind, Intake._take_unknown)(self, frame)
            if self._session.closing:
                break

    def earned(self) -> None:
        """A frame of data went, or came."""
        self._noise.earn(EARNED)

    # --- frames ----------------------------------------------------------------------------------------------

    def _feed(self, frame: Frame) -> None:
        """Have h2 look at a frame, and do what it makes of it."""
        for event in self._h2.receive_data(frame.raw):
            taker = _EVENTS.get(event.__class__)
            if taker is not None:
                taker(self, event)

    def _spend(self, budget: Budget) -> None:
        if not budget.spend():
            # RFC 9113 10.5
            raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "this is a flood")

    def _take_noise(self, frame: Frame) -> None:
        self._spend(self._noise)
        self._feed(frame)

    def _take_unknown(self, frame: Frame) -> None:
        """RFC 9113 5.5: what is not known is read over. h2 would look into some of it."""
        self._spend(self._noise)

    def _take_data(self, frame: Frame) -> None:
        if not frame.flags & frames.END_STREAM and (not frame.body or frame.flags & frames.PADDED):
            self._spend(self._noise)  # empty, or perhaps only padded (CVE-2019-9518)
        self._feed(frame)

    def _take_headers(self, frame: Frame) -> None:
        exchange = self._exchanges.get(frame.stream)
        if exchange is not None and exchange.open and not frame.flags & frames.END_STREAM:
            # RFC 9113 8.1: trailers that don't end the stream are a stream error; h2 makes one of the connection
            self._reset_for(exchange, ErrorCodes.PROTOCOL_ERROR)
        self._feed(frame)  # its block must be decoded, whatever becomes of it

    def _take_priority(self, frame: Frame) -> None:
        """RFC 9113 5.3.2: nothing comes of it any more; h2 need not see it."""
        self._spend(self._noise)
        if not frame.stream:
            raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "PRIORITY wants a stream")
        if len(frame.body) != 5:
            raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, "PRIORITY has five octets")
        if int.from_bytes(frame.body[:4], "big") & 0x7FFFFFFF == frame.stream:
            # RFC 7540 5.3.1; the RFC that took its place has nothing to say of it
            raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "a stream can't depend on itself")

    def _take_priority_update(self, frame: Frame) -> None:
        """RFC 9218 7.1."""
        self._spend(self._noise)
        if frame.stream:
            raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "PRIORITY_UPDATE belongs to the connection")
        if len(frame.body) < 4:
            raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, "PRIORITY_UPDATE names a stream")
        stream = int.from_bytes(frame.body[:4], "big") & 0x7FFFFFFF
        if not stream:
            raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "PRIORITY_UPDATE names a stream")
        exchange = self._exchanges.get(stream)
        if exchange is not None:
            self._session.outflow.rank(exchange, parse_priority(frame.body[4:]))

    def _take_rst_stream(self, frame: Frame) -> None:
        if frame.stream > self._h2.highest_inbound_stream_id or (frame.stream and not frame.stream % 2):
            # RFC 9113 6.4: of a stream that never was; h2 has nothing against it
            raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "RST_STREAM of an idle stream")
        self._spend(self._resets)  # CVE-2023-44487
        self._feed(frame)

    def _take_settings(self, frame: Frame) -> None:
        self._spend(self._noise)
        self._feed(tamed(frame))

    def _take_goaway(self, frame: Frame) -> None:
        """The peer opens no more streams. h2 would send nothing from now on, though those that are open go on."""
        check_goaway(frame)
        self._session.leaving = True

    def _take_window_update(self, frame: Frame) -> None:
        self._spend(self._noise)
        exchange = self._exchanges.get(frame.stream)
        if exchange is not None and opens_nothing(frame):
            self._reset_for(exchange, ErrorCodes.PROTOCOL_ERROR)
        else:
            self._feed(frame)

    # --- what h2 makes of them -------------------------------------------------------------------------------

    def _request(self, event: RequestReceived) -> None:
        stream = event.stream_id
        assert stream is not None
        self.requests += 1
        fields, ended = self._h2.fields, event.stream_ended is not None
        if ended and not self._session.leaving:
            known = self._session.factory.lists.get(fields)
            if known is not None and known.at_hand and self._session.answer_at_once(stream, known):
                return
        self._exchanges[stream] = exchange = Exchange(self._session, stream)
        if len(self._exchanges) > MAX_STREAMS or self._session.leaving:
            # RFC 9113 8.7: with this it may safely be tried again
            self._reset_for(exchange, ErrorCodes.REFUSED_STREAM)
            return
        try:
            exchange.begin(fields, ended)
        except Wrong:
            self._reset_for(exchange, ErrorCodes.PROTOCOL_ERROR)
        except Malformed as error:
            exchange.refuse(error)

    def _trailers(self, event: TrailersReceived) -> None:
        exchange = self._exchanges.get(event.stream_id or 0)
        if exchange is not None:
            try:
                check_trailers(self._h2.fields)  # and no more, for nobody asks for them
            except Wrong:
                self._reset_for(exchange, ErrorCodes.PROTOCOL_ERROR)

    def _data(self, event: DataReceived) -> None:
        stream = event.stream_id or 0
        exchange = self._exchanges.get(stream)
        if event.data:
            self.earned()
        if exchange is None:
            self._session.give_back(stream, event.flow_controlled_length or 0)
            return
        try:
            exchange.data(event.data or b"", event.flow_controlled_length or 0)
        except Wrong:
            self._reset_for(exchange, ErrorCodes.PROTOCOL_ERROR)

    def _stream_ended(self, event: StreamEnded) -> None:
        exchange = self._exchanges.get(event.stream_id or 0)
        if exchange is not None and exchange.open:
            try:
                exchange.end()
            except Wrong:
                self._reset_for(exchange, ErrorCodes.PROTOCOL_ERROR)

    def _stream_reset(self, event: StreamReset) -> None:
        if not event.remote_reset:
            self._spend(self._resets)  # we had to, for something that the peer did (CVE-2025-8671)
        exchange = self._exchanges.get(event.stream_id or 0)
        if exchange is not None:
            self._session.close(exchange)

    def _window_updated(self, event: WindowUpdated) -> None:
        if not event.stream_id:
            self._session.outflow.all_opened()
            return
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            self._session.outflow.opened(exchange)

    def _settings_changed(self, event: Event) -> None:
        for exchange in self._exchanges.values():  # its windows may have become larger
            self._session.outflow.opened(exchange)

    def _reset_for(self, exchange: Exchange, code: ErrorCodes) -> None:
        """End a stream for what the peer did (CVE-2025-8671)."""
        self._session.reset(exchange, code)
        self._spend(self._resets)


_TAKERS = {
    frames.DATA: Intake._take_data,
    frames.HEADERS: Intake._take_headers,
    frames.PRIORITY: Intake._take_priority,
    frames.RST_STREAM: Intake._take_rst_stream,
    frames.SETTINGS: Intake._take_settings,
    frames.PUSH_PROMISE: Intake._take_noise,  # h2 refuses it
    frames.PING: Intake._take_noise,
    frames.GOAWAY: Intake._take_goaway,
    frames.WINDOW_UPDATE: Intake._take_window_update,
    frames.PRIORITY_UPDATE: Intake._take_priority_update,
}
"""How a frame is taken, by its type."""

_EVENTS: dict[type[Event], Any] = {
    RequestReceived: Intake._request,
    TrailersReceived: Intake._trailers,
    DataReceived: Intake._data,
    StreamEnded: Intake._stream_ended,
    StreamReset: Intake._stream_reset,
    WindowUpdated: Intake._window_updated,
    RemoteSettingsChanged: Intake._settings_changed,
}
"""What is done about an event of h2's; the others mean nothing to us."""
