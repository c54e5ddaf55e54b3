"""Bodies that swell: nothing of them is ever there at once, and beyond all measure they are refused."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import brotli
import zstandard
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client.decoding import FREE, MAX_SWELLING, MOST_AT_ONCE, Decoded, _Gzip
from netdaemon.wire.failures import Broken, TooLarge
from tests.protocols.http.bodies import Source, body_of, now

MIB = 1024 * 1024


def packed(begin: Callable[[], object], size: int) -> bytes:
    """``size`` MiB of zeros."""
    packer = begin()
    compress = getattr(packer, "compress", None) or packer.process  # type: ignore[attr-defined]
    finish = getattr(packer, "flush", None) if hasattr(packer, "compress") else packer.finish  # type: ignore[attr-defined]
    data = b"".join(compress(b"\0" * MIB) for _ in range(size))
    return bytes(data + finish())  # type: ignore[misc]


BOMBS = {
    b"gzip": lambda: zlib.compressobj(9, zlib.DEFLATED, 31),
    b"deflate": lambda: zlib.compressobj(9),
    b"br": lambda: brotli.Compressor(quality=5),
    b"zstd": lambda: zstandard.ZstdCompressor().compressobj(),
}


class BombTests(SynchronousTestCase):
    def read(self, body: Decoded) -> tuple[int, int]:
        """Octets in all, and of the largest piece, until it is refused."""
        total = largest = 0

        async def read() -> None:
            nonlocal total, largest
            async for piece in body:
                total += len(piece)
                largest = max(largest, len(piece))

        try:
            now(read())
        except TooLarge as error:
            self.assertIn(f"{body._swelling} times", str(error))
            self.assertIn(f"{body._free // 1024} KiB", str(error))
            return total, largest
        return -total, largest

    def test_refused(self) -> None:
        for coding, begin in BOMBS.items():
            source = Source()
            body = Decoded(body_of(packed(begin, 64), b"more", source=source), [coding])
            total, largest = self.read(body)
            self.assertTrue(FREE - MIB < total <= FREE, (coding, total))
            self.assertLessEqual(largest, MOST_AT_ONCE, coding)
            self.assertTrue(source.dropped)

    def test_memory(self) -> None:
        for coding, begin in BOMBS.items():
            bomb = packed(begin, 64)
            tracemalloc.start()
            self.read(Decoded(body_of(bomb), [coding]))
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            self.assertLess(peak, 12 * MIB, coding)

    def test_what_swells_within_measure(self) -> None:
        """At the limit and one past it."""
        for coding, begin in BOMBS.items():
            bomb = packed(begin, 1)
            self.assertEqual(self.read(Decoded(body_of(bomb), [coding], swelling=1, free=MIB))[0], -MIB, coding)
            self.assertGreater(self.read(Decoded(body_of(bomb), [coding], swelling=1, free=MIB - 1))[0], 0, coding)
        even = gzip.compress(b"\0" * MIB)
        swelling = -(-MIB // len(even))
        self.assertEqual(self.read(Decoded(body_of(even), [b"gzip"], swelling=swelling, free=0))[0], -MIB)
        self.assertGreaterEqual(self.read(Decoded(body_of(even), [b"gzip"], swelling=swelling - 1, free=0))[0], 0)

    def test_large_and_honest(self) -> None:
        """Much comes out of much."""
        line = b"".join(b"%d\n" % number for number in range(40_000))
        body = Decoded(body_of(*[gzip.compress(line) for _ in range(40)]), [b"gzip"], free=MIB)
        self.assertEqual(self.read(body)[0], -40 * len(line))

    def test_wrapped_twice(self) -> None:
        for coding, begin in BOMBS.items():
            bomb = gzip.compress(packed(begin, 64))
            self.assertGreater(self.read(Decoded(body_of(bomb), [coding + b", gzip"]))[0], 0, coding)

    def test_one_that_shows_only_inside(self) -> None:
        """The outer coding swells into what the inner one makes nothing of: members without content."""
        member = gzip.compress(b"", mtime=0)
        bomb = gzip.compress(member * 200_000)
        self.assertEqual(self.read(Decoded(body_of(bomb), [b"gzip, gzip"], free=MIB))[0], 0)

    def test_one_that_goes_on_behind_its_end(self) -> None:
        bomb = gzip.compress(gzip.compress(b"x") + b"\0" * 64 * MIB)
        self.assertRaises(Broken, now, Decoded(body_of(bomb), [b"gzip, gzip"]).read(100))

    def test_members_without_content(self) -> None:
        """Each costs a decompressor; that they are many must not cost more than that."""
        for pack, coding in ((gzip.compress, b"gzip"), (zstandard.compress, b"zstd")):
            data = pack(b"") * 10_000 + pack(b"end")
            self.assertEqual(now(Decoded(body_of(data), [coding]).read(10)), b"end")

    def test_what_is_copied_for_each_member(self) -> None:
        """The rest of what goes in comes back with every end: all of a piece each time would be quadratic."""
        copied = []
        undo = _Gzip.undo

        def counted(member: _Gzip, data: bytes) -> Iterator[bytes]:
            copied.append(len(data))
            return undo(member, data)

        self.patch(_Gzip, "undo", counted)
        data = gzip.compress(b"") * 5_000
        self.assertEqual(now(Decoded(body_of(data), [b"gzip"]).read(10)), b"")
        self.assertGreaterEqual(len(copied), 5_000)
        self.assertLessEqual(max(copied), 8 * 1024 + 1)

    def test_a_window_that_has_no_room(self) -> None:
        parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
        packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        bomb = packer.compress(b"x") + packer.flush()
        self.assertRaises(Broken, now, Decoded(body_of(bomb), [b"zstd"]).read(10))

    def test_the_measure(self) -> None:
        self.assertEqual((MAX_SWELLING, FREE), (100, 32 * MIB))
