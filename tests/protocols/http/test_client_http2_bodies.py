"""The client's bodies by HTTP/2, both ways: windows, back-pressure, and uploads that somebody stops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from netdaemon.protocols.http.client import Broken, NoAnswer, Upload
from netdaemon.protocols.http.client.expecting import LARGE, PATIENCE
from netdaemon.protocols.http.client.http2.connection import STREAM_WINDOW, WINDOW
from netdaemon.wire.inflow import HIGH_WATER
from tests.protocols.http.origin import TIMEOUTS
from tests.protocols.http.origin2 import HTTP2Case, ServerPeer
from tests.protocols.http.peer2 import (
    CANCEL,
    NO_ERROR,
    SETTINGS,
    data,
    frame,
    setting,
    update,
)

BIG = bytes(range(256)) * 64  # a frame


class WindowTests(HTTP2Case):
    def fill(self, peer: ServerPeer, stream: int, octets: int) -> None:
        for _ in range(octets // len(BIG)):
            peer.says(data(stream, BIG, False))

    def test_a_body_that_nobody_reads(self) -> None:
        asked, peer = self.asked()
        other = self.origin.ask()
        peer.says(peer.response(1, ends=False))
        response = self.successResultOf(asked)
        self.fill(peer, 1, STREAM_WINDOW)
        # More of it waits than its reader has use for; what came before that was given back.
        self.assertLessEqual(peer.updates(1), HIGH_WATER)
        self.fill(peer, 1, peer.updates(1))
        self.assertLessEqual(peer.updates(1), HIGH_WATER)
        peer.says(peer.response(3, ends=False) + data(3, b"hi"))
        self.assertEqual(self.read(other), b"hi")
        # The reader comes.
        before = peer.updates(1)
        self.successResultOf(self.origin.run(anext(response.body)))
        self.assertGreaterEqual(peer.updates(1) - before, HIGH_WATER)

    def test_the_connections_window_is_given_back_at_once(self) -> None:
        asked = [self.origin.ask() for _ in range(20)]
        peer = self.accept2()
        begun = peer.updates(0)
        self.assertEqual(begun, WINDOW - 65535)
        for stream in peer.streams:
            peer.says(peer.response(stream, ends=False))
            self.fill(peer, stream, STREAM_WINDOW)
        self.assertGreater(peer.updates(0) - begun, 20 * STREAM_WINDOW - WINDOW // 2)
        self.assertIsNone(peer.goaway)
        for one in asked:
            self.successResultOf(one).close()

    def test_padding_counts(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False))
        response = self.successResultOf(asked)
        for _ in range(STREAM_WINDOW // 2 // 256 + 1):
            peer.says(frame(0, 0x8, 1, b"\xf9" + b"hello " + bytes(249)))
        self.assertGreaterEqual(peer.updates(1), STREAM_WINDOW // 2)
        response.close()

    def test_a_body_that_is_closed(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False) + data(1, b"hi", False))
        self.successResultOf(asked).close()
        self.assertEqual(peer.heard(1).reset, CANCEL)
        peer.says(data(1, b"was on its way", False))
        self.alive(peer)

    def test_one_that_is_cancelled(self) -> None:
        asked, peer = self.asked()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(peer.heard(1).reset, CANCEL)
        peer.says(peer.response(1, ends=False) + data(1, b"too late"))
        self.alive(peer)


class UploadTests(HTTP2Case):
    def setUp(self) -> None:
        super().setUp()
        self.taken: list[bytes] = []

    def upload(self, *chunks: bytes, length: int | None = None) -> Upload:
        def make() -> Iterator[bytes]:
            for chunk in chunks:
                self.taken.append(chunk)
                yield chunk

        return Upload(make, length)

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.origin.reactor.advance(1)

    def send(
        self, *chunks: bytes, length: int | None = None, settings: bytes = b""
    ) -> tuple[Deferred[Any], ServerPeer]:
        return self.asked(settings, method="PUT", body=self.upload(*chunks, length=length))

    def test_of_a_known_length(self) -> None:
        asked, peer = self.send(b"hello ", b"", b"world", length=11)
        heard = peer.heard(1)
        self.assertEqual((heard[b"content-length"], heard.body, heard.ended), (b"11", b"hello world", True))
        peer.says(peer.response(1))
        self.read(asked)
        self.alive(peer)

    def test_of_an_unknown_one(self) -> None:
        _, peer = self.send(b"hello ", b"world")
        heard = peer.heard(1)
        self.assertEqual((heard.body, heard.ended), (b"hello world", True))
        self.assertFalse({b"content-length", b"transfer-encoding"} & set(dict(heard.fields)))

    def test_an_empty_one(self) -> None:
        _, peer = self.send()
        self.assertEqual((peer.heard(1).body, peer.heard(1).ended), (b"", True))

    def test_of_another_length(self) -> None:
        for length in (4, 6):
            self.setUp()
            asked, peer = self.send(b"hello", length=length)
            self.failureResultOf(asked, ValueError)
            self.assertEqual((peer.heard(1).ended, peer.heard(1).reset), (False, CANCEL))
            self.alive(peer)

    def test_what_its_chunks_raise(self) -> None:
        def chunks() -> Iterator[bytes]:
            yield b"hello"
            raise OSError("the disk is gone")

        asked, peer = self.asked(method="PUT", body=Upload(chunks))
        self.failureResultOf(asked, OSError)
        self.assertEqual(peer.heard(1).reset, CANCEL)
        self.alive(peer)

    def test_no_faster_than_the_windows_open(self) -> None:
        asked, peer = self.send(*[BIG] * 10, settings=setting(4, 65535))
        self.assertEqual(len(peer.heard(1).body), 65535)
        self.assertEqual(len(self.taken), 4)
        peer.says(update(1, 100_000))
        self.assertEqual(len(peer.heard(1).body), 65535, "the connection's is shut still")
        peer.says(update(0, 10))
        self.assertEqual(len(peer.heard(1).body), 65545)
        peer.says(update(0, 200_000))
        self.assertEqual((peer.heard(1).body, peer.heard(1).ended), (BIG * 10, True))
        self.assertNoResult(asked)

    def test_bytes_too(self) -> None:
        _, peer = self.asked(method="PUT", body=BIG * 5)
        self.assertEqual(len(peer.heard(1).body), 65535)
        peer.says(update(1, 100_000) + update(0, 100_000))
        self.assertEqual((peer.heard(1).body, peer.heard(1).ended), (BIG * 5, True))

    def test_a_window_that_becomes_smaller_and_larger(self) -> None:
        _, peer = self.send(*[BIG] * 3, settings=setting(4, 100))
        self.assertEqual(len(peer.heard(1).body), 49152, "it all went before the settings came")
        self.origin.ask(method="PUT", body=b"x" * 150)
        self.assertEqual(peer.heard(3).body, b"x" * 100)
        peer.says(frame(SETTINGS, 0, 0, setting(4, 1000)))
        self.assertEqual(peer.heard(3).body, b"x" * 150)

    def test_none_faster_than_the_transport(self) -> None:
        _, peer = self.asked()
        peer.line.pauseProducing()
        self.origin.ask(method="PUT", body=b"hello")
        self.assertEqual(peer.heard(3).body, b"")
        peer.line.resumeProducing()
        self.assertEqual(peer.heard(3).body, b"hello")

    def test_a_transport_that_takes_nothing(self) -> None:
        asked, peer = self.asked()
        peer.says(peer.response(1, ends=False))
        response = self.successResultOf(asked)
        peer.line.pauseProducing()
        self.wait(TIMEOUTS.stall - 1)
        peer.line.resumeProducing()
        self.wait(TIMEOUTS.stall)
        self.assertFalse(peer.dropped)
        peer.line.pauseProducing()
        self.wait(TIMEOUTS.stall + 2)
        self.assertTrue(peer.peer.wire.disconnected)
        reading = self.origin.run(response.read(10))
        self.assertIn("took nothing", str(self.failureResultOf(reading, Broken).value))

    def test_a_window_that_stays_shut(self) -> None:
        asked, peer = self.send(*[BIG] * 10)
        peer.says(update(0, 1_000_000))
        self.wait(TIMEOUTS.stall + 2)
        self.assertIn("took nothing", str(self.failureResultOf(asked, NoAnswer).value))
        self.assertEqual(peer.heard(1).reset, CANCEL)

    def test_a_refusal_stops_it(self) -> None:
        asked, peer = self.send(*[BIG] * 10)
        peer.says(peer.response(1, b"413", [(b"content-length", b"4")], False))
        response = self.successResultOf(asked)
        self.assertEqual(response.status, 413)
        sent = len(peer.heard(1).body)
        peer.says(update(0, 1_000_000) + update(1, 1_000_000))
        self.assertEqual((len(peer.heard(1).body), peer.heard(1).reset), (sent, None))
        peer.says(data(1, b"full"))
        self.assertEqual(peer.heard(1).reset, CANCEL, "the request is not whole and never will be")
        self.assertEqual(self.read_from(response), b"full")
        self.alive(peer)

    def test_agreement_does_not(self) -> None:
        asked, peer = self.send(*[BIG] * 10)
        peer.says(peer.response(1, ends=False) + data(1, b"both ", False))
        response = self.successResultOf(asked)
        peer.says(update(0, 1_000_000) + update(1, 1_000_000))
        self.assertEqual((peer.heard(1).body, peer.heard(1).ended), (BIG * 10, True))
        peer.says(data(1, b"ways"))
        self.assertEqual(self.read_from(response), b"both ways")
        self.alive(peer)

    def test_a_whole_response_and_a_reset_without_error(self) -> None:
        """RFC 9113 8.1"""
        asked, peer = self.send(*[BIG] * 10)
        peer.says(peer.response(1, b"200", ends=False) + data(1, b"enough") + peer.reset(1, NO_ERROR))
        self.assertEqual(self.read(asked), b"enough")
        self.alive(peer)

    def test_a_large_one_asks_first(self) -> None:
        body = self.upload(*[BIG] * (LARGE // len(BIG)), length=LARGE)
        for says, sent, status in (
            (lambda peer: peer.response(1, b"100", ends=False), True, None),
            (lambda peer: peer.response(1, b"103", ends=False), False, None),
            (lambda peer: peer.response(1, b"200", ends=False), True, 200),
            (lambda peer: peer.response(1, b"401"), False, 401),
        ):
            self.setUp()
            asked, peer = self.asked(method="PUT", body=body)
            self.assertEqual((peer.heard(1)[b"expect"], peer.heard(1).body), (b"100-continue", b""))
            peer.says(says(peer))
            self.assertEqual(bool(peer.heard(1).body), sent)
            if status is None:
                asked.cancel()
                self.failureResultOf(asked, CancelledError)
                self.assertEqual(peer.heard(1).reset, CANCEL)
            else:
                response = self.successResultOf(asked)
                self.assertEqual(response.status, status)
                response.close()
            self.alive(peer)

    def test_a_server_that_has_never_heard_of_asking(self) -> None:
        asked, peer = self.asked(method="PUT", body=self.upload(*[BIG] * (LARGE // len(BIG)), length=LARGE))
        self.origin.reactor.advance(PATIENCE)
        self.assertEqual(len(peer.heard(1).body), 65535)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)

    def test_fair_turns(self) -> None:
        _, peer = self.asked(method="PUT", body=BIG * 8)
        self.origin.ask(method="PUT", body=BIG * 8)
        peer.says(update(1, 1_000_000) + update(3, 1_000_000) + update(0, 8 * len(BIG)))
        first, second = len(peer.heard(1).body), len(peer.heard(3).body)
        self.assertGreaterEqual(second, 3 * len(BIG), (first, second))

    def test_cancelled(self) -> None:
        asked, peer = self.send(*[BIG] * 10)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(peer.heard(1).reset, CANCEL)
        self.alive(peer)
