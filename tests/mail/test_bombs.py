"""Messages made to cost much: what they cost grows as they do, and what is kept of them has its limits.

Growth is counted in lines of Python that are run. Regular expressions run none: what they are given here is so long
that more than one pass over it would not end.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from types import FrameType

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.addresslist import MAX_LISTED, parse_address_list
from netdaemon.mail.bodystructure import body_of, kept_structure
from netdaemon.mail.content import Content
from netdaemon.mail.dates import parse_date
from netdaemon.mail.encodedwords import decode_words
from netdaemon.mail.header import select_fields
from netdaemon.mail.lexis import without_comments
from netdaemon.mail.parameters import MAX_PARAMETERS, parse_content_type
from netdaemon.mail.parts import find_section
from netdaemon.mail.preview import preview
from netdaemon.mail.structure import Limits, Part, StructureReader, read_structure
from netdaemon.mail.summary import summarise
from netdaemon.mail.text import MAX_REFERENCES, header_text, references

MEBI = 1 << 20


def steps(run: Callable[[], object]) -> int:
    """Lines of this project's Python that are run."""
    count = 0

    def line(frame: FrameType, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: FrameType, event: str, argument: object) -> object:
        return line if "netdaemon" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(call)  # type: ignore[arg-type]
    try:
        run()
    finally:
        sys.settrace(before)
    return count


def peak(run: Callable[[], object]) -> int:
    """Octets that were in use at once."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def repeated(piece: bytes, size: int, head: bytes = b"") -> Iterator[bytes]:
    """``size`` octets and more, in pieces of 64 KiB and more."""
    yield head
    block = piece * (-(-65536 // len(piece)))
    for _ in range(-(-size // len(block))):
        yield block


def parts_of(part: Part) -> int:
    return 1 + sum(map(parts_of, part.children))


class BombTestCase(SynchronousTestCase):
    def check_growth(self, run: Callable[[int], object], size: int = 2000) -> None:
        """Twice the size is no more than twice the work, and a little."""
        run(10)  # what is done once only
        small, large = steps(lambda: run(size)), steps(lambda: run(2 * size))
        self.assertLess(large, 2.2 * small + 100)


class StructureBombTests(BombTestCase):
    multipart = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"

    def test_messages_within_messages(self) -> None:
        octets = b"Content-Type: message/rfc822\r\n\r\n" * 10_000
        root = read_structure([octets])
        self.assertEqual(parts_of(root), Limits().depth + 1)
        kept = kept_structure(root)
        self.assertLess(len(body_of(kept)), 100_000)
        self.assertIsNone(find_section(kept, (1,) * 10_000))
        self.assertIsNotNone(find_section(kept, (1,) * 101))
        self.check_growth(lambda size: read_structure([b"Content-Type: message/rfc822\r\n\r\n" * size]))

    def test_multiparts_within_multiparts(self) -> None:
        def octets(depth: int, boundary: bytes) -> bytes:
            names = [boundary * (n % 50 + 1) for n in range(depth)]
            return b"".join([b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n" % (n, n) for n in names])

        for boundary in (b"a", b"ab", b"-"):
            root = read_structure([octets(10_000, boundary)])
            self.assertLessEqual(parts_of(root), Limits().parts)
            summarise([octets(10_000, boundary)])
        self.check_growth(lambda size: read_structure([octets(size, b"ab")]))

    def test_the_same_boundary_at_each_depth(self) -> None:
        octets = (b"--a\r\n" + self.multipart) * 10_000 + b"--a--\r\n" * 10_000
        root = read_structure([self.multipart + octets])
        self.assertLessEqual(parts_of(root), Limits().parts)

    def test_many_parts(self) -> None:
        root = read_structure(repeated(b"--a\r\n\r\nx\r\n", 1_000_000, self.multipart))
        self.assertEqual(parts_of(root), Limits().parts)
        kept = kept_structure(root)
        self.assertLess(len(kept), 200 * Limits().parts)
        self.check_growth(lambda size: read_structure([self.multipart + b"--a\r\n\r\nx\r\n" * size]), 200)

    def test_parts_that_are_messages(self) -> None:
        octets = b"Content-Type: multipart/digest; boundary=a\r\n\r\n" + b"--a\r\n\r\nSubject: x\r\n\r\n" * 100_000
        summary = summarise([octets])
        self.assertLess(len(summary.bodystructure), 300 * Limits().parts)

    def test_what_looks_like_a_boundary(self) -> None:
        """Two boundaries with nothing in common leave only the dashes to look for."""
        head = self.multipart + b"--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        for line in (b"\n--", b"\n--c", b"\n-", b"\r", b"\r\n--\r\n"):
            root = read_structure(repeated(line, MEBI, head))
            self.assertEqual(parts_of(root), 2)
        self.check_growth(lambda size: read_structure([head + b"\n--" * size]))

    def test_what_looks_like_a_headers_end(self) -> None:
        for piece in (b"\r", b"\n\r", b"\n ", b"x", b"x: y\r\n", b"\n--", b"\n--b"):
            root = read_structure(
                repeated(piece, 2 * MEBI, b"--a\r\n" if piece == b"x" else self.multipart + b"--a\r\n")
            )
            self.assertLessEqual(parts_of(root), 2)

    def test_one_line_of_ten_megabytes(self) -> None:
        for head in (b"Subject: ", b"", b"Content-Type: a/b; x=", b"To: ", self.multipart + b"--a\r\nSubject: "):

            def read(head: bytes = head) -> None:
                summary = summarise(repeated(b"y", 10 * MEBI, head))
                self.assertLessEqual(len(summary.subject), Limits().header)

            self.assertLess(peak(read), 4 * MEBI, head)

    def test_a_boundarys_line_of_ten_megabytes(self) -> None:
        self.assertLess(peak(lambda: read_structure(repeated(b" ", 10 * MEBI, self.multipart + b"--a"))), MEBI)

    def test_bodies_are_not_kept(self) -> None:
        for head in (b"\r\n", self.multipart + b"--a\r\n\r\n", self.multipart):
            for line in (b"A" * 76 + b"\r\n", b"A", b"\r\n", b"\n--"):
                self.assertLess(peak(lambda h=head, one=line: summarise(repeated(one, 2 * MEBI, h))), MEBI)  # type: ignore[misc]

    def test_headers_are_not_kept_beyond_what_they_may_be(self) -> None:
        part = b"--a\r\nContent-Type: a/b; name=" + b"x" * 60_000 + b"\r\n\r\n"
        self.assertLess(peak(lambda: summarise([self.multipart, *[part] * 200])), 12 * MEBI)

    def test_fields_without_number(self) -> None:
        octets = b"a:\n" * 80_000
        self.assertLess(peak(lambda: summarise([octets])), 6 * MEBI)
        self.assertLess(peak(lambda: summarise([b"To:\n" * 60_000])), 12 * MEBI)

    def test_octet_by_octet(self) -> None:
        """A long header in the smallest pieces is not put together anew for each."""

        def feed(size: int) -> None:
            reader = StructureReader()
            for _ in range(size):
                reader.feed(b"x")
            reader.finish()

        feed(300_000)
        self.check_growth(feed, 20_000)


class FieldBombTests(BombTestCase):
    def test_continuation_numbers(self) -> None:
        for form in ("; a*%d=x", "; a*%d*=x", "; a*0=x%d", "; a%d*0=x", '; a*%d="x"'):
            value = ("text/plain" + "".join([form % n for n in range(1_000_000)])).encode()
            parsed = parse_content_type(value)
            assert parsed is not None
            self.assertLessEqual(len(parsed[2]), MAX_PARAMETERS)
        summarise([b"Content-Type: " + value + b"\r\n\r\n"])
        parse_content_type(b"a/b; a*" + b"9" * MEBI + b"=x")

    def test_parameters_that_are_none(self) -> None:
        for piece in (
            b";",
            b"; ",
            b"; a",
            b"; a=",
            b';a="',
            b';a="\\',
            b"; a=(",
            b';"',
            b';a=\\"',
            b"; =",
            b"(",
            b"/",
            b"; a*=%",
        ):
            parse_content_type(b"a/b" + piece * (MEBI // len(piece)))
            parse_content_type(piece * (MEBI // len(piece)))

    def test_comments(self) -> None:
        self.assertEqual(without_comments(b"a" + b"(" * 10_000 + b")" * 10_000 + b"b"), b"a b")
        for piece in (b"(", b"()", b"(()", b")", b"\\", b'"', b'("', b"(\\"):
            without_comments(piece * (MEBI // len(piece)))
        self.check_growth(lambda size: without_comments(b"()" * size + b"(" * size + b"(a" * size))

    def test_addresses(self) -> None:
        for piece in (
            b"(",
            b"<",
            b">",
            b"@",
            b",",
            b";",
            b":",
            b'"',
            b"a@b,",
            b"a",
            b"a ",
            b"a.",
            b"[",
            b"[\\",
            b'"\\',
            b"(a)",
            b"a:;",
            b"<@a,",
            b"a@",
            b"=?",
            b"<a@b>",
            b"a <",
            b". ",
        ):
            found = parse_address_list(piece * (MEBI // 4 // len(piece)))
            self.assertLessEqual(len(found), MAX_LISTED + 1)
            self.check_growth(lambda size, one=piece: parse_address_list(one * size), 500)  # type: ignore[misc]

    def test_encoded_words(self) -> None:
        for piece in (
            b"=?utf-8?q?a?= ",
            b"=?utf-8?q?a?=",
            b"=?utf-8?b?",
            b"=?",
            b"?",
            b"=?a?q?",
            b"=?utf-8?q?=",
            b"=?x?b?=?=",
            b"=?utf-8?q??=b",
        ):
            text = decode_words(piece * (MEBI // len(piece)))
            self.assertLessEqual(len(text), MEBI)
        self.check_growth(lambda size: decode_words(b"=?utf-8?q?a?= " * size))
        self.check_growth(lambda size: decode_words(b"=?utf-8?q?a?= =?latin-1?b?YQ?= " * size))
        header_text(b"=?utf-8?b?" + b"=" * MEBI + b"?=")
        self.check_growth(lambda size: header_text(b"=?utf-8?b?" + b"YQ=" * size + b"?="))

    def test_charsets_that_there_are_not(self) -> None:
        from encodings import _cache  # type: ignore[attr-defined]

        before = len(_cache)
        decode_words(b"".join([b"=?no-such-%d?q?a?= " % n for n in range(10_000)]))
        self.assertLess(len(_cache), before + 3)

    def test_references(self) -> None:
        self.assertLessEqual(len(references(b"".join([b"<%d@x>" % n for n in range(100_000)]), None)), MAX_REFERENCES)
        for piece in (b"<", b"<a", b"<a@b", b">", b"<>", b"(<"):
            references(piece * (MEBI // len(piece)), piece * (MEBI // len(piece)))

    def test_dates(self) -> None:
        for piece in (
            b" ",
            b"1",
            b"a",
            b"1 ",
            b"a ",
            b"Sun, ",
            b"(",
            b"1 Jan ",
            b"-",
            b"1 Jan 2000 ",
            b":",
            b"1 Jan 2000 00:",
        ):
            parse_date(piece * (MEBI // len(piece)))

    def test_folds(self) -> None:
        for piece in (b"\r\n ", b"\n", b"\n\n ", b"\r", b"a:", b":\n", b" \n"):
            summarise([b"Subject: x" + piece * (MEBI // len(piece))])
            select_fields(b"Subject: x" + piece * (MEBI // len(piece)), {b"subject"})


class PreviewBombTests(BombTestCase):
    def test_markup(self) -> None:
        html = Content(b"text", b"html")
        for piece in (
            b"<",
            b"<a",
            b"<!--",
            b"<!-- -->",
            b"<script>",
            b"<style",
            b"</script>",
            b"<script></script>",
            b"&",
            b"&#",
            b"&#1",
            b">",
            b"<a <b",
            b"<script><style>",
            b"<head></head",
            b"&amp",
            b"> \n",
        ):
            for kind in (html, Content()):
                text = preview(piece * (MEBI // len(piece)), kind)
                self.assertLessEqual(len(text), 200)
        self.check_growth(lambda size: preview(b"<script></script>" * size, html))

    def test_encodings(self) -> None:
        for encoding in (b"base64", b"quoted-printable"):
            for piece in (b"=", b"= ", b"=\n", b"=\t", b"==A", b"A", b"=3", b"\r\n"):
                preview(piece * (MEBI // len(piece)), Content(encoding=encoding))
