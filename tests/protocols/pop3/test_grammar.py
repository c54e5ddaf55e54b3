"""POP3's grammar, whole, and with what stands behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.pop3.grammar import (
    Malformed,
    Status,
    parse_auth,
    parse_capabilities,
    parse_language,
    parse_number,
    parse_scan,
    parse_stat,
    parse_status,
    parse_top,
    parse_uid,
)
from netdaemon.protocols.pop3.top import Top


class ArgumentTests(SynchronousTestCase):
    def test_numbers(self) -> None:
        self.assertEqual([parse_number(b) for b in (b"1", b"0", b"007", b"9999999999")], [1, 0, 7, 9999999999])
        for wrong in (b"", b" 1", b"1 ", b"-1", b"+1", b"1x", b"12345678901", b"\xb9", b"1\n", "\u0661".encode()):
            self.assertRaises(Malformed, parse_number, wrong)

    def test_top(self) -> None:
        self.assertEqual(parse_top(b"1 0"), (1, 0))
        for wrong in (b"", b"1", b"1 ", b"1  2", b"1 2 3", b"1 2\n", b"x 1"):
            self.assertRaises(Malformed, parse_top, wrong)

    def test_auth(self) -> None:
        self.assertEqual(parse_auth(b"PLAIN"), ("PLAIN", None))
        self.assertEqual(parse_auth(b"PLAIN ="), ("PLAIN", b"="))
        for wrong in (b"", b" ", b"PLAIN ", b"PLAIN a b", b"\xff", b"PLAIN \xff", b"PLAIN\n"):
            self.assertRaises(Malformed, parse_auth, wrong)

    def test_language(self) -> None:
        self.assertEqual(
            [parse_language(b) for b in (b"*", b"EN", b"de-*", b"i-default")], ["*", "en", "de-*", "i-default"]
        )
        for wrong in (b"", b"en_GB", b"en GB", b"-", b"en-", b"abcdefghi", b"en\n"):
            self.assertRaises(Malformed, parse_language, wrong)


class ReplyTests(SynchronousTestCase):
    def test_status(self) -> None:
        for line, status in (
            (b"+OK", Status(True, b"")),
            (b"+ok 2 320", Status(True, b"2 320")),
            (b"+OK [x] y", Status(True, b"[x] y")),
            (b"-ERR", Status(False, b"")),
            (b"-err [in-use] busy", Status(False, b"busy", "IN-USE")),
            (b"-ERR [SYS/TEMP]", Status(False, b"", "SYS/TEMP")),
            (b"-ERR [] x", Status(False, b"[] x")),
            (b"-ERR [a b] x", Status(False, b"[a b] x")),
            (b"-ERR [AUTH", Status(False, b"[AUTH")),
            (b"+ YWJj", Status(False, b"YWJj", challenge=True)),
            (b"+", Status(False, b"", challenge=True)),
        ):
            self.assertEqual(parse_status(line), status)
        for wrong in (b"", b" +OK", b"+OKAY", b"-ERROR x", b"OK", b"220 x"):
            self.assertRaises(Malformed, parse_status, wrong)

    def test_listings(self) -> None:
        self.assertEqual(parse_stat(b"2 320"), (2, 320))
        self.assertEqual(parse_scan(b"1 120 more"), (1, 120))
        self.assertEqual(parse_uid(b"1 whqtswO00WBw418f9t5JxYwZ"), (1, "whqtswO00WBw418f9t5JxYwZ"))
        for parse in (parse_stat, parse_scan, parse_uid):
            for wrong in (b"", b"1", b"x 1", b"-1 2", b"1 \xff", b"1" * 30 + b" 1"):
                self.assertRaises(Malformed, parse, wrong)
        self.assertRaises(Malformed, parse_uid, b"1 " + b"x" * 71)
        self.assertRaises(Malformed, parse_uid, b"1 a b")

    def test_capabilities(self) -> None:
        lines = [b"TOP", b"sasl PLAIN LOGIN", b"", b"\xff", b"LOGIN-DELAY 900"]
        self.assertEqual(parse_capabilities(lines), {"TOP": (), "SASL": ("PLAIN", "LOGIN"), "LOGIN-DELAY": ("900",)})

    @given(st.binary(max_size=60))
    def test_anything(self, data: bytes) -> None:
        parsers = (parse_status, parse_stat, parse_scan, parse_uid, parse_number, parse_top, parse_auth, parse_language)
        for parse in parsers:
            try:
                parse(data)
            except Malformed:
                pass
        parse_capabilities([data])


def top_of(message: bytes, lines: int, piece: int) -> bytes:
    top = Top(lines)
    return b"".join(top.feed(message[at : at + piece]) for at in range(0, len(message), piece))


class TopTests(SynchronousTestCase):
    def test_it(self) -> None:
        message = b"a: b\r\nc: d\r\n\r\none\r\ntwo\r\nthree"
        for lines, wanted in (
            (0, b"a: b\r\nc: d\r\n\r\n"),
            (1, b"a: b\r\nc: d\r\n\r\none\r\n"),
            (2, b"a: b\r\nc: d\r\n\r\none\r\ntwo\r\n"),
            (3, message),
            (1000, message),
        ):
            for piece in (1, 2, 3, 7, 100):
                self.assertEqual(top_of(message, lines, piece), wanted, (lines, piece))

    def test_odd_messages(self) -> None:
        for message, lines, wanted in (
            (b"", 1, b""),
            (b"no end", 0, b"no end"),
            (b"\r\nbody\r\nmore\r\n", 1, b"\r\nbody\r\n"),
            (b"a: b\n\none\ntwo\n", 1, b"a: b\n\none\n"),
            (b"\r\r\n\r\nb\r\nc", 0, b"\r\r\n\r\n"),
            (b"a\r\r\n\r\nb\r\nc", 1, b"a\r\r\n\r\nb\r\n"),
        ):
            for piece in (1, 2, 100):
                self.assertEqual(top_of(message, lines, piece), wanted)

    @given(
        st.lists(st.sampled_from([b"\r\n", b"a", b"\r", b"\n", b"bb\r\n"]), max_size=30),
        st.integers(0, 200),
        st.integers(1, 9),
    )
    def test_pieces(self, parts: list[bytes], lines: int, piece: int) -> None:
        message = b"".join(parts)
        whole = top_of(message, lines, max(1, len(message)))
        self.assertEqual(top_of(message, lines, piece), whole)
        self.assertTrue(message.startswith(whole))
