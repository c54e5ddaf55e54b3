"""The HTTP/2 session: one connection with its streams, its deadlines and its end (RFC 9113).

The factory and the site are those of HTTP/1; what differs is the framing. Streams are answered at the same time; what
they send is written in turns, in one write for a read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hyperframe.frame import GoAwayFrame
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import IDeadline, ISession
from netdaemon.protocols.http.closing import LINGER, closes_by_halves
from netdaemon.protocols.http.heads import Known
from netdaemon.protocols.http.http2.compression import (
    ENCODED,
    encode_block,
    encode_continue,
    encode_once,
    encode_status,
)
from netdaemon.protocols.http.http2.connection import Connection
from netdaemon.protocols.http.http2.exchange import Exchange
from netdaemon.protocols.http.http2.frames import MAX_FRAME, ConnectionFault
from netdaemon.protocols.http.http2.intake import Intake
from netdaemon.protocols.http.http2.limits import Patience
from netdaemon.protocols.http.http2.outflow import HELD, Outflow
from netdaemon.protocols.http.request import Caller
from netdaemon.protocols.http.responder import Served
from netdaemon.protocols.http.response import Response, length
from netdaemon.protocols.http.sending import BODILESS

if TYPE_CHECKING:
    from netdaemon.protocols.http.server import SessionFactory

MAX_HELD = 16 * 1024
"""Octets of answers to frames, and of headers, that may wait for a full transport before reading ends."""

# What a connection's deadline is about.
_NOTHING, _FRAME, _IDLE, _STALL = range(4)


@implementer(ISession, IPushProducer, IHalfCloseableProtocol)
class Session(Protocol):
    """One HTTP/2 connection."""

    _log = Logger()
    transport: Any
    _deadline: IDeadline

    def __init__(self, factory: SessionFactory) -> None:
        self.factory = factory
        self.exchanges: dict[int, Exchange] = {}
        """Those that are under way, by stream."""
        self.leaving = False
        """No stream will be opened any more: the peer has said so, or we have."""
        self.closing = False
        """The end is written."""
        self._h2 = h2 = Connection()
        self.outflow = Outflow(self, h2)
        self._intake = Intake(self, h2)
        self._caller: Caller | None = None
        self._timing = _NOTHING
        self._counted = (0, 0)  # frames and requests that had come when the deadline was set
        self._busy = False
        self._full = False  # the transport can't write
        self._paused = False  # we don't read
        self._held: list[bytes] = []  # what waits for the transport
        self._held_size = 0
        self._unwritten = 0  # octets of bodies that h2 holds, sent at once within the read that goes on
        self._ended = False  # the peer has sent its last
        self._told = False  # that we leave

    # --- the transport's calls -------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._deadline = self.factory.deadlines.after(self.factory.settings.head_timeout, self._expired)
        self._timing = _FRAME
        self.transport.registerProducer(self, True)
        self._write()

    def dataReceived(self, data: bytes) -> None:
        if self.closing:
            return
        self._busy = True
        try:
            self._intake.feed(data)
        except ConnectionFault as fault:
            self.fail(fault.code, fault.reason)
        except ProtocolError as error:  # h2 has its GOAWAY written already
            self._end_for(str(error))
        except Exception:  # noqa: BLE001  # a defect of ours: logged with its traceback, and the others are served
            self._log.failure("a connection failed")
            self.factory.unhandled.inc()
            self.fail(ErrorCodes.INTERNAL_ERROR, "a defect")
        finally:
            self._busy = False
        self.flush()

    def pauseProducing(self) -> None:
        self._full = True
        self._watch()

    def resumeProducing(self) -> None:
        self._full = False
        held, self._held, self._held_size = self._held, [], 0
        if held:
            self.transport.write(b"".join(held))
        if self._paused and not self.closing:
            self._paused = False
            self.transport.resumeProducing()
        self.flush()

    def stopProducing(self) -> None:
        """The connection is going; connectionLost says so too."""

    def readConnectionLost(self) -> None:
        """The peer has left: nobody but who leaves gives up opening windows, so what is made for it is made in vain."""
        self._ended = True
        if self.closing:
            self.transport.loseConnection()
        else:
            self._write()
            self._close()

    def writeConnectionLost(self) -> None:
        """All that we wrote is out, and the peer was told that no more comes."""
        self._deadline.postpone(LINGER)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.closing = True
        self._deadline.cancel()
        self._forget_all()

    def drain(self) -> None:
        if self.closing:
            self.transport.loseConnection()
            return
        self._say_goodbye(ErrorCodes.NO_ERROR)
        self.flush()

    # --- time ------------------------------------------------------------------------------------------------

    def patience(self, run: Callable[[], object], seconds: float | None = None) -> Patience:
        """For the stall time-out, if nothing else is said."""
        factory = self.factory
        return Patience(factory.deadlines, factory.seconds, seconds or factory.settings.stall_timeout, run)

    def _watch(self) -> None:
        """Set the deadline to what the connection waits for now."""
        if self.closing:
            return
        settings, intake = self.factory.settings, self._intake
        again = False
        if self._full:
            timing, seconds = _STALL, settings.stall_timeout
        elif intake.waiting:
            timing, seconds = _FRAME, settings.head_timeout
            again = self._counted[0] != intake.count
        elif not self.exchanges:
            timing, seconds = _IDLE, settings.idle_timeout
            again = self._counted[1] != intake.requests  # PINGs keep nothing open
        else:  # streams have their own
            timing, seconds = _NOTHING, 0.0
        if again or timing != self._timing:
            self._timing = timing
            self._counted = (intake.count, intake.requests)
            if timing == _NOTHING:
                self._deadline.cancel()
            else:
                self._deadline.postpone(seconds)

    def _expired(self) -> None:
        if self.closing or self._timing == _STALL:
            self.transport.abortConnection()
        elif self._timing == _FRAME:
            self.fail(ErrorCodes.ENHANCE_YOUR_CALM, "a frame took too long")
        else:
            self._say_goodbye(ErrorCodes.NO_ERROR)
            self.flush()

    # --- for the exchanges -----------------------------------------------------------------------------------

    @property
    def caller(self) -> Caller:
        """Who asks."""
        if self._caller is None:
            self._caller = Caller(self.transport, "HTTP/2.0")
        return self._caller

    def earned(self) -> None:
        """A frame of data was sent, for which the peer may open windows."""
        self._intake.earned()

    def answer_at_once(self, stream: int, known: Known) -> bool:
        """Answer a request that is known, if what it asks for is at hand and can leave at once, as in HTTP/1."""
        factory, site = self.factory, known.site
        if not site.clear and not self.caller.secure:
            return False
        response = site.at_hand(known.request.path, known.codings, factory.seconds())
        if response is None or self._full or not self.outflow.idle:
            return False
        body: Any = response.body
        size = len(body)
        if size > min(MAX_FRAME, self._h2.local_flow_control_window(stream)):
            return False
        self.send_head(stream, site, response, not size)
        if size:
            self._h2.send_data(stream, body, end_stream=True)
            self._intake.earned()
        factory.found.inc()
        if site.access is not None:
            logged = known.logged(site.access, b"GET %b HTTP/2.0\r\n" % known.request.target)
            site.access.write(self.caller.host, logged, 200, size)
        self._unwritten += size
        if self._unwritten >= HELD:
            self._write()
        return True

    def send_head(self, stream: int, site: Served | None, response: Response, ends: bool) -> None:
        """Write the header of a response; ``ends`` when no body follows."""
        status, fields, body, ready, *_ = response
        block = encode_status(status) + encode_block(self.factory.now.field())
        if site is not None and site.common and self.caller.secure:
            block += encode_block(site.common)
        if ready:
            block += encode_block(ready)
        else:
            block += encode_once(fields.block)
            size = length(body)
            if size is not None and status not in BODILESS:  # as in HTTP/1
                block += encode_once(b"\r\nContent-Length: %d" % size)
        self._h2.send_headers(stream, ((ENCODED, block),), end_stream=ends)

    def send_continue(self, stream: int) -> None:
        """RFC 9110 10.1.1: the body is wanted."""
        # h2 wants to see that it is no final status
        self._h2.send_headers(stream, ((b":status", b"100"), (ENCODED, encode_continue())))

    def send(self, exchange: Exchange) -> None:
        """There is something of its body to send."""
        self.outflow.add(exchange)
        self.flush()

    def give_back(self, stream: int, flow: int) -> None:
        """So much of a stream's window is free again, and of the connection's; for 0 only of that."""
        if not flow or self.closing:
            return
        if stream:
            self._h2.acknowledge_received_data(flow, stream)
        else:
            self._h2.increment_flow_control_window(flow)

    def reset(self, exchange: Exchange, code: ErrorCodes) -> None:
        """End a stream."""
        if exchange.closed or self.closing:
            return
        self.close(exchange)
        try:
            self._h2.reset_stream(exchange.stream, code)
        except ProtocolError:
            pass  # it is closed already

    def close(self, exchange: Exchange) -> None:
        """A stream is through."""
        self.exchanges.pop(exchange.stream, None)
        self.outflow.remove(exchange)
        exchange.leave()

    # --- writing ---------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what there is to write, as far as the windows and the transport go; within a read, at its end."""
        if self._busy or self.closing:
            return
        self._busy = True
        try:
            more = True
            while more:
                more = not self._full and self.outflow.fill()
                self._write()
        finally:
            self._busy = False
        if self.leaving and not self.exchanges:
            self._close()
        self._watch()

    def _write(self, last: bytes = b"") -> None:
        self._unwritten = 0
        data = self._h2.data_to_send() + last
        if not data:
            return
        if not self._full:
            self.transport.write(data)
            return
        self._held.append(data)
        self._held_size += len(data)
        if self._held_size > MAX_HELD and not self._paused:
            # Whoever doesn't read gets no more answers to its PINGs.
            self._paused = True
            self.transport.pauseProducing()

    # --- the end ---------------------------------------------------------------------------------------------

    def _say_goodbye(self, code: ErrorCodes) -> None:
        """GOAWAY: no request that comes from now on is answered. (After h2's own no response could be finished.)"""
        if not self._told or code != ErrorCodes.NO_ERROR:
            self._told = self.leaving = True
            frame = GoAwayFrame(0, last_stream_id=self._h2.highest_inbound_stream_id, error_code=code)
            self._write(frame.serialize())

    def fail(self, code: ErrorCodes, reason: str) -> None:
        """A connection error (RFC 9113 5.4.1)."""
        if not self.closing:
            self._say_goodbye(code)
            self._end_for(reason)

    def _end_for(self, reason: str) -> None:
        if not self.closing:
            self._log.debug("{peer}: {reason}", peer=self.caller.host, reason=reason)
            self._write()
            self._close()

    def _forget_all(self) -> None:
        for exchange in list(self.exchanges.values()):
            self.close(exchange)
        self.outflow.all_opened()

    def _close(self) -> None:
        """Close behind what was written."""
        transport = self.transport
        self.closing = True
        self._forget_all()
        held, self._held = self._held, []
        if held:
            transport.write(b"".join(held))
        self._deadline.postpone(self.factory.settings.stall_timeout)
        transport.unregisterProducer()
        if not self._ended and closes_by_halves(transport):
            # What the peer is still sending would reset the connection before it has read our last words.
            if self._paused:
                transport.resumeProducing()
            transport.loseWriteConnection()
        else:
            transport.loseConnection()
