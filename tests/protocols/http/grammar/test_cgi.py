"""What scripts say before their body: RFC 3875 section 6, to the byte."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.cgi import (
    MAX_HEAD,
    ScriptHead,
    Unusable,
    parse_nph_head,
    parse_script_head,
    split_head,
)
from netdaemon.protocols.http.grammar.framing import CHUNKED, NO_BODY, UNTIL_CLOSE, Framing
from netdaemon.protocols.http.grammar.message import MAX_FIELDS, Fields

TYPE = b"Content-Type: text/plain"


class SplitTests(SynchronousTestCase):
    def test_line_ends(self) -> None:
        for end in (b"\n\n", b"\r\n\r\n", b"\n\r\n", b"\r\n\n"):
            found = split_head(TYPE + end + b"body\n\nmore")
            self.assertIsNotNone(found)
            assert found is not None
            self.assertEqual(parse_script_head(found[0]).fields.pairs, ((b"Content-Type", b"text/plain"),))
            self.assertEqual(found[1], b"body\n\nmore")

    def test_byte_by_byte(self) -> None:
        whole = b"A: 1\r\nB: 2\n\r\nbody"
        blank = whole.index(b"body")
        for end in range(blank + 1):
            self.assertEqual(split_head(whole[:end], max(0, end - 1)) is not None, end == blank, whole[:end])

    def test_no_header(self) -> None:
        for data in (b"\nbody", b"\r\nbody"):
            found = split_head(data)
            assert found is not None
            with self.assertRaises(Unusable):
                parse_script_head(found[0])

    def test_size(self) -> None:
        self.assertIsNone(split_head(b"x" * MAX_HEAD))
        self.assertIsNotNone(split_head(b"x" * (MAX_HEAD - 2) + b"\n\n" + b"body" * 10))
        for data in (b"x" * (MAX_HEAD + 1), b"x" * (MAX_HEAD - 1) + b"\n\n"):
            with self.assertRaises(Unusable):
                split_head(data)


class ScriptHeadTests(SynchronousTestCase):
    def head(self, *lines: bytes) -> ScriptHead:
        return parse_script_head(b"\n".join(lines))

    def unusable(self, *lines: bytes) -> None:
        with self.assertRaises(Unusable, msg=lines):
            self.head(*lines)

    def test_document(self) -> None:
        self.assertEqual(
            self.head(TYPE, b"X-One:  1 ", b"X-One:\t2", b"Empty:"),
            ScriptHead(
                200,
                b"",
                UNTIL_CLOSE,
                Fields(((b"Content-Type", b"text/plain"), (b"X-One", b"1"), (b"X-One", b"2"), (b"Empty", b""))),
            ),
        )

    def test_status(self) -> None:
        for value, status in ((b"404 Not Found", 404), (b"200", 200), (b"299 \xe9", 299), (b"599 ", 599)):
            self.assertEqual(self.head(b"Status: " + value).status, status)
        for value in (b"", b"100 Continue", b"600", b"99", b"4040", b"-200", b"OK", b"200OK", b"2e2"):
            self.unusable(b"Status: " + value)

    def test_location(self) -> None:
        for lines, status, local in (
            ((b"Location: /other?x=1",), 302, b"/other?x=1"),
            ((b"Location: /other", TYPE), 302, b"/other"),
            ((b"Location: //host/other",), 302, b"//host/other"),
            ((b"Location: http://host/",), 302, b""),
            ((b"Location: other",), 302, b""),
            ((b"Location: /other", b"Status: 303 See Other"), 303, b""),
            ((b"Location: /made", b"Status: 201 Created"), 201, b""),
        ):
            head = self.head(*lines)
            self.assertEqual((head.status, head.location, head.local), (status, local, bool(local)), lines)

    def test_framing_is_ours(self) -> None:
        """What rules the connection is dropped, and what we say ourselves."""
        head = self.head(
            TYPE,
            b"Connection: close, X-Mine",
            b"X-Mine: 1",
            b"Keep-Alive: 5",
            b"Transfer-Encoding: chunked",
            b"TRAILER: x",
            b"Upgrade: h2c",
            b"Date: today",
            b"Server: me",
            b"Content-Length: 12",
            b"X-Kept: 1",
        )
        self.assertEqual([name for name, _ in head.fields], [b"Content-Type", b"X-Kept"])
        self.assertEqual(head.framing, Framing(12))

    def test_content_length(self) -> None:
        for value in (b"+5", b"-1", b"1_0", b"5, 5", b"", b"0x5", b"5 5", b"9" * 19):
            self.unusable(TYPE, b"Content-Length: " + value)

    def test_once(self) -> None:
        for line in (TYPE, b"Status: 200", b"Location: /a", b"Content-Length: 1"):
            self.unusable(b"Status: 200 OK", line, line)

    def test_malformed(self) -> None:
        for line in (
            b"no colon",
            b" folded",
            b"\tfolded",
            b"Name : value",
            b": value",
            b"X: a\rSet-Cookie: b",
            b"X: a\r",
            b"X\r: a",
            b"X: a\0",
            b"X\0: a",
            b"X: \x0b",
            b"X: \x7f",
            b"X (y): z",
            b"HTTP/1.1 200 OK",
        ):
            if line == b"X: a\r":
                self.head(TYPE, line, b"Y: b")  # as line ends go
                self.unusable(TYPE, line + b"\r", b"Y: b")
            else:
                self.unusable(TYPE, line)
                self.unusable(line, TYPE)

    def test_nothing_of_cgi(self) -> None:
        """RFC 3875 6.3: at least one of three."""
        self.unusable(b"X-Powered-By: mud")
        self.unusable(b"Content-Length: 5")

    def test_count(self) -> None:
        more = [b"X: %d" % number for number in range(MAX_FIELDS)]
        self.assertEqual(len(self.head(TYPE, *more[1:]).fields), MAX_FIELDS)
        self.unusable(TYPE, *more)

    @given(st.binary(max_size=200))
    @settings(deadline=None, max_examples=300)
    def test_whatever_comes(self, data: bytes) -> None:
        """Either it is refused, or what comes of it may stand on the wire as it is."""
        for parse in (parse_script_head, parse_nph_head):
            try:
                head = parse(b"Status: 200\n" + data if parse is parse_script_head else b"HTTP/1.1 200 OK\n" + data)
            except Unusable:
                continue
            block = head.fields.block
            self.assertNotIn(b"\0", block)
            self.assertEqual(block.count(b"\r"), block.count(b"\r\n"))
            self.assertEqual(block.count(b"\n"), block.count(b"\r\n"))
            self.assertEqual(len(head.fields), block.count(b"\r\n"))


class NPHTests(SynchronousTestCase):
    def test_a_response(self) -> None:
        for end in (b"\n", b"\r\n"):
            head = parse_nph_head(end.join((b"HTTP/1.0 203 Fine", b"X: 1", b"Connection: close", b"Server: me")))
            self.assertEqual(head, ScriptHead(203, b"", UNTIL_CLOSE, Fields(((b"X", b"1"),))))

    def test_framing(self) -> None:
        for line, framing in (
            (b"Content-Length: 5", Framing(5)),
            (b"Transfer-Encoding: chunked", CHUNKED),
            (b"X: 1", UNTIL_CLOSE),
        ):
            self.assertEqual(parse_nph_head(b"HTTP/1.1 200 OK\n" + line).framing, framing)
        self.assertEqual(parse_nph_head(b"HTTP/1.1 204 No Content").framing, NO_BODY)

    def test_unusable(self) -> None:
        for head in (
            b"",
            TYPE,
            b"HTTP/1.1 100 Continue",
            b"HTTP/1.1 101 Switching Protocols",
            b"HTTP/1.1 600 Much",
            b"HTTP/2 200",
            b"HTTP/1.1 200 OK\nX: a\rb",
            b"HTTP/1.1 200 OK\nX: a\0b",
            b"HTTP/1.1 200 OK\nTransfer-Encoding: gzip",
            b"HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6",
            b"HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked",
            b"HTTP/1.1 200 OK" + b"\nX: 1" * (MAX_FIELDS + 1),
        ):
            with self.assertRaises(Unusable, msg=head):
                parse_nph_head(head)
