"""Peers that mean harm: each flood ends the connection, each standstill its stream, and honest ones are let alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from hpack import Encoder
from twisted.internet.defer import Deferred

from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.request import Request
from netdaemon.protocols.http.response import Response, Stream
from tests.kit.clock import pass_time
from tests.protocols.http.peer2 import (
    ACK,
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    HEADERS,
    NO_ERROR,
    PADDED,
    PING,
    PRIORITY,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    Peer2,
    asking,
    data,
    frame,
    setting,
    update,
)
from tests.protocols.http.test_http2 import MOST, OPEN, Case, echo

SHUT = frame(SETTINGS, 0, 0, setting(4, 0))
RESET = CANCEL.to_bytes(4, "big")


class FloodTests(Case):
    def flood(self, peer: Peer2, each: Callable[[int], bytes], honest: int, most: int = 2000) -> None:
        """``honest`` of them are nothing, ``most`` end the connection."""
        for number in range(honest):
            peer.send(each(number))
        self.assertIsNone(peer.goaway)
        for number in range(honest, most):
            peer.send(each(number))
        self.gone(peer, ENHANCE_YOUR_CALM)

    def test_rapid_reset(self) -> None:
        """CVE-2023-44487: requests that are taken back at once."""
        peer = self.to(lambda request: Deferred())
        self.flood(
            peer,
            lambda number: peer.request(2 * number + 1, b"/made") + frame(RST_STREAM, 0, 2 * number + 1, RESET),
            honest=150,
        )

    def test_resets_in_the_course_of_a_day(self) -> None:
        peer = self.to(lambda request: Deferred())
        for number in range(1000):
            peer.send(peer.request(2 * number + 1, b"/made") + frame(RST_STREAM, 0, 2 * number + 1, RESET))
            self.clock.advance(0.1)
        self.alive(peer, 2001)

    def test_made_you_reset(self) -> None:
        """CVE-2025-8671: the same, with us brought to reset them."""
        wrong: list[Callable[[int], bytes]] = [
            lambda stream: update(stream, 0),
            lambda stream: update(stream, MOST),
            lambda stream: data(stream, b"x"),  # behind the end
            lambda stream: frame(HEADERS, END_STREAM | END_HEADERS, stream, b"\x82"),
        ]
        for each in wrong:
            peer = self.to(lambda request: Deferred())
            self.flood(
                peer,
                lambda number, peer=peer, each=each: (  # type: ignore[misc]
                    peer.request(2 * number + 1, b"/made") + each(2 * number + 1)
                ),
                honest=150,
            )
        for pairs in (asking(b""), [*asking(), (b"connection", b"x")], [*asking(), (b"content-length", b"1")]):
            peer = self.peer2()
            self.flood(peer, lambda number, peer=peer, pairs=pairs: peer.headers(2 * number + 1, pairs), honest=150)  # type: ignore[misc]

    def test_streams_beyond_the_limit(self) -> None:
        running = []
        peer = self.to(lambda request: running.append(request) or Deferred())  # type: ignore[func-returns-value]
        for number in range(100):
            peer.send(peer.request(2 * number + 1, b"/made"))
        self.flood(peer, lambda number: peer.request(2 * number + 201, b"/made"), honest=150)
        self.assertEqual(len(running), 100)
        self.assertEqual(peer.reply(201).reset, REFUSED_STREAM)

    def test_frames_that_only_make_work(self) -> None:
        kinds = {
            "PING": frame(PING, 0, 0, bytes(8)),
            "answers to no PING": frame(PING, ACK, 0, bytes(8)),
            "SETTINGS": frame(SETTINGS, 0, 0, setting(4, 1000)),
            "ACKs of SETTINGS": frame(SETTINGS, ACK),
            "PRIORITY": frame(PRIORITY, 0, 5, b"\0\0\0\1\0"),
            "PRIORITY_UPDATE": frame(0x10, 0, 0, b"\0\0\0\1u=1"),
            "extensions": frame(0x77),
            "window updates": update(0, 1),
        }
        for each in kinds.values():
            self.flood(self.peer2(), lambda number, each=each: each, honest=300)  # type: ignore[misc]

    def test_in_the_course_of_a_day_they_are_nothing(self) -> None:
        peer = self.peer2()
        for number in range(1000):
            peer.send(frame(PING, 0, 0, bytes(8)) + update(0, 1))
            if number % 100 == 0:
                self.alive(peer, 2 * number + 1)
            self.clock.advance(0.1)

    def test_empty_data(self) -> None:
        """CVE-2019-9518."""
        for empty in (frame(DATA, 0, 1), frame(DATA, PADDED, 1, bytes(1)), frame(DATA, PADDED, 1, b"\x05" + bytes(5))):
            peer = self.to(echo)
            peer.send(peer.post(1))
            self.flood(peer, lambda number, empty=empty: empty, honest=300)  # type: ignore[misc]

    def test_windows_opened_by_an_octet(self) -> None:
        self.file("big", bytes(60_000))
        peer = self.peer2()
        peer.send(SHUT + peer.request(1, b"/big"))
        self.flood(peer, lambda number: update(1, 1), honest=300)

    def test_windows_opened_as_bodies_come(self) -> None:
        """The honest ones: two updates for each frame of data."""
        self.file("big", bytes(8_000_000))
        peer = self.peer2(lazy=True)
        peer.send(frame(SETTINGS, 0, 0, setting(4, 16_384)) + peer.request(1, b"/big"))
        while not peer.reply(1).ended:
            peer.wire.taken()
            peer.send(update(0, 16_384) + update(1, 16_384))
        self.alive(peer)

    def test_windows_opened_for_small_news(self) -> None:
        news: list[Deferred[None]] = [Deferred()]

        async def chunks() -> AsyncGenerator[bytes, None]:
            while True:
                await news[-1]
                news.append(Deferred())
                yield b"news"

        peer = self.to(lambda request: Response(200, Fields(), Stream(chunks())))
        peer.send(peer.request(1, b"/made"))
        for _ in range(1000):
            news[-1].callback(None)
            peer.send(update(0, 4) + update(1, 4))
        self.assertEqual(len(peer.reply(1).body), 4000)
        self.alive(peer)

    def test_answers_that_nobody_reads(self) -> None:
        """CVE-2019-9512, -9515: they may not pile up here."""
        self.file("big", bytes(1_000_000))
        peer = self.peer2(lazy=True)
        peer.send(OPEN + peer.request(1, b"/big"))
        self.assertTrue(peer.wire.full)
        waiting = peer.wire.waiting
        for _ in range(1100):
            if not peer.wire.reading:
                break
            peer.send(frame(PING, 0, 0, bytes(8)))
            self.clock.advance(0.05)
        else:
            self.fail("it reads on and on")
        self.assertEqual(peer.wire.waiting, waiting)
        peer.wire.taken()
        self.assertTrue(peer.wire.reading)
        while peer.wire.waiting:
            peer.wire.taken()
        self.assertTrue(peer.reply(1).ended)
        self.alive(peer)


class CompressionTests(Case):
    def test_a_block_that_goes_on(self) -> None:
        """CVE-2024-27316."""
        for part in (bytes(16_384), b"\x00" * 4000, b""):
            peer = self.peer2()
            peer.send(frame(HEADERS, END_STREAM, 1, part))
            for _ in range(20):
                peer.send(frame(CONTINUATION, 0, 1, part))
            self.gone(peer, ENHANCE_YOUR_CALM)
        for last, ended in ((b"", False), (b"\0", True)):  # at the limit and one past it
            peer = self.peer2()
            peer.send(frame(HEADERS, END_STREAM, 1, bytes(16_384)) + frame(CONTINUATION, 0, 1, bytes(16_384)))
            peer.send(frame(CONTINUATION, 0, 1, last))
            self.assertEqual(peer.wire.ended, ended)

    def test_a_list_that_unpacks_to_megabytes(self) -> None:
        peer = self.peer2()
        block = Encoder().encode([*asking(), (b"x", b"y" * 4000)])
        peer.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, block + b"\xbe" * 10_000))
        self.gone(peer, ENHANCE_YOUR_CALM)

    def test_at_the_limit_and_one_past_it(self) -> None:
        """As in HTTP/1, and the connection goes on: the table has seen all of it."""
        for fields, status in ((99, 200), (100, 431)):  # and Host
            peer = self.peer2()
            peer.send(peer.request(1, b"/hello.txt", *((b"x%d" % number, b"y") for number in range(fields))))
            self.assertEqual(peer.reply(1).status, status)
            self.alive(peer)
        base = len(b"/hello.txt\r\nhost: a\r\nx: ")
        for size, status in ((16_384, 200), (16_385, 431)):
            peer = self.peer2()
            block = peer.encoder.encode([*asking(), (b"x", b"y" * (size - base))], huffman=True)
            peer.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, block))
            self.assertEqual(peer.reply(1).status, status)
            self.alive(peer)

    def test_our_table_is_not_the_peers_to_fill(self) -> None:
        peer = self.peer2()
        peer.send(frame(SETTINGS, 0, 0, setting(1, 2**32 - 1)))
        for stream in range(1, 41, 2):
            peer.send(peer.request(stream, b"/nowhere/%d" % stream))
        h2 = peer.session._successor._h2
        self.assertEqual(len(h2.encoder.header_table.dynamic_entries), 0)

    def test_settings_that_nobody_knows(self) -> None:
        peer = self.peer2()
        peer.send(frame(SETTINGS, 0, 0, b"".join(setting(number, 1) for number in range(1000, 1032))))
        self.assertLess(len(peer.session._successor._h2.remote_settings), 10)
        self.alive(peer)
        peer.send(frame(SETTINGS, 0, 0, b"".join(setting(number, 1) for number in range(1000, 1033))))
        self.gone(peer, ENHANCE_YOUR_CALM)


class StandstillTests(Case):
    """Windows that stay shut: 60 s, which is the stall time-out."""

    def test_a_streams_window(self) -> None:
        peer = self.peer2()
        peer.send(SHUT + peer.request(1))
        pass_time(self.clock, 58.0)
        self.assertIsNone(peer.reply(1).reset)
        pass_time(self.clock, 4.0)
        self.assertEqual(peer.reply(1).reset, CANCEL)
        peer.send(frame(SETTINGS, 0, 0, setting(4, 1000)))
        self.alive(peer)

    def test_one_that_is_opened_by_an_octet_now_and_then(self) -> None:
        self.file("big", bytes(100_000))
        peer = self.peer2()
        peer.send(SHUT + peer.request(1, b"/big"))
        for _ in range(7):
            pass_time(self.clock, 9.0)
            peer.send(update(1, 1))
        self.assertEqual((len(peer.reply(1).body), peer.reply(1).reset), (6, CANCEL))

    def test_only_its_own_counts(self) -> None:
        """What stands open, and waits for the connection's, is not the stream's fault."""
        self.file("big", bytes(200_000))
        peer = self.peer2()
        peer.send(SHUT + peer.request(1, b"/big") + peer.request(3, b"/big"))
        pass_time(self.clock, 50.0)
        peer.send(update(3, 100_000) + update(1, 100_000))
        pass_time(self.clock, 15.0)
        self.assertEqual((peer.reply(1).reset, peer.reply(3).reset, peer.goaway), (None, None, None))

    def test_one_that_is_slow_but_good(self) -> None:
        self.file("big", bytes(600_000))
        peer = self.peer2()
        peer.send(SHUT + update(0, MOST - 65535) + peer.request(1, b"/big"))
        for _ in range(10):
            pass_time(self.clock, 55.0)
            peer.send(update(1, 65_536))
        self.assertTrue(peer.reply(1).ended)

    def test_the_connections_window(self) -> None:
        self.file("big", bytes(100_000))
        peer = self.peer2()
        peer.send(frame(SETTINGS, 0, 0, setting(4, MOST)) + peer.request(1, b"/big") + peer.request(3, b"/big"))
        pass_time(self.clock, 58.0)
        self.assertIsNone(peer.goaway)
        pass_time(self.clock, 4.0)
        self.gone(peer, ENHANCE_YOUR_CALM)

    def test_the_transport(self) -> None:
        self.file("big", bytes(1_000_000))
        peer = self.peer2(lazy=True)
        peer.send(OPEN + peer.request(1, b"/big"))
        pass_time(self.clock, 58.0)
        self.assertFalse(peer.wire.aborted)
        pass_time(self.clock, 4.0)
        self.assertTrue(peer.wire.aborted)

    def test_a_responder_that_thinks_is_nobodys_fault(self) -> None:
        go = Deferred[None]()

        async def respond(request: Request) -> Response:
            assert request.body is not None
            await request.body.read()
            await go
            return await echo(request)

        peer = self.to(respond)
        peer.send(peer.post(1) + data(1, b"abc", False))
        pass_time(self.clock, 1000.0)
        self.assertEqual((peer.reply(1).status, peer.goaway), (0, None))
        go.callback(None)
        peer.send(data(1, b"def"))
        self.assertEqual((peer.reply(1).status, peer.reply(1).body), (200, b"def"))

    def test_a_connection_that_only_pings(self) -> None:
        peer = self.peer2()
        for _ in range(8):
            peer.send(frame(PING, 0, 0, bytes(8)))
            pass_time(self.clock, 8.0)
        self.gone(peer, NO_ERROR)


class SmugglingTests(Case):
    """A request of HTTP/2 is one request, whatever stands in it."""

    def test_nothing_of_it_reaches_a_line_of_http_1(self) -> None:
        seen: list[Request] = []
        peer = self.to(lambda request: seen.append(request) or Response(204, Fields()), limit=100)  # type: ignore[func-returns-value]
        tries: list[tuple[tuple[bytes, bytes], ...]] = [
            ((b"transfer-encoding", b"chunked"),),
            ((b"content-length", b"0"), (b"content-length", b"4")),
            ((b"content-length", b"0\r\nx: y"),),
            ((b"x", b"y\r\ntransfer-encoding: chunked"),),
            ((b"x\r\ny", b"z"),),
            ((b"x: y\r\nz", b"z"),),
            ((b":path", b"/other"),),
        ]
        for number, fields in enumerate(tries):
            stream = 2 * number + 1
            peer.send(peer.post(stream, *fields) + data(stream, b"0\r\n\r\nGET /other HTTP/1.1\r\n\r\n"))
            self.assertEqual(peer.reply(stream).reset, PROTOCOL_ERROR, fields)
        self.assertEqual(seen, [])
        self.alive(peer)
