"""Dot-stuffing: right at every cut, and no other end than CRLF . CRLF."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.dot import BareLineEnd, DotDecoder, DotEncoder, stuffed

# What matters to either side, and a letter.
tricky = st.lists(
    st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a", b"\0", b"\r\n.\r\n", b"\r\n..", b"\r\n."]), max_size=24
).map(b"".join)
cuts = st.lists(st.integers(0, 60), max_size=8)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    """``data`` in pieces, some of them empty."""
    ends = [*sorted(min(n, len(data)) for n in at), len(data)]
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def decode_by_line(stream: bytes) -> tuple[bytes, bytes] | None:
    """The reference: (body, what is behind it), or None when the body has no end."""
    lines = []
    while True:
        line, end, stream = stream.partition(b"\r\n")
        if not end:
            return None
        if line == b".":
            return b"".join(lines), stream
        lines.append(line.removeprefix(b".") + end)


def flaws(body: bytes) -> tuple[bool, bool, bool]:
    """Bare CR, bare LF, NUL: octet by octet."""
    cr = any(body[n] == 13 and body[n + 1 : n + 2] != b"\n" for n in range(len(body)))
    lf = any(body[n] == 10 and (n == 0 or body[n - 1] != 13) for n in range(len(body)))
    return cr, lf, 0 in body


def decode(pieces: list[bytes], limit: int | None = None) -> tuple[bytes, DotDecoder]:
    decoder = DotDecoder(limit)
    body = b""
    for number, piece in enumerate(pieces):
        body += decoder.feed(piece)
        if decoder.finished:
            decoder.leftover += b"".join(pieces[number + 1 :])
            break
    return body, decoder


class DecoderTests(SynchronousTestCase):
    def check(self, stream: bytes, body: bytes, leftover: bytes = b"") -> None:
        """Whole, byte by byte, and cut in two at each place."""
        n = len(stream)
        for at in [[], list(range(n)), *([k] for k in range(n))]:
            got, decoder = decode(cut(stream, at))
            self.assertTrue(decoder.finished, (stream, at))
            self.assertEqual((got, decoder.leftover, decoder.size), (body, leftover, len(body)), (stream, at))

    def test_bodies(self) -> None:
        self.check(b".\r\n", b"")
        self.check(b"\r\n.\r\n", b"\r\n")
        self.check(b"a\r\n.\r\n", b"a\r\n")
        self.check(b"..\r\n.\r\n", b".\r\n")
        self.check(b"..a\r\n...\r\n..\r\n.\r\n", b".a\r\n..\r\n.\r\n")
        self.check(b".a\r\n.\r\n", b"a\r\n")  # RFC 5321 4.5.2: removed, though no stuffing put it there
        self.check(b"a\r\n\r\n\r\n.\r\n", b"a\r\n\r\n\r\n")

    def test_what_is_behind_the_end_is_left(self) -> None:
        self.check(b".\r\n.\r\n", b"", b".\r\n")
        self.check(b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n")
        self.check(b"a\r\n.\r\nDATA\r\nb\r\n.\r\n", b"a\r\n", b"DATA\r\nb\r\n.\r\n")

    def test_no_other_end(self) -> None:
        for fake in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\n.\r", b"\r\n.\0\r\n", b"\r\n.\r\r\n"):
            stream = b"body" + fake + b"MAIL FROM:<x@y>\r\n.\r\nQUIT\r\n"
            for at in [[], list(range(len(stream)))]:
                body, decoder = decode(cut(stream, at))
                self.assertTrue(decoder.finished)
                self.assertIn(b"MAIL FROM", body, fake)
                self.assertEqual(decoder.leftover, b"QUIT\r\n")

    def test_flags(self) -> None:
        for body, flags in (
            (b"clean\r\n", (False, False, False)),
            (b"a\nb\r\n", (False, True, False)),
            (b"a\rb\r\n", (True, False, False)),
            (b"a\r\r\n", (True, False, False)),
            (b"a\n\r\n", (False, True, False)),
            (b"\n\r", (True, True, False)),
            (b"a\0\r\n", (False, False, True)),
        ):
            stream = body + b"\r\n.\r\n"
            for at in [[], list(range(len(stream)))]:
                _, decoder = decode(cut(stream, at))
                self.assertEqual((decoder.bare_cr, decoder.bare_lf, decoder.nul), flags, body)

    def test_limit(self) -> None:
        stream = b"0123456\r\n..\r\n.\r\nNEXT"
        for limit, over in ((12, False), (11, True), (4, True), (0, True)):
            for at in [[], list(range(len(stream))), [4], [9, 10, 11]]:
                body, decoder = decode(cut(stream, at), limit)
                self.assertEqual(body, b"0123456\r\n.\r\n"[:limit])
                self.assertEqual((decoder.over_limit, decoder.size, decoder.leftover), (over, 12, b"NEXT"))

    def test_nothing_can_be_fed_behind_the_end(self) -> None:
        decoder = DotDecoder()
        decoder.feed(b".\r\n")
        self.assertRaises(ValueError, decoder.feed, b"x")

    def test_all_short_streams_like_the_reference(self) -> None:
        for length in range(8):
            for letters in itertools.product(b".\r\na", repeat=length):
                stream = bytes(letters)
                wanted = decode_by_line(stream)
                for at in ([], list(range(length))):
                    body, decoder = decode(cut(stream, at))
                    self.assertEqual((body, decoder.leftover) if decoder.finished else None, wanted, stream)

    @settings(deadline=None, max_examples=300)
    @given(tricky, cuts)
    def test_like_the_reference_however_cut(self, stream: bytes, at: list[int]) -> None:
        stream += b"\r\n.\r\nQUIT\r\n"
        body, decoder = decode(cut(stream, at))
        self.assertEqual((body, decoder.leftover), decode_by_line(stream))
        self.assertEqual((decoder.bare_cr, decoder.bare_lf, decoder.nul), flaws(body))

    @settings(deadline=None, max_examples=300)
    @given(tricky, cuts, st.integers(0, 60))
    def test_what_was_seen_before_the_end(self, stream: bytes, at: list[int], limit: int) -> None:
        """At every cut: what has been given is the body's beginning, and as much of it as is certain; its flaws are
        those of all that was decoded, given or beyond the limit."""
        wanted, _ = decode_by_line(stream + b"\r\n.\r\n") or (b"", b"")
        decoder, got, fed = DotDecoder(limit), b"", 0
        for piece in cut(stream, at):
            got += decoder.feed(piece)
            fed += len(piece)
            seen = wanted[: decoder.size]
            self.assertEqual(got, seen[:limit])
            self.assertEqual((decoder.bare_cr, decoder.bare_lf, decoder.nul), flaws(seen))
            if decoder.finished:
                break
            certain = stream[:fed].removesuffix(b"\r").removesuffix(b".").removesuffix(b"\n").removesuffix(b"\r")
            self.assertGreaterEqual(decoder.size, len(certain) - certain.count(b"."))


class EncoderTests(SynchronousTestCase):
    def encode(self, pieces: list[bytes], *, refuse: bool = False) -> bytes:
        encoder = DotEncoder(refuse=refuse)
        return b"".join([encoder.feed(piece) for piece in pieces]) + encoder.finish()

    def check(self, body: bytes, wire: bytes) -> None:
        for at in [[], list(range(len(body))), *([k] for k in range(len(body)))]:
            self.assertEqual(self.encode(cut(body, at)), wire, (body, at))

    def test_bodies(self) -> None:
        self.check(b"", b".\r\n")
        self.check(b"a", b"a\r\n.\r\n")
        self.check(b"a\r\n", b"a\r\n.\r\n")
        self.check(b".", b"..\r\n.\r\n")
        self.check(b".\r\n.\r\n..\r\na.b", b"..\r\n..\r\n...\r\na.b\r\n.\r\n")

    def test_bare_ends_become_line_ends(self) -> None:
        self.check(b"a\nb", b"a\r\nb\r\n.\r\n")
        self.check(b"a\r", b"a\r\n.\r\n")
        self.check(b"a\r\n\r", b"a\r\n\r\n.\r\n")
        self.check(b"a\n.\nb\r.\r", b"a\r\n..\r\nb\r\n..\r\n.\r\n")
        self.check(b"\r\r\n\n", b"\r\n\r\n\r\n.\r\n")

    def test_bare_ends_refused(self) -> None:
        for body in (b"a\nb", b"a\rb", b"\n", b"a\r", b"a\r\n\r", b"\n.\n"):
            for at in [[], list(range(len(body)))]:
                self.assertRaises(BareLineEnd, self.encode, cut(body, at), refuse=True)
        self.assertEqual(self.encode([b"a\r", b"", b"\n."], refuse=True), b"a\r\n..\r\n.\r\n")

    def test_once(self) -> None:
        encoder = DotEncoder()
        encoder.finish()
        self.assertRaises(ValueError, encoder.finish)
        self.assertRaises(ValueError, encoder.feed, b"x")

    @settings(deadline=None, max_examples=300)
    @given(tricky, cuts, cuts)
    def test_round_trip(self, body: bytes, at: list[int], then: list[int]) -> None:
        wire = self.encode(cut(body, at))
        self.assertEqual(wire, stuffed(body))
        self.assertTrue(wire == b".\r\n" or wire.endswith(b"\r\n.\r\n"))
        self.assertEqual(wire.replace(b"\r\n", b"").count(b"\r") + wire.replace(b"\r\n", b"").count(b"\n"), 0)
        got, decoder = decode(cut(wire + b"NEXT", then))
        self.assertEqual(decoder.leftover, b"NEXT")
        normal = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        if normal and not normal.endswith(b"\r\n"):
            normal += b"\r\n"
        self.assertEqual(got, normal)
        self.assertFalse(decoder.bare_cr or decoder.bare_lf)
