"""What a hostile server may send to a client by HTTP/2: malformed responses, floods, bombs, frames out of order.

What concerns one stream ends that one only; what concerns the connection reaches everybody on it.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from netdaemon.protocols.http.client import Broken, Failed, NoAnswer, NotSpoken
from netdaemon.protocols.http.client.connection import MAX_HEAD, MAX_INTERIM
from netdaemon.protocols.http.client.http2.connection import MAX_LIST, STREAM_WINDOW
from netdaemon.protocols.http.client.http2.intake import NOISE
from netdaemon.protocols.http.http2.frames import MAX_CONTINUATIONS
from tests.protocols.http.origin2 import HTTP2Case
from tests.protocols.http.peer2 import (
    ACK,
    CANCEL,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    Pairs,
    data,
    frame,
    setting,
    update,
)

OK: Pairs = [(b":status", b"200")]
WHOLE = END_HEADERS | END_STREAM


class MalformedTests(HTTP2Case):
    """RFC 9113 8.1.1: stream errors."""

    def test_heads(self) -> None:
        cases: list[Pairs] = [
            [],
            [(b"a", b"b")],
            [*OK, *OK],
            [(b"a", b"b"), *OK],
            [(b":status", b"")],
            [(b":status", b"20")],
            [(b":status", b"2000")],
            [(b":status", b"+20")],
            [(b":status", b"2 0")],
            [(b":status", b"020")],
            [(b":status", b"200 OK")],
            [*OK, (b":path", b"/")],
            [*OK, (b":unknown", b"x")],
            [*OK, (b"Upper", b"x")],
            [*OK, (b"", b"x")],
            [*OK, (b"a b", b"x")],
            [*OK, (b"a:", b"x")],
            [*OK, (b"a", b"x\r\ny: z")],
            [*OK, (b"a", b"x\ny")],
            [*OK, (b"a\r\nb", b"x")],
            [*OK, (b"a", b"x\0")],
            [*OK, (b"a", b" x")],
            [*OK, (b"a", b"x\t")],
            [*OK, (b"connection", b"close")],
            [*OK, (b"transfer-encoding", b"chunked")],
            [*OK, (b"keep-alive", b"5")],
            [*OK, (b"proxy-connection", b"close")],
            [*OK, (b"upgrade", b"h2c")],
            [*OK, (b"te", b"gzip")],
            [*OK, (b"content-length", b"-1")],
            [*OK, (b"content-length", b"+1")],
            [*OK, (b"content-length", b"1_0")],
            [*OK, (b"content-length", b"1"), (b"content-length", b"2")],
            [*OK, (b"content-length", b"1, 2")],
            [(b":status", b"101")],
            [*OK, (b"a", b"x" * MAX_HEAD)],
        ]
        for pairs in cases:
            for flags in (END_HEADERS, WHOLE):
                self.setUp()
                asked, peer = self.asked()
                block = peer.encoder.encode(pairs)
                first, rest = block[:16384], block[16384:]
                octets = frame(HEADERS, flags if not rest else flags & END_STREAM, 1, first)
                while rest:
                    piece, rest = rest[:16384], rest[16384:]
                    octets += frame(CONTINUATION, 0 if rest else END_HEADERS, 1, piece)
                peer.says(octets)
                self.failureResultOf(asked, NotSpoken)
                if flags == END_HEADERS:
                    self.assertEqual(peer.heard(1).reset, PROTOCOL_ERROR, pairs)
                self.alive(peer, str(pairs)[:100])

    def test_an_interim_response_that_ends_the_stream(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, b"100"))
        self.failureResultOf(asked, NotSpoken)
        self.alive(peer)

    def test_too_many_interim_responses(self) -> None:
        asked, peer = self.asked()
        for _ in range(MAX_INTERIM):
            peer.says(peer.response(1, b"102", ends=False))
        self.assertNoResult(asked)
        peer.says(peer.response(1, b"102", ends=False))
        self.failureResultOf(asked, NotSpoken)
        self.assertEqual(peer.heard(1).reset, PROTOCOL_ERROR)
        self.alive(peer)

    def test_a_body_before_its_head(self) -> None:
        asked, peer = self.asked()
        peer.says(data(1, b"hi", False))
        self.failureResultOf(asked, NotSpoken)
        self.alive(peer)

    def test_bodies_of_another_length(self) -> None:
        three = [(b"content-length", b"3")]
        for octets in (
            data(1, b"hello"),
            data(1, b"hello", False),
            data(1, b"hi"),
            data(1, b"hi", False) + data(1, b""),
        ):
            self.setUp()
            asked, peer = self.asked()
            peer.says(peer.response(1, fields=three, ends=False) + octets)
            reading = self.origin.run(self.successResultOf(asked).read(100))
            self.failureResultOf(reading, Broken)
            self.alive(peer)
        self.setUp()
        asked, peer = self.asked()
        peer.says(peer.response(1, fields=three))
        self.failureResultOf(asked, NotSpoken)
        self.alive(peer)

    def test_bodies_where_none_may_be(self) -> None:
        for method, status in (("HEAD", b"200"), ("GET", b"204"), ("GET", b"304")):
            self.setUp()
            asked, peer = self.asked(method=method)
            peer.says(peer.response(1, status, ends=False) + data(1, b"x", False))
            reading = self.origin.run(self.successResultOf(asked).read(100))
            self.failureResultOf(reading, Broken)
            self.assertEqual(peer.heard(1).reset, PROTOCOL_ERROR)
            self.alive(peer)

    def test_trailers(self) -> None:
        cases: list[tuple[Pairs, int]] = [
            ([(b":status", b"200")], WHOLE),
            ([(b":status", b"100")], WHOLE),
            ([(b"Upper", b"x")], WHOLE),
            ([(b"connection", b"x")], WHOLE),
            ([(b"sum", b"1")], END_HEADERS),
            ([(b":status", b"100")], END_HEADERS),
        ]
        for pairs, flags in cases:
            self.setUp()
            asked, peer = self.asked()
            peer.says(peer.response(1, ends=False) + data(1, b"hi", False) + peer.headers(1, pairs, flags))
            reading = self.origin.run(self.successResultOf(asked).read(100))
            self.failureResultOf(reading, Broken)
            self.alive(peer, str(pairs))

    def test_a_window_opened_by_nothing_or_too_far(self) -> None:
        for increment in (0, 2**31 - 1):
            self.setUp()
            asked, peer = self.asked()
            peer.says(update(1, increment))
            self.failureResultOf(asked, NotSpoken)
            self.alive(peer)


class ConnectionErrorTests(HTTP2Case):
    def test_they_reach_everybody(self) -> None:
        asked, peer = self.asked()
        other = self.origin.ask()
        peer.says(peer.response(3, ends=False) + data(3, b"half", False))
        peer.says(frame(PUSH_PROMISE, END_HEADERS, 1, (2).to_bytes(4, "big")))
        self.failureResultOf(asked, NoAnswer)
        reading = self.origin.run(self.successResultOf(other).read(100))
        self.failureResultOf(reading, Broken)
        self.gone(peer, PROTOCOL_ERROR)
        self.origin.ask()
        self.assertEqual(self.origin.waiting, 1)

    def test_frames_that_may_not_come(self) -> None:
        cases = [
            (frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
            (frame(DATA, 0, 2, b"x"), PROTOCOL_ERROR),
            (frame(DATA, 0, 99, b"x"), PROTOCOL_ERROR),
            (frame(HEADERS, WHOLE, 0, Encoder().encode(OK)), PROTOCOL_ERROR),
            (frame(HEADERS, WHOLE, 2, Encoder().encode(OK)), PROTOCOL_ERROR),
            (frame(HEADERS, WHOLE, 99, Encoder().encode(OK)), PROTOCOL_ERROR),
            (frame(HEADERS, WHOLE, 1, b"\xff\xff\xff\xff\xff"), COMPRESSION_ERROR),
            (frame(HEADERS, 0, 1, b"") + frame(PING, 0, 0, bytes(8)), PROTOCOL_ERROR),
            (frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, END_HEADERS, 3, b""), PROTOCOL_ERROR),
            (frame(CONTINUATION, END_HEADERS, 1, b""), PROTOCOL_ERROR),
            (frame(PUSH_PROMISE, END_HEADERS, 1, (2).to_bytes(4, "big")), PROTOCOL_ERROR),
            (frame(RST_STREAM, 0, 0, bytes(4)), PROTOCOL_ERROR),
            (frame(RST_STREAM, 0, 99, bytes(4)), PROTOCOL_ERROR),
            (frame(RST_STREAM, 0, 1, bytes(3)), FRAME_SIZE_ERROR),
            (frame(SETTINGS, 0, 1, b""), PROTOCOL_ERROR),
            (frame(SETTINGS, 0, 0, b"12345"), FRAME_SIZE_ERROR),
            (frame(SETTINGS, ACK, 0, b"123456"), FRAME_SIZE_ERROR),
            (frame(SETTINGS, 0, 0, setting(4, 2**31)), FLOW_CONTROL_ERROR),
            (frame(SETTINGS, 0, 0, setting(5, 1)), PROTOCOL_ERROR),
            (frame(PING, 0, 1, bytes(8)), PROTOCOL_ERROR),
            (frame(PING, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
            (frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR),
            (frame(GOAWAY, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
            (frame(WINDOW_UPDATE, 0, 0, bytes(4)), PROTOCOL_ERROR),
            (update(0, 2**31 - 1), FLOW_CONTROL_ERROR),
            (b"\x00\x40\x01" + frame(DATA, 0, 1)[3:], FRAME_SIZE_ERROR),
        ]
        for octets, code in cases:
            self.setUp()
            asked, peer = self.asked()
            peer.says(octets)
            self.failureResultOf(asked, NoAnswer)
            self.gone(peer, code, octets[:30].hex())

    def test_padding_that_is_longer_than_its_frame(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False) + frame(DATA, PADDED, 1, b"\x05x"))
        self.failureResultOf(self.origin.run(self.successResultOf(asked).read(10)), Broken)
        self.gone(peer, PROTOCOL_ERROR)

    def test_more_than_the_window_holds(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False))
        response = self.successResultOf(asked)
        sent = 0
        while not peer.dropped and sent < 10 * STREAM_WINDOW:
            peer.says(data(1, bytes(16384), False))
            sent += 16384
        self.gone(peer, FLOW_CONTROL_ERROR)
        self.assertLessEqual(sent, 3 * STREAM_WINDOW)
        self.failureResultOf(self.origin.run(self.drain(response)), Broken)

    async def drain(self, response: Any) -> None:
        async for _ in response.body:
            pass

    def test_a_header_on_a_stream_that_has_ended(self) -> None:
        asked, peer = self.asked()
        other = self.origin.ask()
        peer.says(peer.response(1) + peer.response(1))
        self.successResultOf(asked)
        self.failureResultOf(other, NoAnswer)
        self.gone(peer, STREAM_CLOSED)

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 11), st.integers(0, 255), st.sampled_from([0, 1, 2, 3, 5]), st.binary(max_size=40)
            ),
            max_size=8,
        ),
        st.integers(1, 40),
    )
    def test_whatever_comes(self, parts: list[tuple[int, int, int, bytes]], piece: int) -> None:
        """Everybody gets an end, and nothing but failures that have a name."""
        self.setUp()
        asked, peer = self.asked()
        other = self.origin.ask()
        peer.says(peer.response(3, ends=False))
        reading = self.origin.run(self.successResultOf(other).read(1000))
        peer.says(b"".join(frame(*part) for part in parts), piece=piece)
        peer.peer.closes()
        for one in (asked, reading):
            results: list[Any] = []
            one.addErrback(lambda failure: failure.trap(Failed)).addBoth(results.append)
            self.assertEqual(len(results), 1)
        self.assertEqual(self.origin.reactor.getDelayedCalls(), [])


class FloodTests(HTTP2Case):
    def flood(self, octets: bytes, code: int = ENHANCE_YOUR_CALM) -> None:
        asked, peer = self.asked()
        count = 0
        while not peer.dropped and count < 10 * NOISE:
            peer.says(octets)
            count += 1
        self.assertLessEqual(count, NOISE + 10)
        self.failureResultOf(asked, NoAnswer)
        self.gone(peer, code)

    def test_pings(self) -> None:
        self.flood(frame(PING, 0, 0, bytes(8)))

    def test_pings_that_are_answers(self) -> None:
        self.flood(frame(PING, ACK, 0, bytes(8)))

    def test_settings(self) -> None:
        self.flood(frame(SETTINGS, 0, 0, setting(4, 100_000)))

    def test_windows(self) -> None:
        self.flood(update(0, 1))

    def test_windows_of_a_stream(self) -> None:
        self.flood(update(1, 1))

    def test_priorities_and_the_unknown(self) -> None:
        self.flood(frame(PRIORITY, 0, 1, bytes(5)))
        self.setUp()
        self.flood(frame(0xFA, 0, 0, b"x"))

    def test_resets_of_what_is_over(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1))
        self.successResultOf(asked)
        count = 0
        while not peer.dropped and count < 10 * NOISE:
            peer.says(frame(RST_STREAM, 0, 1, bytes(4)))
            count += 1
        self.assertLessEqual(count, NOISE + 10)
        self.gone(peer, ENHANCE_YOUR_CALM)

    def test_goodbyes(self) -> None:
        self.flood(frame(GOAWAY, 0, 0, (1).to_bytes(4, "big") + bytes(4)))

    def test_empty_data(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False))
        response = self.successResultOf(asked)
        count = 0
        while not peer.dropped and count < 10 * NOISE:
            peer.says(frame(DATA, PADDED * (count % 2), 1, b"\0" * (count % 2)))
            count += 1
        self.assertLessEqual(count, NOISE + 10)
        self.gone(peer, ENHANCE_YOUR_CALM)
        self.failureResultOf(self.origin.run(response.read(10)), Broken)

    def test_some_are_no_flood(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False))
        response = self.successResultOf(asked)
        for _ in range(600):
            self.origin.reactor.advance(0.1)
            peer.says(frame(PING, 0, 0, bytes(8)))
        self.assertIsNone(peer.goaway)
        response.close()

    def test_data_goes_on_coming_on_a_stream_that_was_closed(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False))
        self.successResultOf(asked).close()
        self.assertEqual(peer.heard(1).reset, CANCEL)
        before = peer.updates(0)
        sent = 0
        while not peer.dropped and sent < 10 * STREAM_WINDOW:
            peer.says(data(1, bytes(16384), False))
            sent += 16384
        self.assertEqual(sent, STREAM_WINDOW + 16384)
        self.gone(peer, FLOW_CONTROL_ERROR)
        self.assertLessEqual(peer.updates(0) - before, STREAM_WINDOW)

    def test_the_connections_window_survives_what_was_closed(self) -> None:
        _, peer = self.asked()
        begun = peer.updates(0)
        sent = 0
        for stream in range(3, 83, 2):
            asked = self.origin.ask()
            peer.says(peer.response(stream, ends=False))
            self.successResultOf(asked).close()
            for _ in range(STREAM_WINDOW // 16384):
                peer.says(data(stream, bytes(16384), False))
                sent += 16384
            self.assertLess(sent - (peer.updates(0) - begun), 2 * 1024 * 1024, "what was thrown away is given back")
        self.alive(peer)


class BombTests(HTTP2Case):
    def test_a_block_that_is_never_whole(self) -> None:
        asked, peer = self.asked()
        peer.says(frame(HEADERS, 0, 1, b""))
        count = 0
        while not peer.dropped and count < 1000:
            peer.says(frame(CONTINUATION, 0, 1, b""))
            count += 1
        self.assertEqual(count, MAX_CONTINUATIONS + 1)
        self.failureResultOf(asked, NoAnswer)
        self.gone(peer, ENHANCE_YOUR_CALM)

    def test_a_block_that_is_too_large(self) -> None:
        asked, peer = self.asked()
        peer.says(frame(HEADERS, 0, 1, b"\0" * 16384))
        for _ in range(4):
            peer.says(frame(CONTINUATION, 0, 1, b"\0" * 16384))
        self.failureResultOf(asked, NoAnswer)
        self.gone(peer, ENHANCE_YOUR_CALM)

    def test_a_small_block_that_holds_millions(self) -> None:
        # One entry of the dynamic table, 4 KiB, and then its index again and again: an octet each.
        encoder = Encoder()
        block = encoder.encode([(b":status", b"200"), (b"a", b"x" * 4000)], huffman=False) + b"\xbe" * 12_000
        asked, peer = self.asked()
        tracemalloc.start()
        try:
            peer.says(frame(HEADERS, WHOLE, 1, block))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 10 * MAX_LIST)
        self.failureResultOf(asked, NoAnswer)
        self.gone(peer, ENHANCE_YOUR_CALM)

    def test_a_table_of_the_peers_size(self) -> None:
        _, peer = self.asked(setting(1, 2**32 - 1) + setting(0x7777, 1))
        self.assertEqual(peer.line._h2.encoder.header_table_size, 4096)
        self.alive(peer)

    def test_a_body_in_the_smallest_pieces(self) -> None:
        """Frames of two octets, which nobody reads: what they are kept in is not much more than what they hold."""
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False))
        response = self.successResultOf(asked)
        read = data(1, b"hi", False) * 5000
        peer.says(read)
        tracemalloc.start()
        try:
            for _ in range(10):
                peer.says(read)
            kept = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        self.assertLess(kept, 2 * 100_000)
        octets = bytes(self.successResultOf(self.origin.run(anext(response.body))))
        self.assertEqual(octets, b"hi" * 55_000)
        response.close()
