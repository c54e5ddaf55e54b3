"""Requests on their way to origins, and responses on their way back (RFC 9110 section 7.6, RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from netdaemon.interfaces import IDeadlines, IHouse
from netdaemon.protocols.http.client.body import Body
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.protocols.http.grammar.message import Fields, ResponseHead
from netdaemon.protocols.http.incoming import BodyLost, Incoming
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.response import Response, Stream, unsent
from netdaemon.protocols.http.sending import BODILESS
from netdaemon.proxy.dialler import Unreachable
from netdaemon.proxy.grammar.fields import back, max_forwards, one_less, onward, via
from netdaemon.proxy.grammar.target import Destination
from netdaemon.proxy.pool import Link, Place, Pool
from netdaemon.proxy.settings import ProxySettings
from netdaemon.proxy.way import Way, credentials
from netdaemon.wire.failures import Failed, NoAnswer

PATIENCE = 1.0
"""Seconds that an origin may take for 100 Continue before its body is sent all the same (RFC 9110 10.1.1)."""

# RFC 9110 9.2.1: these change nothing, and so may be sent again when a kept connection turns out to be closed
_SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))
_LENGTH = re.compile(rb"[0-9]{1,18}").fullmatch


class Forward:
    """Asks http and https origins, and any origin through the upstream proxy."""

    def __init__(self, settings: ProxySettings, house: IHouse, way: Way, name: bytes, now: Now) -> None:
        self._settings = settings
        self._deadlines = house.deadlines
        self._clock = house.clock
        self._way = way
        self._via = via(True, name)
        self._old_via = via(False, name)
        self._now = now
        self._pool = Pool(
            house.deadlines, house.clock.seconds, settings.max_connections_per_origin, settings.origin_idle_timeout
        )

    async def respond(self, request: Request, caller: Caller, to: Destination) -> Response:
        """The origin's response. Raises Denied and Unreachable."""
        upstream = self._settings.upstream if self._way.goes_upstream(to) else None
        if upstream is None or to.secure:
            place, target = Place(to.secure, to.host, to.port), to.target
        else:
            place = Place(False, upstream.host, upstream.port, True)
            target = b"" if to.target == b"*" else to.target
            userinfo = b"" if to.userinfo is None else to.userinfo + b"@"
            target = b"%b://%b%b%b" % (to.scheme, userinfo, to.authority, target)
        fields = onward(request.fields)
        if request.method in (b"OPTIONS", b"TRACE"):
            left = max_forwards(request.fields)
            if left is not None:
                fields = one_less(fields, left - 1)
        if self._settings.forwarded_for:
            fields += b"\r\nX-Forwarded-For: %b" % caller.host.encode("ascii")
        if place.upstream:
            fields += credentials(upstream)
        newer = caller.version != "HTTP/1.0"
        head = b"%b %b HTTP/1.1\r\nHost: %b%b%b" % (
            request.method,
            target,
            to.authority,
            fields,
            self._via if newer else self._old_via,
        )
        incoming = request.body
        if incoming is None:
            return await self._without_body(request, caller, to, place, head)
        if incoming.length is None:
            head += b"\r\nTransfer-Encoding: chunked"
        else:
            head += b"\r\nContent-Length: %d" % incoming.length
        expects = newer and b"expect" in request.fields
        if expects:
            head += b"\r\nExpect: 100-continue"
        # What can't be sent twice isn't sent where nobody may be any more.
        link = await self._way.link(self._pool, place, to, fresh=True)
        body = _Body(incoming, self._deadlines, expects)
        try:
            answer, content = await self._ask(link, request, caller, head, Upload(body.chunks, incoming.length), body)
            if answer.status < 300:
                body.go()
            else:
                body.stop()
            return self._returned(link, request, answer, content, body)
        except BaseException:
            body.stop()
            raise

    async def _without_body(
        self, request: Request, caller: Caller, to: Destination, place: Place, head: bytes
    ) -> Response:
        again = request.method in _SAFE
        link = self._pool.take(place) if again else None
        if link is None:
            link = await self._way.link(self._pool, place, to, fresh=not again)
        try:
            answer, content = await self._ask(link, request, caller, head, b"")
            return self._returned(link, request, answer, content)
        except Unreachable:
            # RFC 9112 9.3.1: if it was being closed when the request came, that says nothing about the request.
            if not link.used or link.answered or link.late:
                raise
        link = await self._way.link(self._pool, place, to, fresh=True)
        answer, content = await self._ask(link, request, caller, head, b"")
        return self._returned(link, request, answer, content)

    async def _ask(
        self, link: Link, request: Request, caller: Caller, head: bytes, body: bytes | Upload, sent: _Body | None = None
    ) -> tuple[ResponseHead, Body]:
        """One exchange's first half, in time. Raises Unreachable, and what taking the request's body raises."""

        def inform(interim: ResponseHead) -> None:
            if interim.status != 100:
                caller.inform(interim.status, Fields.of_block(back(interim.fields) + self._via))
            elif sent is not None:
                sent.go()

        link.inform = inform
        answer: Deferred[Any] = link.ask(head, body, request.method, self._clock, self._settings.stall_timeout)
        try:
            if link.sent is not None:
                await link.sent
            link.within(self._settings.answer_timeout)
            found: tuple[ResponseHead, Body] = await answer
        except NoAnswer:
            if link.late:
                raise Unreachable("The server does not answer in time.", 504) from None
            raise Unreachable("The server closed the connection without an answer.") from None
        except Failed:
            raise Unreachable("What the server answers cannot be understood.") from None
        except BaseException:
            answer.addErrback(lambda failure: None)
            answer.cancel()
            raise
        finally:
            link.within(None)
            link.inform = None
        return found

    # --- back ------------------------------------------------------------------------------------------------

    def _returned(
        self, link: Link, request: Request, head: ResponseHead, body: Body, sent: _Body | None = None
    ) -> Response:
        """The origin's response, as the client is to have it."""
        if head.status == 407 and link.place.upstream:
            body.close()
            raise Unreachable("The upstream proxy does not let us through.")  # it is we who have no password for it
        fields = back(head.fields) + (self._via if head.version[1] > 0 else self._old_via)
        if b"\r\nDate: " not in fields and b"date" not in head.fields:
            # RFC 9110 6.6.1: who passes on a response without one says when it came
            fields += self._now.field()
        line = b"HTTP/1.1 %d %b" % (head.status, head.reason)
        if body.finished and sent is None and request.method != b"HEAD" and head.status not in BODILESS:
            data = body.take()  # as it mostly comes
            self._pool.give_back(link)
            return Response(head.status, Fields.of_block(fields), data, line=line)
        close = _Closing(self._pool, link, body, sent)
        if request.method == b"HEAD" or head.status in BODILESS:
            length = head.fields.get(b"content-length") or b""
            told = int(length) if _LENGTH(length) else None
            return Response(head.status, Fields.of_block(fields), replace(unsent(told), close=close), line=line)
        if body.over:
            if not body.finished:
                # Nothing of it has gone to the client yet: it can be told so.
                raise Unreachable("What the server answers cannot be understood.")
            data = body.take()
            close()
            return Response(head.status, Fields.of_block(fields), data, line=line)
        return Response(head.status, Fields.of_block(fields), Stream(_octets(body), link.length, close), line=line)

    def close(self) -> None:
        """Let go of the connections that nobody uses."""
        self._pool.close()


class _Closing:
    """The end of an exchange: whoever has read it all leaves a connection for the next."""

    def __init__(self, pool: Pool, link: Link, body: Body, sent: _Body | None) -> None:
        self._pool = pool
        self._link = link
        self._body = body
        self._sent = sent

    def __call__(self) -> None:
        self._body.close()
        if self._sent is not None:
            self._sent.stop()
        self._pool.give_back(self._link)


class _Body:
    """A request's body, which waits for the origin's 100 Continue if it is to."""

    def __init__(self, incoming: Incoming, deadlines: IDeadlines, waits: bool) -> None:
        self._incoming = incoming
        self._may: Deferred[None] | None = Deferred() if waits else None
        self._deadline = deadlines.after(PATIENCE, self.go) if waits else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The octets, as they come. Raises BodyLost and Malformed."""
        if self._may is not None:
            await self._may
        while data := await self._incoming.read():
            yield data

    def go(self) -> None:
        """The origin wants the body."""
        if self._deadline is not None:
            self._deadline.cancel()
        if self._may is not None and not self._may.called:
            self._may.callback(None)

    def stop(self) -> None:
        """Nobody wants what has not been sent by now. Whoever reads it is told, for it may never come."""
        self._incoming.fail(BodyLost("the exchange is over"))
        self.go()


async def _octets(body: Body) -> AsyncGenerator[bytes, None]:
    """A response's body. Raises BodyLost when it breaks off, which the client is to see."""
    try:
        async for data in body:
            yield data
    except Failed as error:
        raise BodyLost(str(error)) from None
