"""Bodies of requests on their way to a responder: pulled, limited, timed, and never a request themselves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.incoming import BodyLost
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Route
from netdaemon.protocols.http.response import Response, Stream
from tests.protocols.http.peer import HTTPTests, Peer, Reply

GET = b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"POST /form HTTP/1.1\r\nHost: a\r\n"
LIMIT = 300_000

Respond = Callable[[Request], Response | Awaitable[Response]]


class _Calls:
    """A responder that is a function."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def respond(self, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        return self._respond(request)


async def echo(request: Request) -> Response:
    assert request.body is not None
    return Response(200, Fields(), b"".join([data async for data in request.body]))


class IncomingTests(HTTPTests):
    def to(self, respond: Respond, lazy: bool = False, **settings: Any) -> Peer:
        """A peer whose POSTs go to ``respond``."""
        factory = self.factory(**settings)
        own = factory.sites.own
        plain = own.route
        own.route = lambda request: Route(_Calls(respond), LIMIT) if request.method == b"POST" else plain(request)
        peer = Peer(factory, lazy)
        self.addCleanup(peer.leave)
        return peer

    def statuses(self, peer: Peer) -> list[int]:
        return [reply.status for reply in peer.replies()]

    def test_whole_and_in_pieces(self) -> None:
        chunked = b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
        for framed in (
            HEAD + b"Content-Length: 5\r\n\r\nabcde",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked,
        ):
            for step in (0, 1, 3):
                peer = self.to(echo)
                peer.send(framed + framed + GET, step)
                self.assertEqual([reply.body for reply in peer.replies()], [b"abcde", b"abcde", b"hello\n"])
                self.assertFalse(peer.wire.ended)

    def test_its_length_is_told(self) -> None:
        told: list[int | None] = []

        async def respond(request: Request) -> Response:
            assert request.body is not None
            told.append(request.body.length)
            return await echo(request)

        self.to(respond).send(HEAD + b"Content-Length: 2\r\n\r\nab")
        self.to(respond).send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        self.assertEqual(told, [2, None])

    def test_without_one(self) -> None:
        bodies: list[object] = []

        def respond(request: Request) -> Response:
            bodies.append(request.body)
            return Response(204, Fields())

        self.to(respond).send(HEAD + b"\r\n")
        self.to(respond).send(HEAD + b"Content-Length: 0\r\n\r\n")
        self.assertEqual(bodies, [None, None])

    def test_continue_when_it_is_asked_for(self) -> None:
        go: Deferred[None] = Deferred()

        async def respond(request: Request) -> Response:
            await go
            return await echo(request)

        peer = self.to(respond)
        peer.send(HEAD + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(peer.output, b"")
        go.callback(None)
        self.assertEqual(peer.output, b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.wire.written.clear()
        peer.send(b"abc" + GET)
        self.assertEqual([reply.body for reply in peer.replies()], [b"abc", b"hello\n"])

    def test_no_continue_when_it_came_already_nor_to_old_clients(self) -> None:
        peer = self.to(echo)
        peer.send(HEAD + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc")
        self.assertEqual([reply.body for reply in peer.replies()], [b"abc"])

    def test_refused_before_it_is_sent(self) -> None:
        peer = self.to(lambda request: Response(403, Fields(), b"no"))
        peer.send(HEAD + b"Content-Length: 30\r\nExpect: 100-continue\r\n\r\n")
        reply = peer.replies()[0]
        self.assertEqual((reply.status, reply[b"Connection"]), (403, b"close"))
        peer.send(GET)
        self.assertEqual(self.statuses(peer), [403], "a body was taken for a request")

    def test_too_large(self) -> None:
        for body in (
            b"Content-Length: %d\r\n\r\n" % (LIMIT + 1),
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b" % (LIMIT + 1, b"x" * (LIMIT + 1)),
        ):
            peer = self.to(echo)
            peer.send(HEAD + body)
            self.assertEqual(self.statuses(peer), [413])
            self.assertTrue(peer.wire.half_closed)
        peer = self.to(echo)
        peer.send(HEAD + b"Content-Length: %d\r\n\r\n%b" % (LIMIT, b"x" * LIMIT) + GET)
        self.assertEqual(self.statuses(peer), [200, 200])

    def test_malformed_chunks(self) -> None:
        for step in (0, 1):
            peer = self.to(echo)
            peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nnext\r\n" + GET, step)
            self.assertEqual(self.statuses(peer), [400])
            self.assertTrue(peer.wire.half_closed)

    def test_half_of_it_and_the_end(self) -> None:
        caught: list[BaseException] = []

        async def respond(request: Request) -> Response:
            try:
                return await echo(request)
            except BaseException as error:
                caught.append(error)
                raise

        peer = self.to(respond)
        peer.send(HEAD + b"Content-Length: 3\r\n\r\nab")
        peer.session.readConnectionLost()
        self.assertTrue(peer.wire.aborted)
        peer = self.to(respond)
        peer.send(HEAD + b"Content-Length: 3\r\n\r\nab")
        peer.leave()
        self.assertEqual([type(error) for error in caught], [BodyLost, CancelledError])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_too_slow(self) -> None:
        peer = self.to(echo, stall_timeout=10.0)
        peer.send(HEAD + b"Content-Length: 100\r\n\r\n")
        for _ in range(4):  # a drip does not keep it alive
            self.clock.advance(3)
            peer.send(b"x")
        self.assertEqual(self.statuses(peer), [408])

    def test_slow_but_good(self) -> None:
        peer = self.to(echo, stall_timeout=10.0)
        peer.send(HEAD + b"Content-Length: 262144\r\n\r\n")
        for _ in range(4):
            self.clock.advance(8)
            peer.send(b"x" * 65536)
        self.assertEqual(self.statuses(peer), [200])

    def test_a_slow_responder_is_not_the_peers_fault(self) -> None:
        go: Deferred[None] = Deferred()

        async def respond(request: Request) -> Response:
            assert request.body is not None
            first = await request.body.read()
            await go
            return Response(200, Fields(), first + await request.body.read())

        peer = self.to(respond, stall_timeout=10.0)
        peer.send(HEAD + b"Content-Length: 4\r\n\r\nab")
        self.clock.advance(1000)
        self.assertFalse(peer.wire.ended)
        go.callback(None)
        self.clock.advance(5)
        peer.send(b"cd")
        self.assertEqual([reply.body for reply in peer.replies()], [b"abcd"])

    def test_read_no_faster_than_it_is_taken(self) -> None:
        go: Deferred[None] = Deferred()

        async def respond(request: Request) -> Response:
            await go
            return await echo(request)

        peer = self.to(respond)
        peer.send(HEAD + b"Content-Length: 200000\r\n\r\n")
        sent = 0
        while peer.wire.reading:
            peer.send(b"x" * 10_000)
            sent += 10_000
        self.assertLessEqual(sent, 80_000)
        go.callback(None)
        self.assertTrue(peer.wire.reading)
        while sent < 200_000:
            peer.send(b"x" * 10_000)
            sent += 10_000
        self.assertEqual(len(peer.replies()[0].body), 200_000)

    def test_answered_before_it_was_read(self) -> None:
        def respond(request: Request) -> Response:
            return Response(200, Fields(), b"soon")

        for step in (0, 1):
            peer = self.to(respond)
            peer.send(HEAD + b"Content-Length: 44\r\n\r\n" + GET + b"x" * (44 - len(GET)) + GET, step)
            self.assertEqual([reply.body for reply in peer.replies()], [b"soon", b"hello\n"])
        peer = self.to(respond)
        peer.send(HEAD + b"Content-Length: 100000\r\n\r\n" + GET)
        self.assertEqual(self.statuses(peer), [200], "too much to be read over")
        self.assertTrue(peer.wire.half_closed)
        peer = self.to(respond)
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx")
        peer.send(b"y" + GET)
        self.assertEqual(self.statuses(peer), [200], "what is no chunk was taken for a request")
        self.assertTrue(peer.wire.half_closed)

    def test_a_response_that_goes_out_while_it_comes_in(self) -> None:
        async def chunks(request: Request, first: bytes) -> AsyncGenerator[bytes, None]:
            yield first
            assert request.body is not None
            async for data in request.body:
                yield data

        async def respond(request: Request) -> Response:
            assert request.body is not None
            return Response(200, Fields(), Stream(chunks(request, await request.body.read())))

        peer = self.to(respond, lazy=True)
        peer.send(HEAD + b"Content-Length: 250000\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(peer.output, b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.wire.written.clear()
        for _ in range(25):
            peer.send(b"x" * 10_000)
            while not peer.wire.reading:
                peer.wire.taken()
        peer.send(GET)
        while peer.wire.full:
            peer.wire.taken()
        self.assertEqual([len(reply.body) for reply in peer.replies()], [250_000, 6])

    def test_the_end_of_the_peer_while_a_response_goes_out(self) -> None:
        async def chunks(request: Request) -> AsyncGenerator[bytes, None]:
            yield b"begun"
            assert request.body is not None
            async for data in request.body:
                yield data

        def respond(request: Request) -> Response:
            return Response(200, Fields(), Stream(chunks(request)))

        for spoil in (
            lambda peer: peer.session.readConnectionLost(),
            lambda peer: peer.send(b"\r\nno chunk"),
            lambda peer: self.clock.advance(100),
        ):
            peer = self.to(respond)
            peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
            self.assertIn(b"begun", peer.output)
            spoil(peer)
            self.assertTrue(peer.wire.aborted)
            self.assertEqual(peer.output.count(b"HTTP/1.1"), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_old_clients(self) -> None:
        peer = self.to(echo)
        peer.send(b"POST /form HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(peer.output, b"")
        peer.send(b"abc")
        reply: Reply = peer.replies()[0]
        self.assertEqual(reply.body, b"abc")
