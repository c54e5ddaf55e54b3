"""Strict-Transport-Security (RFC 6797): in every response over TLS, and in none in clear (7.2)."""

from __future__ import annotations

from netdaemon.protocols.http.settings import HTTPSettings, Protected
from tests.protocols.http.visitors import MULDER, AccountTests

NAME = b"Strict-Transport-Security"


class HSTSTests(AccountTests):
    def test_in_every_response_over_tls(self) -> None:
        self.file("big", b"x" * 100_000)
        factory = self.factory(hsts=86400.0, protect=(Protected("/private", ()),), listing=True)
        for target, method, fields in (
            ("/hello.txt", b"GET", ()),
            ("/hello.txt", b"GET", ()),
            ("/hello.txt", b"HEAD", ()),
            ("/big", b"GET", (b"Range: bytes=0-9,20-80000",)),
            ("/", b"GET", ()),
            ("/none", b"GET", ()),
            ("/hello.txt", b"POST", ()),
            ("/hello.txt", b"BREW", ()),
            ("/private/", b"GET", ()),
            ("/private/", b"GET", (MULDER,)),
        ):
            secure, clear = self.visitor(factory), self.visitor(factory, tls=False)
            for _ in range(3):  # the third is at hand
                self.assertEqual(self.via(secure, target, *fields, method=method)[NAME], b"max-age=86400")
                self.assertIsNone(self.via(clear, target, *fields, method=method)[NAME])

    def test_what_was_refused(self) -> None:
        peer = self.visitor(self.factory(hsts=1.0, body_limit=1))
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        self.assertEqual((peer.replies()[0].status, peer.replies()[0][NAME]), (413, b"max-age=1"))

    def test_nothing_is_said(self) -> None:
        self.assertIsNone(self.visit("/hello.txt")[NAME])
        self.assertIsNone(self.visit("/hello.txt", hsts=0.5)[NAME])

    def test_each_virtual_host_for_itself(self) -> None:
        guest = HTTPSettings(section="http:b", listen=(), hosts=("b.egg",), hsts=60.0)
        peer = self.visitor(self.factory(guests=(guest,)))
        for _ in range(2):
            self.assertEqual(self.via(peer, "/hello.txt", host="b.egg")[NAME], b"max-age=60")
            self.assertIsNone(self.via(peer, "/hello.txt", host="a.egg")[NAME])
