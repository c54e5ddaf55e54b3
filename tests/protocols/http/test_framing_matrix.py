"""Where a request ends: everything two servers could read in two ways is refused (RFC 9112)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocols.http.peer import HTTPTests

GET = b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /hello.txt HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class ContentLengthTests(HTTPTests):
    def test_not_a_number(self) -> None:
        for value in (b"+5", b"1_0", b"-1", b"5,6", b"5, 5", b"", b"0x5", b"5 5", b"5.0", b"\xb2", b"1" * 19, b'"5"'):
            self.refused(POST + b"Content-Length: %b\r\n\r\n" % value, 400)

    def test_twice(self) -> None:
        for first, second in ((b"5", b"5"), (b"5", b"6"), (b"0", b"0")):
            self.refused(POST + b"Content-Length: %b\r\nContent-Length: %b\r\n\r\n" % (first, second), 400)

    def test_a_body_is_read_over(self) -> None:
        for request in (POST, GET):
            peer = self.peer()
            peer.send(request + b"Content-Length: 38\r\n\r\nGET /secret HTTP/1.1\r\nHost: smuggled\r\n\r\n")
            self.assertEqual(len(peer.replies()), 1)
            peer.send(GET + b"\r\n")
            self.assertEqual(peer.replies()[1].body, b"hello\n")

    def test_the_reply_waits_for_the_body(self) -> None:
        peer = self.peer()
        peer.send(POST + b"Content-Length: 3\r\n\r\nab")
        self.assertEqual(peer.output, b"")
        peer.send(b"c")
        self.assertEqual([reply.status for reply in peer.replies()], [405])

    def test_at_the_limit_and_one_past_it(self) -> None:
        peer = self.peer(body_limit=10)
        peer.send(POST + b"Content-Length: 10\r\n\r\n0123456789")
        self.assertEqual([reply.status for reply in peer.replies()], [405])
        self.refused(POST + b"Content-Length: 11\r\n\r\n", 413, body_limit=10)
        # 413 comes before the body does
        self.refused(POST + b"Content-Length: 999999999999999999\r\n\r\n", 413)


class TransferEncodingTests(HTTPTests):
    def test_with_content_length_in_either_order(self) -> None:
        self.refused(POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400)
        self.refused(POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400)
        self.refused(POST + b"transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n", 400)

    def test_disguises(self) -> None:
        for line in (
            b"Transfer-Encoding : chunked",
            b"Transfer-Encoding\t: chunked",
            b"Transfer-Encoding: \x0bchunked",
            b"Transfer-Encoding: \x0cchunked",
            b"Transfer-Encoding:\r\n chunked",
            b"Transfer-Encoding: x\r\n\tchunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            b"Transfer-Encoding: xchunked",
            b"Transfer-Encoding: chunked-false",
            b"Transfer-Encoding: chunked;q=1",
            b'Transfer-Encoding: "chunked"',
            b"Transfer-Encoding: identity",
            b"Transfer-Encoding: chunked, identity",
            b"Transfer-Encoding: chunked, chunked",
            b"Transfer-Encoding: gzip",
            b"Transfer-Encoding:",
            b"Transfer-Encoding: \x00chunked",
            b"Transfer-Encoding: chunked\x00",
            b"Transfer-Encoding: chunked\x7f",
            b"Transfer\xadEncoding: chunked",
        ):
            self.refused(POST + line + b"\r\n\r\n", 400)

    def test_codings_that_we_do_not_have(self) -> None:
        for value in (b"gzip, chunked", b"gzip,chunked", b"identity, chunked", b"GZIP , Chunked"):
            self.refused(POST + b"Transfer-Encoding: %b\r\n\r\n" % value, 501)

    def test_http_1_0_has_none(self) -> None:
        self.refused(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400)
        self.refused(b"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", 400)

    def test_case_and_white_space_are_free(self) -> None:
        for value in (b"chunked", b"Chunked", b"\tCHUNKED \t", b""):
            head = POST + b"tRANSFER-eNCODING:%b\r\n\r\n" % (value or b"chunked")
            peer = self.peer()
            peer.send(head + b"3\r\nabc\r\n0\r\n\r\n" + GET + b"\r\n")
            self.assertEqual([reply.status for reply in peer.replies()], [405, 200])


class ChunkTests(HTTPTests):
    def test_sizes(self) -> None:
        for line in (
            b"0x1", b"1 ", b" 1", b"1\t", b"+1", b"-1", b"1_0", b"", b"g", b"1" * 17, b"0" * 17, b"\xb2", b"1\x00",
            b"1 ;a", b"1;a\nb", b"1;a\rb", b"1;a\x00", b"1\n", b"\r1", b"1;" + b"a" * 2000,
        ):  # fmt: skip
            self.refused(CHUNKED + line + b"\r\na\r\n0\r\n\r\n", 400)

    def test_data_must_end_where_it_says(self) -> None:
        for body in (
            b"1\r\nab\r\n",
            b"2\r\na\r\n0\r\n\r\n",
            b"1\r\na\n0\r\n\r\n",
            b"1\r\na\r0\r\n\r\n",
            b"1\r\na0\r\n\r\n",
        ):
            self.refused(CHUNKED + body, 400)

    def test_trailers(self) -> None:
        for trailer in (b" a: b\r\n", b"a : b\r\n", b"a\r\n", b"a: b\n\r\n", b"a: \x00\r\n", b"a: b\r\n c\r\n"):
            self.refused(CHUNKED + b"0\r\n" + trailer + b"\r\n", 400)
        self.refused(CHUNKED + b"0\r\n" + b"a: b\r\n" * 101 + b"\r\n", 431)
        self.refused(CHUNKED + b"0\r\na: " + b"b" * 5000 + b"\r\n\r\n", 431)
        peer = self.peer()
        peer.send(CHUNKED + b"1;x=y\r\na\r\n000\r\nContent-Length: 5\r\nHost: b\r\n\r\n" + GET + b"\r\n")
        self.assertEqual([reply.status for reply in peer.replies()], [405, 200])

    def test_the_limit_counts_the_data(self) -> None:
        peer = self.peer(body_limit=10)
        peer.send(CHUNKED + b"5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n")
        self.assertEqual([reply.status for reply in peer.replies()], [405])
        self.refused(CHUNKED + b"5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n", 413, body_limit=10)

    def test_a_flood_of_framing(self) -> None:
        self.refused(CHUNKED + (b"1;" + b"a" * 900 + b"\r\na\r\n") * 40, 400)

    def test_a_size_of_sixteen_digits(self) -> None:
        peer = self.peer()
        peer.send(CHUNKED + b"0000000000000001\r\na\r\n0\r\n\r\n")
        self.assertEqual([reply.status for reply in peer.replies()], [405])


class HeadTests(HTTPTests):
    def test_line_breaks_and_nul(self) -> None:
        for head in (
            b"GET /hello.txt HTTP/1.1\nHost: a\n\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
            b"GET /hello.txt\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\r\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nX\x00: b\r\n\r\n",
            b"\nGET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\r\n\r\nGET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            self.refused(head, 400)

    def test_they_are_refused_before_the_head_is_whole(self) -> None:
        for head in (
            b"GET / HTTP/1.1\n",
            b"GET / HTTP/1.1\r\nHost: a\rb",
            b"GET \x00",
            b"GET /\r\n",
            b"\x16\x03\x01\x00",
        ):
            peer = self.peer()
            peer.send(head)
            self.assertEqual([reply.status for reply in peer.replies()], [400], head)

    def test_white_space(self) -> None:
        for head in (
            b"GET /hello.txt HTTP/1.1\r\n Host: a\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\n\tX: y\r\nHost: a\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: y\r\n\tfolded\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\nHost : a\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
            b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n",
            b" GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET  /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /hello.txt  HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET\t/hello.txt\tHTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /hello.txt HTTP/1.1 \r\nHost: a\r\n\r\n",
            b"GET /hello .txt HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            self.refused(head, 400)

    def test_host(self) -> None:
        for lines in (
            b"",
            b"Host: a\r\nHost: a\r\n",
            b"Host: a\r\nhost: b\r\n",
            b"Host: a@b\r\n",
            b"Host: a/b\r\n",
            b"Host: a b\r\n",
            b"Host: a,b\r\n",
            b"Host: a:b\r\n",
            b"Host: a:123456\r\n",
            b"Host: a?b\r\n",
            b"Host: a#b\r\n",
            b"Host: [::1\r\n",
            b"Host: [g]\r\n",
            b"Host: a\\b\r\n",
            b"Host: \xe4\r\n",
            b"Host: %zz\r\n",
            b"Host: " + b"a" * 300 + b"\r\n",
        ):
            self.refused(b"GET /hello.txt HTTP/1.1\r\n%b\r\n" % lines, 400)
        self.refused(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400)
        for host in (b"a", b"A.example:80", b"[::1]:8080", b"127.0.0.1", b"a:", b"", b"a_b.example"):
            self.assertEqual(self.ask(b"GET /hello.txt HTTP/1.1\r\nHost: %b\r\n\r\n" % host).status, 200)
        self.assertEqual(self.ask(b"GET /hello.txt HTTP/1.0\r\n\r\n").status, 200)

    def test_versions(self) -> None:
        for version in (b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3.0"):
            self.refused(b"GET /hello.txt %b\r\nHost: a\r\n\r\n" % version, 505)
        for head in (b"PRI * HTTP/2.0\r\nHost: a\r\n\r\n", b"\r\nPRI * HTTP/2.0\r\n\r\n", b"PRI / HTTP/2.0\r\n\r\n"):
            self.refused(head, 505)  # alone and first it is HTTP/2's preface
        for version in (b"http/1.1", b"HTTP/1", b"HTTP/1.10", b"HTTP/11", b"HTTP/1,1", b"HTTP /1.1", b"HTTPS/1.1", b""):
            self.refused(b"GET /hello.txt %b\r\nHost: a\r\n\r\n" % version, 400)
        self.refused(b"GET /hello.txt\r\n", 400)
        self.assertEqual(self.ask(b"GET /hello.txt HTTP/1.9\r\nHost: a\r\n\r\n").status, 200)


class LimitTests(HTTPTests):
    def head(self, size: int) -> bytes:
        start = GET + b"X: "
        return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"

    def test_head(self) -> None:
        self.assertEqual(self.ask(self.head(16384)).status, 200)
        self.refused(self.head(16385), 431)
        peer = self.peer()
        peer.send(GET + b"X: " + b"x" * 20000)  # never ends
        self.assertEqual([reply.status for reply in peer.replies()], [431])

    def test_target(self) -> None:
        for extra, status in ((0, 404), (1, 414)):
            target = b"/" + b"a/" * 4000 + b"a" * (8192 - 8001 + extra)
            peer = self.peer()
            peer.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
            self.assertEqual([reply.status for reply in peer.replies()], [status])
        self.refused(b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414)
        peer = self.peer()
        peer.send(b"GET /" + b"a" * 9000)  # never ends
        self.assertEqual([reply.status for reply in peer.replies()], [414])

    def test_number_of_fields(self) -> None:
        self.assertEqual(self.ask(GET + b"a:b\r\n" * 99 + b"\r\n").status, 200)
        self.refused(GET + b"a:b\r\n" * 100 + b"\r\n", 431)


class ChunkingTests(HTTPTests):
    """However the bytes arrive, the same requests are seen."""

    requests = (
        GET + b"\r\n",
        b"\r\nHEAD /hello.txt HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
        POST + b"Content-Length: 10\r\n\r\n0123456789",
        CHUNKED + b"5;x=y\r\nhello\r\nB\r\nhello again\r\n0\r\nT: v\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://b/hello.txt?q HTTP/1.1\r\nHost: a\r\nRange: bytes=1-2\r\n\r\n",
        b"GET /nothing HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    )

    def test_each_whole_byte_by_byte_and_followed(self) -> None:
        for request in self.requests:
            whole = self.peer()
            whole.send(request)
            self.assertTrue(whole.output)
            single = self.peer()
            single.send(request, 1)
            self.assertEqual(single.output, whole.output)
            followed = self.peer()
            followed.send(request + GET + b"\r\n")
            self.assertTrue(followed.output.startswith(whole.output))
            self.assertTrue(followed.output.endswith(b"\r\n\r\nhello\n"))
            self.assertFalse(followed.wire.ended)

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.integers(0, len(requests) - 1), min_size=1, max_size=8), st.data())
    def test_any_pieces(self, choice: list[int], data: st.DataObject) -> None:
        stream = b"".join(self.requests[index] for index in choice)
        whole = self.peer()
        whole.send(stream)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
        pieces = self.peer()
        for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            if stop > start:
                pieces.send(stream[start:stop])
        self.assertEqual(pieces.output, whole.output)
        self.assertEqual(whole.output.count(b"HTTP/1.1 "), len(choice))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200), st.integers(0, 60), st.integers(0, 6))
    def test_any_bytes_anywhere(self, noise: bytes, place: int, which: int) -> None:
        request = self.requests[which]
        peer = self.peer()
        peer.send(request[:place] + noise + request[place:])
        self.assertNotIn(peer.output[:12], (b"HTTP/1.1 500", b"HTTP/1.1 503"))
        assert self.made is not None
        self.assertEqual(self.made.measure.errors, 0)
