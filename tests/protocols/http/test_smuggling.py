"""No request hides inside another: the classic desynchronisations, seen from behind a front end that errs."""

from __future__ import annotations

from tests.protocols.http.peer import HTTPTests

SMUGGLED = b"GET /hello.txt HTTP/1.1\r\nHost: smuggled\r\n\r\n"


class SmugglingTests(HTTPTests):
    def test_front_end_by_length_we_by_chunks(self) -> None:
        body = b"0\r\n\r\n" + SMUGGLED
        self.refused(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n%b"
            % (len(body), body),
            400,
        )

    def test_front_end_by_chunks_we_by_length(self) -> None:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
        self.refused(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + body, 400
        )

    def test_hidden_transfer_encodings(self) -> None:
        for line in (
            b"Transfer-Encoding: xchunked",
            b"Transfer-Encoding : chunked",
            b"X: y\nTransfer-Encoding: chunked",
            b"X: y\rTransfer-Encoding: chunked",
            b"Transfer-Encoding:\x0bchunked",
            b" Transfer-Encoding: chunked",
            b"X:\r\n Transfer-Encoding: chunked",
            b"Transfer-Encoding\r\n : chunked",
        ):
            self.refused(
                b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\nContent-Length: 5\r\n\r\n0\r\n\r\n%b" % (line, SMUGGLED), 400
            )

    def test_a_body_behind_get_and_head(self) -> None:
        for method in (b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"BREW"):
            peer = self.peer()
            peer.send(
                b"%b /hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (method, len(SMUGGLED), SMUGGLED)
            )
            self.assertEqual(len(peer.replies(method)), 1)

    def test_bare_line_feeds_end_no_chunk(self) -> None:
        # TERM.EXT and EXT.TERM: a front end that ends an extension at LF sees another body
        for body in (b"2;\nxx\r\n4c\r\n0\r\n\r\n", b"2;\rxx\r\n4c\r\n0\r\n\r\n", b"1;a\n0\r\n\r\n" + SMUGGLED):
            self.refused(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body, 400)

    def test_overflowing_chunk_sizes(self) -> None:
        for size in (b"10000000000000000", b"100000000000000000000005", b"ffffffffffffffff0"):
            self.refused(
                b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n0\r\n\r\n%b" % (size, SMUGGLED),
                400,
            )

    def test_the_length_of_a_body_with_an_upgrade_is_kept(self) -> None:
        peer = self.peer()
        peer.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, content-length\r\nUpgrade: h2c\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(SMUGGLED), SMUGGLED)
        )
        self.assertEqual([reply.status for reply in peer.replies()], [405])

    def test_expectations_leave_no_body_behind(self) -> None:
        peer = self.peer()
        peer.send(
            b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n%b"
            % (len(SMUGGLED), SMUGGLED)
        )
        self.assertEqual(len(peer.replies()), 1)
        self.assertTrue(peer.wire.half_closed)
