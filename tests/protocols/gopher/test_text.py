"""Texts, whole and in every cut, of servers that stuff and of those that do not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.gopher.grammar.text import TextDecoder
from netdaemon.wire.dot import stuffed


def decode(*chunks: bytes) -> tuple[bytes, bool]:
    decoder = TextDecoder()
    text = b"".join([decoder.feed(chunk) for chunk in chunks]) + decoder.finish()
    return text, decoder.ended


class TextTests(SynchronousTestCase):
    def test_texts(self) -> None:
        for wire, text, ended in (
            (b"", b"", False),
            (b".\r\n", b"", True),
            (b".", b"", True),
            (b"a\r\nb\r\n.\r\n", b"a\nb\n", True),
            (b"a\nb\n.\n", b"a\nb\n", True),
            (b"a\r\n.", b"a\n", True),
            (b"..\r\n...x\r\n.\r\n", b".\n..x\n", True),
            (b"a", b"a", False),
            (b"a.\r\n", b"a.\n", False),
            (b"a\r\n.hidden\r\n", b"a\n.hidden\n", False),  # of a server that does not stuff
            (b"a\r\n.\r\nb\r\n.\r\n", b"a\n.\nb\n", True),  # nor think of lines that are a dot
            (b"a\r\n.\r\n\r\n", b"a\n.\n\n", False),
            (b"a\rb\r", b"a\rb\r", False),
            (b"\r\n\r\n", b"\n\n", False),
        ):
            self.assertEqual(decode(wire), (text, ended), wire)
            self.assertEqual(decode(*(wire[at : at + 1] for at in range(len(wire)))), (text, ended), wire)
            for cut in range(len(wire)):
                self.assertEqual(decode(wire[:cut], b"", wire[cut:]), (text, ended), (wire, cut))

    @settings(deadline=None)
    @given(
        st.lists(st.sampled_from((b".", b"..", b"a", b"\r\n", b"\n", b".\r\n", b"\xff")), max_size=12),
        st.integers(1, 5),
    )
    def test_what_we_send_comes_back(self, parts: list[bytes], piece: int) -> None:
        text = b"".join(parts)
        wire = stuffed(text)
        wanted = text.replace(b"\r\n", b"\n")
        if wanted and not wanted.endswith(b"\n"):
            wanted += b"\n"
        self.assertEqual(decode(*(wire[at : at + piece] for at in range(0, len(wire), piece))), (wanted, True))

    def test_the_end_is_known_before_the_close(self) -> None:
        decoder = TextDecoder()
        self.assertEqual(decoder.feed(b"a\r\n.\r"), b"a\n")
        self.assertFalse(decoder.ended)
        decoder.feed(b"\n")
        self.assertTrue(decoder.ended)
        self.assertEqual(decoder.feed(b"b"), b".\nb")
        self.assertFalse(decoder.ended)
