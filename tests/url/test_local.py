"""file and data URLs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.url import BadURL, Opened, Opener
from netdaemon.url.opener import shown_url
from netdaemon.wire.category import Category
from netdaemon.wire.failures import LocalTrouble
from netdaemon.wire.partfile import Begun


class LocalCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.opener = Opener(None)

    def open(self, url: str, **more: Any) -> Opened:
        return self.successResultOf(Deferred.fromCoroutine(self.opener.open(url, **more)))

    def fails(self, kind: type[Exception], url: str, **more: Any) -> str:
        return str(self.failureResultOf(Deferred.fromCoroutine(self.opener.open(url, **more)), kind).value)

    def read(self, opened: Opened) -> bytes:
        return self.successResultOf(Deferred.fromCoroutine(opened.read()))


class FileTests(LocalCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.file = self.folder / "a b.txt"
        self.file.write_bytes(b"hello" * 100_000)
        os.utime(self.file, (1_000_000_000, 1_000_000_000))

    def test_whole(self) -> None:
        opened = self.open(self.file.as_uri())
        self.assertEqual(opened.url, self.file.as_uri())
        self.assertEqual((opened.status, opened.size), (None, 500_000))
        self.assertEqual(opened.headers.get_content_type(), "text/plain")
        self.assertEqual(opened.headers["last-modified"], "Sun, 09 Sep 2001 01:46:40 GMT")
        self.assertEqual(self.read(opened), b"hello" * 100_000)

    def test_forms(self) -> None:
        for url in (f"file:{self.file}", f"FILE://localhost{self.file}", f"file://127.0.0.1{self.file}"):
            self.assertEqual(len(self.read(self.open(url.replace(" ", "%20")))), 500_000)

    def test_the_rest(self) -> None:
        validator = self.open(self.file.as_uri()).validator or ""
        opened = self.open(self.file.as_uri(), begun=Begun(499_997, validator, None))
        self.assertEqual((opened.start, self.read(opened)), (499_997, b"llo"))
        opened = self.open(self.file.as_uri(), begun=Begun(499_997, "another", None))
        self.assertEqual((opened.start, opened.remark), (0, "the file has changed: from the beginning"))

    def test_what_is_none(self) -> None:
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        for path in (self.folder, pipe, self.folder / "nothing", Path("/dev/zero")):
            self.fails(LocalTrouble, path.as_uri())
        for url in ("file://other.example/etc/passwd", "file:relative", "file:///a%00b", "file:///a?b", "file:///a\nb"):
            self.fails(BadURL, url)

    def test_it_shrinks(self) -> None:
        opened = self.open(self.file.as_uri())
        os.truncate(self.file, 10)
        failure = self.failureResultOf(Deferred.fromCoroutine(opened.read()), LocalTrouble)
        self.assertEqual(failure.value.category, Category.LOCAL)

    def test_nothing_but_get(self) -> None:
        self.fails(BadURL, self.file.as_uri(), method="PUT")
        self.fails(BadURL, self.file.as_uri(), headers={"X": "y"})


class DataTests(LocalCase):
    def check(self, url: str, media: str, octets: bytes) -> None:
        opened = self.open(url)
        self.assertEqual((opened.headers["Content-Type"], self.read(opened)), (media, octets))

    def test_forms(self) -> None:
        ascii_text = "text/plain;charset=US-ASCII"
        self.check("data:,a%20b%ff", ascii_text, b"a b\xff")
        self.check("data:;charset=utf-8,x", "text/plain;charset=utf-8", b"x")
        self.check("data:text/html;charset=utf-8;base64,aGk=", "text/html;charset=utf-8", b"hi")
        self.check("DATA:image/gif;BASE64,aGk", "image/gif", b"hi")
        self.check("data:;base64,a%0AG%20k%3D", ascii_text, b"hi")
        self.check("data:a\r\nX: y,z", ascii_text, b"z")
        self.check("data:,", ascii_text, b"")

    def test_what_is_none(self) -> None:
        for url in ("data:", "data:text/plain", "data:;base64,a", "data:;base64,$$$$"):
            self.fails(BadURL, url)

    def test_shown_shortly(self) -> None:
        self.assertLess(len(shown_url("data:," + "x" * 100_000)), 80)
        self.assertNotIn("\n", shown_url("data:,\n"))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=50))
    def test_anything(self, octets: bytes) -> None:
        from base64 import b64encode
        from urllib.parse import quote_from_bytes

        for url in ("data:," + quote_from_bytes(octets), "data:;base64," + b64encode(octets).decode()):
            self.assertEqual(self.read(self.open(url)), octets)


class OpenerTests(LocalCase):
    def test_schemes(self) -> None:
        for url in ("mailto:a@b", "x", "", "://", "javascript:alert(1)"):
            self.assertIn("does not begin with", self.fails(BadURL, url))

    def test_more_than_is_wanted(self) -> None:
        from netdaemon.url import TooLarge

        opened = self.open("data:,12345")
        self.failureResultOf(Deferred.fromCoroutine(opened.read(4)), TooLarge)

    def test_the_end_is_told_once(self) -> None:
        ended: list[int] = []

        async def last() -> None:
            ended.append(1)

        opened = self.open("data:,x")
        opened.last = last
        self.read(opened)
        self.successResultOf(Deferred.fromCoroutine(opened.close()))
        self.assertEqual(ended, [1])
