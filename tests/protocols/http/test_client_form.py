"""Forms: read back by the standard library's mail parser and query parser."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client.form import Part, file_part, multipart, urlencoded
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.wire.outgoing import each
from tests.protocols.http.bodies import now


def body_of(upload: Upload) -> bytes:
    async def read() -> bytes:
        async with aclosing(each(upload.chunks())) as every:
            return b"".join([chunk async for chunk in every])

    body: bytes = now(read())
    if upload.length is not None:
        assert len(body) == upload.length, (len(body), upload.length)
    return body


def read_back(kind: bytes, body: bytes) -> list[Any]:
    """The parts, as somebody else reads them."""
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + body)
    assert not message.defects, message.defects
    return list(message.iter_parts())


def raw(*parts: Part) -> bytes:
    """The body, with "B" for its boundary."""
    kind, upload = multipart(parts)
    return body_of(upload).replace(kind.partition(b"boundary=")[2], b"B")


class MultipartTests(SynchronousTestCase):
    def test_as_it_stands(self) -> None:
        self.assertEqual(
            raw(
                Part("a", "spam"),
                Part("b", b"\x00\xff"),
                Part("c", "x,y", "t.csv"),
                Part("d", b"z", "z", b"application/x-z"),
                Part("e", "{}", None, b"application/json"),
            ),
            b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nspam\r\n'
            b'--B\r\nContent-Disposition: form-data; name="b"\r\n\r\n\x00\xff\r\n'
            b'--B\r\nContent-Disposition: form-data; name="c"; filename="t.csv"\r\n'
            b"Content-Type: text/csv; charset=utf-8\r\n\r\nx,y\r\n"
            b'--B\r\nContent-Disposition: form-data; name="d"; filename="z"\r\n'
            b"Content-Type: application/x-z\r\n\r\nz\r\n"
            b'--B\r\nContent-Disposition: form-data; name="e"\r\nContent-Type: application/json\r\n\r\n{}\r\n'
            b"--B--\r\n",
        )

    def test_no_part(self) -> None:
        self.assertEqual(raw(), b"--B--\r\n")

    def test_line_ends_of_text(self) -> None:
        """WHATWG HTML 4.10.22.4: CRLF in names and values; bytes are nobody's text."""
        body = raw(Part("a", "1\n2\r3\r\n4\n\r"), Part("b", b"1\n2\r"))
        self.assertIn(b"\r\n\r\n1\r\n2\r\n3\r\n4\r\n\r\n\r\n--B", body)
        self.assertIn(b"\r\n\r\n1\n2\r\r\n--B", body)

    def test_files(self) -> None:
        path = Path(self.mktemp() + ".PNG")
        path.write_bytes(os.urandom(200_000))
        kind, upload = multipart([Part("x", "y"), file_part("f", path), file_part("g", path, "other.txt")])
        self.assertTrue(upload.again)
        for _ in range(2):
            parts = read_back(kind, body_of(upload))
            self.assertEqual(
                [part.get_payload(decode=True) for part in parts], [b"y", path.read_bytes(), path.read_bytes()]
            )
        self.assertEqual([part.get_filename() for part in parts], [None, path.name, "other.txt"])
        self.assertEqual([part.get_content_type() for part in parts], ["text/plain", "image/png", "text/plain"])

    def test_a_file_that_grows_or_is_gone(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(b"1234")
        kind, upload = multipart([file_part("f", path)])
        path.write_bytes(b"123456")
        (part,) = read_back(kind, body_of(upload))
        self.assertEqual(part.get_payload(decode=True), b"1234", "what was said to come, and no more")
        path.unlink()
        self.assertRaises(OSError, body_of, upload)
        self.assertRaises(OSError, file_part, "f", path)
        path.mkdir()
        self.assertRaises(OSError, file_part, "f", path)

    def test_a_pipe(self) -> None:
        path = Path(self.mktemp())
        os.mkfifo(path)
        upload = multipart([file_part("f", path)])[1]
        self.assertEqual((upload.length, upload.again), (None, False))

    def test_streams(self) -> None:
        async def slowly() -> AsyncIterator[bytes]:
            yield b"ab"
            yield b"c"

        for length, again in ((3, True), (3, False), (None, True), (None, False)):
            parts = [Part("a", "1"), Part("f", Upload(slowly, length, again), "f"), Part("b", b"2")]
            kind, upload = multipart(parts)
            self.assertEqual((upload.length is None, upload.again), (length is None, again))
            self.assertEqual(
                [part.get_payload(decode=True) for part in read_back(kind, body_of(upload))], [b"1", b"abc", b"2"]
            )

    def test_a_source_is_closed_with_the_request(self) -> None:
        closed = []

        async def source() -> AsyncIterator[bytes]:
            try:
                yield b"a"
                yield b"b"
            finally:
                closed.append(True)

        async def abandon() -> None:
            async with aclosing(each(multipart([Part("f", Upload(source))])[1].chunks())) as every:
                async for chunk in every:
                    if chunk == b"a":
                        break

        now(abandon())
        self.assertEqual(closed, [True])

    def test_read_as_it_is_sent(self) -> None:
        read = []

        def source() -> Iterator[bytes]:
            for number in range(3):
                read.append(number)
                yield b"x"

        async def begin() -> None:
            async with aclosing(each(multipart([Part("f", Upload(source, 3))])[1].chunks())) as every:
                await every.__anext__()
                self.assertEqual(read, [])
                await every.__anext__()
                self.assertEqual(read, [0])

        now(begin())

    @settings(deadline=None, max_examples=150)
    @given(st.lists(st.tuples(st.text("ab \u00e9;=.", max_size=8), st.binary(max_size=40)), min_size=1, max_size=5))
    def test_others_read_it(self, fields: list[tuple[str, bytes]]) -> None:
        kind, upload = multipart([Part(name, value, "f") for name, value in fields])
        body = body_of(upload)
        boundary = b"--" + kind.partition(b"boundary=")[2]
        self.assertEqual(body.count(boundary), len(fields) + 1)
        read = body.split(boundary)[1:-1]
        for (name, value), part in zip(fields, read, strict=True):
            head, _, content = part.partition(b"\r\n\r\n")
            self.assertIn(b'name="%b"' % name.encode(), head)
            self.assertEqual(content, value + b"\r\n")


class URLEncodedTests(SynchronousTestCase):
    def test_a_boundary_of_one_s_own(self) -> None:
        kind, upload = multipart([Part("a", "b")], b"x-1")
        self.assertEqual(kind, b"multipart/form-data; boundary=x-1")
        self.assertTrue(body_of(upload).startswith(b"--x-1\r\n"))
        for bad in (b"a b", b"x\r\n", b"x" * 71, b'"'):
            self.assertRaises(ValueError, multipart, [Part("a", "b")], bad)

    def test_as_browsers_write_it(self) -> None:
        self.assertEqual(
            urlencoded([("a b", "c+d&e=f"), ("\u00e9", "1\n2"), ("*-._", "~!'()"), ("", "")]),
            b"a+b=c%2Bd%26e%3Df&%C3%A9=1%0D%0A2&*-._=%7E%21%27%28%29&=",
        )
        self.assertEqual(urlencoded([]), b"")
        self.assertEqual(urlencoded([("a", "\udcff")]), b"a=%FF")

    @settings(deadline=None, max_examples=150)
    @given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=4))
    def test_others_read_it(self, pairs: list[tuple[str, str]]) -> None:
        plain = [(name.replace("\r", ""), value.replace("\r", "")) for name, value in pairs]
        read = parse_qsl(urlencoded(plain).decode("ascii"), keep_blank_values=True, strict_parsing=bool(plain))
        self.assertEqual([(name.replace("\r\n", "\n"), value.replace("\r\n", "\n")) for name, value in read], plain)
