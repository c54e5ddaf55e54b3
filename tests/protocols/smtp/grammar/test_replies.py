"""Replies, both ways."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail import Malformed
from netdaemon.protocols.smtp.grammar.replies import MAX_LINES, Reply, ReplyReader, reply_line, reply_lines


def read(*lines: bytes) -> Reply | None:
    reader = ReplyReader()
    reply = None
    for line in lines:
        assert reply is None, "a line behind the last"
        reply = reader.feed(line)
    return reply


class ReadTests(SynchronousTestCase):
    def test_one_line(self) -> None:
        self.assertEqual(read(b"250 OK"), Reply(250, (b"OK",)))
        self.assertEqual(read(b"250"), Reply(250, (b"",)))
        self.assertEqual(read(b"250 "), Reply(250, (b"",)))
        self.assertEqual(read(b"550 5.1.1 No"), Reply(550, (b"No",), "5.1.1"))
        self.assertEqual(read(b"550 5.1.1"), Reply(550, (b"",), "5.1.1"))
        self.assertEqual(read(b"250 5.1.1 No"), Reply(250, (b"5.1.1 No",)), "another class than the code's")
        self.assertEqual(read(b"250 2.1234.1 x"), Reply(250, (b"2.1234.1 x",)))

    def test_several(self) -> None:
        self.assertEqual(
            read(b"250-spam.egg", b"250-SIZE 10", b"250 DSN"), Reply(250, (b"spam.egg", b"SIZE 10", b"DSN"))
        )
        self.assertEqual(read(b"550-5.7.1 a", b"550 5.7.1 b"), Reply(550, (b"a", b"b"), "5.7.1"))
        self.assertIsNone(read(b"250-x"))

    def test_malformed(self) -> None:
        for lines in (
            (b"",),
            (b"25",),
            (b"hello",),
            (b"250x",),
            (b"150 x",),
            (b"650 x",),
            (b"250-a", b"251 b"),
            (b"25\xb2 x",),
        ):
            with self.assertRaises(Malformed):
                read(*lines)
        with self.assertRaises(Malformed):
            read(*[b"250-x"] * MAX_LINES)

    @given(st.integers(200, 599), st.sampled_from(["", "4.4.2", "5.1.1"]), st.lists(st.text(), min_size=1, max_size=5))
    def test_round(self, code: int, status: str, texts: list[str]) -> None:
        lines = reply_lines(code, status, *texts)
        for line in lines:
            self.assertLess(len(line), 511)
            self.assertTrue(line.isascii() and not set(b"\r\n\0") & set(line))
        reply = read(*lines)
        assert reply is not None
        self.assertEqual((reply.code, len(reply.lines)), (code, len(texts)))

    def test_kinds(self) -> None:
        kinds = [
            (Reply(code, (b"",)).ok, Reply(code, (b"",)).intermediate, Reply(code, (b"",)).temporary)
            for code in (250, 354, 451, 550)
        ]
        self.assertEqual(
            kinds, [(True, False, False), (False, True, False), (False, False, True), (False, False, False)]
        )
        self.assertEqual(str(Reply(550, (b"a", b"\xff"), "5.1.1")), "550 5.1.1 a \ufffd")

    def test_no_text_becomes_a_line(self) -> None:
        self.assertEqual(reply_line(550, "5.1.1", "a\r\n250 OK\xe9"), b"550 5.1.1 a??250 OK?")
