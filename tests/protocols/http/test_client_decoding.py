"""Content codings undone: whole, octet by octet, several at once, and what is wrong with them."""

from __future__ import annotations

import gzip
import zlib
from unittest import mock

import brotli
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client import decoding
from netdaemon.protocols.http.client.decoding import MAX_BEHIND, Decoded, accepted
from netdaemon.protocols.http.grammar.accept import accepted_codings
from netdaemon.wire.failures import Broken, TooLarge
from tests.protocols.http.bodies import Source, body_of, now, pieces_of

TEXT = b"".join(b"%d spam\n" % number for number in range(3000))
SKIPPED = b"\x5a\x2a\x4d\x18\x04\0\0\0abcd"


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


PACKERS = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"br": brotli.compress,
    b"zstd": zstandard.compress,
}
FORMS = [*PACKERS.items(), (b"deflate", raw_deflate)]


def decoded(data: bytes, *encodings: bytes, size: int = 0) -> bytes:
    pieces = [data[start : start + size] for start in range(0, len(data), size)] if size else [data]
    return b"".join(pieces_of(Decoded(body_of(*pieces), encodings)))


class CodingTests(SynchronousTestCase):
    def test_whole_and_in_pieces(self) -> None:
        for coding, pack in FORMS:
            for text in (b"", b"x", TEXT):
                for size in (0, 1, 2, 7, 1000):
                    self.assertEqual(decoded(pack(text), coding, size=size), text, (coding, size))

    def test_names(self) -> None:
        packed = gzip.compress(TEXT)
        for name in (b"gzip", b"GZip", b"x-gzip", b" gzip , ", b"identity, gzip", b",,gzip"):
            self.assertEqual(decoded(packed, name), TEXT, name)
        for names in ((), (b"",), (b"identity",), (b"Identity, ", b""), (b"none",)):
            self.assertEqual(decoded(TEXT, *names), TEXT, names)

    def test_several_in_reverse_order(self) -> None:
        data = brotli.compress(zstandard.compress(gzip.compress(TEXT)))
        for encodings in ((b"gzip, zstd, br",), (b"gzip", b"zstd,br"), (b"gzip", b"zstd", b"br")):
            for size in (0, 1):
                self.assertEqual(decoded(data, *encodings, size=size), TEXT)
        self.assertRaises(Broken, decoded, data, b"br, zstd, gzip")

    def test_how_many(self) -> None:
        data = TEXT
        for _ in range(5):
            data = gzip.compress(data)
        self.assertEqual(decoded(data, b"gzip, gzip, gzip", b"gzip, gzip"), TEXT)
        self.assertRaises(Broken, decoded, gzip.compress(data), b", ".join([b"gzip"] * 6))

    def test_nothing_came(self) -> None:
        for encodings in (*PACKERS, b"gzip, gzip", b"unknown"):
            self.assertEqual(pieces_of(Decoded(body_of(), [encodings])), [])
        self.assertEqual(decoded(gzip.compress(b""), b"gzip, gzip"), b"")

    def test_members_and_frames(self) -> None:
        for coding in (b"gzip", b"zstd"):
            pack = PACKERS[coding]
            data = pack(b"one ") + pack(b"") + pack(TEXT) + pack(b" three")
            for size in (0, 1, 9, 200):
                self.assertEqual(decoded(data, coding, size=size), b"one " + TEXT + b" three", (coding, size))
        self.assertEqual(decoded(SKIPPED + zstandard.compress(b"a") + SKIPPED, b"zstd", size=1), b"a")

    def test_truncated(self) -> None:
        for coding, pack in FORMS:
            packed = pack(TEXT)
            for length in {*range(1, 40), *range(len(packed) - 12, len(packed))}:
                with self.assertRaises(Broken, msg=(coding, length)):
                    decoded(packed[:length], coding)
        packed = gzip.compress(TEXT)
        with self.assertRaises(Broken):
            decoded(packed + packed[:-1], b"gzip")

    def test_what_came_before_the_end_is_delivered(self) -> None:
        packed = gzip.compress(TEXT)[:-20]
        body = Decoded(body_of(*[packed[n : n + 100] for n in range(0, len(packed), 100)]), [b"gzip"])
        came: list[bytes] = []

        async def read() -> None:
            while True:
                came.append(await body.__anext__())

        self.assertRaises(Broken, now, read())
        self.assertTrue(TEXT.startswith(b"".join(came)))
        self.assertGreater(len(b"".join(came)), len(TEXT) // 2)
        self.assertRaises(Broken, now, read())

    def test_what_comes_behind_the_end(self) -> None:
        for coding in (b"gzip", b"deflate", b"zstd"):
            packed = PACKERS[coding](TEXT)
            for behind in (
                b"\0",
                b"\0" * 512,
                b"garbage",
                b"\x1f",
                b"\x1fx",
                b"\x28\xb5",
                b"\x28\xb5\x2fx",
                b"\xff" * 9000,
            ):
                for size in (0, 1, 1000):
                    self.assertEqual(decoded(packed + behind, coding, size=size), TEXT, (coding, behind[:9]))
            for size in (0, 5000):
                self.assertEqual(decoded(packed + b"\0" * MAX_BEHIND, coding, size=size), TEXT)
                self.assertRaises(Broken, decoded, packed + b"\0" * (MAX_BEHIND + 1), coding, size=size)
        self.assertRaises(Broken, decoded, brotli.compress(TEXT) + b"garbage", b"br")

    def test_malformed(self) -> None:
        for coding in PACKERS:
            self.assertRaises(Broken, decoded, b"\xff" * 100, coding)
        for coding, pack in (FORMS[0], FORMS[1]):  # the others need have no checksum
            for place in (-1, -2):
                packed = bytearray(pack(TEXT))
                packed[place] ^= 0x40
                self.assertRaises(Broken, decoded, bytes(packed), coding)

    def test_unknown(self) -> None:
        for name in (b"compress", b"foo", b"aes128gcm", b"gzip;q=1", b"\xff"):
            error = self.assertRaises(Broken, decoded, TEXT, b"gzip, " + name)
            self.assertIn(repr(name.decode("latin-1")), str(error))

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=300), st.lists(st.sampled_from(sorted(PACKERS)), max_size=4), st.integers(0, 20))
    def test_there_and_back(self, data: bytes, codings: list[bytes], size: int) -> None:
        packed = data
        for coding in codings:
            packed = PACKERS[coding](packed)
        self.assertEqual(decoded(packed, b", ".join(codings), size=size), data)

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=100), st.sampled_from(sorted(PACKERS)))
    def test_anything(self, data: bytes, coding: bytes) -> None:
        try:
            decoded(data, coding)
        except Broken:
            pass


class ReadingTests(SynchronousTestCase):
    def test_read(self) -> None:
        packed = gzip.compress(TEXT)
        self.assertEqual(now(Decoded(body_of(packed), [b"gzip"]).read(len(TEXT))), TEXT)
        source = Source()
        body = Decoded(body_of(packed, b"", source=source), [b"gzip"])
        self.assertRaises(TooLarge, now, body.read(len(TEXT) - 1))
        self.assertTrue(source.dropped)

    def test_close(self) -> None:
        source = Source()
        body = Decoded(body_of(gzip.compress(TEXT), b"more", source=source), [b"gzip"])
        now(body.__anext__())
        body.close()
        body.close()
        self.assertTrue(source.dropped)
        self.assertRaises(Broken, now, body.__anext__())

    def test_close_at_the_end(self) -> None:
        source = Source()
        body = Decoded(body_of(gzip.compress(TEXT), source=source), [b"gzip"])
        self.assertEqual(b"".join(pieces_of(body)), TEXT)
        body.close()
        self.assertEqual(pieces_of(body), [])
        self.assertFalse(source.dropped, "the connection may be used again")

    def test_a_failure_lets_go_of_the_connection(self) -> None:
        source = Source()
        body = Decoded(body_of(b"\xff" * 100, b"more", source=source), [b"gzip"])
        self.assertRaises(Broken, now, body.__anext__())
        self.assertTrue(source.dropped)

    def test_the_body_s_own_failure(self) -> None:
        inner = body_of(gzip.compress(TEXT)[:50])
        inner.end(Broken("the connection broke off"))
        error = self.assertRaises(Broken, now, Decoded(inner, [b"gzip"]).read(10))
        self.assertEqual(str(error), "the connection broke off")


class AcceptedTests(SynchronousTestCase):
    def test_what_is_installed(self) -> None:
        self.assertEqual(accepted(), b"br, zstd, gzip, deflate")
        self.assertEqual(accepted_codings(accepted()), (b"br", b"zstd", b"gzip"))
        with mock.patch.dict(decoding._CODINGS):
            del decoding._CODINGS[b"br"], decoding._CODINGS[b"zstd"]
            self.assertEqual(accepted(), b"gzip, deflate")
            self.assertRaises(Broken, decoded, brotli.compress(TEXT), b"br")
