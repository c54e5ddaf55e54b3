"""Folder listings: what they show, in which order, in which form, and that nothing in a name breaks them."""

from __future__ import annotations

import gzip
import json
import re
from html.parser import HTMLParser
from typing import Any
from unittest import mock
from urllib.parse import unquote_to_bytes

from netdaemon.protocols.http import listing as module
from netdaemon.protocols.http.listing_page import readable_size
from tests.protocols.http.peer import HTTPTests, Peer, Reply


class Page(HTMLParser):
    """The links and the text of a page; a tag that isn't closed, or closed wrongly, is an error."""

    VOID = ("meta", "link", "path", "use", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            assert not name.startswith("on")
            if tag == "a" and name == "href":
                self.links.append((value or "", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "a" in self.open and self.links:
            href, text = self.links[-1]
            self.links[-1] = (href, text + data)


class ListingTests(HTTPTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("f/b.txt", b"x" * 2000, modified=1_000_000_000)
        self.file("f/A.txt", b"x" * 30, modified=1_200_000_000)
        self.file("f/c.txt", b"x" * 100_000, modified=1_100_000_000)
        self.file("f/z/inner", b"x")
        (self.top / "f" / "m").mkdir()

    def list(self, target: str = "/f/", accept: bytes = b"*/*", **settings: Any) -> Reply:
        return self.get(target, b"Accept: " + accept, listing=True, **settings)

    def names(self, target: str) -> list[str]:
        """The names in the page's order."""
        page = Page(self.list(target).body.decode())
        return [text for href, text in page.links if not href.startswith(("?", "../", "/"))]

    def json(self, target: str = "/f/") -> Any:
        return json.loads(self.list(target, b"application/json").body)

    def test_the_page(self) -> None:
        reply = self.list()
        self.assertEqual((reply.status, reply[b"Content-Type"]), (200, b"text/html; charset=utf-8"))
        self.assertEqual((reply[b"Vary"], reply[b"X-Content-Type-Options"]), (b"Accept, Accept-Encoding", b"nosniff"))
        text = reply.body.decode()
        self.assertTrue(text.startswith("<!DOCTYPE html>"))
        for expected in (
            "2001-09-09 01:46",
            "2.0 KiB",
            "98 KiB",
            "30 B",
            "2 folders, 3 documents",
            "prefers-color-scheme",
        ):
            self.assertIn(expected, text)
        page = Page(text)
        self.assertFalse({"script", "iframe", "img", "form"} & page.tags)
        self.assertIn(("../", "Parent folder"), page.links)
        self.assertIn(("z/", "z/"), page.links)

    def test_the_root_has_no_parent(self) -> None:
        page = Page(self.list("/").body.decode())
        self.assertEqual([href for href, _ in page.links if ".." in href], [])

    def test_order(self) -> None:
        folders = ["m/", "z/"]
        for query, expected in (
            ("", [*folders, "A.txt", "b.txt", "c.txt"]),
            ("?sort=name&order=asc", [*folders, "A.txt", "b.txt", "c.txt"]),
            ("?sort=name&order=desc", [*folders[::-1], "c.txt", "b.txt", "A.txt"]),
            ("?sort=size&order=asc", [*folders, "A.txt", "b.txt", "c.txt"]),
            ("?sort=size&order=desc", [*folders, "c.txt", "b.txt", "A.txt"]),
            ("?sort=junk&order=%00", [*folders, "A.txt", "b.txt", "c.txt"]),
            ("?&&==&sort", [*folders, "A.txt", "b.txt", "c.txt"]),
        ):
            self.assertEqual(self.names("/f/" + query), expected, query)
        self.assertEqual(self.names("/f/?sort=date&order=asc")[2:], ["b.txt", "c.txt", "A.txt"])
        self.assertEqual(self.names("/f/?sort=date&order=desc")[2:], ["A.txt", "c.txt", "b.txt"])

    def test_numbers_in_names_count(self) -> None:
        for name in ("part 10", "part 9", "part 1", "Part 2b", "part", "part 2a"):
            self.file(f"n/{name}")
        self.assertEqual(self.names("/n/"), ["part", "part 1", "part 2a", "Part 2b", "part 9", "part 10"])

    def test_a_form_by_name(self) -> None:
        self.assertEqual(json.loads(self.list("/f/?format=json").body)["path"], "/f/")
        self.assertEqual(self.list("/f/?format=text")[b"Content-Type"], b"text/plain; charset=utf-8")
        self.assertIn(b"<table>", self.list("/f/?format=junk").body)

    def test_compressed_for_who_takes_it(self) -> None:
        plain = self.get("/f/", listing=True).body
        reply = self.get("/f/", b"Accept-Encoding: gzip", listing=True)
        self.assertEqual((reply[b"Content-Encoding"], gzip.decompress(reply.body)), (b"gzip", plain))
        for number in range(600):
            self.file(f"many/{number}")
        reply = self.get("/many/?format=text", b"Accept-Encoding: gzip", listing=True)
        self.assertEqual(reply[b"Content-Encoding"], b"gzip")
        self.assertEqual(len(gzip.decompress(reply.body).splitlines()), 600)
        self.assertIsNone(self.get("/f/", b"Accept-Encoding: gzip", listing=True, compress=False)[b"Content-Encoding"])

    def test_a_column_sorts_the_other_way_next(self) -> None:
        page = Page(self.list("/f/?sort=size&order=desc").body.decode())
        links = [href for href, _ in page.links if href.startswith("?sort")]
        self.assertEqual(links, ["?sort=name&order=asc", "?sort=size&order=asc", "?sort=date&order=desc"])

    def test_nothing_of_the_query_is_shown(self) -> None:
        self.assertEqual(
            self.list('/f/?sort="><script>&order=<b>').body,
            self.list("/f/").body,
        )

    def test_forms(self) -> None:
        for accept, kind in (
            (b"*/*", b"text/html"),
            (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", b"text/html"),
            (b"application/json", b"application/json"),
            (b"text/plain", b"text/plain"),
            (b"text/plain;q=0.5, application/json;q=0.4", b"text/plain"),
            (b"text/html;q=0, */*", b"application/json"),
            (b"image/png", b"text/html"),
        ):
            self.assertTrue((self.list(accept=accept)[b"Content-Type"] or b"").startswith(kind), accept)

    def test_json(self) -> None:
        listing = self.json()
        self.assertEqual(listing["path"], "/f/")
        self.assertEqual(
            listing["entries"][1:3],
            [
                {"name": "z", "href": "z/", "type": "folder", "modified": listing["entries"][1]["modified"]},
                {
                    "name": "A.txt",
                    "href": "A.txt",
                    "type": "document",
                    "modified": "2008-01-10T21:20:00Z",
                    "size": 30,
                },
            ],
        )
        (self.top / "none").mkdir()
        self.assertEqual(self.json("/none/"), {"path": "/none/", "entries": []})

    def test_text(self) -> None:
        lines = self.list(accept=b"text/plain").body.decode().splitlines()
        self.assertEqual(len(lines), 5)
        self.assertRegex(lines[0], r"\A\d{4}-\d\d-\d\d \d\d:\d\d +- m/\Z")
        self.assertEqual(lines[3], "2001-09-09 01:46         2000 b.txt")

    def test_odd_names(self) -> None:
        names = [
            b"caf\xe9", "ü 中".encode(),
            b"<script>", b'"quoted"', b"'x'", b"a&amp;b", b"a:b", b"%2e",
            b"?q=1", b"#x", b"new\nline", b"\x1b[31mred", "\u202egpj.exe".encode(), b"back\\slash", b"javascript:x",
        ]  # fmt: skip
        for name in names:
            self.file(b"odd/" + name, name)
        for form in (b"text/html", b"text/plain", b"application/json"):
            text = self.list("/odd/", form).body.decode("utf-8")
            for bad in ("\x1b", "\u202e"):
                self.assertNotIn(bad, text)
            self.assertEqual("<script>" in text, form != b"text/html")
        self.assertEqual(len(self.list("/odd/", b"text/plain").body.splitlines()), len(names))
        links = [
            href for href, _ in Page(self.list("/odd/").body.decode()).links if not href.startswith(("?", "../", "/"))
        ]
        self.assertEqual({unquote_to_bytes(link) for link in links}, set(names))
        self.assertEqual(links, [entry["href"] for entry in self.json("/odd/")["entries"]])
        for link in links:
            self.assertNotRegex(link, r"\A[a-z]+:")
            if link not in ("back%5Cslash",):  # no path holds a backslash here
                self.assertEqual(self.get("/odd/" + link).body, unquote_to_bytes(link))

    def test_an_odd_folder(self) -> None:
        self.file("<b>&/\"'/x")
        text = self.list("/%3Cb%3E&/%22'/").body.decode()
        Page(text)
        self.assertIn("Index of /&lt;b&gt;&amp;/&quot;&#x27;/", text)

    def test_dates_far_away(self) -> None:
        self.file("far/old", modified=-2_000_000_000)
        self.assertEqual(self.json("/far/")["entries"][0]["modified"], "1906-08-16T20:26:40Z")

    def test_sizes(self) -> None:
        for size, expected in (
            (0, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (1024, "1.0 KiB"), (10189, "10 KiB"), (1536, "1.5 KiB"),
            (1023 * 1024, "1.0 MiB"), (5 * 1024**3, "5.0 GiB"), (7 * 1024**5, "7168 TiB"),
        ):  # fmt: skip
            self.assertEqual(readable_size(size), expected)


class BigListingTests(HTTPTests):
    def setUp(self) -> None:
        super().setUp()
        for number in range(1200):
            self.file(f"big/{number:05d}", b"")

    def ask_lazily(self, request: bytes) -> Peer:
        peer = self.peer(lazy=True, listing=True)
        peer.send(request)
        for _ in range(200):
            self.settle()
            if not peer.wire.full:
                break
            peer.wire.taken()
        return peer

    def test_it_is_sent_in_parts(self) -> None:
        peer = self.ask_lazily(b"GET /big/?order=desc HTTP/1.1\r\nHost: a\r\n\r\n")
        reply = peer.replies()[0]
        self.assertEqual(reply[b"Transfer-Encoding"], b"chunked")
        numbers = re.findall(r'href="(\d{5})"', reply.body.decode())
        self.assertEqual(numbers, [f"{number:05d}" for number in range(1199, -1, -1)])
        self.assertGreater(len(peer.wire.written), 3)
        self.assertIn("1,200 documents", reply.body.decode())

    def test_over_http_1_0(self) -> None:
        peer = self.ask_lazily(b"GET /big/ HTTP/1.0\r\n\r\n")
        self.assertEqual(peer.replies()[0].body.count(b"<tr"), 1202)

    def test_head(self) -> None:
        peer = self.ask_lazily(b"HEAD /big/ HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(peer.replies(b"HEAD")[0].status, 200)

    def test_one_too_big_to_sort(self) -> None:
        with mock.patch.object(module, "SORTED_MOST", 700):
            for accept in (b"text/html", b"application/json", b"text/plain"):
                peer = self.ask_lazily(b"GET /big/?sort=size HTTP/1.1\r\nHost: a\r\nAccept: %b\r\n\r\n" % accept)
                body = peer.replies()[0].body.decode()
                self.assertEqual(len(set(re.findall(r"\b\d{5}\b", body))), 1200)
                if accept == b"application/json":
                    self.assertEqual(len(json.loads(body)["entries"]), 1200)
                if accept == b"text/html":
                    Page(body)
                    self.assertIn("are not sorted", body)
                    self.assertNotIn("?sort=", body)

    def test_the_peer_goes_in_the_middle(self) -> None:
        with mock.patch.object(module, "SORTED_MOST", 700):
            for turns in range(4):
                peer = self.peer(lazy=True, listing=True)
                peer.send(b"GET /big/ HTTP/1.1\r\nHost: a\r\n\r\n")
                for _ in range(turns):
                    self.clock.advance(0)
                peer.leave()
                self.settle()
        assert self.made is not None
        self.assertEqual(self.made.measure.errors, 0)
