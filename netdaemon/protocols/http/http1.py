"""The HTTP/1 session: persistence, deadlines, and responses on their way out (RFC 9112).

Bytes become a Request (`reading`), the site makes a Response of it, and here that becomes bytes again. A connection
that begins with HTTP/2's preface is handed over to a session of that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import ISession
from netdaemon.protocols.http.closing import LINGER, closes_by_halves
from netdaemon.protocols.http.grammar.message import (
    Fields,
    Malformed,
)
from netdaemon.protocols.http.incoming import BodyLost
from netdaemon.protocols.http.pages import page
from netdaemon.protocols.http.partial import CHUNK, Shrunk
from netdaemon.protocols.http.reading import (
    ANSWER,
    BODY,
    BODY_STEP,
    CLOSING,
    CONTINUE,
    GONE,
    HEAD,
    IDLE,
    NOTHING,
    REST,
    STALL,
    UPLOAD,
    Reading,
)
from netdaemon.protocols.http.request import Request
from netdaemon.protocols.http.responder import Route
from netdaemon.protocols.http.response import PHRASES, FileBody, Response, Stream, Takeover
from netdaemon.protocols.http.sending import BODILESS, STATUS_LINES, Sending, frame, read_whole

if TYPE_CHECKING:
    pass

_OK = STATUS_LINES[200]
_CLOSE = b"\r\nConnection: close"
PROBE = 1.0
"""Seconds between the two interim responses that show whether a peer is there still."""
# The calls that then go to its session; those of a producer do, since that registers itself.
_HANDED_OVER = ("dataReceived", "readConnectionLost", "writeConnectionLost", "drain")


@implementer(ISession, IPushProducer, IHalfCloseableProtocol)
class Session(Reading):
    """One HTTP/1.0 or 1.1 connection.

    Requests are answered one at a time and in order. While a response is under way, or while the peer does not take
    what was written, at most one read's worth of further requests is held and no more is read.
    """

    _log = Logger()
    _successor: Any = None
    """The session of HTTP/2 that has taken the connection over."""

    _last = False  # the response under way is the connection's last
    _sending: Sending | None = None  # the large body under way
    _task: Deferred[None] | None = None
    _sent = 0
    _user = ""

    # --- the transport's calls -------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        if getattr(self.transport, "negotiatedProtocol", None) == b"h2":
            self._hand_over(self._factory.successor())  # RFC 9113 3.2
            return
        self._deadline = self._factory.deadlines.after(self._factory.settings.head_timeout, self._expired)
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        phase = self._phase
        if phase == CLOSING:
            return
        if not self._buffer:
            if phase == HEAD and not self._full and self._answer_at_once(data):
                return
            self._buffer = data
        else:
            self._buffer += data
        if phase == ANSWER and self._body is not None:
            self._feed()
        elif phase == ANSWER or self._full:
            # Reading goes on until now, so that a peer's going away is seen while its response is made.
            self._pause()
        else:
            self._work()

    def pauseProducing(self) -> None:
        self._full = True
        if self._sending is not None:
            self._sending.full = True
        self._arm(STALL, self._factory.settings.stall_timeout)

    def resumeProducing(self) -> None:
        self._full = False
        if self._phase == ANSWER:
            self._relax()
        if self._sending is not None:
            self._sending.go_on()
        else:
            self._work()

    def stopProducing(self) -> None:
        """The connection is going; connectionLost says so too."""

    def readConnectionLost(self) -> None:
        """The peer has sent its last request and may still read (or is gone, which writing will show)."""
        self._ended = True
        if self._phase == CLOSING:
            self.transport.loseConnection()
            return
        self._lose_body(BodyLost("the peer has ended before its body has"))
        if self._probe():
            self._arm(GONE, PROBE)
        self._work()

    def _probe(self) -> bool:
        """Has a peer that has ended closed altogether, or will it read the response that is being made for it?

        Only what is sent tells: who is gone resets the connection, which the next write sees; and whoever makes the
        response, a program perhaps, is told. RFC 9110 15.2: a client must take an interim response that it has not
        asked for; 100 is the one that all of them know. False where none may be sent.
        """
        if self._phase != ANSWER or self._task is None or self._status or not self._newer:
            return False
        if self._head.startswith(b"CONNECT "):  # who has ended may well have said all that a tunnel is for
            return False
        self.transport.write(CONTINUE)
        return True

    def writeConnectionLost(self) -> None:
        """All that we wrote is out, and the peer was told that no more comes."""
        self._arm(STALL, LINGER)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self._successor is not None:
            self._successor.connectionLost(reason)
            if self._status:  # of a takeover, which ends the request, too
                self._sent = self._successor.sent
                self._record()
            return
        if self._phase == ANSWER and self._status:
            if self._sending is not None:
                self._sent = self._sending.sent
            self._record()
        self._phase = CLOSING
        self._buffer = b""
        self._deadline.cancel()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._lose_body(BodyLost("the connection is gone"))

    def drain(self) -> None:
        self._last = True
        if self._phase == CLOSING:
            self.transport.loseConnection()
        elif self._phase == HEAD and not self._buffer:
            self._close()

    # --- time ------------------------------------------------------------------------------------------------

    def _relax(self) -> None:
        """No deadline while a response is made, which is its responder's matter; but for a body that it waits for."""
        self._deadline.cancel()
        if self._incoming is not None and self._incoming.wanted:
            self._await_body()

    def _expired(self) -> None:
        if self._timing == NOTHING:
            return
        if self._timing == IDLE and self._phase == HEAD and not self._buffer:
            left = self._answered + self._factory.settings.idle_timeout - self._factory.seconds()
            if left > 0:
                self._deadline.postpone(left)
                return
        if self._timing == GONE:
            self._probe()
        elif self._timing == UPLOAD and self._phase == ANSWER:
            self._lose_body(Malformed(408, "the request's body took too long"))
        elif self._timing == STALL and self._phase != BODY:
            self.transport.abortConnection()
        elif self._phase == BODY or self._buffer.strip(b"\r\n"):
            self._refuse(Malformed(408, "the request took too long"))
        else:
            self._close()

    def _hand_over(self, successor: Any) -> None:
        """From here on the connection is ``successor``'s."""
        data, self._buffer = self._buffer, b""
        self._phase = CLOSING
        self._successor = successor
        for name in _HANDED_OVER:
            setattr(self, name, getattr(successor, name))
        successor.makeConnection(self.transport)
        if data:
            successor.dataReceived(data)

    # --- requests --------------------------------------------------------------------------------------------

    def _answer_at_once(self, data: bytes) -> bool:
        """Answer the most usual read: one whole head, known to the byte, that asks for a small document at hand.

        All else, and whatever of this one is not as usual, goes the long way; False then, and nothing was done.
        """
        factory = self._factory
        known = factory.heads.get(data)
        if known is None or not known.at_hand:
            return False
        now = factory.seconds()
        site = known.site
        if not site.clear and not self.caller.secure:
            return False
        response = site.at_hand(known.request.path, known.codings, now)
        if response is None:
            return False
        body: Any = response.body
        common = site.common and self.caller.secure and site.common
        end_of_it = b"" if known.keep else _CLOSE
        # one write, one copy
        self.transport.write(b"".join((_OK, factory.now.field(), common or b"", end_of_it, response.ready, body)))
        factory.found.inc()
        if site.access is not None:
            site.access.write(self.caller.host, known.logged(site.access, data), 200, len(body))
        if not known.keep:
            self._close()
            return True
        # To set the deadline anew would cost more than the file: it asks when it comes.
        self._answered = now
        if self._timing != IDLE and not self._full:
            self._arm(IDLE, factory.settings.idle_timeout)
        return True

    # --- responses -------------------------------------------------------------------------------------------

    def _begin(self, route: Route, request: Request) -> None:
        """Ask for the response, and send it now or when it comes."""
        self._phase = ANSWER
        assert self._site is not None
        try:
            response = self._site.respond(route, request, self.caller)
        except Exception:  # noqa: BLE001  # a defect of ours: logged with its traceback, answered, and life goes on
            response = self._defect()
        if isinstance(response, Response):
            rest = self._answer(response)
            if rest is not None:
                self._run(rest)
        else:
            self._timing = NOTHING  # how long it may take is the responder's matter; to cancel would cost more
            self._run(self._answer_later(response))

    async def _answer_later(self, coming: Awaitable[Response]) -> None:
        try:
            response = await coming
        except CancelledError:
            raise
        except BodyLost:
            self._lost()
            return
        except Malformed as error:
            self._refuse(error)
            return
        except Exception:  # noqa: BLE001  # as in _begin
            response = self._defect()
        rest = self._answer(response)
        if rest is not None:
            await rest

    def _defect(self) -> Response:
        self._log.failure("a request could not be answered")
        self._factory.unhandled.inc()
        self._keep = False
        return self._page(500)

    def _page(self, status: int) -> Response:
        """The page of a status, as the site that was asked has it, if it is known."""
        response = page(status, None if self._request is None else self._request.fields)
        return response if self._site is None else self._site.dress(response)

    def _refuse(self, error: Malformed) -> None:
        """Answer what is no request and close: where the next one would begin, nobody knows."""
        self._phase = ANSWER
        self._keep = False
        self._unread = True
        self._body = None
        self._answer(self._page(error.status))

    def _lost(self) -> None:
        """Half a body came, and then the peer's end: there is nobody to answer."""
        if self._phase != CLOSING:
            self.transport.abortConnection()

    def _answer(self, response: Response) -> Coroutine[Any, Any, None] | None:
        """Write the head, and the body when it is small; otherwise what is left to do is returned."""
        status, fields, body, ready, user, line, takeover = response
        if self._phase != ANSWER:  # the peer went while the response was made
            if not isinstance(body, bytes):
                body.close()
            if takeover is not None:
                takeover.drop()
            return None
        if self._expecting:
            # RFC 9110 10.1.1: the body was never asked for. The peer may send it or not, and only closing tells.
            self._expecting = False
            self._lose_body(BodyLost("the response came before the body"))
        site = self._site
        common = site.common if site is not None and site.common and self.caller.secure else b""
        self._user = user
        if ready and self._keep and self._newer and not self._last and not self._head.startswith(b"HEAD "):
            assert isinstance(body, bytes)
            self._status = status
            self._sent = len(body)
            self.transport.write(b"".join((STATUS_LINES[status], self._factory.now.field(), common, ready, body)))
            self._done()
            return None
        if takeover is not None:
            self._be_taken_over(line or STATUS_LINES[status], status, fields, takeover)
            return None
        framing, chunked, self._keep = frame(response, self._newer, self._keep and not self._last)
        rest: Stream | FileBody | None = None
        data = b""
        if status in BODILESS or self._head.startswith(b"HEAD "):
            if not isinstance(body, bytes):
                body.close()
        elif isinstance(body, bytes):
            data = body
        elif isinstance(body, FileBody) and body.length <= CHUNK:
            try:
                data = read_whole(body)
            except (OSError, Shrunk):
                self._fail(Failure())  # type: ignore[no-untyped-call]  # Twisted's has no types
                return None
        else:
            rest = body
            self._relax()  # from now on there is one only while the transport is full
        self._status = status
        self._sent = len(data)
        begin = line or STATUS_LINES[status] + self._factory.now.field()
        self.transport.write(b"".join((begin, common, fields.block, framing, b"\r\n\r\n", data)))
        if rest is not None:
            return self._deliver(rest, chunked)
        self._done()
        return None

    def _be_taken_over(self, line: bytes, status: int, fields: Fields, takeover: Takeover) -> None:
        """Write the head, behind which the connection is somebody else's; the request lasts as long as that."""
        self._status = status
        self.transport.write(b"%b%b\r\n\r\n" % (line, fields.block))
        self._deadline.cancel()
        self.transport.unregisterProducer()
        self._hand_over(takeover.protocol)
        takeover.begin()
        if self._ended:
            takeover.protocol.readConnectionLost()

    def _inform(self, status: int, fields: Fields) -> None:
        """Pass on a response of class 1xx, in front of the one under way (RFC 9110 15.2)."""
        if self._phase == ANSWER and self._newer and not self._status and status in PHRASES:
            self.transport.write(b"HTTP/1.1 %d %b%b\r\n\r\n" % (status, PHRASES[status], fields.block))

    async def _deliver(self, body: FileBody | Stream, chunked: bool) -> None:
        self._sending = sending = Sending(self.transport, self._full, self._stall)
        try:
            if isinstance(body, FileBody):
                await sending.send_file(body)
            else:
                await sending.send_stream(body, chunked)
        finally:
            self._sent = sending.sent
            self._sending = None
            body.close()
        self._done()

    def _stall(self) -> None:
        """The transport has taken some of a document that it reads itself: it must take more in time."""
        self._arm(STALL, self._factory.settings.stall_timeout)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = task = Deferred.fromCoroutine(work)
        task.addCallbacks(self._ran, self._fail)

    def _ran(self, ignored: None) -> None:
        self._task = None
        self._work()

    def _fail(self, failure: Failure) -> None:
        """A response can't be finished: only cutting it off tells the peer so."""
        self._task = None
        error = failure.value
        if isinstance(error, CancelledError) and self._phase == CLOSING:
            return
        if isinstance(error, (Shrunk, OSError, Malformed, BodyLost)):
            self._log.warn("a response was cut off: {error}", error=error)
        else:
            self._log.failure("a response was cut off", failure)
            self._factory.unhandled.inc()
        self.transport.abortConnection()

    def _done(self) -> None:
        """The response is written: on to the next request, or to the end."""
        self._record()
        body, self._incoming = self._body, None
        if body is not None and self._keep:
            # What is left of the body stands between us and the next request.
            left = getattr(body, "left", 0)
            self._limit = self._taken + BODY_STEP
            if left <= BODY_STEP and not self._last:
                self._phase = REST
                self._arm(STALL, self._factory.settings.stall_timeout)
                return
            self._keep = False
        if body is not None:
            self._body = None
            self._unread = True
        if self._keep and not self._last:
            self._phase = HEAD
        else:
            self._close()

    def _record(self) -> None:
        """Count the request and write its line into the access log."""
        request = self._request
        method, fields = (b"other", None) if request is None else (request.method, request.fields)
        line = self._head.partition(b"\r\n")[0]
        self._factory.record(self._site, self.caller, method, line, self._status, self._sent, fields, self._user)
        self._status = 0

    def _close(self) -> None:
        """Close behind what was written; where the peer may still be sending, only our direction at first."""
        transport = self.transport
        unread = self._unread or bool(self._buffer)
        self._phase = CLOSING
        self._buffer = b""
        self._arm(STALL, self._factory.settings.stall_timeout)
        transport.unregisterProducer()
        if unread and not self._ended and closes_by_halves(transport):
            if self._paused:
                transport.resumeProducing()
            transport.loseWriteConnection()
        else:
            transport.loseConnection()
