"""Replies with a code of three digits: both rules for lines in between, the limit, and any octets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.codereplies import CodeReply, CodeReplyReader
from netdaemon.wire.malformed import Malformed


def reader(coded: bool, most: int = 5) -> CodeReplyReader[CodeReply]:
    return CodeReplyReader(CodeReply, "2345", most, coded=coded)


def read(coded: bool, *lines: bytes) -> CodeReply | None:
    made, reply = reader(coded), None
    for line in lines:
        assert reply is None, "a line behind the last"
        reply = made.feed(line)
    return reply


class CodeReplyTests(SynchronousTestCase):
    def test_one_line(self) -> None:
        for coded in (False, True):
            for line, text in ((b"250 OK", b"OK"), (b"250", b""), (b"250 ", b""), (b"250  -\xff", b" -\xff")):
                self.assertEqual(read(coded, line), CodeReply(250, (text,)))

    def test_several(self) -> None:
        for coded in (False, True):
            self.assertEqual(read(coded, b"250-a", b"250-", b"250 c"), CodeReply(250, (b"a", b"", b"c")))
            self.assertEqual(read(coded, b"250-a", b"250"), CodeReply(250, (b"a", b"")))
            self.assertIsNone(read(coded, b"250-a", b"250-b"))

    def test_lines_in_between_that_are_not_coded(self) -> None:
        for line in (b"", b"b", b" 250 b", b"2501 b", b"250b", b"251 b", b"251"):
            self.assertEqual(read(False, b"250-a", line, b"250 c"), CodeReply(250, (b"a", line, b"c")))
            self.assertRaises(Malformed, read, True, b"250-a", line)

    def test_no_code(self) -> None:
        for coded in (False, True):
            for line in (b"", b"25", b"OK", b" 250 OK", b"2500 OK", b"250:OK", b"150 OK", b"650 OK", b"25\xb2 OK"):
                self.assertRaises(Malformed, read, coded, line)

    def test_the_limit(self) -> None:
        for coded in (False, True):
            made = reader(coded, most=2)
            self.assertEqual([made.feed(b"250-a"), made.feed(b"250-b")], [None, None])
            self.assertTrue(made.within)
            self.assertEqual(made.feed(b"250 c"), CodeReply(250, (b"a", b"b", b"c")))
            self.assertFalse(made.within)
            self.assertEqual([made.feed(b"251-a"), made.feed(b"251-b")], [None, None])
            self.assertRaises(Malformed, made.feed, b"251-c")

    def test_kinds(self) -> None:
        kinds = [
            (reply.preliminary, reply.ok, reply.intermediate)
            for reply in (CodeReply(code, (b"",)) for code in (150, 226, 331, 425, 550))
        ]
        self.assertEqual(kinds, [tuple(at == which for at in range(3)) for which in range(5)])

    @given(st.booleans(), st.lists(st.sampled_from([b"250", b"250-", b"250 ", b"251-x", b"x"]) | st.binary(max_size=9)))
    def test_any_lines(self, coded: bool, lines: list[bytes]) -> None:
        made = reader(coded)
        try:
            for line in lines:
                reply = made.feed(line)
                self.assertNotEqual(reply is None, not made.within)
                if reply is not None:
                    self.assertIn(line[:4], (b"%d" % reply.code, b"%d " % reply.code))
        except Malformed:
            pass
