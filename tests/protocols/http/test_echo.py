"""The request as it came."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.echo import escaped
from netdaemon.protocols.http.settings import Protected
from tests.protocols.http.peer import Peer
from tests.protocols.http.visitors import MULDER, AccountTests


class EscapingTests(SynchronousTestCase):
    def test_controls(self) -> None:
        self.assertEqual(escaped(b"a\x1b[2J\0\x7f\t\r\n\xc3\xa4"), b"a\\x1b[2J\\x00\\x7f\t\r\n\xc3\xa4")

    @given(st.binary())
    def test_none_is_left(self, data: bytes) -> None:
        self.assertEqual(set(escaped(data)) & (set(range(32)) - set(b"\t\r\n")), set())


class EchoTests(AccountTests):
    def echo(self, **settings: Any) -> Peer:
        return self.visitor(self.factory(echo="/echo", **settings))

    def test_line_and_fields(self) -> None:
        peer = self.echo()
        peer.send(b"GET /%65cho?a=%20b HTTP/1.1\r\nhOST: a\r\nX-Odd:   spaced \r\nX-Odd: twice\r\n\r\n")
        (reply,) = peer.replies()
        self.assertEqual(reply.body, b"GET /%65cho?a=%20b HTTP/1.1\r\nhOST: a\r\nX-Odd:   spaced \r\nX-Odd: twice\r\n")
        self.assertEqual(reply[b"Content-Type"], b"text/plain; charset=utf-8")
        self.assertEqual((reply[b"X-Content-Type-Options"], reply[b"Cache-Control"]), (b"nosniff", b"no-store"))

    def test_secrets(self) -> None:
        for field in (b"Cookie: id=s3cret", b"AUTHORIZATION: Basic s3cret", b"proxy-authorization:s3cret"):
            reply = self.via(self.echo(), "/echo", field, b"X: shown")
            self.assertNotIn(b"s3cret", reply.body)
            self.assertIn(b"***\r\nX: shown\r\n", reply.body)

    def test_any_method_and_its_body(self) -> None:
        for method in (b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS"):
            reply = self.via(self.echo(), "/echo", method=method, body=b"a\x1bb")
            self.assertEqual(reply.status, 200)
            self.assertTrue(reply.body.startswith(method + b" /echo HTTP/1.1\r\n"))
            self.assertTrue(reply.body.endswith(b"Content-Length: 3\r\n\r\na\\x1bb"), reply.body)
        self.assertEqual(self.via(self.echo(), "/echo", method=b"HEAD").body, b"")
        for method in (b"TRACE", b"BREW"):
            self.assertIn(self.via(self.echo(), "/echo", method=method).status, (405, 501))

    def test_beneath(self) -> None:
        self.assertIn(b"/echo/more", self.via(self.echo(), "/echo/more").body)
        self.assertEqual(self.via(self.echo(), "/echoes").status, 404)

    def test_a_large_body_is_streamed(self) -> None:
        peer = self.echo()
        peer.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(peer.output, b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.wire.written.clear()
        for _ in range(9):
            peer.send(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
        self.assertIn(b"x" * 50_000, peer.output, "it waits for all of it")
        peer.send(b"0\r\n\r\n")
        self.assertEqual(peer.replies()[0].body.count(b"xx"), 450_000)

    def test_too_large(self) -> None:
        peer = self.echo(body_limit=10)
        peer.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
        self.assertEqual([reply.status for reply in peer.replies()], [413])

    def test_protected(self) -> None:
        peer = self.echo(protect=(Protected("/echo", ()),))
        self.assertEqual(self.via(peer, "/echo", method=b"POST", body=b"x").status, 401)
        reply = self.via(peer, "/echo", MULDER, method=b"POST", body=b"x")
        self.assertEqual((reply.status, reply[b"Cache-Control"]), (200, b"no-store"))
