"""Lines of TYPE A, whole and in pieces, and lines of ``ls``."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.grammar.ls import ls_line, permissions
from netdaemon.protocols.ftp.grammar.text import FromWire, ToWire

TEXTS = st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n"]), max_size=30).map(b"".join)
CUTS = st.lists(st.integers(1, 5), max_size=40)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """``data`` in pieces of those lengths, the rest as the last."""
    cut = []
    for length in cuts:
        cut.append(data[:length])
        data = data[length:]
    return [*cut, data]


class TextTests(SynchronousTestCase):
    def test_to_the_wire(self) -> None:
        for here, wire in (
            (b"", b""),
            (b"a\nb", b"a\r\nb"),
            (b"a\r\nb", b"a\r\nb"),
            (b"\n\n", b"\r\n\r\n"),
            (b"\r\r\n\n", b"\r\r\n\r\n"),
            (b"a\rb", b"a\rb"),
        ):
            self.assertEqual(ToWire().feed(here), wire)

    def test_from_the_wire(self) -> None:
        for wire, here in (
            (b"a\r\nb", b"a\nb"),
            (b"\r\r\n", b"\r\n"),
            (b"a\rb\n", b"a\rb\n"),
            (b"\r", b"\r"),
            (b"\r\n\r", b"\n\r"),
        ):
            text = FromWire()
            self.assertEqual(text.feed(wire) + text.finish(), here)

    @given(TEXTS, CUTS)
    def test_however_it_is_cut(self, data: bytes, cuts: list[int]) -> None:
        to = ToWire()
        self.assertEqual(b"".join(map(to.feed, pieces(data, cuts))), ToWire().feed(data))
        back, whole = FromWire(), FromWire()
        self.assertEqual(
            b"".join(map(back.feed, pieces(data, cuts))) + back.finish(), whole.feed(data) + whole.finish()
        )

    @given(TEXTS.filter(lambda text: b"\r" not in text), CUTS)
    def test_there_and_back(self, data: bytes, cuts: list[int]) -> None:
        to, back = ToWire(), FromWire()
        self.assertEqual(b"".join(back.feed(to.feed(piece)) for piece in pieces(data, cuts)) + back.finish(), data)

    def test_lines_of_ls(self) -> None:
        self.assertEqual(permissions(0o754), b"rwxr-xr--")
        self.assertEqual(
            ls_line(b"a b", folder=False, mode=0o644, size=6, modified=784111777, now=784111777),
            b"-rw-r--r-- 1 ftp      ftp                 6 Nov  6 08:49 a b",
        )
        self.assertEqual(
            ls_line(b"d", folder=True, mode=0o40755, size=4096, modified=0, now=784111777),
            b"drwxr-xr-x 1 ftp      ftp              4096 Jan  1  1970 d",
        )
