"""Heads whose lines end with LF alone: refused at once, or read by a client that is told to, and never trusted."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client import NotSpoken, Response
from netdaemon.protocols.http.client.connection import MAX_HEAD
from tests.protocols.http.origin import Origin, Peer

BARE = (
    b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\n\nhello",
    b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\nhello",
    b"HTTP/1.1 200 OK\nContent-Length: 5\n\r\nhello",
    b"HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
)


class LenientCase(SynchronousTestCase):
    def ask(self, lenient: bool) -> tuple[Deferred[Response], Peer]:
        self.origin = Origin(lenient=lenient)
        asked = self.origin.ask()
        return asked, self.origin.accept()

    def body_of(self, asked: Deferred[Response]) -> bytes:
        return self.successResultOf(self.origin.run(self.successResultOf(asked).read(1000)))


class StrictTests(LenientCase):
    def test_refused_before_more_comes(self) -> None:
        """A bare LF anywhere: who waited for CRLF CRLF would wait for ever."""
        for octets in BARE:
            asked, peer = self.ask(False)
            peer.says(octets)
            self.failureResultOf(asked, NotSpoken)
            self.assertTrue(peer.dropped, octets)


class LenientTests(LenientCase):
    def test_read(self) -> None:
        for octets in BARE:
            for piece in (0, 1):
                asked, peer = self.ask(True)
                peer.says(octets, piece=piece)
                self.assertEqual(self.body_of(asked), b"hello", octets)

    def test_nothing_more_is_asked_there(self) -> None:
        for octets in BARE:
            asked, peer = self.ask(True)
            peer.says(octets)
            self.assertEqual(self.body_of(asked), b"hello")
            self.assertTrue(peer.dropped, octets)
            self.origin.ask()
            self.assertEqual(self.origin.waiting, 1)

    def test_a_good_one_keeps_its_connection(self) -> None:
        for piece in (0, 1):
            asked, peer = self.ask(True)
            peer.says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", piece=piece)
            self.assertEqual(self.body_of(asked), b"hello")
            self.assertFalse(peer.dropped)

    def test_two_lengths_are_two_lengths(self) -> None:
        for octets in (
            b"HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n\nhello!",
            b"HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\nA: b\rc\n\n",
            b"HTTP/1.1 200 OK\nA: \0\n\n",
        ):
            asked, peer = self.ask(True)
            peer.says(octets)
            self.failureResultOf(asked, NotSpoken)

    def test_the_limit_holds(self) -> None:
        start = b"HTTP/1.1 200 OK\nContent-Length: 0\nX: "
        for length, fits in ((MAX_HEAD - 4, True), (MAX_HEAD - 3, False)):  # each of the four LF counts as CRLF
            asked, peer = self.ask(True)
            peer.says(start + b"x" * (length - len(start) - 2) + b"\n\n")
            if fits:
                self.successResultOf(asked)
            else:
                self.failureResultOf(asked, NotSpoken)

    def test_the_trace_has_it_as_it_came(self) -> None:
        heads: list[bytes] = []
        self.origin = Origin(lenient=True, trace=lambda direction, head: heads.append(head))
        asked = self.origin.ask()
        self.origin.accept().says(BARE[0])
        self.assertEqual(self.body_of(asked), b"hello")
        self.assertEqual(heads[1], b"HTTP/1.1 200 OK\nContent-Length: 5")

    @settings(deadline=None, max_examples=60)
    @given(st.sampled_from(BARE), st.lists(st.integers(1, 30), max_size=8))
    def test_any_pieces(self, octets: bytes, pieces: list[int]) -> None:
        asked, peer = self.ask(True)
        for size in pieces:
            peer.says(octets[:size])
            octets = octets[size:]
        peer.says(octets)
        self.assertEqual(self.body_of(asked), b"hello")
