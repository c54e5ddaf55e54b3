"""Responses as they come over the wire: whole, byte by byte, with something behind them, broken off, and forged."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client import Broken, NoAnswer, NotSpoken, Response
from netdaemon.protocols.http.client.connection import MAX_HEAD, MAX_INTERIM
from tests.protocols.http.origin import Origin, Peer


class Case(NamedTuple):
    """One good response: its octets, the body in them, and whether the connection may be used again."""

    octets: bytes
    body: bytes
    keeps: bool
    method: str = "GET"
    status: int = 200


OK = b"HTTP/1.1 200 OK\r\n"
GOOD = {
    "length": Case(OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
    "empty": Case(OK + b"Content-Length: 0\r\n\r\n", b"", True),
    "the same length twice": Case(OK + b"Content-Length: 5, 5\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
    "chunked": Case(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", b"hello", True),
    "extensions and trailers": Case(
        OK + b"Transfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n0;x\r\nX-Sum: 1\r\nY: 2\r\n\r\n", b"hello", True
    ),
    "close": Case(OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "close among others": Case(OK + b"Connection: x, Close\r\nContent-Length: 0\r\n\r\n", b"", False),
    "1.0": Case(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "1.0 kept": Case(b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
    "204": Case(b"HTTP/1.1 204 No Content\r\n\r\n", b"", True, status=204),
    "304": Case(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", b"", True, status=304),
    "HEAD": Case(OK + b"Content-Length: 500\r\n\r\n", b"", True, "HEAD"),
    "HEAD of chunks": Case(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"", True, "HEAD"),
    "no reason": Case(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", b"hi", True),
    "interim": Case(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: x\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi",
        b"hi",
        True,
    ),
    "error": Case(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", b"no", True, status=404),
}


class FramingCase(SynchronousTestCase):
    def ask(self, method: str = "GET") -> tuple[Deferred[Response], Peer]:
        self.origin = Origin()
        asked = self.origin.ask(method=method)
        peer = self.origin.accept()
        peer.heard()
        return asked, peer

    def body_of(self, asked: Deferred[Response]) -> Deferred[bytes]:
        return self.origin.run(self.successResultOf(asked).read(1_000_000))

    def kept(self) -> bool:
        """Does the next request go over the same connection?"""
        second = self.origin.ask()
        kept = self.origin.waiting == 0
        second.addErrback(lambda failure: None)
        second.cancel()
        return kept


class GoodTests(FramingCase):
    def check(self, name: str, case: Case, piece: int) -> None:
        asked, peer = self.ask(case.method)
        peer.says(case.octets, piece=piece)
        response = self.successResultOf(asked)
        self.assertEqual(response.status, case.status, name)
        self.assertEqual(self.successResultOf(self.origin.run(response.read(1000))), case.body, name)
        self.assertEqual(not peer.dropped, case.keeps, name)
        self.assertEqual(self.kept(), case.keeps, name)

    def test_whole(self) -> None:
        for name, case in GOOD.items():
            self.check(name, case, 0)

    def test_byte_by_byte(self) -> None:
        for name, case in GOOD.items():
            self.check(name, case, 1)

    def test_what_stands_behind_is_no_response(self) -> None:
        """Octets nobody asked for end the connection: taken for the next response they would be anybody's."""
        for name, case in GOOD.items():
            for piece in (0, 1):
                asked, peer = self.ask(case.method)
                peer.says(case.octets + GOOD["length"].octets, piece=piece)
                self.assertEqual(self.successResultOf(self.body_of(asked)), case.body, name)
                self.assertTrue(peer.dropped, name)
                self.assertFalse(self.kept(), name)

    def test_until_close(self) -> None:
        for piece in (0, 1):
            asked, peer = self.ask()
            peer.says(OK + b"\r\nhello", piece=piece)
            body = self.body_of(asked)
            self.assertNoResult(body)
            peer.closes()
            self.assertEqual(self.successResultOf(body), b"hello")

    @settings(deadline=None, max_examples=60)
    @given(st.sampled_from(sorted(GOOD)), st.lists(st.integers(1, 60), max_size=12))
    def test_any_pieces(self, name: str, pieces: list[int]) -> None:
        case = GOOD[name]
        asked, peer = self.ask(case.method)
        octets = case.octets
        for size in pieces:
            peer.says(octets[:size])
            octets = octets[size:]
        peer.says(octets)
        self.assertEqual(self.successResultOf(self.body_of(asked)), case.body)


class BrokenOffTests(FramingCase):
    def test_within_the_head(self) -> None:
        for octets in (b"", b"H", OK, OK + b"Content-Length: 5\r\n\r", b"HTTP/1.1 100 Continue\r\n\r\n"):
            asked, peer = self.ask()
            peer.says(octets)
            peer.closes()
            self.failureResultOf(asked, NoAnswer)

    def test_within_the_body(self) -> None:
        for octets in (
            OK + b"Content-Length: 6\r\n\r\nhello",
            OK + b"Transfer-Encoding: chunked\r\n\r\n6\r\nhello",
            OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n",
        ):
            asked, peer = self.ask()
            peer.says(octets)
            response = self.successResultOf(asked)
            first = self.origin.run(anext(response.body))
            self.assertEqual(self.successResultOf(first), b"hello")
            peer.closes()
            self.failureResultOf(self.origin.run(response.read(100)), Broken)

    def test_a_body_until_close_that_was_cut(self) -> None:
        """A reset, or under TLS an end without close_notify, is no end of a body."""
        asked, peer = self.ask()
        peer.says(OK + b"\r\nhello")
        peer.closes(rudely=True)
        self.failureResultOf(self.body_of(asked), Broken)


class EvilTests(FramingCase):
    """Every one of these is two responses, or two lengths, to somebody."""

    HEADS = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\n",
        b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n Content-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 099 Less\r\n\r\n",
        b"HTTP/1.1 2000 More\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"<html>hello</html>",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        b"220 spam.egg ESMTP\r\n",
    )

    def test_heads(self) -> None:
        for head in self.HEADS:
            for piece in (0, 1):
                asked, peer = self.ask()
                peer.says(head + b"hello", piece=piece)
                self.failureResultOf(asked, NotSpoken)
                self.assertTrue(peer.dropped, head)
                self.assertFalse(self.kept(), head)

    def test_chunks(self) -> None:
        for chunks in (
            b"0x5\r\nhello\r\n",
            b"5 \r\nhello\r\n",
            b"+5\r\nhello\r\n",
            b"-5\r\nhello\r\n",
            b"\r\nhello\r\n",
            b"5\nhello\r\n",
            b"5;a=\nb\r\nhello\r\n",
            b"12345678901234567\r\nhello\r\n",
            b"5\r\nhellohello\r\n",
            b"5\r\nhello0\r\n",
            b"5;" + b"x" * 5000,
            b"0\r\nA: b\nC: d\r\n\r\n",
            b"0\r\n" + b"A: b\r\n" * 5000,
        ):
            for piece in (0, 1):
                asked, peer = self.ask()
                peer.says(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, piece=piece)
                self.failureResultOf(self.body_of(asked), Broken)
                self.assertTrue(peer.dropped, chunks)

    def test_what_came_before_is_delivered(self) -> None:
        for piece in (0, 1):
            asked, peer = self.ask()
            peer.says(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nyou\r\nX\r\n", piece=piece)
            response = self.successResultOf(asked)
            first = self.successResultOf(self.origin.run(anext(response.body)))
            self.assertEqual(first, b"helloyou")
            self.failureResultOf(self.origin.run(anext(response.body)), Broken)

    def test_a_head_at_its_limit_and_one_past_it(self) -> None:
        for length, accepted in ((MAX_HEAD, True), (MAX_HEAD + 1, False)):
            for piece in (0, 4096):
                asked, peer = self.ask()
                head = OK + b"Content-Length: 0\r\nX: "
                peer.says(head.ljust(length - 4, b"x") + b"\r\n\r\n", piece=piece)
                if accepted:
                    self.successResultOf(asked)
                else:
                    self.failureResultOf(asked, NotSpoken)

    def test_a_head_without_end(self) -> None:
        asked, peer = self.ask()
        peer.says(OK)
        for _ in range(MAX_HEAD // 1000 + 1):
            peer.says(b"X: " + b"y" * 995 + b"\r\n")
        self.failureResultOf(asked, NotSpoken)
        self.assertTrue(peer.dropped)

    def test_interim_responses_without_end(self) -> None:
        for count, accepted in ((MAX_INTERIM, True), (MAX_INTERIM + 1, False)):
            asked, peer = self.ask()
            peer.says(b"HTTP/1.1 100 Continue\r\n\r\n" * count + GOOD["length"].octets)
            if accepted:
                self.successResultOf(asked)
            else:
                self.failureResultOf(asked, NotSpoken)

    @settings(deadline=None, max_examples=150)
    @given(st.binary(max_size=80), st.sampled_from([b"", b"HTTP/1.1 ", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n"]))
    def test_noise(self, noise: bytes, before: bytes) -> None:
        """Nothing but our own errors comes of it, and never a hang once the connection is gone."""
        asked, peer = self.ask()
        peer.says(before + noise)
        peer.closes()
        result: list[object] = []
        asked.addBoth(result.append)
        self.assertEqual(len(result), 1)
        if isinstance(result[0], Response):
            body: list[object] = []
            self.origin.run(result[0].read(1000)).addBoth(body.append)
            self.assertEqual(len(body), 1)
        else:
            assert hasattr(result[0], "check")
            self.assertTrue(result[0].check(NoAnswer, NotSpoken), result[0])
