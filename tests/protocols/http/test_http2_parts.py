"""The parts of HTTP/2 that need no connection: frames, header lists, their coding, turns and limits."""

from __future__ import annotations

from itertools import pairwise

from h2.errors import ErrorCodes
from hpack import Decoder as HPACKDecoder
from hpack import Encoder as HPACKEncoder
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import task
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.message import Malformed
from netdaemon.protocols.http.http2.compression import (
    ENCODED,
    CompressionFault,
    Decoder,
    Encoder,
    encode_block,
    encode_once,
    encode_status,
)
from netdaemon.protocols.http.http2.fields import Wrong, check_trailers
from netdaemon.protocols.http.http2.frames import (
    ACK,
    GOAWAY,
    WINDOW_UPDATE,
    ConnectionFault,
    Frame,
    Framer,
    check_goaway,
    opens_nothing,
    tame_settings,
    tamed,
)
from netdaemon.protocols.http.http2.heads import parse_head, parse_request
from netdaemon.protocols.http.http2.limits import STEP, Budget, Patience
from netdaemon.protocols.http.http2.turns import Priority, Turns, parse_priority
from netdaemon.wire.deadlines import Wheel
from tests.kit.clock import pass_time
from tests.protocols.http.peer2 import CONTINUATION, HEADERS, PING, PREFACE, SETTINGS, asking, data, frame, setting

octets = st.binary(max_size=12) | st.sampled_from([b":path", b":method", b"host", b"cookie", b"te", b"content-length"])


class FramerTests(SynchronousTestCase):
    WIRE = (
        PREFACE
        + frame(SETTINGS)
        + frame(HEADERS, 1, 1, b"abc")
        + frame(CONTINUATION, 0, 1, b"def")
        + frame(CONTINUATION, 4, 1)
        + data(1, b"x" * 100)
        + frame(PING, 0, 0, bytes(8))
    )

    def cut(self, *cuts: int) -> list[Frame]:
        framer = Framer()
        edges = [0, *sorted(cuts), len(self.WIRE)]
        found = [one for at, end in pairwise(edges) for one in framer.feed(self.WIRE[at:end])]
        self.assertFalse(framer.waiting)
        self.assertEqual(framer.count, 4)
        return found

    @given(st.lists(st.integers(0, len(WIRE)), max_size=8))
    @settings(deadline=None, max_examples=200)
    def test_any_pieces(self, cuts: list[int]) -> None:
        self.assertEqual(self.cut(*cuts), self.cut())

    def test_whole_and_byte_by_byte(self) -> None:
        whole = self.cut()
        self.assertEqual(whole, self.cut(*range(len(self.WIRE))))
        self.assertEqual([one.kind for one in whole], [4, 1, 0, 6])
        self.assertEqual(whole[1].raw.count(b"abc") + whole[1].raw.count(b"def"), 2)

    @given(st.binary(max_size=200))
    @settings(deadline=None, max_examples=200)
    def test_anything(self, wire: bytes) -> None:
        framer = Framer()
        try:
            list(framer.feed(PREFACE + frame(SETTINGS) + wire))
        except ConnectionFault:
            pass

    def test_a_preface_is_refused_at_its_first_wrong_octet(self) -> None:
        for end in range(len(PREFACE)):
            with self.assertRaises(ConnectionFault):
                list(Framer().feed(PREFACE[:end] + b"x"))
            self.assertEqual(list(Framer().feed(PREFACE[:end])), [])

    def test_settings_that_h2_may_see(self) -> None:
        known = setting(2, 0) + setting(4, 1) + setting(6, 2) + setting(4, 3)
        self.assertEqual(tame_settings(setting(1, 2**32 - 1) + known + setting(7, 1) + setting(0, 1)), known)
        with self.assertRaises(ConnectionFault) as caught:
            tame_settings(bytes(7))
        self.assertEqual(caught.exception.code, ErrorCodes.FRAME_SIZE_ERROR)

    def one(self, wire: bytes) -> Frame:
        *_, last = Framer().feed(PREFACE + frame(SETTINGS) + wire)
        return last

    def test_settings_as_a_frame(self) -> None:
        tame = tamed(self.one(frame(SETTINGS, 0, 0, setting(4, 1) + setting(9, 1))))
        self.assertEqual(tame.raw, frame(SETTINGS, 0, 0, setting(4, 1)))
        ack = self.one(frame(SETTINGS, ACK))
        self.assertEqual(tamed(ack), ack)
        with self.assertRaises(ConnectionFault) as caught:
            tamed(self.one(frame(SETTINGS, ACK, 0, setting(4, 1))))
        self.assertEqual(caught.exception.code, ErrorCodes.FRAME_SIZE_ERROR)

    def test_goaway(self) -> None:
        check_goaway(self.one(frame(GOAWAY, 0, 0, bytes(8))))
        for wire, code in (
            (frame(GOAWAY, 0, 1, bytes(8)), ErrorCodes.PROTOCOL_ERROR),
            (frame(GOAWAY, 0, 0, bytes(7)), ErrorCodes.FRAME_SIZE_ERROR),
        ):
            with self.assertRaises(ConnectionFault) as caught:
                check_goaway(self.one(wire))
            self.assertEqual(caught.exception.code, code)

    def test_a_window_opened_by_nothing(self) -> None:
        for body, nothing in (
            (bytes(4), True),
            (b"\x80\0\0\0", True),
            (b"\0\0\0\1", False),
            (bytes(3), False),
            (bytes(5), False),
        ):
            self.assertEqual(opens_nothing(self.one(frame(WINDOW_UPDATE, 0, 1, body))), nothing)


class HeadTests(SynchronousTestCase):
    @given(st.lists(st.tuples(octets, octets), max_size=8))
    @settings(deadline=None, max_examples=500)
    def test_whatever_comes_through_is_well_formed(self, pairs: list[tuple[bytes, bytes]]) -> None:
        for some in (pairs, asking() + pairs):
            try:
                head = parse_head(some)
                parse_request(head, True)
            except (Wrong, Malformed):
                continue
            block = head.fields.block
            self.assertEqual(block.count(b"\n"), block.count(b"\r\n"))
            self.assertEqual(len(head.fields.pairs), block.count(b"\r\n"))
            self.assertNotIn(b"\0", block)
            self.assertTrue(head.path.startswith(b"/") or head.path in (b"", b"*"))
            for name in (b"connection", b"transfer-encoding", b"upgrade"):
                self.assertNotIn(name, head.fields)

    def test_the_host(self) -> None:
        head = parse_head(asking())
        self.assertEqual(head.fields.pairs, ((b"host", b"a"),))
        self.assertEqual(head.line, b"GET /hello.txt HTTP/2.0")
        request, _ = parse_request(parse_head([*asking()[:2], (b":authority", b"A.b:80"), asking()[3]]), True)
        self.assertEqual((request.host, request.plain), (b"a.b:80", True))

    def test_what_is_not_plain(self) -> None:
        for name in (b"range", b"if-none-match", b"authorization"):
            self.assertFalse(parse_request(parse_head([*asking(), (name, b"x")]), True)[0].plain)
        self.assertFalse(parse_request(parse_head(asking()), False)[0].plain)

    def test_trailers(self) -> None:
        check_trailers([(b"x", b"y"), (b"z", b"")])
        for pairs in ([(b":path", b"/")], [(b"X", b"y")], [(b"x", b"y\n")], [(b"upgrade", b"x")]):
            with self.assertRaises(Wrong):
                check_trailers(pairs)


class CompressionTests(SynchronousTestCase):
    def test_every_block_means_the_same_on_every_connection(self) -> None:
        block = b'\r\nContent-Type: text/plain\r\nETag: "x"\r\nConnection: close\r\nX-Long: ' + b"y" * 300
        wanted = [(b"content-type", b"text/plain"), (b"etag", b'"x"'), (b"x-long", b"y" * 300)]
        parts = [encode_block(block), encode_once(block), encode_block(block + b"\r\n\r\n")]
        for _ in range(2):
            encoder, decoder = Encoder(), HPACKDecoder()
            for part in [*parts, *parts]:
                wire = encoder.encode([(ENCODED, encode_status(404) + part)])
                pairs = [(bytes(name), bytes(value)) for name, value in decoder.decode(wire, raw=True)]
                self.assertEqual(pairs, [(b":status", b"404"), (b"server", b"netdaemon"), *wanted])
            self.assertEqual(len(decoder.header_table.dynamic_entries), 0)

    def test_h2_sees_no_fields(self) -> None:
        decoder = Decoder()
        self.assertEqual(decoder.decode(HPACKEncoder().encode(asking())), ())
        self.assertEqual([tuple(pair) for pair in decoder.fields], asking())

    @given(st.binary(max_size=64))
    @settings(deadline=None, max_examples=500)
    def test_anything(self, block: bytes) -> None:
        try:
            Decoder().decode(block)
        except CompressionFault as fault:
            self.assertEqual(fault.error_code, ErrorCodes.COMPRESSION_ERROR)


class _Taker:
    def __init__(self, name: str, urgency: int = 3, together: bool = True) -> None:
        self.name = name
        self.queued = False
        self.priority = Priority(urgency, together)


class TurnsTests(SynchronousTestCase):
    def order(self, *takers: _Taker, rounds: int = 3) -> str:
        turns: Turns[_Taker] = Turns()
        left = dict.fromkeys(takers, rounds)
        for taker in takers:
            turns.add(taker)
            turns.add(taker)
        said = ""
        while (taker := turns.next()) is not None:  # type: ignore[assignment]
            said += taker.name
            left[taker] -= 1
            if left[taker]:
                turns.again(taker)
        self.assertEqual(len(turns), 0)
        return said

    def test_order(self) -> None:
        a, b, c = _Taker("a"), _Taker("b"), _Taker("c")
        self.assertEqual(self.order(a, b, c), "abcabcabc")
        self.assertEqual(self.order(_Taker("a", 5), _Taker("b", 1), _Taker("c", 3)), "bbbcccaaa")
        self.assertEqual(self.order(_Taker("a", 3, False), _Taker("b", 3, False)), "aaabbb")

    def test_removed(self) -> None:
        turns: Turns[_Taker] = Turns()
        a, b = _Taker("a"), _Taker("b")
        turns.add(a)
        turns.add(b)
        turns.remove(a)
        turns.remove(a)
        self.assertIs(turns.next(), b)
        self.assertIsNone(turns.next())

    def test_parsing(self) -> None:
        for value, urgency, together in (
            (b"", 3, True),
            (b"u=0", 0, False),
            (b"u=7, i", 7, True),
            (b"i", 3, True),
            (b"i=?0", 3, False),
            (b"i=?1,u=5", 5, True),
            (b"u=1, u=2", 2, False),
            (b"u=8", 3, False),
            (b"u=-1", 3, False),
            (b"u=1;x=y , i;z", 1, True),
            (b"uu=1, xi", 3, False),
            (b"\xff" * 1000, 3, False),
        ):
            priority = parse_priority(value)
            self.assertEqual((priority.urgency, priority.together), (urgency, together), value)


class LimitTests(SynchronousTestCase):
    def test_budget(self) -> None:
        clock = task.Clock()
        budget = Budget(3, 1, clock.seconds)
        self.assertEqual([budget.spend() for _ in range(4)], [True, True, True, False])
        clock.advance(2)
        self.assertEqual([budget.spend() for _ in range(2)], [True, False])
        budget.earn(100)
        self.assertEqual([budget.spend() for _ in range(4)], [True, True, True, False])

    def test_patience(self) -> None:
        clock = task.Clock()
        over: list[float] = []
        patience = Patience(Wheel(clock), clock.seconds, 10.0, lambda: over.append(clock.seconds()))
        patience.rest()
        patience.wait()
        pass_time(clock, 6)
        patience.wait()
        patience.rest()
        pass_time(clock, 100)
        patience.wait()
        patience.moved(STEP - 1)
        pass_time(clock, 2)
        self.assertEqual(over, [])
        patience.moved(1)
        pass_time(clock, 9)
        self.assertEqual(over, [])
        pass_time(clock, 3)
        self.assertEqual(len(over), 1)
