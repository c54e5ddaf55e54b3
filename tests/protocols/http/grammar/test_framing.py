"""Bodies: how they end, and the decoders, fed in any pieces."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.framing import (
    CHUNKED,
    NO_BODY,
    UNTIL_CLOSE,
    ChunkedDecoder,
    Framing,
    LengthDecoder,
    body_framing,
    decoder,
)
from netdaemon.protocols.http.grammar.message import Malformed, parse_request_head, parse_response_head


class FramingTests(SynchronousTestCase):
    def response(self, fields: bytes = b"", status: int = 200, method: bytes = b"GET") -> Framing:
        return body_framing(parse_response_head(b"HTTP/1.1 %d x%b" % (status, fields)), method)

    def test_responses(self) -> None:
        length, chunked = b"\r\nContent-Length: 5", b"\r\nTransfer-Encoding: Chunked"
        self.assertEqual(self.response(length), Framing(5))
        self.assertEqual(self.response(chunked), CHUNKED)
        self.assertEqual(self.response(), UNTIL_CLOSE)
        self.assertTrue(UNTIL_CLOSE.until_close)
        self.assertFalse(CHUNKED.until_close or NO_BODY.until_close)
        self.assertEqual(self.response(b"\r\nContent-Length: 5, 5\r\nContent-Length: 5"), Framing(5))
        for status in (100, 101, 204, 304):
            self.assertEqual(self.response(length, status), NO_BODY)
        self.assertEqual(self.response(length, method=b"HEAD"), NO_BODY)
        self.assertEqual(self.response(chunked, method=b"CONNECT"), NO_BODY)
        self.assertEqual(self.response(length, 407, method=b"CONNECT"), Framing(5))
        for fields in (length + chunked, chunked + chunked, b"\r\nTransfer-Encoding: gzip, chunked",
                       b"\r\nContent-Length: 5, 6", b"\r\nContent-Length: +5", b"\r\nContent-Length: "):  # fmt: skip
            self.assertEqual(self.assertRaises(Malformed, self.response, fields).status, 502)

    def test_requests(self) -> None:
        head = parse_request_head(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7")
        self.assertEqual(body_framing(head), Framing(7))

    def test_decoders(self) -> None:
        self.assertIsInstance(decoder(CHUNKED), ChunkedDecoder)
        until_close = decoder(UNTIL_CLOSE)
        self.assertEqual(until_close.feed(b"x" * 10), b"x" * 10)
        self.assertFalse(until_close.finished)
        self.assertTrue(decoder(NO_BODY).finished)


class DecoderTests(SynchronousTestCase):
    def test_length(self) -> None:
        body = LengthDecoder(5)
        self.assertEqual(
            [body.feed(b"abc"), body.finished, body.feed(b"defg"), body.finished], [b"abc", False, b"de", True]
        )
        self.assertEqual((body.feed(b"h"), body.leftover), (b"", b"fgh"))

    def test_chunks(self) -> None:
        data = b"5;ext\r\nhello\r\n0A\r\n0123456789\r\n000\r\nT: v\r\nU: w\r\n\r\nrest"
        for step in (1, 2, 3, len(data)):
            body = ChunkedDecoder()
            out = b"".join(body.feed(data[start : start + step]) for start in range(0, len(data), step))
            self.assertEqual((out, body.finished, body.leftover), (b"hello0123456789", True, b"rest"))
            self.assertEqual(body.trailers.pairs, ((b"T", b"v"), (b"U", b"w")))

    def test_errors_show_at_once(self) -> None:
        for data in (
            b"1;\n",
            b"\0",
            b"1;" + b"x" * 1100,
            b"1\r\nab",
            b"0\r\nA: \0",
            b"0\r\nA\n",
            b"0\r\n" + b"a" * 5000,
        ):
            self.assertRaises(Malformed, ChunkedDecoder().feed, data)

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.binary(max_size=9), st.lists(st.integers(0, 300))
    )
    def test_any_pieces(self, chunks: list[bytes], rest: bytes, cuts: list[int]) -> None:
        data = b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n" + rest
        body = ChunkedDecoder()
        cuts = sorted(min(cut, len(data)) for cut in cuts)
        out = b"".join(body.feed(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True))
        self.assertEqual((out, body.finished, body.leftover), (b"".join(chunks), True, rest))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=80))
    def test_any_bytes(self, data: bytes) -> None:
        def run(step: int) -> object:
            body = ChunkedDecoder()
            out = b""
            try:
                for start in range(0, len(data), step):
                    out += body.feed(data[start : start + step])
            except Malformed as error:
                return error.status
            return out, body.finished, body.leftover

        self.assertEqual(run(1), run(max(1, len(data))))
