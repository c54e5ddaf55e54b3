"""The client's side of one HTTP/1 connection: one request at a time, each with its whole response (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.upload import Sending, Upload
from netdaemon.protocols.http.grammar.framing import Decoder, decoder, response_control
from netdaemon.protocols.http.grammar.message import Malformed, ResponseHead, holds_bare_lf, parse_response_head
from netdaemon.wire.failures import Broken, NoAnswer, NotSpoken, TLSFailed
from netdaemon.wire.tlsclient import why_no_tls

MAX_HEAD = 64 * 1024
"""Octets of a response's head."""

MAX_INTERIM = 16
"""Responses of class 1xx before the one that counts."""

_ANY_END = re.compile(rb"\r?\n")
_ANY_BLANK = re.compile(rb"\r?\n\r?\n").search

Trace = Callable[[str, bytes], object]
"""Hears of each head, without its blank line: (">" for requests or "<" for responses, the head)."""


@implementer(IHandshakeListener)
class Connection(Protocol):
    """One connection, made for one origin. ``made`` is called once it stands, ``gone`` when it is no more.

    Between two exchanges ``idle`` is true; whatever comes then ends the connection.
    """

    def __init__(
        self,
        secure: bool,
        made: Callable[[Connection], object],
        gone: Callable[[Connection], object],
        trace: Trace,
    ) -> None:
        self._secure = secure
        self._made = made
        self._gone = gone
        self._trace = trace
        self._lost = False
        self._buffer = bytearray()
        self._searched = 0
        self._interim = 0
        self._method = b""
        self._body_clock: tuple[Any, float] = (None, 0.0)
        self._head: Deferred[tuple[ResponseHead, Body]] | None = None
        self._until_close = False
        self._keep = False
        self._decoder: Decoder | None = None
        self._body: Body | None = None
        self.ready: Deferred[None] = Deferred(lambda ready: self.abort())
        """Fires when requests may be sent. Fails with TLSFailed."""
        self.sent: Deferred[None] | None = None
        """Fires when all of an `Upload` is sent, or needs no more to be; None without one."""
        self._sending: Sending | None = None
        self.lenient = False
        """Take LF alone for the end of a head's line, too (RFC 9112 2.2); then nothing more is asked here."""
        self._loose = False
        self.inform: Callable[[ResponseHead], object] | None = None
        """Hears of responses of class 1xx."""
        self.length: int | None = None
        """Octets of the response's body, None when that shows only at its end."""
        self.answered = False
        """Has anything come in answer to the request under way?"""
        self.idle_since = 0.0
        """When the last exchange ended, by the clock given to `ask`."""

    @property
    def idle(self) -> bool:
        """May the next request be sent?"""
        return self._keep and not self._lost and self._head is None and self._body is None

    # --- being connected -------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._made(self)
        if not self._secure:
            self.ready.callback(None)

    def handshakeCompleted(self) -> None:
        self.ready.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        if not self.ready.called:
            self.ready.errback(TLSFailed(why_no_tls(reason.value)))
        clean = isinstance(reason.value, ConnectionDone)
        if self._head is not None:
            if self._buffer or self._interim:
                self._fail(NoAnswer("the connection broke off within the response's head"))
            else:
                self._fail(NoAnswer("the server closed without a response"))
        elif self._body is not None:
            # RFC 9112 8: only a body that is to end with the connection may, and under TLS only with a close_notify,
            # without which somebody on the way may have cut it (then the reason is ConnectionLost).
            if self._until_close and clean:
                self._finish()
            else:
                self._fail(Broken("the connection broke off within the body"))
        self._gone(self)

    def pause(self) -> None:
        transport: Any = self.transport
        transport.pauseProducing()

    def resume(self) -> None:
        if not self._lost:
            transport: Any = self.transport
            transport.resumeProducing()

    def abort(self) -> None:
        """Drop the connection, with whatever is under way."""
        self._keep = False
        transport: Any = self.transport
        if transport is not None and not self._lost:
            transport.abortConnection()

    def close(self) -> None:
        """Say goodbye, between two exchanges."""
        self._keep = False
        transport: Any = self.transport
        transport.loseConnection()

    # --- one exchange ----------------------------------------------------------------------------------------

    def ask(self, head: bytes, body: bytes | Upload, method: bytes, clock: Any, stall: float) -> Deferred[Any]:
        """Send a request; fires with (ResponseHead, Body) once the response's head is there.

        ``head`` is without its blank line. Fails with NoAnswer and NotSpoken; cancelled, it drops the connection.
        """
        assert self._head is None and self._body is None
        self.answered = self._keep = False
        self._interim = self._searched = 0
        self._method = method
        self._body_clock = clock, stall
        asked: Deferred[tuple[ResponseHead, Body]] = Deferred(lambda asked: self.abort())
        self._head = asked
        self._trace(">", head)
        transport: Any = self.transport
        self.sent = None
        if isinstance(body, Upload):
            transport.write(head + b"\r\n\r\n")
            self.sent = Deferred()
            self._sending = sending = Sending(transport, body, clock, stall, self._has_sent)
            Deferred.fromCoroutine(sending.run())
        else:
            transport.write(b"%b\r\n\r\n%b" % (head, body))
        return asked

    def _has_sent(self, failure: Exception | None) -> None:
        """The upload is over, by itself."""
        self._sending = None
        if failure is not None:
            self._fail(failure)
            self.abort()
        self._needs_no_more()

    def _needs_no_more(self) -> None:
        if self.sent is not None and not self.sent.called:
            self.sent.callback(None)

    def _stop_sending(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            self._keep = False  # the request is not whole: nothing can follow it
            sending.stop()
        self._needs_no_more()

    def dataReceived(self, data: bytes) -> None:
        try:
            if self._decoder is not None:
                self._take_body(data)
            elif self._head is not None:
                self.answered = True
                if self._buffer or not self._take_whole_head(data):
                    self._buffer += data
                    self._take_head()
            else:
                # Octets that nobody asked for would be taken for the next response (RFC 9112 9.2).
                self.abort()
        except Malformed as error:
            if self._head is None:
                self._fail_body(error)
            else:
                self._fail(NotSpoken(error.reason))
                self.abort()

    def _take_whole_head(self, data: bytes) -> bool:
        """Take the most usual read: a response's head, whole, and what is behind it; False for any other."""
        end = data.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0 or data[8:10] == b" 1" or self.lenient:
            return False
        raw = data[:end]
        head = parse_response_head(raw)
        self._trace("<", raw)
        self._begin_body(head, data[end + 4 :])
        return True

    def _take_head(self) -> None:
        while True:
            end, behind = self._end_of_head()
            if end < 0:
                self._look_at_beginning()
                self._searched = max(0, len(self._buffer) - 3)
                return
            raw = bytes(self._buffer[:end])
            if behind > MAX_HEAD:
                raise Malformed(502, "the response's head is too large")
            head = parse_response_head(_ANY_END.sub(b"\r\n", raw) if self.lenient else raw)
            self._loose = self._loose or bool(holds_bare_lf(self._buffer, 0, behind))
            self._trace("<", raw)
            del self._buffer[:behind]
            self._searched = 0
            if head.status >= 200:
                break
            # RFC 9110 15.2: any number of interim responses; 101 only answers an Upgrade, which is never sent
            self._interim += 1
            if head.status == 101 or self._interim > MAX_INTERIM:
                raise Malformed(502, f"an interim response {head.status} too many")
            if self.inform is not None:
                self.inform(head)
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._begin_body(head, rest)

    def _end_of_head(self) -> tuple[int, int]:
        """Where the blank line is and what is behind it; -1 when it has not come."""
        if self.lenient:
            found = _ANY_BLANK(self._buffer, self._searched)
            return (found.start(), found.end()) if found is not None else (-1, -1)
        end = self._buffer.find(b"\r\n\r\n", self._searched)
        return end, end + 4

    def _look_at_beginning(self) -> None:
        """Refuse at once what will never be a head."""
        if len(self._buffer) > MAX_HEAD:
            raise Malformed(502, "the response's head is too large")
        beginning = bytes(self._buffer[:7])
        if not b"HTTP/1.".startswith(beginning):
            raise Malformed(502, "what answers there speaks no HTTP/1")
        if not self.lenient and holds_bare_lf(self._buffer, self._searched):
            raise Malformed(502, "the response's head has a bare LF")

    def _begin_body(self, head: ResponseHead, rest: bytes) -> None:
        """A head has come, and ``rest`` behind it."""
        framing, self._keep = response_control(head, self._method)
        # Whoever reads an LF as a part of its line has seen another response.
        self._keep = self._keep and not self._loose
        self._until_close = framing.until_close
        self.length = framing.length
        if head.status >= 300:
            self._stop_sending()  # RFC 9112 9.5: whoever is told no stops
        self._needs_no_more()
        asked, self._head = self._head, None
        assert asked is not None
        if framing.length == len(rest) and self._sending is None and self._keep:
            # All of it, and the connection is free: the most usual end.
            body = Body(None, *self._body_clock)
            if rest:
                body.feed(rest)
            self.idle_since = self._body_clock[0].seconds()
            asked.callback((head, body))
            return
        self._decoder = decoder(framing)
        self._body = body = Body(self, *self._body_clock)
        try:
            self._take_body(rest)
        except Malformed as error:
            self._fail_body(error)
        # Behind the first octets, so that a short response is complete, or known to be none, when its caller sees it.
        asked.callback((head, body))

    def _fail_body(self, error: Malformed) -> None:
        if error.before and self._body is not None:
            self._body.feed(error.before)
        self._fail(Broken(f"the body's framing is malformed: {error.reason}"))
        self.abort()

    def _take_body(self, data: bytes) -> None:
        assert self._decoder is not None and self._body is not None
        octets = self._decoder.feed(data)
        if octets:
            self._body.feed(octets)
        if self._decoder.finished:
            if self._decoder.leftover:
                self._keep = False
            self._finish()

    def _finish(self) -> None:
        """The response is complete; the connection may be used again, or isn't needed any more."""
        self._stop_sending()
        body, self._body, self._decoder = self._body, None, None
        assert body is not None
        self.idle_since = self._body_clock[0].seconds()
        if not self._lost and not self._keep:
            self.close()
        body.end()  # last: its reader may ask for the next thing at once

    def _fail(self, error: Exception) -> None:
        self._stop_sending()
        head, self._head = self._head, None
        body, self._body, self._decoder = self._body, None, None
        self._keep = False
        if head is not None and not head.called:
            head.errback(error)
        if body is not None:
            body.end(error)
