"""Hashes of documents: which, of what part, and in turns."""

from __future__ import annotations

import errno
import hashlib
import os
import zlib
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from netdaemon.documents import pace
from netdaemon.documents.digest import ALGORITHMS, CHUNK, new_hash
from netdaemon.documents.rights import Narrowed
from netdaemon.interfaces import Account, BadOffset, Forbidden, IsFolder, NotFound, Right, Unavailable
from tests.documents.forest import ForestTests


class DigestTests(ForestTests):
    def setUp(self) -> None:
        super().setUp()
        self.data = os.urandom(3 * CHUNK + 17)
        self.file("a", self.data)

    def digest(self, documents: Any, *arguments: Any) -> Deferred[bytes]:
        return Deferred.fromCoroutine(documents.digest(*arguments))

    def refused(self, kind: type[Exception], *arguments: Any) -> None:
        self.failureResultOf(self.digest(self.tree(), *arguments), kind)

    def test_known_answers(self) -> None:
        self.file("b", b"123456789")
        for algorithm, answer in [
            ("crc32", "cbf43926"),
            ("md5", "25f9e794323b453885f5181f1b624d0b"),
            ("sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            ("sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
            (
                "sha512",
                "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274a"
                "d27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85",
            ),
        ]:
            self.assertEqual(self.successResultOf(self.digest(self.tree(), b"/b", algorithm)).hex(), answer)
        self.assertEqual(len(ALGORITHMS), 5)

    def test_ranges(self) -> None:
        size = len(self.data)
        ranges = [(0, None), (0, size), (0, 0), (size, None), (size, size), (1, CHUNK + 1), (CHUNK, 2 * CHUNK)]
        for start, stop in ranges:
            self.assertEqual(
                self.successResultOf(self.digest(self.tree(), b"/a", "sha256", start, stop)),
                hashlib.sha256(self.data[start:stop]).digest(),
            )
        self.assertEqual(
            self.successResultOf(self.digest(self.tree(), b"/a", "crc32", 5)),
            zlib.crc32(self.data[5:]).to_bytes(4, "big"),
        )

    def test_bad_ranges(self) -> None:
        size = len(self.data)
        for start, stop in ((0, size + 1), (size + 1, None), (size + 1, size + 1), (5, 4), (-1, 4), (-2, -1)):
            self.refused(BadOffset, b"/a", "sha256", start, stop)

    def test_unknown(self) -> None:
        for algorithm in ("sha3_256", "SHA256", "", "crc", "shake_128"):
            self.refused(ValueError, b"/a", algorithm)
            self.assertRaises(ValueError, new_hash, algorithm)

    def test_what_is_no_document(self) -> None:
        self.folder("dir")
        os.mkfifo(self.top / "pipe")
        self.link("out", self.outside / "secret")
        for path, kind in [
            (b"/b", NotFound), (b"/..", NotFound), (b"/out", NotFound), (b"/dir", IsFolder), (b"/pipe", Forbidden),
        ]:  # fmt: skip
            self.refused(kind, path, "md5")

    def test_rights(self) -> None:
        self.link("to-a", "a")
        documents = Narrowed(self.tree(), Account("a", (Right("/a", "-"),)))
        for path in (b"/a", b"/to-a"):
            self.failureResultOf(self.digest(documents, path, "md5"), NotFound)
        documents = Narrowed(self.tree(), Account("a", (Right("/a", "r"),)))
        self.assertEqual(self.successResultOf(self.digest(documents, b"/a", "md5")), hashlib.md5(self.data).digest())

    def test_in_turns(self) -> None:
        """Here of no length: a second turn ends with the second chunk."""
        clock, digesting = self.turning()
        self.patch(pace, "deferLater", lambda *_: Deferred())
        clock.advance(0)
        self.assertNoResult(digesting)
        digesting.cancel()
        self.failureResultOf(digesting, CancelledError)

    def turning(self) -> tuple[Clock, Deferred[bytes]]:
        """A digest that waits for its second turn."""
        self.patch(pace, "TURN", 0.0)
        clock = Clock()
        digesting = self.digest(self.tree(clock=clock), b"/a", "sha256")
        self.assertEqual(len(clock.calls), 1)
        return clock, digesting

    def test_given_up(self) -> None:
        clock, digesting = self.turning()
        digesting.cancel()
        self.failureResultOf(digesting, CancelledError)
        self.assertEqual(clock.calls, [])  # and the check of descriptors sees that it was closed

    def test_replaced_meanwhile(self) -> None:
        clock, digesting = self.turning()
        self.file("b", b"other").rename(self.top / "a")
        while clock.calls:
            clock.advance(0)
        self.assertEqual(self.successResultOf(digesting), hashlib.sha256(self.data).digest())

    def test_grown_meanwhile(self) -> None:
        clock, digesting = self.turning()
        with (self.top / "a").open("ab") as file:
            file.write(b"more")
        while clock.calls:
            clock.advance(0)
        self.assertEqual(self.successResultOf(digesting), hashlib.sha256(self.data).digest())

    def test_cut_short_meanwhile(self) -> None:
        clock, digesting = self.turning()
        os.truncate(self.top / "a", 5)
        while clock.calls:
            clock.advance(0)
        self.failureResultOf(digesting, BadOffset)

    def test_broken(self) -> None:
        def fail(*arguments: object) -> bytes:
            raise OSError(errno.EIO, "x")

        self.patch(os, "pread", fail)
        self.refused(Unavailable, b"/a", "md5")
