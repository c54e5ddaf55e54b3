"""Documents over HTTP: validators, conditions, ranges, types, index, redirects and what the tree refuses."""

from __future__ import annotations

import os
from typing import Any

from netdaemon.interfaces import Forbidden, NotFound, Unavailable
from netdaemon.protocols.http.grammar.dates import format_date
from tests.protocols.http.peer import NOW, HTTPTests, Peer, Reply

MODIFIED = NOW - 3600
BODY = bytes(range(256)) * 4


class DocumentTests(HTTPTests):
    def test_a_document(self) -> None:
        reply = self.get("/hello.txt")
        status = (self.top / "hello.txt").stat()
        self.assertEqual((reply.status, reply.reason, reply.body), (200, b"OK", b"hello\n"))
        self.assertEqual(reply[b"Date"], format_date(NOW))
        self.assertEqual(reply[b"Last-Modified"], format_date(MODIFIED))
        self.assertEqual(
            reply[b"ETag"], b'"%x-%x-%x"' % (status.st_ino, status.st_mtime_ns, status.st_size), "strong, and unique"
        )
        self.assertEqual(reply[b"Accept-Ranges"], b"bytes")
        self.assertEqual(reply[b"Content-Type"], b"text/plain; charset=utf-8")
        self.assertEqual(reply[b"X-Content-Type-Options"], b"nosniff")
        self.assertEqual(reply[b"Content-Length"], b"6")

    def test_head_is_get_without_its_body(self) -> None:
        self.file("big", bytes(200_000))
        (self.top / "folder").mkdir()
        for target in ("/hello.txt", "/big", "/none", "/folder", "/folder/"):
            for fields in ((), (b"If-None-Match: *",), (b"If-Match: x",)):
                get = self.get(target, *fields, listing=True)
                head = self.get(target, *fields, method=b"HEAD", listing=True)
                self.assertEqual((head.status, head.fields, head.body), (get.status, get.fields, b""))

    def test_sizes_about_one_read(self) -> None:
        for size in (0, 1, 65535, 65536, 65537, 200_000):
            self.file("sized", os.urandom(size))
            reply = self.get("/sized")
            self.assertEqual(reply.body, (self.top / "sized").read_bytes())
            self.assertEqual(reply[b"Content-Length"], b"%d" % size)

    def test_never_modified_in_the_future(self) -> None:
        self.file("future", modified=NOW + 10_000)
        self.assertEqual(self.get("/future")[b"Last-Modified"], format_date(NOW))

    def test_dates_of_long_ago(self) -> None:
        self.file("old", modified=-86400 * 365 * 30 + 0.5)
        reply = self.get("/old")
        self.assertEqual(reply[b"Last-Modified"], b"Tue, 09 Jan 1940 00:00:00 GMT")
        tag = reply[b"ETag"]
        assert tag is not None
        self.assertEqual(self.get("/old", b"If-None-Match: " + tag).status, 304)

    def test_types(self) -> None:
        for name, expected in (
            ("a.html", b"text/html; charset=utf-8"),
            ("a.HTML", b"text/html; charset=utf-8"),
            ("a.css", b"text/css; charset=utf-8"),
            ("a.js", b"text/javascript; charset=utf-8"),
            ("a.json", b"application/json; charset=utf-8"),
            ("a.png", b"image/png"),
            ("a.svg", b"image/svg+xml"),
            ("a.tar.gz", b"application/gzip"),
            ("a.wasm", b"application/wasm"),
            ("a.woff2", b"font/woff2"),
            ("README", b"text/plain; charset=utf-8"),
            ("a", b"application/octet-stream"),
            ("a.", b"application/octet-stream"),
            ("html", b"application/octet-stream"),
            ("a.unheard-of", b"application/octet-stream"),
            ("dir.html/a", b"application/octet-stream"),
        ):
            self.file(name)
            self.assertEqual(self.get("/" + name)[b"Content-Type"], expected, name)

    def test_what_is_not_there(self) -> None:
        for target in ("/absent", "/hello.txt/", "/hello.txt/x", "/absent/", "/" + "a" * 300):
            reply = self.get(target)
            self.assertEqual(reply.status, 404, target)
            self.assertNotIn(b"absent", reply.body)

    def test_what_is_no_document(self) -> None:
        os.mkfifo(self.top / "pipe")
        self.assertEqual(self.get("/pipe").status, 403)

    def test_what_the_tree_says(self) -> None:
        class Tree:
            def __init__(self, error: Exception) -> None:
                self.error = error

            def open(self, path: bytes) -> Any:
                raise self.error

        for error, status in ((NotFound(b""), 404), (Forbidden(b""), 403), (Unavailable(b""), 503)):
            peer = Peer(self.factory(documents=Tree(error)))
            peer.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
            self.assertEqual([reply.status for reply in peer.replies()], [status] * 2)
            self.assertEqual(peer.replies()[0][b"Retry-After"], b"10" if status == 503 else None)
            peer.leave()

    def test_error_pages(self) -> None:
        page = self.get("/none")
        self.assertEqual(page[b"Content-Type"], b"text/html; charset=utf-8")
        self.assertIn(b"404 Not Found", page.body)
        self.assertIn(b"default-src 'none'", page[b"Content-Security-Policy"] or b"")
        text = self.get("/none", b"Accept: text/plain")
        self.assertEqual(text[b"Content-Type"], b"text/plain; charset=utf-8")
        self.assertTrue(text.body.startswith(b"404 Not Found\n"))
        self.assertNotIn(b"<", text.body)


class FolderTests(HTTPTests):
    def test_index(self) -> None:
        self.file("site/index.html", b"<p>index")
        self.file("site/start.txt", b"start")
        reply = self.get("/site/")
        self.assertEqual((reply.body, reply[b"Content-Type"]), (b"<p>index", b"text/html; charset=utf-8"))
        self.assertEqual(self.get("/site/", index=("none", "start.txt", "index.html")).body, b"start")
        self.assertEqual(self.get("/site/", index=()).status, 403)
        self.assertEqual(self.get("/site/", listing=True).body, b"<p>index", "before the listing")
        self.assertEqual(self.get("/site/", b"Range: bytes=0-2").body, b"<p>")

    def test_an_index_that_is_a_folder(self) -> None:
        (self.top / "site" / "index.html").mkdir(parents=True)
        self.assertEqual(self.get("/site/").status, 403)

    def test_without_index_and_listing(self) -> None:
        (self.top / "empty").mkdir()
        self.assertEqual(self.get("/empty/").status, 403)
        self.assertEqual(self.get("/").status, 403)

    def test_the_slash_is_put_behind(self) -> None:
        (self.top / "fold er" / "x").mkdir(parents=True)
        for target, location in (("/fold%20er", b"/fold%20er/"), ("/fold%20er/x?a=b&c", b"/fold%20er/x/?a=b&c")):
            for method in (b"GET", b"HEAD"):
                reply = self.get(target, method=method)
                self.assertEqual((reply.status, reply[b"Location"]), (301, location))


class ConditionTests(HTTPTests):
    """RFC 9110 section 13: the field alone, and in the order of 13.2.2."""

    def setUp(self) -> None:
        super().setUp()
        self.file("data.bin", BODY)
        reply = self.get("/data.bin")
        self.tag = reply[b"ETag"] or b""
        self.same, self.before, self.later = (format_date(MODIFIED + step) for step in (0, -1, 1))

    def status(self, *fields: bytes, method: bytes = b"GET") -> int:
        return self.get("/data.bin", *fields, method=method).status

    def test_if_none_match(self) -> None:
        for value in (self.tag, b"W/" + self.tag, b'"x", ' + self.tag, b"*", b',,"a,b" ,' + self.tag + b","):
            reply = self.get("/data.bin", b"If-None-Match: " + value)
            self.assertEqual((reply.status, reply.body, reply[b"ETag"]), (304, b"", self.tag), value)
            self.assertEqual(reply[b"Last-Modified"], self.same)
            self.assertIsNone(reply[b"Content-Length"])
        for value in (b'"x"', self.tag.strip(b'"'), b"", b"**", self.tag[:-1], b'"x" ' + self.tag):
            self.assertEqual(self.status(b"If-None-Match: " + value), 200, value)
        self.assertEqual(self.status(b'If-None-Match: "x"', b"If-None-Match: " + self.tag), 304)

    def test_if_modified_since(self) -> None:
        self.assertEqual(self.status(b"If-Modified-Since: " + self.same), 304)
        self.assertEqual(self.status(b"If-Modified-Since: " + self.later), 304)
        self.assertEqual(self.status(b"If-Modified-Since: " + self.before), 200)
        self.assertEqual(self.status(b"If-Modified-Since: yesterday"), 200)
        self.assertEqual(self.status(b"If-Modified-Since: Tuesday, 14-Nov-23 21:13:20 GMT"), 304)
        self.assertEqual(self.status(b"If-Modified-Since: Tue Nov 14 21:13:20 2023"), 304)

    def test_if_match(self) -> None:
        for value in (self.tag, b"*", b'"x", ' + self.tag):
            self.assertEqual(self.status(b"If-Match: " + value), 200)
        for value in (b'"x"', b"W/" + self.tag, b"", b"junk"):
            self.assertEqual(self.status(b"If-Match: " + value), 412, value)

    def test_if_unmodified_since(self) -> None:
        self.assertEqual(self.status(b"If-Unmodified-Since: " + self.before), 412)
        self.assertEqual(self.status(b"If-Unmodified-Since: " + self.same), 200)
        self.assertEqual(self.status(b"If-Unmodified-Since: junk"), 200)

    def test_precedence(self) -> None:
        match, none = b"If-Match: " + self.tag, b"If-None-Match: " + self.tag
        self.assertEqual(self.status(match, b"If-Unmodified-Since: " + self.before), 200)
        self.assertEqual(self.status(match, none), 304)
        self.assertEqual(self.status(b'If-Match: "x"', none), 412)
        self.assertEqual(self.status(b'If-None-Match: "x"', b"If-Modified-Since: " + self.later), 200)
        self.assertEqual(self.status(none, b"If-Modified-Since: " + self.before), 304)
        self.assertEqual(self.status(none, b"Range: bytes=0-1"), 304)
        self.assertEqual(self.status(b'If-Match: "x"', b"Range: bytes=9999-"), 412)

    def test_the_connection_lives_on(self) -> None:
        peer = self.peer()
        for field in (b"If-None-Match: *", b'If-Match: "x"', b"Range: bytes=9999-"):
            peer.send(b"GET /data.bin HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % field)
        self.assertEqual([reply.status for reply in peer.replies()], [304, 412, 416])
        self.assertFalse(peer.wire.ended)


class RangeTests(HTTPTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("data.bin", BODY)
        self.tag = self.get("/data.bin")[b"ETag"] or b""

    def range(self, value: bytes, *fields: bytes, method: bytes = b"GET") -> Reply:
        return self.get("/data.bin", b"Range: " + value, *fields, method=method)

    def test_one(self) -> None:
        for value, first, last in (
            (b"bytes=0-0", 0, 0),
            (b"bytes=0-1023", 0, 1023),
            (b"bytes=1023-", 1023, 1023),
            (b"bytes=500-99999", 500, 1023),
            (b"bytes=-1", 1023, 1023),
            (b"bytes=-1024", 0, 1023),
            (b"bytes=-99999", 0, 1023),
            (b"Bytes= 5-6", 5, 6),
            (b"bytes=5-6,9999-", 5, 6),
            (b"bytes=,5-6,,", 5, 6),
        ):
            reply = self.range(value)
            self.assertEqual((reply.status, reply.body), (206, BODY[first : last + 1]), value)
            self.assertEqual(reply[b"Content-Range"], b"bytes %d-%d/1024" % (first, last))
            self.assertEqual((reply[b"ETag"], reply[b"Content-Type"]), (self.tag, b"application/octet-stream"))

    def test_a_long_one(self) -> None:
        data = os.urandom(300_000)
        self.file("long", data)
        self.assertEqual(self.get("/long", b"Range: bytes=1000-250000").body, data[1000:250001])

    def test_unsatisfiable(self) -> None:
        for value in (b"bytes=1024-", b"bytes=9999-99999", b"bytes=-0", b"bytes=5000-6000,-0"):
            reply = self.range(value)
            self.assertEqual((reply.status, reply[b"Content-Range"]), (416, b"bytes */1024"), value)
        self.file("empty", b"")
        self.assertEqual(self.get("/empty", b"Range: bytes=0-")[b"Content-Range"], b"bytes */0")

    def test_ignored(self) -> None:
        for value in (
            b"bytes", b"bytes=", b"bytes=-", b"bytes=a-b", b"bytes=2-1", b"lines=1-2", b"bytes=1-2-3", b"bytes=+1-2",
            b"bytes=0x1-2", b"bytes=1_0-20", b"bytes=1", b"bytes=" + b"9" * 30 + b"-", b"bytes =1-2",
            b"bytes=0-1023,0-0", b"bytes=" + b",".join([b"0-1"] * 17),
        ):  # fmt: skip
            reply = self.range(value)
            self.assertEqual((reply.status, reply.body), (200, BODY), value)
        self.assertEqual(self.range(b"bytes=0-1", b"Range: bytes=2-3").status, 200)

    def test_a_range_is_only_for_get(self) -> None:
        reply = self.range(b"bytes=0-1", method=b"HEAD")
        self.assertEqual((reply.status, reply[b"Content-Length"]), (200, b"1024"))

    def test_if_range(self) -> None:
        same, other = format_date(MODIFIED), format_date(MODIFIED + 1)
        for value, status in (
            (self.tag, 206), (b'"x"', 200), (b"W/" + self.tag, 200), (same, 206), (other, 200), (b"junk", 200),
            (format_date(MODIFIED - 1), 200),
        ):  # fmt: skip
            self.assertEqual(self.range(b"bytes=0-1", b"If-Range: " + value).status, status, value)
        self.assertEqual(self.range(b"bytes=9999-", b'If-Range: "x"').status, 200, "not 416")

    def test_a_date_within_the_second_is_no_strong_validator(self) -> None:
        self.file("fresh", BODY, modified=NOW)
        date = b"If-Range: " + format_date(NOW)
        self.assertEqual(self.get("/fresh", b"Range: bytes=0-1", date).status, 200)
        self.assertEqual(self.get("/fresh", b"Range: bytes=0-1", date, wall=lambda: NOW + 1).status, 206)

    def test_several(self) -> None:
        reply = self.range(b"bytes=0-1,5-6, -3")
        kind = reply[b"Content-Type"] or b""
        self.assertEqual((reply.status, reply[b"Content-Range"]), (206, None))
        self.assertRegex(kind, rb"\Amultipart/byteranges; boundary=[0-9a-f]{24}\Z")
        boundary = b"\r\n--" + kind.partition(b"=")[2]
        parts = reply.body.split(boundary)
        self.assertEqual((parts[0], parts[-1]), (b"", b"--\r\n"))
        for part, (first, last) in zip(parts[1:-1], ((0, 1), (5, 6), (1021, 1023)), strict=True):
            head, _, body = part.partition(b"\r\n\r\n")
            self.assertEqual(
                head.split(b"\r\n")[1:],
                [b"Content-Type: application/octet-stream", b"Content-Range: bytes %d-%d/1024" % (first, last)],
            )
            self.assertEqual(body, BODY[first : last + 1])

    def test_sixteen_and_no_more_bytes_than_the_document(self) -> None:
        self.assertEqual(self.range(b"bytes=" + b",".join([b"0-1"] * 16)).status, 206)
        self.assertEqual(self.range(b"bytes=0-511,512-1023").status, 206)
        self.assertEqual(self.range(b"bytes=0-512,512-1023").status, 200)
