"""The HTTP/2 session: the same site as by HTTP/1, its streams at the same time, and each wait with an end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded
from hyperframe.frame import GoAwayFrame
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import INegotiated, ISSLTransport
from zope.interface import directlyProvides

from netdaemon.protocols.http.grammar.message import Fields, Malformed
from netdaemon.protocols.http.incoming import BodyLost, Incoming
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Route
from netdaemon.protocols.http.response import Response, Stream
from netdaemon.protocols.http.settings import ErrorPage
from tests.kit.clock import pass_time
from tests.protocols.http.peer import Peer
from tests.protocols.http.peer2 import (
    CANCEL,
    END_HEADERS,
    ENHANCE_YOUR_CALM,
    INTERNAL_ERROR,
    NO_ERROR,
    PREFACE,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    HTTP2Tests,
    Peer2,
    asking,
    data,
    frame,
    setting,
    update,
)

Respond = Callable[[Request], Response | Awaitable[Response]]
LIMIT = 3_000_000
MOST = 2**31 - 1
OPEN = frame(SETTINGS, 0, 0, setting(4, MOST)) + update(0, MOST - 65535)
"""Windows that nothing fills."""


class _Calls:
    """A responder that is a function."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def respond(self, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        return self._respond(request)


async def echo(request: Request) -> Response:
    assert request.body is not None
    return Response(200, Fields(), b"".join([data async for data in request.body]))


class Case(HTTP2Tests):
    def to(self, respond: Respond, lazy: bool = False, limit: int | None = LIMIT, **settings: Any) -> Peer2:
        """A peer whose POSTs, and GETs beneath /made, go to ``respond``."""
        factory = self.factory(**settings)
        own = factory.sites.own
        plain = own.route

        def route(request: Request) -> Route:
            if request.method == b"POST" or request.path.startswith(b"/made"):
                return Route(_Calls(respond), limit)
            return plain(request)

        own.route = route
        return self.peer2(lazy, factory=factory)

    def lines(self) -> list[str]:
        assert self.made is not None
        return self.made.measure.access_logs["http"].lines  # type: ignore[no-any-return]


class DocumentTests(Case):
    def test_a_document(self) -> None:
        peer = self.peer2()
        peer.send(peer.request(1))
        reply = peer.reply(1)
        self.assertEqual((reply.status, reply.body, reply.ended), (200, b"hello\n", True))
        names = [name for name, _ in reply.fields]
        self.assertEqual(names[:2], [b"server", b"date"])
        self.assertEqual(reply[b"date"], b"Tue, 14 Nov 2023 22:13:20 GMT")
        self.assertEqual((reply[b"content-length"], reply[b"content-type"]), (b"6", b"text/plain; charset=utf-8"))

    def test_as_by_http_1(self) -> None:
        """Every field but those of the connection, and every octet."""
        self.file("big", bytes(range(256)) * 1000)
        for target in (b"/hello.txt", b"/big", b"/nowhere", b"/", b"/hello.txt?x=1", b"/a%00b"):
            for method in (b"GET", b"HEAD", b"OPTIONS", b"PUT", b"BREW"):
                factory = self.factory()
                one, two = Peer(factory), self.peer2(factory=factory)
                self.addCleanup(one.leave)
                one.send(b"%b %b HTTP/1.1\r\nHost: a\r\nRange: bytes=2-4\r\n\r\n" % (method, target))
                two.send(OPEN + two.headers(1, [*asking(target, method), (b"range", b"bytes=2-4")]))
                expected, reply = one.replies(method)[0], two.reply(1)
                fields = [(name.lower(), value) for name, value in expected.fields if name != b"Connection"]
                self.assertEqual(reply.status, expected.status, (method, target))
                self.assertEqual(sorted(reply.fields), sorted(fields), (method, target))
                self.assertEqual((reply.body, reply.ended), (expected.body, True), (method, target))

    def test_large_ones_by_frames(self) -> None:
        big = bytes(range(256)) * 4000
        self.file("big", big)
        peer = self.peer2()
        peer.send(OPEN + peer.request(1, b"/big"))
        reply = peer.reply(1)
        self.assertEqual((reply.body, reply.ended), (big, True))
        self.assertEqual(set(reply.sizes[:-1]), {16384})

    def test_an_empty_one(self) -> None:
        self.file("empty", b"")
        peer = self.peer2()
        peer.send(peer.request(1, b"/empty"))
        reply = peer.reply(1)
        self.assertEqual((reply.status, reply.ended, reply.sizes), (200, True, []))
        self.assertEqual(reply[b"content-length"], b"0")

    def test_a_condition(self) -> None:
        peer = self.peer2()
        peer.send(peer.request(1))
        etag = peer.reply(1)[b"etag"]
        assert etag is not None
        peer.send(peer.request(3, b"/hello.txt", (b"if-none-match", etag)))
        self.assertEqual((peer.reply(3).status, peer.reply(3).sizes, peer.reply(3).ended), (304, [], True))
        self.assertIsNone(peer.reply(3)[b"content-length"])

    def test_the_usual_request_is_answered_from_memory_and_as_before(self) -> None:
        peer = self.peer2()
        before = None
        for stream in (1, 3, 5):
            peer.send(peer.request(stream))
            reply = peer.reply(stream)
            self.assertEqual((reply.status, reply.body, reply.ended), (200, b"hello\n", True))
            self.assertIn(before, (None, reply.fields))
            before = reply.fields
        self.assertEqual(len(self.lines()), 3)

    def test_what_is_known_is_known_to_the_octet(self) -> None:
        peer = self.peer2()
        peer.send(peer.request(1, b"/hello.txt", (b"x", b"y")))
        # The same octets between them, but one field less
        peer.send(peer.headers(3, asking(b"/hello.txt\r\nx: y")))
        self.assertEqual((peer.reply(1).status, peer.reply(3).reset), (200, PROTOCOL_ERROR))

    def test_many_at_once_stay_within_bounds(self) -> None:
        """A read may hold a thousand requests: what is written is written in steps, and ends with the transport."""
        self.file("some", bytes(10_000))
        peer = self.peer2(lazy=True)
        peer.send(OPEN + peer.request(1, b"/some"))
        peer.wire.taken()
        peer.send(b"".join(peer.request(stream, b"/some") for stream in range(3, 203, 2)))
        self.assertLess(peer.wire.waiting, 65536 + 65536 + 40_000)
        while peer.wire.waiting:
            peer.wire.taken()
        self.assertTrue(all(peer.reply(stream).ended for stream in range(1, 203, 2)))

    def test_the_access_log(self) -> None:
        peer = self.peer2()
        for stream in (1, 3):
            peer.send(peer.request(stream, b"/hello.txt?q", (b"user-agent", b'a "b"'), (b"referer", b"http://x/")))
        end = '"GET /hello.txt?q HTTP/2.0" 200 6 "http://x/" "a \\x22b\\x22"'
        self.assertEqual(self.lines(), [f"192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] {end}"] * 2)
        peer.send(peer.headers(5, asking(b"/../x")))
        self.assertIn('"GET /../x HTTP/2.0" 400 ', self.lines()[-1])
        peer.send(peer.headers(7, [(b":method", b"CONNECT"), (b":authority", b"b:443")]))
        self.assertIn('"CONNECT b:443 HTTP/2.0" 405 ', self.lines()[-1])

    def test_what_responders_see(self) -> None:
        seen: list[Request] = []

        def respond(request: Request) -> Response:
            seen.append(request)
            return Response(204, Fields())

        peer = self.to(respond)
        crumbs = [(b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2")]
        peer.send(peer.request(1, b"/made/a%20b?q=1", *crumbs))
        request = seen[0]
        self.assertEqual((request.method, request.path, request.query), (b"GET", b"/made/a b", b"q=1"))
        self.assertEqual((request.host, request.target, request.body), (b"a", b"/made/a%20b?q=1", None))
        self.assertEqual(request.fields.pairs, ((b"host", b"a"), (b"x", b"y"), (b"cookie", b"a=1; b=2")))
        self.assertEqual(peer.reply(1).status, 204)

    def test_connection_fields_never_leave(self) -> None:
        names = (b"Connection", b"Keep-Alive", b"Proxy-Connection", b"Transfer-Encoding", b"Upgrade", b"X-Other")
        peer = self.to(lambda request: Response(200, Fields([(name, b"x") for name in names]), b"body"))
        peer.send(peer.request(1, b"/made"))
        reply = peer.reply(1)
        self.assertEqual([name for name, _ in reply.fields][2:], [b"x-other", b"content-length"])

    def test_fields_of_every_response_over_tls(self) -> None:
        factory = self.factory()
        factory.sites.own.common = b"\r\nStrict-Transport-Security: max-age=1"
        clear = self.peer2(factory=factory)
        clear.send(clear.request(1))
        self.assertIsNone(clear.reply(1)[b"strict-transport-security"])
        secure = _secure(self.peer2(factory=factory, hello=False))
        for stream in (1, 3):
            secure.send(secure.request(stream))
            self.assertEqual(secure.reply(stream)[b"strict-transport-security"], b"max-age=1")

    def test_a_site_that_is_not_for_clear_text(self) -> None:
        factory = self.factory(https_redirect=443)
        secure = _secure(self.peer2(factory=factory, hello=False))
        for stream in (1, 3):
            secure.send(secure.request(stream))
            self.assertEqual(secure.reply(stream).status, 200)
        clear = self.peer2(factory=factory)
        for stream in (1, 3):  # though it is known, and at hand
            clear.send(clear.request(stream))
            self.assertEqual(clear.reply(stream).status, 308)

    def test_pages_of_the_sites_own(self) -> None:
        self.file("lost.html", b"<p>lost")
        factory = self.factory(error_page=(ErrorPage(400, "/lost.html"), ErrorPage(413, "/lost.html")))
        peer = self.peer2(factory=factory)
        peer.send(peer.request(1, b"/%zz") + peer.post(3, (b"content-length", b"99999999")))
        self.assertEqual((peer.reply(1).status, peer.reply(3).status, peer.reply(3).body), (400, 413, b"<p>lost"))

    def test_h2s_own_client(self) -> None:
        client = H2Connection(H2Configuration(client_side=True))
        client.initiate_connection()
        peer = self.peer2(hello=False)
        for stream in (1, 3):
            client.send_headers(stream, [(name.decode(), value.decode()) for name, value in asking()], end_stream=True)
        peer.send(client.data_to_send())
        events = client.receive_data(peer.output)
        self.assertEqual([event.data for event in events if isinstance(event, DataReceived)], [b"hello\n"] * 2)
        self.assertEqual(sum(isinstance(event, (ResponseReceived, StreamEnded)) for event in events), 4)


def _secure(peer: Peer2) -> Peer2:
    """The same peer, begun anew over TLS with HTTP/2 agreed on."""
    peer.wire.negotiatedProtocol = b"h2"  # type: ignore[attr-defined]
    directlyProvides(peer.wire, ISSLTransport, INegotiated)
    factory = peer.session._factory
    peer.session.connectionLost()
    peer.wire.producer = None
    peer.wire.written.clear()
    peer.session = factory.buildProtocol(peer.wire.getPeer())
    peer.session.makeConnection(peer.wire)
    peer.send(PREFACE + frame(SETTINGS))
    return peer


class BeginTests(Case):
    def test_by_alpn(self) -> None:
        peer = _secure(self.peer2(hello=False))
        self.alive(peer)

    def test_by_alpn_and_then_something_else(self) -> None:
        peer = self.peer2(hello=False)
        peer.wire.negotiatedProtocol = b"h2"  # type: ignore[attr-defined]
        peer.session = peer.session._factory.buildProtocol(None)
        peer.wire.producer = None
        peer.session.makeConnection(peer.wire)
        peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.gone(peer, PROTOCOL_ERROR)

    def test_not_over_tls_without_alpn(self) -> None:
        """RFC 9113 3.3: prior knowledge is for clear text."""
        peer = self.peer2(hello=False)
        directlyProvides(peer.wire, ISSLTransport)
        peer.send(PREFACE)
        self.assertEqual([reply.status for reply in peer.replies()], [505])

    def test_not_behind_another_request(self) -> None:
        for first in (b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n", b"OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n"):
            factory = self.factory()
            for _ in range(2):  # the second time it is known
                peer = self.peer2(hello=False, factory=factory)
                peer.send(first)
                peer.send(PREFACE)
                self.assertEqual([reply.status for reply in peer.replies()][1:], [505])

    def test_the_upgrade_that_is_no_more(self) -> None:
        peer = self.peer2(hello=False)
        peer.send(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n")
        peer.send(b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
        self.assertEqual([reply.status for reply in peer.replies()], [200])

    def test_byte_by_byte(self) -> None:
        peer = self.peer2(hello=False)
        peer.send(PREFACE + frame(SETTINGS) + peer.request(1) + peer.post(3) + data(3, b"abc"), 1)
        self.assertEqual((peer.reply(1).status, peer.reply(3).status), (200, 405))


class TogetherTests(Case):
    def test_one_that_waits_does_not_hold_up_the_others(self) -> None:
        go = Deferred[Response]()
        peer = self.to(lambda request: go)
        peer.send(peer.request(1, b"/made") + peer.request(3))
        self.assertEqual((peer.reply(1).status, peer.reply(3).body), (0, b"hello\n"))
        go.callback(Response(200, Fields(), b"late"))
        self.assertEqual((peer.reply(1).body, peer.reply(1).ended), (b"late", True))

    def test_large_ones_take_turns(self) -> None:
        for name in ("a", "b"):
            self.file(name, bytes(200_000))
        peer = self.peer2()
        peer.send(OPEN + peer.request(1, b"/a") + peer.request(3, b"/b"))
        peer.look()
        order = [made.stream_id for made in peer.frames if made.stream_id]
        self.assertEqual(order[2:10], [1, 3, 1, 3, 1, 3, 1, 3])

    def test_priorities(self) -> None:
        """RFC 9218: the more urgent first; those that are of use only when they are whole, one after the other."""
        for name in ("a", "b", "c"):
            self.file(name, bytes(100_000))
        peer = self.peer2()
        peer.send(frame(SETTINGS, 0, 0, setting(4, 0)) + update(0, MOST - 65535))
        peer.send(peer.request(1, b"/a", (b"priority", b"u=5")) + peer.request(3, b"/b", (b"priority", b"u=5")))
        peer.send(peer.request(5, b"/c", (b"priority", b"u=7, i")))
        peer.send(frame(0x10, 0, 0, (5).to_bytes(4, "big") + b"u=0"))
        peer.send(frame(SETTINGS, 0, 0, setting(4, MOST)))
        peer.look()
        order = [made.stream_id for made in peer.frames if made.stream_id][3:]
        self.assertEqual(list(dict.fromkeys(order)), [5, 1, 3])
        self.assertEqual(order, sorted(order, key=[5, 1, 3].index))

    def test_the_transport_sets_the_pace(self) -> None:
        big = bytes(1_000_000)
        self.file("big", big)
        peer = self.peer2(lazy=True)
        peer.send(OPEN + peer.request(1, b"/big") + peer.request(3, b"/big"))
        most = 0
        while peer.wire.waiting:
            most = max(most, peer.wire.waiting)
            peer.wire.taken()
        self.assertLess(most, 65536 + 65536 + 20_000)
        self.assertEqual((peer.reply(1).body, peer.reply(3).body), (big, big))

    def test_a_body_in_the_making(self) -> None:
        made: list[int] = []

        async def chunks() -> AsyncGenerator[bytes, None]:
            for number in range(5):
                made.append(number)
                yield b"%d" % number * 10
                yield b""

        peer = self.to(lambda request: Response(200, Fields(), Stream(chunks())))
        peer.send(frame(SETTINGS, 0, 0, setting(4, 15)) + peer.request(1, b"/made"))
        self.assertEqual((peer.reply(1).body, made), (b"0" * 10 + b"1" * 5, [0, 1]))
        peer.send(update(1, 1000))
        reply = peer.reply(1)
        self.assertEqual((len(reply.body), reply.ended, reply[b"content-length"]), (50, True, None))

    def test_a_body_of_another_length_than_promised(self) -> None:
        async def chunks() -> AsyncGenerator[bytes, None]:
            yield b"abc"
            yield b"d"

        for length in (2, 3, 5):
            peer = self.to(lambda request, length=length: Response(200, Fields(), Stream(chunks(), length)))  # type: ignore[misc]
            peer.send(peer.request(1, b"/made"))
            self.assertEqual((peer.reply(1).reset, peer.reply(1).ended), (INTERNAL_ERROR, False))
            self.assertLessEqual(len(peer.reply(1).body), length)
            self.alive(peer)

    def test_a_document_that_shrinks(self) -> None:
        place = self.file("big", bytes(300_000))
        peer = self.peer2()
        peer.send(peer.request(1, b"/big"))
        place.write_bytes(b"")
        peer.send(OPEN)
        self.assertEqual(peer.reply(1).reset, INTERNAL_ERROR)
        self.alive(peer)

    def test_a_defect(self) -> None:
        def at_once(request: Request) -> Response:
            raise ZeroDivisionError

        async def later(request: Request) -> Response:
            raise ZeroDivisionError

        async def in_its_middle() -> AsyncGenerator[bytes, None]:
            yield b"abc"
            raise ZeroDivisionError

        for respond in (at_once, later):
            peer = self.to(respond)
            peer.send(peer.request(1, b"/made"))
            self.assertEqual((peer.reply(1).status, peer.reply(1).ended), (500, True))
            self.alive(peer)
        peer = self.to(lambda request: Response(200, Fields(), Stream(in_its_middle())))
        peer.send(peer.request(1, b"/made"))
        self.assertEqual((peer.reply(1).ended, peer.reply(1).reset), (False, INTERNAL_ERROR))
        self.alive(peer)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)

    def test_the_peer_goes_away_from_a_stream(self) -> None:
        ended: list[str] = []
        go = Deferred[Response](lambda ignored: ended.append("cancelled"))

        async def chunks() -> AsyncGenerator[bytes, None]:
            try:
                yield b"abc"
                yield b"def"
            finally:
                ended.append("closed")

        def respond(request: Request) -> Response | Awaitable[Response]:
            if request.path == b"/made/later":
                return go
            return Response(200, Fields(), Stream(chunks(), None, lambda: ended.append("given back")))

        peer = self.to(respond)
        peer.send(frame(SETTINGS, 0, 0, setting(4, 1)))
        peer.send(peer.request(1, b"/made/later") + peer.request(3, b"/made"))
        peer.send(frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))
        self.assertEqual(ended, ["cancelled"])
        peer.send(frame(RST_STREAM, 0, 3, CANCEL.to_bytes(4, "big")))
        self.assertEqual(ended, ["cancelled", "closed", "given back"])
        self.assertEqual([line.split('"')[2] for line in self.lines()], [" 200 1 "])
        peer.send(frame(SETTINGS, 0, 0, setting(4, 100)))
        self.alive(peer)


class BodyTests(Case):
    def test_whole_and_in_pieces(self) -> None:
        for step in (0, 1, 7):
            peer = self.to(echo)
            peer.send(peer.post(1) + data(1, b"abc", False) + data(1, b"de"), step)
            peer.send(peer.post(3, (b"content-length", b"3")) + data(3, b"abc", False), step)
            peer.send(peer.headers(3, [(b"x", b"y")]), step)
            self.assertEqual((peer.reply(1).body, peer.reply(3).body), (b"abcde", b"abc"))

    def test_padding_is_no_body(self) -> None:
        peer = self.to(echo)
        peer.send(peer.post(1) + frame(0, 0x8 | 0x1, 1, b"\x05abc" + bytes(5)))
        self.assertEqual(peer.reply(1).body, b"abc")

    def test_windows_open_as_the_responder_takes(self) -> None:
        begin = Deferred[None]()

        async def respond(request: Request) -> Response:
            await begin
            return await echo(request)

        peer = self.to(respond)
        part = bytes(16_384)
        peer.send(peer.post(1))
        for _ in range(16):  # the stream's window
            peer.send(data(1, part, False))
        self.assertEqual((peer.updates(1), peer.reply(1).reset), (0, None))
        begin.callback(None)
        self.assertEqual(peer.updates(1), 16 * 16_384)
        for _ in range(60):
            peer.send(data(1, part, False))
        peer.send(data(1, b""))
        self.settle()
        self.assertEqual(len(peer.reply(1).body), 65535)  # which is as much as we take
        peer.send(OPEN)
        self.assertEqual(len(peer.reply(1).body), 76 * 16_384)
        self.assertGreater(peer.updates(0), 76 * 16_384 - 1024 * 1024)

    def test_more_than_the_window(self) -> None:
        peer = self.to(lambda request: Deferred())
        peer.send(peer.post(1))
        for _ in range(16):
            peer.send(data(1, bytes(16_384), False))
        peer.send(data(1, b"x", False))
        self.gone(peer, 3)  # FLOW_CONTROL_ERROR

    def test_continue_when_it_is_asked_for(self) -> None:
        begin = Deferred[None]()

        async def respond(request: Request) -> Response:
            await begin
            return await echo(request)

        peer = self.to(respond)
        peer.send(peer.post(1, (b"expect", b"100-continue")))
        self.assertEqual(peer.reply(1).interim, [])
        begin.callback(None)
        self.assertEqual(peer.reply(1).interim, [100])
        peer.send(data(1, b"abc"))
        self.assertEqual((peer.reply(1).interim, peer.reply(1).body), ([100], b"abc"))

    def test_no_continue_for_what_comes_unasked(self) -> None:
        begin = Deferred[None]()

        async def respond(request: Request) -> Response:
            await begin
            return await echo(request)

        peer = self.to(respond)
        peer.send(peer.post(1, (b"expect", b"100-continue")) + data(1, b"abc", False))
        begin.callback(None)
        peer.send(data(1, b"d"))
        self.assertEqual((peer.reply(1).interim, peer.reply(1).body), ([], b"abcd"))

    def test_no_continue_for_what_nobody_wants(self) -> None:
        peer = self.peer2()
        peer.send(peer.post(1, (b"expect", b"100-continue")))
        reply = peer.reply(1)
        self.assertEqual((reply.status, reply.interim, reply.ended), (405, [], True))
        self.alive(peer)

    def test_a_body_that_nobody_wants_is_read_over(self) -> None:
        peer = self.peer2()
        peer.send(peer.post(1) + data(1, b"x" * 1000, False))
        self.assertEqual(peer.reply(1).status, 0)
        peer.send(data(1, b"x"))
        self.assertEqual((peer.reply(1).status, peer.reply(1).reset), (405, None))

    def test_at_the_limit_and_one_past_it(self) -> None:
        for size, status in ((1000, 200), (1001, 413)):
            for told in ((), ((b"content-length", b"%d" % size),)):
                peer = self.to(echo, limit=1000)
                peer.send(peer.post(1, *told) + data(1, bytes(size - 1), False))
                if not peer.reply(1).ended:
                    peer.send(data(1, b"x"))
                self.assertEqual((peer.reply(1).status, peer.reply(1).ended), (status, True))
                self.alive(peer)
        for size, status in ((1000, 405), (1001, 413)):
            peer = self.peer2(body_limit=1000)
            peer.send(peer.post(1) + data(1, bytes(size)))
            self.assertEqual(peer.reply(1).status, status)
            self.alive(peer)

    def test_what_a_responder_leaves(self) -> None:
        """RFC 9113 8.1: nobody needs to send it, and whoever doesn't see that by himself is told so."""
        peer = self.to(lambda request: Response(200, Fields(), b"enough"))
        peer.send(peer.post(1) + data(1, b"abc", False))
        self.assertEqual((peer.reply(1).body, peer.reply(1).ended, peer.reply(1).reset), (b"enough", True, None))
        peer.send(data(1, b"def"))
        self.assertIsNone(peer.reply(1).reset)
        peer.send(peer.post(3, (b"content-length", b"2000000")))
        for _ in range(10):
            peer.send(data(3, bytes(16_384), False))
        self.assertEqual((peer.reply(3).ended, peer.reply(3).reset, peer.updates(3)), (True, None, 0))
        self.assertEqual(peer.updates(0), 983_041 + 6 + 10 * 16_384)  # the other streams can have it
        pass_time(self.clock, 7.0)
        self.assertEqual(peer.reply(3).reset, NO_ERROR)
        self.alive(peer)

    def test_a_lost_body(self) -> None:
        failed: list[BaseException] = []

        async def respond(request: Request) -> Response:
            try:
                return await echo(request)
            except Exception as error:
                failed.append(error)
                raise

        peer = self.to(respond)
        peer.send(peer.post(1) + data(1, b"abc", False))
        peer.send(frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))
        self.assertEqual((peer.reply(1).status, peer.reply(1).reset), (0, None))
        peer.send(peer.post(3, (b"content-length", b"5")) + data(3, b"abc"))
        self.assertEqual(peer.reply(3).reset, PROTOCOL_ERROR)
        peer.send(peer.post(5) + data(5, b"abc", False) + peer.headers(5, [(b"x", b"y")], END_HEADERS))
        self.assertEqual(peer.reply(5).reset, PROTOCOL_ERROR)
        peer.send(peer.post(7) + data(7, b"abc", False) + peer.headers(7, [(b":x", b"y")]))
        self.assertEqual(peer.reply(7).reset, PROTOCOL_ERROR)
        self.alive(peer)
        self.assertEqual([type(error) for error in failed], [CancelledError] * 4)  # not one was taken for whole
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_body_that_is_asked_for_behind_its_response(self) -> None:
        bodies: list[Incoming] = []

        def respond(request: Request) -> Response:
            assert request.body is not None
            bodies.append(request.body)
            return Response(204, Fields())

        peer = self.to(respond)
        peer.send(peer.post(1, (b"expect", b"100-continue")))
        late = Deferred.fromCoroutine(bodies[0].read())
        self.assertNoResult(late)
        self.assertEqual((peer.reply(1).status, peer.reply(1).interim), (204, []))
        peer.send(frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))
        late.cancel()
        self.failureResultOf(late)

    def test_a_refusal_that_comes_later(self) -> None:
        go = Deferred[None]()

        async def respond(request: Request) -> Response:
            await go
            raise Malformed(400, "no") if request.method == b"HEAD" else BodyLost("no")

        peer = self.to(respond)
        peer.send(peer.headers(1, asking(b"/made", b"HEAD")) + peer.request(3, b"/made"))
        go.callback(None)
        self.assertEqual((peer.reply(1).status, peer.reply(1).ended, peer.reply(3).reset), (400, True, CANCEL))


class EndTests(Case):
    def test_idle(self) -> None:
        peer = self.peer2(idle_timeout=10.0)
        pass_time(self.clock, 9.0)
        peer.send(peer.request(1))
        pass_time(self.clock, 9.0)
        self.assertFalse(peer.wire.ended)
        peer.send(frame(6, 0, 0, bytes(8)))  # a PING keeps nothing open
        pass_time(self.clock, 3.0)
        self.gone(peer, NO_ERROR)

    def test_a_stream_is_not_idle(self) -> None:
        peer = self.to(lambda request: Deferred(), idle_timeout=10.0)
        peer.send(peer.request(1, b"/made"))
        pass_time(self.clock, 100.0)
        self.assertFalse(peer.wire.ended)
        self.assertIsNone(peer.goaway)

    def test_drain_with_nothing_under_way(self) -> None:
        peer = self.peer2()
        peer.send(peer.request(1))
        peer.session.drain()
        self.gone(peer, NO_ERROR)
        assert peer.goaway is not None
        self.assertEqual(peer.goaway.last_stream_id, 1)

    def test_drain_lets_streams_end(self) -> None:
        go = Deferred[Response]()
        peer = self.to(lambda request: go if request.method == b"GET" else echo(request))
        peer.send(peer.request(1) + peer.request(3, b"/made") + peer.post(5))
        peer.session.drain()
        peer.session.drain()
        assert peer.goaway is not None
        self.assertEqual((peer.goaway.error_code, peer.goaway.last_stream_id), (NO_ERROR, 5))
        self.assertFalse(peer.wire.ended)
        peer.send(peer.request(7))  # which is known, and at hand
        self.assertEqual((peer.reply(7).status, peer.reply(7).reset), (0, REFUSED_STREAM))
        go.callback(Response(200, Fields(), b"late"))
        self.assertEqual(peer.reply(3).body, b"late")
        self.assertEqual(sum(isinstance(made, GoAwayFrame) for made in peer.frames), 1)
        peer.send(data(5, b""))
        self.assertTrue(peer.wire.ended)

    def test_drain_before_the_preface(self) -> None:
        peer = self.peer2(hello=False)
        peer.session.drain()
        self.assertTrue(peer.wire.ended)

    def test_after_the_end_it_lingers(self) -> None:
        peer = self.peer2()
        peer.session.drain()
        self.assertTrue(peer.wire.half_closed)
        peer.session.writeConnectionLost()
        pass_time(self.clock, 7.0)
        self.assertTrue(peer.wire.aborted)

    def test_the_peer_closes_its_direction(self) -> None:
        """It has left: what was written is sent, and nothing more is made."""
        ended: list[str] = []
        go = Deferred[Response](lambda ignored: ended.append("cancelled"))
        peer = self.to(lambda request: go)
        peer.send(peer.request(1) + peer.request(3, b"/made"))
        peer.session.readConnectionLost()
        self.assertEqual((ended, peer.wire.closing, peer.reply(1).body), (["cancelled"], True, b"hello\n"))

    def test_the_connection_goes(self) -> None:
        ended: list[str] = []
        go = Deferred[Response](lambda ignored: ended.append("cancelled"))
        self.file("big", bytes(100_000))
        peer = self.to(lambda request: go if request.method == b"GET" else echo(request))
        peer.send(peer.request(1, b"/made") + peer.post(3) + peer.request(5, b"/big"))
        peer.leave()
        self.assertEqual(ended, ["cancelled"])
        self.assertEqual([line.split('"')[2] for line in self.lines()], [" 200 65535 "])
        pass_time(self.clock, 100.0)
        self.assertFalse(self.clock.getDelayedCalls())

    def test_a_defect_of_the_session(self) -> None:
        peer = self.peer2()
        peer.session._successor._intake._framer.feed = None
        peer.send(peer.request(1))
        self.gone(peer, INTERNAL_ERROR)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)


class TimeTests(Case):
    def test_no_preface(self) -> None:
        peer = self.peer2(hello=False)
        peer.send(PREFACE[:20])
        pass_time(self.clock, 22.0)
        self.gone(peer, ENHANCE_YOUR_CALM)

    def test_a_header_that_does_not_end(self) -> None:
        for first in (1, 9, -1):
            peer = self.peer2()
            head = peer.request(1)
            part = head[:first]
            if first < 0:
                part = head[:4] + bytes([head[4] & ~END_HEADERS]) + head[5:]
            peer.send(part)
            pass_time(self.clock, 19.0)
            self.assertFalse(peer.wire.ended)
            pass_time(self.clock, 3.0)
            self.gone(peer, ENHANCE_YOUR_CALM)

    def test_headers_that_do(self) -> None:
        """Half a frame at the end of each read is no half frame that waits."""
        peer = self.peer2()
        rest = b""
        for stream in range(1, 21, 2):
            head = peer.request(stream)
            peer.send(rest + head[:12])
            rest = head[12:]
            pass_time(self.clock, 15.0)
        peer.send(rest)
        self.assertTrue(all(peer.reply(stream).ended for stream in range(1, 21, 2)))
        self.assertIsNone(peer.goaway)

    def test_a_body_that_stalls(self) -> None:
        for begin in (self.peer2, lambda: self.to(echo)):
            peer = begin()
            peer.send(peer.post(1) + data(1, b"abc", False))
            pass_time(self.clock, 58.0)
            self.assertEqual(peer.reply(1).status, 0)
            pass_time(self.clock, 4.0)
            self.assertEqual((peer.reply(1).status, peer.reply(1).ended), (408, True))
            self.alive(peer)

    def test_a_body_that_trickles(self) -> None:
        peer = self.to(echo)
        peer.send(peer.post(1))
        for _ in range(7):
            peer.send(data(1, b"x", False))
            pass_time(self.clock, 9.0)
        self.assertEqual(peer.reply(1).status, 408)

    def test_a_body_that_comes(self) -> None:
        peer = self.to(echo)
        peer.send(peer.post(1))
        for _ in range(12):
            for _ in range(4):
                peer.send(data(1, bytes(16_384), False))
            pass_time(self.clock, 50.0)
        peer.send(OPEN + data(1, b""))
        self.assertEqual((peer.reply(1).status, len(peer.reply(1).body)), (200, 48 * 16_384))
