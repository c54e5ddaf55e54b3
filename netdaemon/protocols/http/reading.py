"""The reading half of an HTTP/1 session: bytes become requests and their bodies, one at a time (RFC 9112)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import Protocol

from netdaemon.interfaces import IDeadline
from netdaemon.protocols.http.grammar.framing import NO_BODY, Control, Decoder, control, decoder
from netdaemon.protocols.http.grammar.message import (
    MAX_HEAD,
    Fields,
    Malformed,
    check_partial_head,
    parse_request_head,
)
from netdaemon.protocols.http.heads import Known
from netdaemon.protocols.http.incoming import Incoming
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Route, Served

if TYPE_CHECKING:
    from netdaemon.protocols.http.server import SessionFactory

BODY_STEP = 64 * 1024
"""Octets of a request's body that must come within the stall time-out. Also the most that is read over of a body that
its responder left, to keep the connection."""

# What a session does: it waits for a head, reads over a body before its response, or what was left of one behind it,
# waits for its response to be made and sent, waits for the end.
HEAD, BODY, REST, ANSWER, CLOSING = range(5)
# What its deadline is about.
FIRST, IDLE, HEADER, STALL, UPLOAD, GONE, NOTHING = range(7)

NEVER = float("-inf")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PREFACE_HEAD = b"PRI * HTTP/2.0\r\n\r\n"
"""What HTTP/2 begins with, as far as it is a head (RFC 9113 3.4)."""


class Reading(ABC, Protocol):
    """What a session has of its peer: requests are taken from the buffer one at a time, and begun; what is behind them
    waits."""

    transport: Any
    _deadline: IDeadline
    _route: Route

    # What most connections never have, or hardly ever, stands here until they do: up to 30 attributes share their keys
    # with all others of their class, and one more would more than double the memory of an idle connection.
    _ended = False  # the peer has sent its last
    _unread = False  # the peer may be sending what nobody will read
    _body: Decoder | None = None  # as long as more of the request's body is to come
    _incoming: Incoming | None = None  # who takes that
    _expecting = False  # the peer may wait for 100 Continue before it sends its body
    _limit = 0
    _taken = 0
    _patience = 0.0  # seconds that the next step of the body may still be waited for
    _waiting_since = 0.0
    _status = 0  # of the response that was begun

    def __init__(self, factory: SessionFactory) -> None:
        self._factory = factory
        self._phase = HEAD
        self._timing = FIRST
        self._answered = NEVER  # when a request was last answered at once, in the clock's seconds
        self._caller: Caller | None = None
        self._buffer = b""
        self._seen = 0  # octets of the buffer that hold no head's end
        self._paused = False  # we don't read
        self._full = False  # the transport can't write
        self._working = False
        # The request under way.
        self._head = b""
        self._request: Request | None = None
        self._site: Served | None = None
        self._newer = True  # HTTP/1.1
        self._keep = False

    # --- for the session -------------------------------------------------------------------------------------

    @abstractmethod
    def _begin(self, route: Route, request: Request) -> None:
        """Ask for the response, and send it now or when it comes."""

    @abstractmethod
    def _refuse(self, error: Malformed) -> None:
        """Answer what is no request and close."""

    @abstractmethod
    def _close(self) -> None:
        """Close behind what was written."""

    @abstractmethod
    def _hand_over(self, successor: Any) -> None:
        """From here on the connection is ``successor``'s."""

    @abstractmethod
    def _inform(self, status: int, fields: Fields) -> None:
        """Pass on a response of class 1xx."""

    @property
    def caller(self) -> Caller:
        """Who asks."""
        if self._caller is None:
            self._caller = Caller(self.transport, inform=self._inform)
        self._caller.version = "HTTP/1.1" if self._newer else "HTTP/1.0"
        return self._caller

    @property
    def _is_first(self) -> bool:
        """Is there nothing in front of the head that was just taken?"""
        return not self._keep and self._answered == NEVER

    def _arm(self, timing: int, seconds: float) -> None:
        self._timing = timing
        self._deadline.postpone(seconds)

    # --- requests --------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Take from the buffer what is whole, as long as responses can be sent."""
        if self._working:
            return
        self._working = True
        try:
            while self._buffer and not self._full:
                if self._phase == HEAD:
                    if not self._take_head():
                        break
                elif self._phase == BODY:
                    if not self._take_body():
                        break
                elif self._phase != REST or not self._take_rest():
                    break
        except Malformed as error:
            self._refuse(error)
        finally:
            self._working = False
        if self._full or self._phase not in (HEAD, BODY, REST):
            return
        if self._ended:
            self._close()
            return
        if self._phase == HEAD:
            if not self._buffer:
                self._arm(IDLE, self._factory.settings.idle_timeout)
            elif self._timing != HEADER:
                self._arm(HEADER, self._factory.settings.head_timeout)
        self._read_on()

    def _take_head(self) -> bool:
        """Take one head, and begin what follows from it; False when none is whole."""
        buffer = self._buffer
        self._request = self._site = None
        end = buffer.find(b"\r\n\r\n", self._seen, MAX_HEAD)
        # RFC 9112 2.2: one empty line before a request is ignored
        start = 2 if buffer.startswith(b"\r\n") else 0
        if end < 0:
            self._head = buffer[start:]
            if buffer:
                check_partial_head(self._head, max(0, self._seen - start))
                self._seen = max(0, len(buffer) - 3)
            return False
        whole = buffer[start : end + 4]
        self._head = block = buffer[start:end]
        self._buffer = buffer[end + 4 :]
        self._seen = 0
        self._timing = FIRST
        factory = self._factory
        known = factory.heads.get(whole)
        if known is not None:
            self._request, self._site = known.request, known.site
            self._newer = True
            self._keep = known.keep
            self._begin(known.site.route(known.request), known.request)
            return True
        try:
            head = parse_request_head(block)
        except Malformed:
            first = not start and self._is_first
            if whole == PREFACE_HEAD and first and factory.speaks_http2 and not self.caller.secure:
                self._buffer = whole + self._buffer
                self._deadline.cancel()
                self.transport.unregisterProducer()
                self._hand_over(factory.successor())  # RFC 9113 3.3
                return False
            raise
        rule = control(head)
        target = factory.parse_target(head.method, head.target)
        # RFC 9112 3.2.2: the host of an absolute form counts, and not the Host field
        self._request = request = Request(
            head.method, target.path, target.query, target.authority or rule.host, head.fields, rule.plain, head.target
        )
        self._site = site = factory.sites.find(request.host)
        self._newer = head.version[1] > 0
        self._keep = rule.keep_alive
        route = site.route(request)
        if rule.framing != NO_BODY:
            return self._begin_body(route, request, rule)
        if rule.plain and self._newer and head.method == b"GET":
            known = Known(request, rule.keep_alive, site, route.at_hand)
            factory.heads.remember(whole, len(whole), known)
        self._begin(route, request)
        return True

    # --- their bodies ----------------------------------------------------------------------------------------

    def _begin_body(self, route: Route, request: Request, rule: Control) -> bool:
        """A body is to come: for the responder, or to be read over."""
        self._limit = self._factory.settings.body_limit if route.limit is None else route.limit
        self._taken = 0
        if (rule.framing.length or 0) > self._limit:
            raise Malformed(413, "the body is too large")
        if route.limit is not None:
            self._body = decoder(rule.framing)
            self._expecting = rule.expect_continue
            self._patience = self._factory.settings.stall_timeout
            self._incoming = incoming = Incoming(rule.framing.length, self._asked)
            request = self._request = request._replace(body=incoming)
            if self._buffer:
                self._feed()
            self._begin(route, request)
            return True
        if rule.expect_continue:
            # RFC 9110 10.1.1: no responder wants the body, so the final status comes at once instead of 100. The
            # peer may then send the body or not, and only closing tells what its next octets are.
            self._keep = False
            self._unread = True
            self._begin(route, request)
            return True
        self._body = decoder(rule.framing)
        self._route = route
        self._phase = BODY
        self._arm(STALL, self._factory.settings.stall_timeout)
        return True

    def _take_body(self) -> bool:
        """Read on over a body that nobody wants; False when more of it is to come."""
        body, request = self._body, self._request
        assert body is not None and request is not None
        before = self._taken // BODY_STEP
        if not self._decode(body):
            if self._taken // BODY_STEP > before:
                self._arm(STALL, self._factory.settings.stall_timeout)
            return False
        self._begin(self._route, request)
        return True

    def _take_rest(self) -> bool:
        """Read on over what a responder left of its body; its response is out, so none can be said of this."""
        body = self._body
        assert body is not None
        try:
            if not self._decode(body):
                return False
        except Malformed:
            self._body = None
            self._unread = True
            self._close()
            return False
        self._phase = HEAD
        return True

    def _decode(self, body: Decoder, incoming: Incoming | None = None) -> bool:
        """Take the buffer as the body's next octets, for ``incoming`` or nobody; is it whole? Raises Malformed."""
        data, self._buffer = self._buffer, b""
        octets = body.feed(data)
        self._taken += len(octets)
        if self._taken > self._limit:
            raise Malformed(413, "the body is too large")
        if body.finished:
            self._buffer, self._body = body.leftover, None
        if incoming is not None:
            incoming.feed(octets)
            if body.finished:
                incoming.finish()
        return body.finished

    def _feed(self) -> None:
        """Give what has come to the responder that takes the body."""
        body, incoming = self._body, self._incoming
        assert body is not None and incoming is not None
        self._expecting = False  # it comes, asked for or not
        before = self._taken // BODY_STEP
        if incoming.wanted:
            self._patience -= self._factory.seconds() - self._waiting_since
            self._deadline.cancel()
        try:
            self._decode(body, incoming)
        except Malformed as error:
            self._lose_body(error)
            return
        if self._taken // BODY_STEP > before:
            self._patience = self._factory.settings.stall_timeout
        if self._body is not None and incoming.wanted and self._phase == ANSWER:
            self._await_body()
        if incoming.full or (self._body is None and self._buffer):
            self._pause()

    def _asked(self) -> None:
        """The responder wants more of its body."""
        if self._body is None or self._phase != ANSWER:
            return
        if self._expecting:
            self._expecting = False
            if self._newer and not self._status:
                self.transport.write(CONTINUE)
        if self._incoming is not None and self._incoming.wanted and not self._full:
            self._await_body()
        self._read_on()

    def _await_body(self) -> None:
        self._waiting_since = self._factory.seconds()
        self._arm(UPLOAD, max(self._patience, 0.0))

    def _lose_body(self, error: Exception) -> None:
        """No more of the body comes to whom it was for, and nobody knows where it would end."""
        if self._body is not None:
            self._body = None
            self._keep = False
            self._unread = True
        if self._incoming is not None:
            self._incoming.fail(error)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def _read_on(self) -> None:
        if self._paused and self._phase != CLOSING:
            self._paused = False
            self.transport.resumeProducing()
