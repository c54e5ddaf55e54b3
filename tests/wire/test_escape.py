"""Escaping: nothing that controls gets through, and what was escaped can be read back."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.escape import escape


def read_back(text: str) -> str:
    """The inverse of `escape` for str."""

    def plain(match: re.Match[str]) -> str:
        if match[1]:
            number = int(match[1], 16)
            return chr(number if number < 0x80 else number + 0xDC00)
        return chr(int(match[2], 16)) if match[2] else "\\"

    return re.sub(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|\\)", plain, text)


class EscapeTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for text, escaped in (
            ("", ""),
            ("plain text, ünïcödé 日本", "plain text, ünïcödé 日本"),
            ("a\r\nb\tc\0", r"a\x0d\x0ab\x09c\x00"),
            ("\x1b[2J\x7f", r"\x1b[2J\x7f"),
            ("\x85\x9b", r"\u0085\u009b"),
            ("\u2028\u2029", r"\u2028\u2029"),
            ("\u202egpj.exe\u202c\u2066\u200f\u061c", r"\u202egpj.exe\u202c\u2066\u200f\u061c"),
            ("\ud800", r"\ud800"),
            ("\\x0a", r"\\x0a"),
            (b"ok \xc3\xbc", "ok ü"),
            (b"\xff\xc3(\n", r"\xff\xc3(\x0a"),
            (b"\xc2\x85", r"\u0085"),
            (b"\x85", r"\x85"),
        ):
            self.assertEqual(escape(text), escaped, repr(text))

    def test_text_that_is_only_unprintable_stays(self) -> None:
        # A no-break space and an emoji's joiner control nothing.
        for text in ("a\u00a0b", "\U0001f468\u200d\U0001f467", "\ue000"):
            self.assertEqual(escape(text), text)

    @given(st.text(st.characters()) | st.text("\\xu0a\n\x85\udcff"))
    def test_reversible(self, text: str) -> None:
        self.assertEqual(read_back(escape(text)), text)

    @given(st.binary())
    def test_bytes_reversible(self, data: bytes) -> None:
        self.assertEqual(read_back(escape(data)).encode("utf-8", "surrogateescape"), data)

    @given(st.text(st.characters()) | st.binary())
    def test_nothing_controls(self, text: str | bytes) -> None:
        for character in escape(text):
            self.assertNotIn(unicodedata.category(character), ("Cc", "Cs", "Zl", "Zp"))
            self.assertNotIn(
                unicodedata.bidirectional(character), ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
            )
        escape(text).encode("utf-8")
