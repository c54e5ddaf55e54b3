"""Persistence, pipelining, expectations, deadlines, back-pressure and the orderly stop of an HTTP/1 session."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from typing import Any

from twisted.internet.defer import Deferred

from netdaemon.interfaces import ISession
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.request import Request
from netdaemon.protocols.http.response import Response, Stream
from tests.protocols.http.peer import NOW, HTTPTests, Peer

GET = b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"
BIG = bytes(range(256)) * 4096  # 1 MiB


class PersistenceTests(HTTPTests):
    def test_http_1_1_stays_open(self) -> None:
        peer = self.peer()
        for _ in range(3):
            peer.send(GET)
        self.assertEqual([reply.body for reply in peer.replies()], [b"hello\n"] * 3)
        self.assertIsNone(peer.replies()[0][b"Connection"])
        self.assertFalse(peer.wire.ended)

    def test_close_among_other_words(self) -> None:
        for value in (b"close", b"Close", b"close, TE", b"TE,close", b"keep-alive, close", b"x\r\nConnection: close"):
            peer = self.peer()
            peer.send(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nConnection: %b\r\n\r\n" % value)
            self.assertEqual(peer.replies()[0][b"Connection"], b"close")
            self.assertTrue(peer.wire.closing, value)

    def test_words_that_only_look_like_close(self) -> None:
        for value in (b"closed", b"not-close", b"TE", b""):
            peer = self.peer()
            peer.send(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nConnection: %b\r\n\r\n" % value)
            self.assertFalse(peer.wire.ended, value)

    def test_http_1_0(self) -> None:
        peer = self.peer()
        peer.send(b"GET /hello.txt HTTP/1.0\r\n\r\n")
        self.assertTrue(peer.wire.closing)
        self.assertEqual(peer.replies()[0][b"Connection"], b"close")
        peer = self.peer()
        peer.send(b"GET /hello.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" * 2)
        self.assertFalse(peer.wire.ended)
        self.assertEqual([reply[b"Connection"] for reply in peer.replies()], [b"keep-alive"] * 2)

    def test_what_follows_a_close_is_not_answered(self) -> None:
        peer = self.peer()
        peer.send(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET)
        self.assertEqual(len(peer.replies()), 1)
        self.assertTrue(peer.wire.half_closed, "what was not read would reset the connection")

    def test_pipelining_in_order(self) -> None:
        self.file("big", BIG)
        peer = self.peer()
        peer.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n" + GET + b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        self.assertEqual([reply.status for reply in peer.replies()], [200, 200, 404, 200])
        self.assertEqual(peer.replies()[0].body, BIG)

    def test_one_write_for_a_small_response(self) -> None:
        peer = self.peer()
        peer.send(GET)
        self.assertEqual(len(peer.wire.written), 1)

    def test_methods(self) -> None:
        for method in (b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE"):
            reply = self.ask(b"%b /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n" % method, write=False)
            self.assertEqual((reply.status, reply[b"Allow"]), (405, b"GET, HEAD, OPTIONS"))
        reply = self.ask(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
        self.assertEqual(reply.status, 405)
        self.assertNotIn(b"CONNECT", reply[b"Allow"] or b"CONNECT")
        for method in (b"BREW", b"get", b"PROPFIND", b"X" * 1000):
            self.assertEqual(self.ask(b"%b /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n" % method).status, 501)
        for target, more in (
            (b"*", b"PUT, DELETE, "),
            (b"/", b""),
            (b"/no/such/thing", b""),
            (b"/new", b"PUT, DELETE, "),
            (b"/folder/", b"DELETE, "),
            (b"http://a", b"PUT, DELETE, "),
        ):
            reply = self.ask(b"OPTIONS %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
            self.assertEqual((reply.status, reply[b"Allow"]), (204, b"GET, HEAD, " + more + b"OPTIONS"))
            self.assertIsNone(reply[b"Content-Length"])

    def test_the_absolute_form_wins(self) -> None:
        asked: list[Request] = []
        factory = self.factory()
        own = factory.sites.own
        respond = own.respond
        own.respond = lambda route, request, caller: asked.append(request) or respond(route, request, caller)
        peer = Peer(factory)
        peer.send(b"GET HTTP://B.example:81/hello.txt?q=1 HTTP/1.1\r\nHost: A\r\n\r\n" + GET)
        self.assertEqual([request.host for request in asked], [b"b.example:81", b"a"])
        self.assertEqual((asked[0].path, asked[0].query), (b"/hello.txt", b"q=1"))
        self.assertEqual([reply.status for reply in peer.replies()], [200, 200])
        peer.leave()


class ExpectationTests(HTTPTests):
    def test_the_final_status_comes_instead_of_100(self) -> None:
        for method, status in ((b"POST", 405), (b"PUT", 405), (b"GET", 200)):
            peer = self.peer(write=False)
            peer.send(
                b"%b /hello.txt HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 9\r\n\r\n" % method
            )
            self.assertEqual([reply.status for reply in peer.replies()], [status])
            self.assertEqual(peer.replies()[0][b"Connection"], b"close")
            self.assertTrue(peer.wire.half_closed)

    def test_too_large(self) -> None:
        peer = self.peer(body_limit=8)
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        self.assertEqual([reply.status for reply in peer.replies()], [413])

    def test_without_a_body_it_means_nothing(self) -> None:
        peer = self.peer()
        peer.send(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n" + GET)
        self.assertEqual([reply.status for reply in peer.replies()], [200, 200])

    def test_http_1_0_has_none(self) -> None:
        peer = self.peer()
        peer.send(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        self.assertEqual(peer.output, b"")
        peer.send(b"ab")
        self.assertEqual([reply.status for reply in peer.replies()], [405])

    def test_others(self) -> None:
        self.refused(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417)


class DeadlineTests(HTTPTests):
    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            self.clock.advance(0.5)

    def test_a_head_must_be_whole_in_time(self) -> None:
        peer = self.peer()
        for octet in (GET * 2)[:22]:  # one octet a second does not keep it alive
            if peer.wire.ended:
                break
            peer.send(bytes([octet]))
            self.pass_time(1)
        self.assertEqual([reply.status for reply in peer.replies()], [408])
        self.assertEqual(peer.replies()[0][b"Connection"], b"close")
        self.assertTrue(peer.wire.half_closed)

    def test_a_head_in_time(self) -> None:
        peer = self.peer()
        peer.send(GET[:-1])
        self.pass_time(19)
        peer.send(GET[-1:])
        self.assertEqual([reply.status for reply in peer.replies()], [200])

    def test_each_head_has_its_own_time(self) -> None:
        peer = self.peer()
        for _ in range(3):
            peer.send(GET[:-1])
            self.pass_time(15)
            peer.send(GET[-1:] + GET[:5])
            self.pass_time(15)
            peer.send(GET[5:])
        self.assertEqual([reply.status for reply in peer.replies()], [200] * 6)

    def test_silence_from_the_start(self) -> None:
        peer = self.peer()
        self.pass_time(22)
        self.assertEqual(peer.output, b"")
        self.assertTrue(peer.wire.closing)

    def test_idle(self) -> None:
        peer = self.peer(idle_timeout=30.0)
        peer.send(GET)
        self.pass_time(29)
        peer.send(GET)
        self.pass_time(29)
        self.assertFalse(peer.wire.ended)
        self.pass_time(3)
        self.assertTrue(peer.wire.closing)
        self.assertEqual(len(peer.replies()), 2)

    def test_an_empty_line_is_no_request(self) -> None:
        peer = self.peer()
        peer.send(GET + b"\r\n")
        self.pass_time(22)
        self.assertEqual(len(peer.replies()), 1, "408 for no request")
        self.assertTrue(peer.wire.ended)

    def test_a_body_must_come_on(self) -> None:
        peer = self.peer(stall_timeout=20.0)
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(22):
            if not peer.wire.ended:
                peer.send(b"x")
            self.pass_time(1)
        self.assertEqual([reply.status for reply in peer.replies()], [408])
        peer = self.peer(stall_timeout=20.0)
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 262144\r\n\r\n")
        for _ in range(4):
            self.pass_time(15)
            peer.send(bytes(65536))
        self.assertEqual([reply.status for reply in peer.replies()], [405])

    def test_a_peer_that_closes_slowly(self) -> None:
        peer = self.peer()
        peer.send(b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(peer.wire.half_closed)
        peer.session.writeConnectionLost()
        peer.send(bytes(100000))
        self.pass_time(4)
        self.assertFalse(peer.wire.aborted)
        self.pass_time(3)
        self.assertTrue(peer.wire.aborted)

    def test_a_close_that_is_never_flushed(self) -> None:
        peer = self.peer(lazy=True)
        peer.send(GET)
        self.pass_time(62)
        self.assertTrue(peer.wire.closing)
        self.pass_time(62)
        self.assertTrue(peer.wire.aborted)

    def test_no_time_out_behind_the_end(self) -> None:
        peer = self.peer()
        peer.send(GET)
        peer.leave()
        self.pass_time(200)
        self.assertFalse(peer.wire.ended)


class BackPressureTests(HTTPTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("big", BIG)

    def test_a_slow_reader_gets_it_all(self) -> None:
        peer = self.peer(lazy=True)
        peer.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        most = 0
        while peer.wire.full:
            most = max(most, peer.wire.waiting)
            self.clock.advance(30)
            peer.wire.taken()
        self.assertLess(most, 3 * 65536)
        self.assertEqual([reply.body for reply in peer.replies()], [BIG, b"hello\n"])

    def test_a_peer_that_does_not_read_is_dropped(self) -> None:
        peer = self.peer(lazy=True)
        peer.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(59):
            self.clock.advance(1)
        self.assertFalse(peer.wire.aborted)
        for _ in range(3):
            self.clock.advance(1)
        self.assertTrue(peer.wire.aborted)
        peer.leave()  # and its document is closed: see tearDown

    def test_pipelined_requests_wait(self) -> None:
        self.file("medium", bytes(60000))
        peer = self.peer(lazy=True)
        request = b"GET /medium HTTP/1.1\r\nHost: a\r\n\r\n"
        peer.send(request * 10)
        self.assertEqual(len(peer.wire.written), 2, "more responses than the peer takes")
        self.assertTrue(peer.wire.reading, "nothing more has come")
        peer.send(request)
        self.assertFalse(peer.wire.reading)
        while peer.wire.full:
            peer.wire.taken()
        self.assertTrue(peer.wire.reading)
        self.assertEqual(len(peer.replies()), 11)
        self.assertFalse(peer.wire.ended)

    def test_reading_stops_while_a_response_is_under_way(self) -> None:
        peer = self.peer(lazy=True)
        peer.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        peer.send(GET)
        self.assertFalse(peer.wire.reading)
        while peer.wire.full:
            peer.wire.taken()
        self.assertTrue(peer.wire.reading)
        self.assertEqual([reply.status for reply in peer.replies()], [200, 200])

    def test_a_document_that_shrinks(self) -> None:
        peer = self.peer(lazy=True)
        peer.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        os.truncate(self.top / "big", 300_000)
        while peer.wire.full and not peer.wire.aborted:
            peer.wire.taken()
        self.assertTrue(peer.wire.aborted)
        self.assertFalse(peer.wire.closing)
        peer.leave()

    def test_a_document_that_grows(self) -> None:
        peer = self.peer(lazy=True)
        peer.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        with (self.top / "big").open("ab") as file:
            file.write(b"more" * 1000)
        while peer.wire.full:
            peer.wire.taken()
        self.assertEqual([reply.body for reply in peer.replies()], [BIG, b"hello\n"])

    def test_the_peer_goes_in_the_middle(self) -> None:
        for request in (b"", b"Range: bytes=0-400000,500000-600000\r\n"):
            peer = self.peer(lazy=True)
            peer.send(b"GET /big HTTP/1.1\r\nHost: a\r\n%b\r\n" % request)
            peer.wire.taken()
            peer.leave()  # the documents are closed: see tearDown
            assert self.made is not None
            self.assertEqual(self.made.measure.errors, 0)
        self.assertEqual(self.flushLoggedErrors(), [])


class HalfCloseTests(HTTPTests):
    def test_requests_before_the_end_are_answered(self) -> None:
        self.file("big", BIG)
        peer = self.peer(lazy=True)
        peer.send(GET + b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        peer.session.readConnectionLost()
        while peer.wire.full:
            peer.wire.taken()
        self.assertEqual([reply.body for reply in peer.replies()], [b"hello\n", BIG, b"hello\n"])
        self.assertTrue(peer.wire.closing)

    def test_idle(self) -> None:
        peer = self.peer()
        peer.send(GET)
        peer.session.readConnectionLost()
        self.assertTrue(peer.wire.closing)

    def test_half_a_request(self) -> None:
        for half in (GET[:20], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"):
            peer = self.peer()
            peer.send(half)
            peer.session.readConnectionLost()
            self.assertTrue(peer.wire.closing)
            self.assertEqual(peer.output, b"")

    def test_behind_an_error(self) -> None:
        peer = self.peer()
        peer.send(b"GET\r\n")
        peer.session.readConnectionLost()
        self.assertTrue(peer.wire.closing)


class DrainTests(HTTPTests):
    def test_it_is_a_session(self) -> None:
        self.assertTrue(ISession.providedBy(self.peer().session))

    def test_idle_closes_at_once(self) -> None:
        for sent in (b"", GET):
            peer = self.peer()
            peer.send(sent)
            peer.session.drain()
            self.assertTrue(peer.wire.closing)

    def test_a_request_under_way_is_the_last(self) -> None:
        peer = self.peer()
        peer.send(GET[:10])
        peer.session.drain()
        self.assertFalse(peer.wire.ended)
        peer.send(GET[10:] + GET)
        self.assertEqual([reply[b"Connection"] for reply in peer.replies()], [b"close"])
        self.assertTrue(peer.wire.ended)

    def test_a_response_under_way_is_finished(self) -> None:
        self.file("big", BIG)
        peer = self.peer(lazy=True)
        peer.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        peer.session.drain()
        self.assertFalse(peer.wire.ended)
        while peer.wire.full:
            peer.wire.taken()
        self.assertEqual([reply.body for reply in peer.replies()], [BIG])
        self.assertTrue(peer.wire.closing)

    def test_a_lingering_one_goes(self) -> None:
        peer = self.peer()
        peer.send(b"GET\r\n")
        self.assertFalse(peer.wire.closing)
        peer.session.drain()
        self.assertTrue(peer.wire.closing)


class ResponderTests(HTTPTests):
    """What a responder of ours may do, and do wrong."""

    def responding(self, respond: Any) -> Peer:
        factory = self.factory()
        factory.sites.own.respond = lambda route, request, caller: respond(request)
        peer = Peer(factory, lazy=True)
        self.addCleanup(peer.leave)
        return peer

    def test_a_defect(self) -> None:
        async def fail_later(request: Request) -> Response:
            raise ZeroDivisionError

        for respond in (lambda request: 1 / 0, fail_later):
            peer = self.responding(respond)
            peer.send(GET + GET)
            self.assertEqual([reply.status for reply in peer.replies()], [500])
            self.assertNotIn(b"ZeroDivision", peer.output)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            assert self.made is not None
            self.assertEqual(self.made.measure.errors, 1)

    def test_a_response_that_comes_later(self) -> None:
        coming: list[Deferred[Response]] = []

        def respond(request: Request) -> Deferred[Response]:
            coming.append(Deferred())
            return coming[-1]

        peer = self.responding(respond)
        peer.send(GET + GET)
        for _ in range(100):
            self.clock.advance(10)
        self.assertEqual(len(coming), 1, "one at a time")
        self.assertFalse(peer.wire.ended, "the peer is not to blame")
        coming[0].callback(Response(200, Fields(), b"one"))
        coming[1].callback(Response(200, Fields(), b"two"))
        self.assertEqual([reply.body for reply in peer.replies()], [b"one", b"two"])

    def test_the_peer_goes_before_it_comes(self) -> None:
        waiting: Deferred[Response] = Deferred()
        peer = self.responding(lambda request: waiting)
        peer.send(GET)
        peer.leave()
        self.assertTrue(waiting.called, "nobody told the responder")
        self.assertEqual(peer.output, b"")

    def test_a_stream(self) -> None:
        closed = []

        async def chunks() -> AsyncGenerator[bytes, None]:
            try:
                for size in (1, 0, 70000, 70000, 3):
                    yield b"x" * size
            finally:
                closed.append("chunks")

        def respond(request: Request) -> Response:
            return Response(200, Fields(), Stream(chunks(), close=lambda: closed.append("stream")))

        peer = self.responding(respond)
        peer.send(GET + GET)
        while peer.wire.full:
            peer.wire.taken()
        self.assertEqual([len(reply.body) for reply in peer.replies()], [140004] * 2)
        self.assertEqual(closed, ["chunks", "stream"] * 2)
        peer = self.responding(respond)
        peer.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        while peer.wire.full:
            peer.wire.taken()
        self.assertTrue(peer.wire.closing, "only the end ends it")
        self.assertEqual(len(peer.replies()[0].body), 140004)
        closed.clear()
        peer = self.responding(respond)
        peer.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(peer.replies(b"HEAD")[0][b"Transfer-Encoding"], b"chunked")
        self.assertEqual(closed, ["stream"])
        peer = self.responding(respond)
        peer.send(GET)
        peer.leave()
        self.assertEqual(closed[1:], ["chunks", "stream"])

    def test_a_stream_that_fails_or_lies(self) -> None:
        async def fails() -> AsyncGenerator[bytes, None]:
            yield b"x"
            raise ZeroDivisionError

        async def short() -> AsyncGenerator[bytes, None]:
            yield b"x"

        for stream, errors in ((Stream(fails()), 1), (Stream(short(), 2), 0)):
            peer = self.responding(lambda request, stream=stream: Response(200, Fields(), stream))
            peer.send(GET + GET)
            self.assertTrue(peer.wire.aborted)
            self.assertEqual(peer.output.count(b"HTTP/1.1"), 1)
            self.assertFalse(peer.output.endswith(b"0\r\n\r\n"))
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), errors)

    def test_without_a_clock_there_is_no_date(self) -> None:
        def untold() -> float:
            raise OSError("no clock")

        peer = Peer(self.factory(wall=untold))
        peer.send(GET)
        self.assertIsNone(peer.replies()[0][b"Date"])
        peer.leave()

    def test_the_date_goes_on(self) -> None:
        peer = Peer(self.factory(wall=lambda: NOW + self.clock.seconds()))
        peer.send(GET)
        self.clock.advance(1)
        peer.send(GET)
        self.assertEqual(
            [reply[b"Date"] for reply in peer.replies()],
            [b"Tue, 14 Nov 2023 22:13:20 GMT", b"Tue, 14 Nov 2023 22:13:21 GMT"],
        )
        peer.leave()
