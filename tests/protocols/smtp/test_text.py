"""What is seen in a message's octets, wherever they are cut."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.smtp.text import Text

PIECES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"x", b"xxxxx", b"\0", b".", b"y" * 12]), max_size=25)


def cut(octets: bytes, cuts: list[int]) -> list[bytes]:
    chunks = []
    for size in cuts:
        chunks.append(octets[:size])
        octets = octets[size:]
    return [*chunks, octets]


class TextTests(SynchronousTestCase):
    @given(PIECES.map(b"".join), st.lists(st.integers(0, 9), max_size=40), st.integers(1, 14), st.booleans())
    def test_against_the_plain_definition(self, octets: bytes, cuts: list[int], longest: int, normalise: bool) -> None:
        written: list[bytes] = []
        text = Text(written.append, longest=longest, normalise=normalise)
        for chunk in cut(octets, cuts):
            text.write(chunk)
        text.finish()
        expected = re.sub(rb"\r\n|\r|\n", b"\r\n", octets) if normalise else octets
        self.assertEqual(b"".join(written), expected)
        self.assertEqual(text.size, len(expected))
        self.assertEqual(text.bare, re.search(rb"(?<!\r)\n|\r(?!\n)", octets) is not None)
        self.assertEqual(text.nul, b"\0" in octets)
        if normalise or not text.bare:
            self.assertEqual(text.long_line, any(len(line) > longest for line in expected.split(b"\r\n")))

    def test_long_lines(self) -> None:
        for size, long in ((998, False), (999, True), (100_000, True)):
            for before, after in ((b"", b""), (b"a\r\n", b"\r\n"), (b"a\r\n" * 500, b"\r\nb\r\n" * 500)):
                text = Text(lambda data: None, longest=998)
                text.write(before + b"x" * size + after)
                text.finish()
                self.assertEqual(text.long_line, long, (size, before[:5]))
