"""Compressed documents: who gets them, which ones, and that nobody takes one form for another."""

from __future__ import annotations

import gzip
import os

import brotli
import zstandard

from netdaemon.protocols.http.coding import shrinks
from netdaemon.protocols.http.grammar.accept import accepted_codings
from tests.protocols.http.peer import NOW, HTTPTests, Peer, Reply

TEXT = b"spam, egg, spam, bacon and spam\n" * 200
LARGE = b"".join(b"%d spam\n" % number for number in range(30_000))

DECODERS = {
    None: lambda data: data,
    b"gzip": gzip.decompress,
    b"br": brotli.decompress,
    b"zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


def decoded(reply: Reply) -> bytes:
    return bytes(DECODERS[reply[b"Content-Encoding"]](reply.body))


class AcceptTests(HTTPTests):
    def test_which(self) -> None:
        for field, codings in (
            (None, ()),
            (b"", ()),
            (b"identity", ()),
            (b"gzip", (b"gzip",)),
            (b"GZIP", (b"gzip",)),
            (b"x-gzip", (b"gzip",)),
            (b"gzip, deflate, br, zstd", (b"br", b"zstd", b"gzip")),
            (b"gzip;q=1.0, br;q=0.5", (b"gzip", b"br")),
            (b"br;q=0, *", (b"zstd", b"gzip")),
            (b"*;q=0", ()),
            (b"gzip;q=0.000", ()),
            (b"gzip;q=0.5, identity", ()),
            (b"gzip;q=2, br; q=0.1", (b"gzip", b"br")),  # what is no weight is none
            (b"compress, deflate", ()),
            (b",,gzip ,", (b"gzip",)),
            (b"gzip " * 3, ()),
        ):
            self.assertEqual(accepted_codings(field), codings, field)

    def test_types(self) -> None:
        for kind in (
            b"text/html; charset=utf-8",
            b"text/x",
            b"image/svg+xml",
            b"application/json",
            b"application/wasm",
        ):
            self.assertTrue(shrinks(kind), kind)
        for kind in (b"image/png", b"video/mp4", b"application/zip", b"font/woff2", b"application/octet-stream"):
            self.assertFalse(shrinks(kind), kind)


class CodingTests(HTTPTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("a.txt", TEXT)
        self.file("large.txt", LARGE)
        self.file("a.png", TEXT)

    def ask_for(self, target: str, accept: bytes, *fields: bytes, method: bytes = b"GET") -> Reply:
        return self.get(target, b"Accept-Encoding: " + accept, *fields, method=method)

    def test_compressed_by_us(self) -> None:
        for target, body in (("/a.txt", TEXT), ("/large.txt", LARGE)):
            for coding in (b"gzip", b"br", b"zstd"):
                reply = self.ask_for(target, coding)
                self.assertEqual(reply[b"Content-Encoding"], coding)
                self.assertEqual(reply[b"Vary"], b"Accept-Encoding")
                self.assertEqual(reply[b"Content-Type"], b"text/plain; charset=utf-8")
                self.assertEqual(reply[b"Accept-Ranges"], b"none")
                self.assertEqual(decoded(reply), body)
                self.assertLess(len(reply.body), len(body) / 2)
                head = self.ask_for(target, coding, method=b"HEAD")
                self.assertEqual((head.fields, head.body), (reply.fields, b""))

    def test_each_form_has_a_tag_of_its_own(self) -> None:
        self.file("b.txt", TEXT)
        (self.top / "b.txt.br").write_bytes(brotli.compress(TEXT))
        tags = {
            self.ask_for(target, coding)[b"ETag"] for target in ("/b.txt",) for coding in (b"", b"gzip", b"zstd", b"br")
        }
        self.assertEqual(len(tags), 4)

    def test_not_asked_for_or_not_worth_it(self) -> None:
        self.file("tiny.txt", b"x" * 255)
        self.file("noise.txt", os.urandom(2000))
        for target, accept in (
            ("/a.txt", b"identity"),
            ("/a.png", b"gzip"),
            ("/tiny.txt", b"gzip"),
            ("/noise.txt", b"br"),
        ):
            reply = self.ask_for(target, accept)
            self.assertIsNone(reply[b"Content-Encoding"], target)
            self.assertEqual(reply[b"Vary"], None if target == "/a.png" else b"Accept-Encoding")
        self.assertIsNone(self.get("/a.txt", b"Accept-Encoding: gzip", compress=False)[b"Content-Encoding"])

    def test_conditions_are_about_the_form_that_is_sent(self) -> None:
        plain = self.get("/a.txt")[b"ETag"] or b""
        packed = self.ask_for("/a.txt", b"gzip")[b"ETag"] or b""
        self.assertTrue(packed.startswith(b'W/"'))
        self.assertEqual(self.ask_for("/a.txt", b"gzip", b"If-None-Match: " + packed).status, 304)
        self.assertEqual(self.ask_for("/a.txt", b"gzip", b"If-None-Match: " + packed)[b"ETag"], packed)
        self.assertEqual(self.ask_for("/a.txt", b"gzip", b"If-None-Match: " + plain).status, 200)
        self.assertEqual(self.ask_for("/a.txt", b"", b"If-None-Match: " + packed).status, 200)
        self.assertEqual(
            self.ask_for("/a.txt", b"gzip", b"If-Match: " + packed).status, 412, "a weak tag never matches"
        )
        self.assertEqual(self.ask_for("/a.txt", b"gzip", b"If-Match: *").status, 200)

    def test_parts_are_of_the_plain_octets(self) -> None:
        for target, body in (("/a.txt", TEXT), ("/large.txt", LARGE)):
            reply = self.ask_for(target, b"gzip", b"Range: bytes=10-19")
            self.assertEqual((reply.status, reply.body, reply[b"Content-Encoding"]), (206, body[10:20], None))
            self.assertEqual(reply[b"Vary"], b"Accept-Encoding")

    def test_copies_beside_it(self) -> None:
        for ending, coding, pack in ((".gz", b"gzip", gzip.compress), (".br", b"br", brotli.compress)):
            packed = pack(TEXT + b"(from the copy)")
            self.file(f"a.txt{ending}", packed)
            reply = self.ask_for("/a.txt", coding)
            self.assertEqual((reply[b"Content-Encoding"], reply.body), (coding, packed))
            self.assertEqual(reply[b"Content-Type"], b"text/plain; charset=utf-8")
            self.assertEqual(reply[b"Accept-Ranges"], b"bytes")
            part = self.ask_for("/a.txt", coding, b"Range: bytes=3-8")
            self.assertEqual((part.status, part.body, part[b"Content-Encoding"]), (206, packed[3:9], coding))
        self.assertEqual(self.ask_for("/a.txt", b"gzip, br")[b"Content-Encoding"], b"br")
        self.assertEqual(self.ask_for("/a.txt", b"gzip, br;q=0.5")[b"Content-Encoding"], b"gzip")
        # a copy serves also where it is asked for itself
        self.assertEqual(self.get("/a.txt.gz")[b"Content-Encoding"], None)

    def test_a_copy_comes_before_our_own_work(self) -> None:
        self.file("a.txt.gz", gzip.compress(TEXT))
        self.assertEqual(self.ask_for("/a.txt", b"br, gzip")[b"Content-Encoding"], b"gzip")

    def test_an_old_copy_is_none(self) -> None:
        self.file("a.txt.gz", gzip.compress(b"old"), modified=NOW - 7200)
        self.assertEqual(decoded(self.ask_for("/a.txt", b"gzip")), TEXT)

    def test_a_folder_is_no_copy(self) -> None:
        (self.top / "a.txt.gz").mkdir()
        self.assertEqual(decoded(self.ask_for("/a.txt", b"gzip")), TEXT)

    def test_one_connection_many_wishes(self) -> None:
        peer = self.peer()
        wishes = [b"gzip", b"", b"br", b"gzip", b"zstd", b"", b"br"]
        for _ in range(3):
            for wish in wishes:
                peer.send(b"GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %b\r\n\r\n" % wish)
        replies = peer.replies()
        self.assertEqual([reply[b"Content-Encoding"] or b"" for reply in replies], wishes * 3)
        for reply in replies:
            self.assertEqual(decoded(reply), TEXT)

    def test_changes_are_seen(self) -> None:
        peer = self.peer()

        def see() -> bytes:
            peer.wire.written.clear()
            peer.send(b"GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
            return decoded(peer.replies()[0])

        self.assertEqual([see(), see()], [TEXT, TEXT])
        assert self.made is not None
        with self.made.documents.open(b"/a.txt"):
            writer = self.made.documents.write(b"/a.txt")
        writer.write(b"new" * 500)
        writer.commit()
        self.assertEqual(see(), b"new" * 500)
        self.clock.advance(1)
        self.file("a.txt", b"newer" * 500)
        self.file("a.txt.gz", gzip.compress(b"from the copy"))
        self.assertEqual(see(), b"from the copy")
        self.clock.advance(1)
        (self.top / "a.txt.gz").unlink()
        self.assertEqual(see(), b"newer" * 500)

    def test_what_is_kept_is_bounded(self) -> None:
        peer = Peer(self.factory(cache_size=100_000))
        self.addCleanup(peer.leave)
        for number in range(60):
            self.file(f"{number}.txt", LARGE[:8000])
            peer.send(b"GET /%d.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n" % number)
        shelf = peer.session._factory.sites.own._views.everybody._shelf
        contents = shelf._contents
        self.assertEqual(contents.size, sum(item.weight for item in contents.items.values()))
        self.assertLessEqual(contents.size, 100_000)

    def test_the_peer_goes_in_the_middle(self) -> None:
        peer = self.peer(lazy=True)
        peer.send(b"GET /large.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        peer.leave()
        self.settle()
