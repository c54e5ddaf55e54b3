"""The client by HTTP/2: requests side by side on shared connections, and the ends of streams and connections."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError

from netdaemon.protocols.http.client import Broken, Failed, NoAnswer, NotSpoken, Response, Upload
from netdaemon.protocols.http.client.agent import REFUSALS
from netdaemon.protocols.http.client.http2.connection import MAX_STREAMS, MOST_KNOWN
from netdaemon.protocols.http.client.line import Late, Unheard
from netdaemon.protocols.http.client.pool import IDLE_LIMIT
from tests.protocols.http.origin import TIMEOUTS, Origin
from tests.protocols.http.origin2 import HTTP2Case, ServerPeer
from tests.protocols.http.peer2 import (
    CANCEL,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    GOAWAY,
    HEADERS,
    INTERNAL_ERROR,
    NO_ERROR,
    REFUSED_STREAM,
    data,
    frame,
    setting,
)

HTTP_1_1_REQUIRED = 13


def goaway(last: int, code: int = NO_ERROR) -> bytes:
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big"))


class RequestTests(HTTP2Case):
    def test_what_is_sent_and_what_comes_of_it(self) -> None:
        asked, peer = self.asked(
            url="http://127.0.0.1:8080/a?b",
            headers={"X-Name": " y ", "Cookie": "a=b", "Authorization": "Basic dTpw", "Keep-Alive": "5"},
        )
        heard = peer.heard(1)
        self.assertEqual(
            heard.fields[:4],
            [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"127.0.0.1:8080"), (b":path", b"/a?b")],
        )
        self.assertEqual((heard[b"x-name"], heard[b"cookie"], heard[b"authorization"]), (b"y", b"a=b", b"Basic dTpw"))
        names = [name for name, _ in heard.fields]
        self.assertFalse({b"host", b"keep-alive", b"connection"} & set(names), names)
        self.assertTrue(heard.ended)
        peer.says(peer.response(1, b"203", [(b"a", b"b"), (b"content-length", b"2")], False) + data(1, b"hi"))
        response = self.successResultOf(asked)
        self.assertEqual((response.status, response.reason, response.fields.get(b"A")), (203, "", b"b"))
        self.assertEqual(response.version, "HTTP/2")
        self.assertEqual(self.read_from(response), b"hi")
        self.alive(peer, url="http://127.0.0.1:8080/")

    def test_byte_by_byte(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False) + data(1, b"he", False) + data(1, b"llo"), piece=1)
        self.assertEqual(self.read(asked), b"hello")

    def test_a_host_of_the_callers(self) -> None:
        _, peer = self.asked(headers={"Host": "other.example"})
        self.assertEqual(peer.heard(1)[b":authority"], b"other.example")

    def test_secrets_are_never_indexed(self) -> None:
        _, peer = self.asked(headers={"Cookie": "a=b", "Authorization": "Bearer x"})
        peer.look()
        (headers,) = [made for made in peer.frames if type(made).__name__ == "HeadersFrame"]
        # RFC 7541 6.2.3, C.2.3: 0001 and the name's index; Cookie is 32, Authorization 23
        self.assertIn(b"\x1f\x11\x03a=b", headers.data)
        self.assertIn(b"\x1f\x08\x08Bearer x", headers.data)

    def test_a_post(self) -> None:
        asked, peer = self.asked(method="POST", body=b"data")
        heard = peer.heard(1)
        self.assertEqual((heard[b"content-length"], heard.body, heard.ended), (b"4", b"data", True))
        peer.says(peer.response(1))
        self.assertEqual(self.read(asked), b"")
        self.alive(peer)

    def test_bodies_that_are_none(self) -> None:
        length = [(b"content-length", b"5")]
        for method, status in (("HEAD", b"200"), ("GET", b"304"), ("GET", b"204")):
            self.setUp()
            asked, peer = self.asked(method=method)
            peer.says(peer.response(1, status, length))
            self.assertEqual(self.read(asked), b"", method)
            self.alive(peer)

    def test_interim_responses_and_trailers(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, b"103", [(b"link", b"x")], False) + peer.response(1, b"100", ends=False))
        self.assertNoResult(asked)
        peer.says(peer.response(1, ends=False) + data(1, b"hi", False) + peer.headers(1, [(b"sum", b"1")], 0x5))
        self.assertEqual(self.read(asked), b"hi")
        self.alive(peer)

    def test_the_trace_hears_every_head(self) -> None:
        heard: list[tuple[str, bytes]] = []
        self.origin = Origin(http2="prior", trace=lambda direction, head: heard.append((direction, head)))
        _, peer = self.asked(url="http://127.0.0.1/a", headers={"X": "y"})
        peer.says(peer.response(1, b"100", ends=False) + peer.response(1, fields=[(b"a", b"b")]))
        self.assertEqual([direction for direction, _ in heard], [">", "<", "<"])
        self.assertTrue(heard[0][1].startswith(b"GET /a HTTP/2\r\nhost: 127.0.0.1\r\nuser-agent: "), heard)
        self.assertEqual((heard[1][1], heard[2][1]), (b"HTTP/2 100", b"HTTP/2 200\r\na: b"))

    def test_misuse(self) -> None:
        self.failureResultOf(self.origin.ask(headers={"X": "a\r\nb"}), ValueError)
        self.assertEqual(self.origin.waiting, 0)

    def test_redirections(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, b"302", [(b"location", b"/x")], False) + data(1, b"moved"))
        self.assertEqual(peer.heard(3)[b":path"], b"/x")
        peer.says(peer.response(3, b"200"))
        self.assertEqual(self.successResultOf(asked).url, "http://127.0.0.1/x")


class SharingTests(HTTP2Case):
    def test_many_at_a_time_over_one_connection(self) -> None:
        asked = [self.origin.ask(f"http://127.0.0.1/{number}") for number in range(MAX_STREAMS)]
        self.assertEqual(self.origin.waiting, 1, "the others wait for the first connection")
        peer = self.accept2()
        self.assertEqual(len(peer.streams), MAX_STREAMS)
        self.assertEqual(self.origin.waiting, 0)
        for stream in reversed(peer.streams):
            path = peer.heard(stream)[b":path"]
            peer.says(peer.response(stream, ends=False) + data(stream, path))
        self.assertEqual([self.read(one) for one in asked], [b"/%d" % number for number in range(MAX_STREAMS)])

    def test_more_than_one_connection_takes(self) -> None:
        asked = [self.origin.ask() for _ in range(MAX_STREAMS + 10)]
        first = self.accept2()
        self.assertEqual(self.origin.waiting, 1)
        second = self.accept2()
        self.assertEqual((len(first.streams), len(second.streams)), (MAX_STREAMS, 10))
        for peer in (first, second):
            for stream in peer.streams:
                peer.says(peer.response(stream))
        for one in asked:
            self.successResultOf(one)

    def test_as_many_as_the_server_wants(self) -> None:
        _, peer = self.asked(setting(3, 2))
        self.origin.ask()
        self.assertEqual((len(peer.streams), self.origin.waiting), (2, 0))
        self.origin.ask()
        self.assertEqual((len(peer.streams), self.origin.waiting), (2, 1))

    def test_the_first_one_fails(self) -> None:
        asked = [self.origin.ask() for _ in range(3)]
        self.origin.fail(ConnectionRefusedError(osError=111))
        self.failureResultOf(asked[0], Failed)
        self.assertEqual(self.origin.waiting, 2, "the others try for themselves, at once")
        self.accept2()

    def test_the_first_one_gives_up(self) -> None:
        first, second = self.origin.ask(), self.origin.ask()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.origin._accepted += 1
        self.assertEqual(self.origin.waiting, 1)
        peer = self.accept2()
        peer.says(peer.response(1))
        self.successResultOf(second)

    def test_one_that_waits_gives_up(self) -> None:
        asked = [self.origin.ask() for _ in range(3)]
        asked[1].cancel()
        self.failureResultOf(asked[1], CancelledError)
        self.assertEqual(self.accept2().streams, [1, 3])

    def test_idle_for_too_long(self) -> None:
        asked, peer = self.asked()
        self.origin.reactor.advance(TIMEOUTS.answer - 1)
        peer.says(peer.response(1))
        self.successResultOf(asked)
        self.origin.reactor.advance(IDLE_LIMIT - 1)
        self.alive(peer)
        self.origin.reactor.advance(IDLE_LIMIT)
        self.origin.ask()
        self.assertEqual(self.origin.waiting, 1)
        self.gone(peer, NO_ERROR)

    def test_busy_is_not_idle(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False))
        self.successResultOf(asked)
        self.origin.reactor.advance(IDLE_LIMIT + 1)
        self.origin.ask()
        self.assertEqual(self.origin.waiting, 0)

    def test_streams_are_used_up(self) -> None:
        _, peer = self.asked()
        peer.line._h2.highest_outbound_stream_id = 2**31 - 3
        self.origin.ask()
        self.assertEqual((peer.streams, self.origin.waiting), ([1, 2**31 - 1], 0))
        self.origin.ask()
        self.assertEqual(self.origin.waiting, 1)

    def test_close(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1))
        self.successResultOf(asked)
        closing = self.origin.run(self.origin.client.close())
        self.gone(peer, NO_ERROR)
        self.assertFalse(peer.peer.wire.disconnected)
        self.assertNoResult(closing)
        self.origin.reactor.advance(3)
        self.assertTrue(peer.peer.wire.disconnected, "who doesn't answer a goodbye is not waited for")
        peer.peer.closes()
        self.successResultOf(closing)
        self.assertEqual(self.origin.reactor.getDelayedCalls(), [])

    def test_close_while_others_wait(self) -> None:
        asked, other = self.origin.ask(), self.origin.ask()
        peer = self.accept2(None)
        closing = self.origin.run(self.origin.client.close())
        peer.peer.closes()
        self.successResultOf(closing)
        self.failureResultOf(asked, NoAnswer)
        self.failureResultOf(other, NoAnswer)
        self.assertEqual(self.origin.waiting, 0, "nobody begins anew")

    def test_close_of_a_kept_connection(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1))
        self.successResultOf(asked)
        asked = self.origin.ask()
        closing = self.origin.run(self.origin.client.close())
        peer.peer.closes()
        self.successResultOf(closing)
        self.failureResultOf(asked, NoAnswer)
        self.assertEqual(self.origin.waiting, 0)

    def test_close_with_something_under_way(self) -> None:
        asked, peer = self.asked()
        closing = self.origin.run(self.origin.client.close())
        self.failureResultOf(asked, NoAnswer)
        self.assertTrue(peer.peer.wire.disconnected)
        peer.peer.closes()
        self.successResultOf(closing)


class EndTests(HTTP2Case):
    def three(self) -> tuple[list[Deferred[Response]], ServerPeer]:
        """Three requests, on streams 1, 3 and 5."""
        asked, peer = self.asked()
        return [asked, self.origin.ask(), self.origin.ask(method="POST")], peer

    def test_refused(self) -> None:
        """RFC 9113 8.7: it may be asked again, but not for ever."""
        asked, peer = self.asked(method="POST", body=b"data")
        for _ in range(REFUSALS):
            peer.says(peer.reset(1, REFUSED_STREAM))
            self.assertNoResult(asked)
            peer = self.accept2()
            self.assertEqual(peer.heard(1).body, b"data")
        peer.says(peer.reset(1, REFUSED_STREAM))
        self.assertTrue(self.failureResultOf(asked, Unheard).value.certain)
        self.origin.ask()
        self.assertEqual(self.origin.waiting, 0, "the connections go on")

    def test_refused_with_a_body_that_can_not_be_sent_again(self) -> None:
        asked, peer = self.asked(method="PUT", body=Upload(lambda: [b"x"]))
        peer.says(peer.reset(1, REFUSED_STREAM))
        self.assertTrue(self.failureResultOf(asked, Unheard).value.certain)

    def test_reset(self) -> None:
        asked, peer = self.asked()
        other = self.origin.ask()
        peer.says(peer.response(3, ends=False) + data(3, b"half", False))
        peer.says(peer.reset(1, INTERNAL_ERROR) + peer.reset(3, ENHANCE_YOUR_CALM))
        failure = self.failureResultOf(asked, NoAnswer)
        self.assertNotIsInstance(failure.value, Unheard)
        self.assertIn("INTERNAL_ERROR", str(failure.value))
        reading = self.origin.run(self.successResultOf(other).read(100))
        self.assertIn("ENHANCE_YOUR_CALM", str(self.failureResultOf(reading, Broken).value))
        self.alive(peer)

    def test_goaway(self) -> None:
        asked, peer = self.three()
        peer.says(peer.response(1, ends=False) + goaway(3))
        self.assertEqual(self.origin.waiting, 1, "what it never looked at is asked again, and not there")
        self.assertEqual(self.accept2().heard(1)[b":method"], b"POST")
        self.assertNoResult(asked[2])
        peer.says(data(1, b"hi"))
        self.assertEqual(self.read(asked[0]), b"hi")
        self.assertFalse(peer.dropped)
        peer.says(peer.response(3))
        self.assertEqual(self.read(asked[1]), b"")
        self.gone(peer, NO_ERROR)

    def test_goaway_twice(self) -> None:
        asked, peer = self.asked()
        peer.says(goaway(2**31 - 1))
        self.assertNoResult(asked)
        peer.says(goaway(0, ENHANCE_YOUR_CALM))
        other = self.accept2()
        other.says(other.response(1))
        self.successResultOf(asked)

    def test_goaway_of_a_body_that_can_not_be_sent_again(self) -> None:
        asked, peer = self.asked(method="PUT", body=Upload(lambda: [b"x"]))
        peer.says(goaway(0, ENHANCE_YOUR_CALM))
        error = self.failureResultOf(asked, Unheard).value
        self.assertTrue(error.certain)
        self.assertIn("ENHANCE_YOUR_CALM", str(error))

    def test_by_http1_please(self) -> None:
        for say in (lambda peer: peer.reset(1, HTTP_1_1_REQUIRED), lambda peer: goaway(0, HTTP_1_1_REQUIRED)):
            self.setUp()
            asked, peer = self.asked()
            peer.says(say(peer))
            self.assertTrue(peer.dropped)
            older = self.origin.accept()
            self.assertTrue(older.heard().startswith(b"GET / HTTP/1.1\r\n"))
            older.says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            self.assertEqual(self.successResultOf(asked).version, "HTTP/1.1")

    def test_the_connection_is_lost(self) -> None:
        asked, peer = self.three()
        peer.says(peer.response(1, ends=False) + data(1, b"half", False) + peer.response(3, b"100", ends=False))
        peer.peer.closes(rudely=True)
        self.failureResultOf(self.origin.run(self.successResultOf(asked[0]).read(10)), Broken)
        self.assertNotIsInstance(self.failureResultOf(asked[1], NoAnswer).value, Unheard)
        self.assertFalse(self.failureResultOf(asked[2], Unheard).value.certain)
        self.assertEqual(self.origin.reactor.getDelayedCalls(), [])

    def test_a_kept_connection_that_was_being_closed(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1))
        self.successResultOf(asked)
        again = self.origin.ask()
        peer.says(goaway(1))
        other = self.accept2()
        other.says(other.response(1, b"201"))
        self.assertEqual(self.successResultOf(again).status, 201)

    def test_no_response_in_time(self) -> None:
        asked, peer = self.asked()
        other = self.origin.ask()
        peer.says(peer.response(3, ends=False))
        self.successResultOf(other)
        self.origin.reactor.advance(TIMEOUTS.answer - 1)
        peer.says(data(3, b"x", False))
        self.origin.reactor.advance(1)
        self.failureResultOf(asked, Late)
        self.assertEqual(peer.heard(1).reset, CANCEL)
        self.alive(peer, "something came meanwhile")

    def test_a_dead_connection_is_not_used_again(self) -> None:
        asked, peer = self.asked()
        self.origin.reactor.advance(TIMEOUTS.answer)
        self.failureResultOf(asked, Late)
        self.gone(peer, NO_ERROR)
        self.origin.ask()
        self.assertEqual(self.origin.waiting, 1)

    def test_a_body_that_stands_still(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False))
        reading = self.origin.run(self.successResultOf(asked).read(10))
        self.origin.reactor.advance(TIMEOUTS.stall)
        self.failureResultOf(reading, Broken)
        self.assertEqual(peer.heard(1).reset, CANCEL)

    def test_no_http2_there(self) -> None:
        asked, peer = self.asked(None)
        peer.says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        self.failureResultOf(asked, NotSpoken)
        self.assertTrue(peer.dropped)


class KnownBlockTests(HTTP2Case):
    """Header blocks that mean the same again."""

    def answers(self, peer: ServerPeer, stream: int, block: bytes) -> bytes | None:
        asked = self.origin.ask()
        peer.says(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))
        return self.successResultOf(asked).fields.get(b"a")

    def test_without_a_table(self) -> None:
        self.origin.ask()
        peer = self.accept2()
        # RFC 7541 6.1, 6.2.2, 6.3: no table; :status 200; a: x
        said = b"\x88\x00\x01a\x01x"
        self.assertEqual(self.answers(peer, 3, b"\x20" + said), b"x")
        self.assertEqual([self.answers(peer, stream, said) for stream in (5, 7, 9)], [b"x"] * 3)
        self.assertEqual(list(peer.line._h2.decoder._known), [said])

    def test_with_one(self) -> None:
        self.origin.ask()
        peer = self.accept2()
        self.assertEqual(self.answers(peer, 3, b"\x20\x88\x40\x01a\x01x"), b"x")
        # A table, what is put into it, and its first entry (62) again and again: each time another one.
        self.assertEqual(self.answers(peer, 5, b"\x3f\xe1\x1f\x88\x40\x01a\x01x"), b"x")
        self.assertEqual(self.answers(peer, 7, b"\x88\xbe"), b"x")
        self.assertEqual(self.answers(peer, 9, b"\x88\x40\x01a\x01y"), b"y")
        self.assertEqual(self.answers(peer, 11, b"\x88\xbe"), b"y")

    def test_not_too_many(self) -> None:
        self.origin.ask()
        peer = self.accept2()
        self.assertEqual(self.answers(peer, 3, b"\x20\x88"), None)
        for number in range(100):
            self.assertEqual(self.answers(peer, 5 + 2 * number, b"\x88\x00\x01a\x03%03d" % number), b"%03d" % number)
        self.assertLessEqual(len(peer.line._h2.decoder._known), MOST_KNOWN)
