"""Texts that are looked for in messages, and decoders for what comes in pieces."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail import search
from netdaemon.mail.charsets import _CODECS, decode, incremental_decoder
from netdaemon.mail.search import holds
from netdaemon.mail.transfer import TransferDecoder, transfer_decoded
from tests.mail.kit import crlf, cut, cuts
from tests.mail.test_structure import NESTED

MESSAGE = crlf("""
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
X-Seen:
 folded
Content-Type: multipart/mixed; boundary=b

preamble
--b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Sch=F6ne =
Gr=FC=DFe
--b
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+RnJhbmvDtnNpc2NoZSBTdHJhw59lPC9wPg==
--b
Content-Type: application/octet-stream

binary
--b--
""")


class HoldsTests(SynchronousTestCase):
    def check(self, texts: list[str], *, text: bool, body: bool) -> None:
        for at in ([], range(len(MESSAGE)), range(0, len(MESSAGE), 7)):
            pieces = cut(MESSAGE, at)
            self.assertEqual(
                (holds(pieces, texts, header=True), holds(pieces, texts, header=False)), (text, body), texts
            )

    def test_where(self) -> None:
        self.check([], text=True, body=True)
        self.check([""], text=True, body=True)
        self.check(["schöne grüsse"], text=True, body=True)
        self.check(["SCHÖNE GRÜSSE", "STRASSE"], text=True, body=True)
        self.check(["straße", "nowhere"], text=False, body=False)
        self.check(["subject: grüße", "x-seen: folded"], text=True, body=False)
        for nowhere in ("binary", "preamble", "--b", "PHA+", "quoted-printable\n\n", "Grüße\r\n<p>"):
            self.check([nowhere], text=False, body=False)

    def test_in_messages_in_messages(self) -> None:
        self.assertTrue(holds([NESTED], ["two"], header=False))

    def test_no_more_is_read_than_is_needed(self) -> None:
        read = []

        def pieces() -> Iterator[bytes]:
            for number in range(100):
                read.append(number)
                yield b"Subject: x\r\n\r\nneedle" if not number else b"hay\r\n" * 2000

        self.assertTrue(holds(pieces(), ["needle"], header=False))
        self.assertLess(len(read), 5)

    @settings(deadline=None)
    @given(st.integers(0, 200), st.integers(1, 60), cuts)
    def test_across_pieces(self, before: int, length: int, at: list[int]) -> None:
        self.patch(search, "_PIECE", 16)
        needle = "ü" * length
        octets = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + b"x" * before + needle.encode() + b"y" * 100
        self.assertTrue(holds(cut(octets, at), [needle], header=False))
        self.assertTrue(holds(cut(octets, range(len(octets))), [needle + "y"], header=False))
        self.assertFalse(holds(cut(octets, at), [needle + "ü"], header=False))


class IncrementalTests(SynchronousTestCase):
    def decoded(self, pieces: list[bytes], encoding: bytes) -> bytes:
        decoder = TransferDecoder(encoding)
        return b"".join(map(decoder.feed, pieces)) + decoder.finish()

    @given(st.binary(max_size=300), cuts)
    def test_what_was_encoded(self, octets: bytes, at: list[int]) -> None:
        octets = octets.replace(b"\r", b"")  # quopri makes all line ends alike
        for encoded, encoding in (
            (base64.encodebytes(octets), b"BASE64"),
            (quopri.encodestring(octets), b"quoted-printable"),
            (octets, b"8bit"),
        ):
            self.assertEqual(self.decoded(cut(encoded, at), encoding), octets)
            self.assertEqual(self.decoded(cut(encoded, range(len(encoded))), encoding), octets)

    @given(st.text("AZ=3D \r\n\t", max_size=60).map(str.encode), cuts)
    def test_what_is_broken_too(self, octets: bytes, at: list[int]) -> None:
        for encoding in (b"base64", b"quoted-printable"):
            self.assertEqual(self.decoded(cut(octets, at), encoding), transfer_decoded(octets, encoding))

    def test_long_lines(self) -> None:
        octets = b"=C3=BC" * 5000
        for step in (1, 5, 4097):
            self.assertEqual(
                self.decoded(cut(octets, range(0, len(octets), step)), b"quoted-printable"), b"\xc3\xbc" * 5000
            )

    @given(st.text("aü中 ", max_size=40), st.sampled_from(["utf-8", "utf-16", "gb18030", "iso-2022-jp", "big5"]), cuts)
    def test_charsets(self, text: str, charset: str, at: list[int]) -> None:
        octets = text.encode(charset, "ignore")
        decoder = incremental_decoder(charset.encode())
        found = "".join([decoder.decode(piece) for piece in cut(octets, at)]) + decoder.decode(b"", True)
        self.assertEqual(found, decode(octets, charset.encode()))

    @given(st.text("aü中 ", max_size=20), st.sampled_from(["utf-16", "utf-32"]), st.sampled_from(["le", "be"]), cuts)
    def test_marks(self, text: str, charset: str, order: str, at: list[int]) -> None:
        octets = ("\ufeff" + text).encode(charset + order)
        for marked in (octets, *([text.encode(charset + order)] if order == "le" else [])):
            decoder = incremental_decoder(charset.encode())
            found = "".join([decoder.decode(piece) for piece in cut(marked, at)]) + decoder.decode(b"", True)
            self.assertEqual(found, text)

    def test_no_known_charset(self) -> None:
        for charset in (b"", b"us-ascii", b"no-such"):
            self.assertEqual(incremental_decoder(charset).decode(b"\xc3\xbc \xfc \xc3", True), "ü ü Ã")
        self.assertEqual(incremental_decoder(b"utf-8").decode(b"\xfc", True), "\ufffd")

    def test_every_charset_has_one(self) -> None:
        for name in _CODECS:
            self.assertIsInstance(incremental_decoder(name.encode()).decode(b"a\r\n", True), str)
