"""The site by HTTP/2: what is decided before a response is at hand, and each stream's account, are as by HTTP/1."""

from __future__ import annotations

from twisted.internet.interfaces import ISSLTransport
from zope.interface import alsoProvides

from netdaemon.protocols.http.settings import ErrorPage, Protected
from tests.protocols.http.peer2 import END_HEADERS, HTTP2Tests, data
from tests.protocols.http.visitors import MULDER, AccountTests


class SiteTests(HTTP2Tests):
    def test_what_is_at_hand_is_not_for_those_who_come_in_clear(self) -> None:
        factory = self.factory(https_redirect=443)
        secure, clear = self.peer2(factory=factory), self.peer2(factory=factory)
        alsoProvides(secure.wire, ISSLTransport)
        for stream in (1, 3, 5):
            secure.send(secure.request(stream))
            clear.send(clear.request(stream))
            self.assertEqual((secure.reply(stream).status, clear.reply(stream).status), (200, 308))

    def test_the_operators_page_for_what_the_session_refuses(self) -> None:
        self.file("large.html", b"too much")
        peer = self.peer2(body_limit=1, error_page=(ErrorPage(413, "/large.html"),))
        peer.send(peer.post(1, (b"content-length", b"9")))
        self.assertEqual((peer.reply(1).status, peer.reply(1).body), (413, b"too much"))


class StreamTests(AccountTests, HTTP2Tests):
    def test_each_stream_is_somebody_for_itself(self) -> None:
        self.file("private/x.txt", b"secret")
        peer = self.peer2(factory=self.factory(protect=(Protected("/private", ()),)))
        alsoProvides(peer.wire, ISSLTransport)
        own = (b"authorization", MULDER.partition(b": ")[2])
        for stream, fields, status in ((1, (), 401), (3, (own,), 200), (5, (), 401), (7, (own,), 200)):
            peer.send(peer.request(stream, b"/private/x.txt", *fields))
            self.assertEqual(peer.reply(stream).status, status)

    def test_uploads(self) -> None:
        peer = self.peer2(factory=self.factory())
        alsoProvides(peer.wire, ISSLTransport)
        pairs = [
            (b":method", b"PUT"),
            (b":scheme", b"https"),
            (b":authority", b"a"),
            (b":path", b"/new"),
            (b"authorization", MULDER.partition(b": ")[2]),
        ]
        peer.send(peer.headers(1, pairs, END_HEADERS))
        peer.send(data(1, b"half", ends=False))
        self.assertFalse((self.top / "new").exists())
        peer.send(data(1, b" and half"))
        self.assertEqual(peer.reply(1).status, 201)
        self.assertEqual((self.top / "new").read_bytes(), b"half and half")
