"""Which fields go on, and which end here."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.message import Fields, parse_request_head
from netdaemon.proxy.grammar.fields import MAX_VIA, back, is_loop, max_forwards, one_less, onward, via

ENDING_HERE = {
    b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"content-length",
}  # fmt: skip
NAMES = [
    b"Host", b"Connection", b"connection", b"Keep-Alive", b"Proxy-Authorization", b"Proxy-Connection", b"PROXY-X",
    b"TE",
    b"Trailer", b"Transfer-Encoding", b"Upgrade", b"Content-Length", b"Expect", b"X-A", b"X-B", b"Via", b"Tea",
    b"Cookie",
    b"Uproar", b"Hostess", b"X-Connection", b"HTTP2-Settings",
]  # fmt: skip
VALUES = [b"", b"a", b"x-a", b"x-a, close", b"x-b,x-a", b"cookie", b"keep-alive", b"host: b", b"1.1 me"]


class OnwardTests(SynchronousTestCase):
    @given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=12))
    @settings(max_examples=300, deadline=None)
    def test_against_the_letter_of_the_rule(self, pairs: list[tuple[bytes, bytes]]) -> None:
        fields = Fields(pairs)
        named = {
            word.strip().lower()
            for name, value in pairs
            if name.lower() == b"connection"
            for word in value.split(b",")
        } - {b"", b"close", b"keep-alive"}  # fmt: skip

        def stays(name: bytes) -> bool:
            return name.lower() not in ENDING_HERE and name.lower() not in named

        kept = [pair for pair in pairs if stays(pair[0])]
        own = (b"host", b"expect", b"http2-settings")
        expected = [pair for pair in kept if pair[0].lower() not in own and not pair[0].lower().startswith(b"proxy-")]
        self.assertEqual(list(Fields.of_block(onward(fields)).pairs), expected)
        returned = [pair for pair in kept if pair[0].lower() not in (b"proxy-connection", b"proxy-authenticate")]
        self.assertEqual(list(Fields.of_block(back(fields)).pairs), returned)

    def test_what_is_left_is_a_head_still(self) -> None:
        block = onward(Fields([(b"X-A", b"1"), (b"Connection", b"x-a"), (b"X-B", b"2")])) + via(True, b"me")
        self.assertEqual(
            parse_request_head(b"GET / HTTP/1.1" + block).fields.pairs, ((b"X-B", b"2"), (b"Via", b"1.1 me"))
        )

    def test_long_heads_too(self) -> None:
        fields = Fields([(b"X-%d" % number, b"y" * 50) for number in range(90)] + [(b"TE", b"x")])
        self.assertEqual(len(Fields.of_block(onward(fields))), 90)

    def test_proxy_status_comes_back(self) -> None:
        # RFC 9209: it is for the client
        self.assertIn(b"proxy-status", Fields.of_block(back(Fields([(b"Proxy-Status", b"x")]))))


class ViaTests(SynchronousTestCase):
    def test_loops(self) -> None:
        for values, loop in (
            ((b"1.1 me",), True),
            ((b"1.1 a, 1.1 me",), True),
            ((b"1.1 a", b"1.0 me (comment, with commas)"), True),
            ((b"1.1 a (me, 1.1 me)",), False),
            ((b"1.1 meow",), False),
            ((b"me 1.1",), False),
            ((b"",), False),
            ((b", ".join([b"1.1 a"] * MAX_VIA),), False),
            ((b", ".join([b"1.1 a"] * (MAX_VIA + 1)),), True),
        ):
            self.assertEqual(is_loop(Fields([(b"Via", value) for value in values]), b"me"), loop, values)
        self.assertFalse(is_loop(Fields(), b"me"))


class MaxForwardsTests(SynchronousTestCase):
    def test_numbers(self) -> None:
        for value, number in (
            (b"0", 0),
            (b"10", 10),
            (b"", None),
            (b"-1", None),
            (b"+1", None),
            (b"1_0", None),
            (b"9" * 10, None),
        ):
            self.assertEqual(max_forwards(Fields([(b"Max-Forwards", value)])), number, value)
        self.assertIsNone(max_forwards(Fields()))

    def test_one_less(self) -> None:
        block = one_less(b"\r\nmax-forwards: 3\r\nX: y\r\nMax-Forwards: 4", 2)
        self.assertEqual(block, b"\r\nX: y\r\nMax-Forwards: 2")
