"""One stream of a connection: its request, and the response to it (RFC 9113 sections 5.1 and 8.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from netdaemon.protocols.http.closing import LINGER
from netdaemon.protocols.http.grammar.message import Fields, Malformed
from netdaemon.protocols.http.heads import Known
from netdaemon.protocols.http.http2.fields import Wrong
from netdaemon.protocols.http.http2.heads import parse_head, parse_request
from netdaemon.protocols.http.http2.limits import Patience
from netdaemon.protocols.http.http2.supply import Document, Making, Memory, Supply
from netdaemon.protocols.http.http2.turns import Priority, parse_priority
from netdaemon.protocols.http.incoming import BodyLost, Incoming
from netdaemon.protocols.http.pages import page
from netdaemon.protocols.http.partial import Shrunk
from netdaemon.protocols.http.request import Request
from netdaemon.protocols.http.responder import Route, Served
from netdaemon.protocols.http.response import FileBody, Response, Stream, length
from netdaemon.protocols.http.sending import BODILESS

if TYPE_CHECKING:
    from netdaemon.protocols.http.http2.session import Session


class Exchange:
    """A request from its header on, until both it and its response are through or the stream is reset."""

    _log = Logger()

    def __init__(self, session: Session, stream: int) -> None:
        self._session = session
        self.stream = stream
        self.closed = False
        self.queued = False
        self.priority = Priority()
        self.supply: Supply | None = None
        """What is left of the response's body."""
        # The request.
        self.line = b""
        self.method = b""
        self.fields: Fields | None = None
        self.site: Served | None = None
        self._request: Request | None = None
        self._route: Route | None = None
        self.open = False
        """Is more of it to come?"""
        self._length: int | None = None  # as its header has it
        self._received = 0
        self._limit = 0
        self._owed = 0  # octets of windows that are given back when they are taken
        self._incoming: Incoming | None = None
        self._expecting = False  # the peer may wait for 100 Continue
        self._upload: Patience | None = None
        # The response.
        self._task: Deferred[None] | None = None
        self._done = False
        self.status = 0
        self.sent = 0
        self.user = ""
        self.shut: Patience | None = None
        """How long the window may be shut."""

    # --- the request -----------------------------------------------------------------------------------------

    def begin(self, pairs: tuple[tuple[bytes, bytes], ...], ended: bool) -> None:
        """A whole header has come. Raises Wrong, and Malformed for what is to be answered."""
        session = self._session
        head = parse_head(pairs)
        self.line, self.method, self.fields = head.line, head.method, head.fields
        self.open = not ended
        self._length = head.length
        if ended and head.length:
            raise Wrong("the body is shorter than its length")  # RFC 9113 8.1.1
        request, rule = parse_request(head, ended)
        self._request = request
        told = head.fields.get(b"priority")
        if told is not None:
            self.priority = parse_priority(told)
        self.site = site = session.factory.sites.find(request.host)
        route = site.route(request)
        if ended:
            if request.plain and request.method == b"GET":
                known = Known(request, True, site, route.at_hand)
                session.factory.lists.remember(pairs, len(head.fields.block) + len(head.path), known)
            self.ask(route, request)
            return
        self._limit = session.factory.settings.body_limit if route.limit is None else route.limit
        if (head.length or 0) > self._limit:
            raise Malformed(413, "the body is too large")
        self._expecting = rule.expect_continue or b"expect" in head.fields
        if route.limit is not None:
            self._incoming = incoming = Incoming(head.length, self._asked)
            self.ask(route, request._replace(body=incoming))
        elif self._expecting:
            # RFC 9110 10.1.1: nobody wants the body, so the final status comes at once
            self.ask(route, request)
        else:
            self._route = route
            self._await_body()

    def data(self, data: bytes, flow: int) -> None:
        """Octets of the body, ``flow`` of them as the windows count. Raises Wrong."""
        self._expecting = False
        self._received += len(data)
        if self._done:
            self._session.give_back(0, flow)
            return
        if self._length is not None and self._received > self._length:
            self._session.give_back(self.stream, flow)
            raise Wrong("the body is longer than its length")
        if self._upload is not None:
            self._upload.moved(len(data))
        incoming = self._incoming
        if self._received > self._limit:
            self._session.give_back(self.stream, flow)
            if incoming is not None:
                incoming.fail(Malformed(413, "the body is too large"))
            elif self._route is not None:
                self._route = None
                self.refuse(Malformed(413, "the body is too large"))
        elif incoming is None:
            self._session.give_back(self.stream, flow)
        else:
            self._owed += flow
            incoming.feed(data)
            if incoming.wanted:
                self._await_body()
            elif self._upload is not None:
                self._upload.rest()

    def end(self) -> None:
        """The request is whole. Raises Wrong."""
        self.open = False
        if self._upload is not None:
            self._upload.rest()
        if self._done:
            self._session.close(self)
        elif self._length is not None and self._received != self._length:
            raise Wrong("the body is shorter than its length")
        elif self._incoming is not None:
            self._incoming.finish()
        elif self._route is not None:
            assert self._request is not None
            route, self._route = self._route, None
            self.ask(route, self._request)

    def _asked(self) -> None:
        """The responder wants more of the body, and has taken all that came."""
        if self.closed or self._done:
            return
        self._pay()
        if not self.open:
            return
        if self._expecting:
            self._expecting = False
            if not self.status:
                self._session.send_continue(self.stream)
        if self._incoming is not None and self._incoming.wanted:
            self._await_body()
        self._session.flush()

    def _pay(self) -> None:
        """Give back the windows that the octets took which are taken now."""
        owed, self._owed = self._owed, 0
        if owed:
            self._session.give_back(self.stream, owed)

    def _await_body(self) -> None:
        if self._upload is None:
            self._upload = self._session.patience(self._too_slow)
        self._upload.wait()

    def _too_slow(self) -> None:
        if self._done:
            self._session.reset(self, ErrorCodes.NO_ERROR)
        elif self._incoming is not None:
            self._incoming.fail(Malformed(408, "the request's body took too long"))
        else:
            self._route = None
            self.refuse(Malformed(408, "the request took too long"))
        self._session.flush()

    # --- the response ----------------------------------------------------------------------------------------

    def ask(self, route: Route, request: Request) -> None:
        """Ask for the response, and send it now or when it comes."""
        assert self.site is not None
        try:
            response = self.site.respond(route, request, self._session.caller)
        except Exception:  # noqa: BLE001  # a defect of ours: logged with its traceback, answered, and life goes on
            response = self._defect()
        if isinstance(response, Response):
            self.answer(response)
        else:
            self._run(self._answer_later(response))

    async def _answer_later(self, coming: Awaitable[Response]) -> None:
        try:
            response = await coming
        except CancelledError:
            raise
        except BodyLost:
            self._session.reset(self, ErrorCodes.CANCEL)
            return
        except Malformed as error:
            self.refuse(error)
            return
        except Exception:  # noqa: BLE001  # as in ask
            response = self._defect()
        making = self._answer(response)
        if making is not None:
            self._session.flush()
            await making

    def _defect(self) -> Response:
        self._log.failure("a request could not be answered")
        self._session.factory.unhandled.inc()
        return self._page(500)

    def _page(self, status: int) -> Response:
        """The page of a status, as the site that was asked has it, if it is known."""
        response = page(status, self.fields)
        return response if self.site is None else self.site.dress(response)

    def refuse(self, error: Malformed) -> None:
        """Answer what can't be meant."""
        self.answer(self._page(error.status))

    def answer(self, response: Response) -> None:
        """Send a response, as far as the windows and the transport go."""
        making = self._answer(response)
        if making is not None:
            self._run(making)

    def _answer(self, response: Response) -> Coroutine[Any, Any, None] | None:
        """Write the header; what makes the body, if one is made, is to be run."""
        body = response.body
        if self.closed or self.status or self._done:  # the peer went while the response was made
            if not isinstance(body, bytes):
                body.close()
            return None
        self.status, self.user = response.status, response.user
        empty = self.method == b"HEAD" or response.status in BODILESS or length(body) == 0
        self._session.send_head(self.stream, self.site, response, empty)
        if empty:
            if not isinstance(body, bytes):
                body.close()
            self.done()
            return None
        if isinstance(body, Stream):
            self.supply = supply = Making(body.close)
            return self._make(body, supply)
        self.supply = Document(body) if isinstance(body, FileBody) else Memory(body)
        self._session.send(self)
        return None

    async def _make(self, stream: Stream, supply: Making) -> None:
        made = 0
        try:
            async for data in stream.chunks:
                made += len(data)
                if stream.length is not None and made > stream.length:
                    raise Shrunk
                if data:
                    taken = supply.put(data)
                    self._session.send(self)
                    await taken
        finally:
            await stream.chunks.aclose()
        if stream.length is not None and made != stream.length:
            raise Shrunk
        supply.last = True
        self._session.send(self)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = task = Deferred.fromCoroutine(work)
        task.addCallbacks(self._ran, self.fail)
        if self.closed:
            task.cancel()

    def _ran(self, ignored: None) -> None:
        self._task = None
        self._session.flush()

    def fail(self, failure: Failure) -> None:
        """The response can't be finished: only a reset tells the peer so."""
        self._task = None
        error = failure.value
        if self.closed:
            if not isinstance(error, (CancelledError, BodyLost)):
                self._log.failure("a responder failed after its peer had gone", failure)
            return
        if isinstance(error, (Shrunk, OSError, Malformed, BodyLost)):
            self._log.warn("a response was cut off: {error}", error=error)
        else:
            self._log.failure("a response was cut off", failure)
            self._session.factory.unhandled.inc()
        self._session.reset(self, ErrorCodes.INTERNAL_ERROR)
        self._session.flush()

    def too_slow(self) -> None:
        self._session.reset(self, ErrorCodes.CANCEL)

    def done(self) -> None:
        """The last of the response is written."""
        self._done = True
        self._record()
        self._release()
        if not self.open:
            self._session.close(self)
            return
        # RFC 9113 8.1: what is left of the body nobody needs to send, which a reset without an error says. But clients
        # that are told so in the midst of sending forget the response (curl 7.88 does), so they get time to see it: no
        # window is opened any more, and what is on its way is thrown away.
        self._incoming = None
        self._session.give_back(0, self._owed)
        self._owed = 0
        if self._upload is not None:
            self._upload.rest()
        self._upload = self._session.patience(self._too_slow, LINGER)
        self._upload.wait()

    def _record(self) -> None:
        if self.status:
            record, caller = self._session.factory.record, self._session.caller
            record(self.site, caller, self.method, self.line, self.status, self.sent, self.fields, self.user)
            self.status = 0

    def _release(self) -> None:
        supply, self.supply = self.supply, None
        if supply is not None:
            supply.close()
        if self.shut is not None:
            self.shut.rest()

    def leave(self) -> None:
        """The stream is no more."""
        if self.closed:
            return
        self.closed = True
        self._record()
        if self._upload is not None:
            self._upload.rest()
        self._route = None
        incoming, self._incoming = self._incoming, None
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        if incoming is not None:
            incoming.fail(BodyLost("the stream is reset"))
        self._release()
        self._pay()
