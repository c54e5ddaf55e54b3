"""Folders as zip archives: all that is in them, nothing that is closed, and no way out for whoever unpacks them."""

from __future__ import annotations

import io
import os
import zipfile
from typing import Any
from unittest import mock

from netdaemon.protocols.http import archive as module
from netdaemon.protocols.http.settings import Protected
from tests.protocols.http.peer import HTTPTests, Peer, Reply


class ArchiveTests(HTTPTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("f/a.txt", b"spam " * 1000, modified=1_200_000_000)
        self.file("f/deep/er/b.bin", os.urandom(200_000))
        self.file("f/caf\u00e9.txt", b"x")
        (self.top / "f" / "empty").mkdir()

    def reply(self, target: str = "/f/?zip", **settings: Any) -> Reply:
        return self.get(target, listing=True, **settings)

    def open(self, target: str = "/f/?zip", **settings: Any) -> zipfile.ZipFile:
        reply = self.reply(target, **settings)
        self.assertEqual(reply.status, 200)
        return zipfile.ZipFile(io.BytesIO(reply.body))

    def test_all_of_it(self) -> None:
        with self.open() as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(
                sorted(archive.namelist()),
                ["f/a.txt", "f/caf\u00e9.txt", "f/deep/", "f/deep/er/", "f/deep/er/b.bin", "f/empty/"],
            )
            self.assertEqual(archive.read("f/a.txt"), b"spam " * 1000)
            self.assertEqual(archive.read("f/deep/er/b.bin"), (self.top / "f/deep/er/b.bin").read_bytes())
            info = archive.getinfo("f/a.txt")
            self.assertEqual(info.date_time, (2008, 1, 10, 21, 20, 0))
            self.assertLess(info.compress_size, 1000, "text is compressed")
            self.assertEqual(archive.getinfo("f/deep/er/b.bin").compress_type, zipfile.ZIP_STORED)

    def test_fields(self) -> None:
        reply = self.reply()
        self.assertEqual(reply[b"Content-Type"], b"application/zip")
        self.assertEqual(reply[b"Content-Disposition"], b"attachment; filename=\"f.zip\"; filename*=UTF-8''f.zip")
        self.file('q"\u00e9;x/a', b"x")
        self.assertEqual(
            self.reply("/q%22%c3%a9;x/?zip")[b"Content-Disposition"],
            b"attachment; filename=\"q____x.zip\"; filename*=UTF-8''q%22%C3%A9;x.zip",
        )
        self.assertIn(b'"documents.zip"', self.reply("/?zip")[b"Content-Disposition"] or b"")

    def test_only_where_it_is_offered(self) -> None:
        for settings in ({"archive": False, "listing": True}, {"listing": False}):
            reply = self.get("/f/?zip", **settings)
            self.assertNotEqual(reply[b"Content-Type"], b"application/zip")
        self.file("f/index.html", b"index")
        self.assertEqual(self.get("/f/?zip", listing=True).body, b"index", "what can't be listed isn't packed either")
        self.assertEqual(self.get("/none/?zip", listing=True).status, 404)

    def test_what_is_closed_stays_out(self) -> None:
        self.file("f/cgi/script", b"secret source")
        self.file("f/private/diary", b"secret")
        settings = {"cgi": ("/f/cgi",), "protect": (Protected("/f/private", ("mulder",)),)}
        for target in ("/f/?zip", "/?zip"):
            with self.open(target, **settings) as archive:
                names = archive.namelist()
            self.assertFalse([name for name in names if "cgi" in name or "private" in name])
            self.assertTrue([name for name in names if "a.txt" in name])
        self.file("f/.hidden", b"secret")
        with self.open() as archive:
            self.assertNotIn("f/.hidden", archive.namelist())

    def test_links(self) -> None:
        (self.top / "f" / "loop").symlink_to(self.top / "f")
        (self.top / "f" / "out").symlink_to(self.outside)
        (self.top / "f" / "twice").symlink_to("deep")
        with self.open() as archive:
            names = archive.namelist()
        self.assertFalse([name for name in names if "secret" in name or name.startswith("f/loop/a")])
        self.assertIn("f/twice/er/b.bin", names)

    def test_names_that_lead_nowhere(self) -> None:
        for name in (b"x\\..\\evil", b"a\nb", b"\xff.txt", b"C:\\x"):
            self.file(b"odd/" + name, b"x")
        with self.open("/odd/?zip") as archive:
            names = archive.namelist()
        self.assertEqual(sorted(names), sorted(["odd/x_.._evil", "odd/a_b", "odd/\ufffd.txt", "odd/C:_x"]))

    def test_too_much(self) -> None:
        with mock.patch.object(module, "MOST", 3):
            self.assertEqual(self.reply().status, 413)
        with mock.patch.object(module, "MOST", 6):
            self.assertEqual(self.reply().status, 200)

    def test_very_deep(self) -> None:
        self.file("f/" + "d/" * 80 + "x", b"x")
        with self.open() as archive:
            deepest = max(name.count("/") for name in archive.namelist())
        self.assertLess(deepest, 70)

    def test_what_vanishes_or_grows_meanwhile(self) -> None:
        peer = Peer(self.factory(listing=True), lazy=True)
        self.addCleanup(peer.leave)
        self.file("g/1.bin", b"1" * 300_000)
        self.file("g/2.bin", b"2" * 300_000)
        self.file("g/3.bin", b"3" * 10)
        peer.send(b"GET /g/?zip HTTP/1.1\r\nHost: a\r\n\r\n")
        self.settle()
        (self.top / "g/2.bin").unlink()
        with (self.top / "g/1.bin").open("ab") as file:
            file.write(b"more")
        while peer.wire.full:
            peer.wire.taken()
            self.settle()
        with zipfile.ZipFile(io.BytesIO(peer.replies()[0].body)) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(archive.read("g/1.bin"), b"1" * 300_000)
            self.assertEqual(archive.read("g/3.bin"), b"3" * 10)

    def test_no_faster_than_it_is_read_and_gone_with_its_reader(self) -> None:
        self.file("big/1.bin", os.urandom(2_000_000))
        peer = Peer(self.factory(listing=True), lazy=True)
        peer.send(b"GET /big/?zip HTTP/1.1\r\nHost: a\r\n\r\n")
        self.settle()
        self.assertLess(len(peer.output), 300_000)
        peer.leave()
        self.settle()

    def test_head(self) -> None:
        reply = self.get("/f/?zip", method=b"HEAD", listing=True)
        self.assertEqual((reply.status, reply[b"Content-Type"]), (200, b"application/zip"))
