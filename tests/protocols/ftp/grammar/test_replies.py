"""Replies, built and parsed (RFC 959 section 4.2)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.replies import Reply, ReplyReader, parse_reply, reply_lines

_TEXTS = st.binary(max_size=30).filter(lambda text: b"\r" not in text and b"\n" not in text)


class BuildingTests(SynchronousTestCase):
    def test_one_line(self) -> None:
        self.assertEqual(reply_lines(220, b"spam.egg"), [b"220 spam.egg"])

    def test_several_lines(self) -> None:
        self.assertEqual(reply_lines(211, b"Features:", b"MDTM", b"End"), [b"211-Features:", b" MDTM", b"211 End"])

    def test_two_lines(self) -> None:
        self.assertEqual(reply_lines(211, b"Features:", b"End"), [b"211-Features:", b"211 End"])

    def test_no_text_in_between_can_be_the_last_line(self) -> None:
        lines = reply_lines(211, b"a", b"211 b", b"c")
        self.assertEqual(parse_reply(lines), Reply(211, (b"a", b" 211 b", b"c")))


class ParsingTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for lines, reply in (
            ([b"200 OK"], Reply(200, (b"OK",))),
            ([b"200"], Reply(200, (b"",))),
            ([b"200 "], Reply(200, (b"",))),
            ([b"211-x", b"y", b"211 z"], Reply(211, (b"x", b"y", b"z"))),
            ([b"211-x", b"211-y", b"211 z"], Reply(211, (b"x", b"y", b"z"))),
            ([b"211-x", b"212 y", b"211"], Reply(211, (b"x", b"212 y", b""))),
            ([b"211-x", b"2111 y", b"211 z"], Reply(211, (b"x", b"2111 y", b"z"))),
        ):
            self.assertEqual(parse_reply(lines), reply)

    def test_refused(self) -> None:
        for line in (
            b"",
            b"20 OK",
            b"2000 OK",
            b"200:OK",
            b"OK",
            b" 200 OK",
            b"700 OK",
            b"000 OK",
        ):
            self.assertRaises(Malformed, ReplyReader().feed, line)
        self.assertRaises(Malformed, parse_reply, [b"211-x"])
        self.assertRaises(Malformed, parse_reply, [b"200 x", b"200 y"])

    def test_classes(self) -> None:
        said = []
        for code in (150, 226, 331, 425, 550):
            reply = Reply(code, (b"",))
            said.append((reply.preliminary, reply.ok, reply.intermediate, reply.transient, reply.refused))
        self.assertEqual(said, [tuple(at == which for at in range(5)) for which in range(5)])

    def test_limit(self) -> None:
        reader = ReplyReader(max_lines=2)
        self.assertIsNone(reader.feed(b"211-1"))
        self.assertIsNone(reader.feed(b"2"))
        self.assertTrue(reader.within)
        self.assertEqual(reader.feed(b"211 3"), Reply(211, (b"1", b"2", b"3")))
        self.assertFalse(reader.within)
        reader.feed(b"211-1")
        reader.feed(b"2")
        self.assertRaises(Malformed, reader.feed, b"3")

    @given(st.integers(100, 659), st.lists(_TEXTS, min_size=1, max_size=5))
    def test_round_trip(self, code: int, texts: list[bytes]) -> None:
        first, *rest = texts
        between, last = rest[:-1], rest[-1:]
        back = parse_reply(reply_lines(code, *texts))
        self.assertEqual(back, Reply(code, (first, *(b" " + text for text in between), *last)))

    @given(st.binary(max_size=40))
    def test_nothing_else_is_raised(self, line: bytes) -> None:
        try:
            ReplyReader().feed(line)
        except Malformed:
            pass
