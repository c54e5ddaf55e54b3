"""Through another proxy: absolute URLs, CONNECT, exceptions."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from netdaemon.proxy.settings import UpstreamProxy, _hosts
from tests.proxy.world import ORIGIN, ProxyTests, heads, request

UP = UpstreamProxy("up.example", 3128)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class UpstreamTests(ProxyTests):
    def setUp(self) -> None:
        super().setUp()
        self.world.names["up.example"] = ["10.0.0.9"]

    def test_it_is_asked_for_the_whole_url(self) -> None:
        browser = self.get(b"http://far.example/a?b", upstream=UP, allow_private=False)
        self.assertEqual(self.world.dialled, [("10.0.0.9", 3128)])
        self.assertEqual(self.world.asked, ["up.example"], "the name is the upstream's to resolve")
        self.assertEqual(
            heads(self.world.origin().hear()),
            [b"GET http://far.example/a?b HTTP/1.1", b"Host: far.example", b"Via: 1.1 here"],
        )
        self.world.origin().say(OK)
        self.assertEqual(browser.reply().body, b"hi")

    def test_one_connection_for_all_hosts(self) -> None:
        browser = self.browser(upstream=UP)
        for host in (b"a", b"b", b"c"):
            browser.send(request(b"http://%b.example/" % host))
            self.world.origin().say(OK)
        self.assertEqual(len(self.world.dialled), 1)

    def test_ftp_and_gopher_are_its_matter_too(self) -> None:
        for url in (b"ftp://a:b@far.example/x", b"gopher://far.example/1"):
            self.get(url, upstream=UP)
            self.assertTrue(self.world.origin().hear().startswith(b"GET %b HTTP/1.1\r\n" % url), url)

    def test_its_password(self) -> None:
        upstream = UpstreamProxy("up.example", 3128, "me", "pass:word")
        secret = b"Proxy-Authorization: Basic " + b64encode(b"me:pass:word")
        self.get(b"http://far.example/", b"Proxy-Authorization: Basic eDp5", upstream=upstream)
        sent = heads(self.world.origin().hear())
        self.assertEqual([line for line in sent if line.startswith(b"Proxy-")], [secret])
        self.ask(request(b"far.example:443", method=b"CONNECT"), upstream=upstream)
        self.assertIn(secret, heads(self.world.origin().hear()))

    def test_exceptions_are_asked_straight(self) -> None:
        exceptions = _hosts.parse("*.example", Path())
        self.get(b"http://origin.example/", upstream=UP, upstream_exceptions=exceptions)
        self.assertEqual(self.world.dialled, [(ORIGIN, 80)])
        self.assertTrue(self.world.origin().hear().startswith(b"GET / HTTP/1.1\r\n"))
        reply = self.get(
            b"http://origin.example/", upstream=UP, upstream_exceptions=exceptions, allow_private=False
        ).reply()
        self.assertEqual(reply.status, 403, "and checked as others are")

    def test_addresses_are_checked_here(self) -> None:
        for host in (b"127.0.0.1", b"0x7f.1", b"[::1]", b"169.254.169.254", b"10.0.0.1", b"LocalHost", b"a.localhost."):
            for line in (request(b"http://%b/" % host), request(b"%b:443" % host, method=b"CONNECT")):
                reply = self.ask(line, upstream=UP, allow_private=False).reply()
                self.assertEqual(reply.status, 403, host)
        self.assertEqual(self.world.dialled, [])

    def test_tunnels_through_it(self) -> None:
        browser = self.ask(request(b"far.example:443", method=b"CONNECT") + b"early", upstream=UP)
        up = self.world.origin()
        self.assertEqual(up.hear(), b"CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\n\r\n")
        self.assertEqual(browser.hear(), b"")
        up.say(b"HTTP/1.1 200 Yes\r\nX: y\r\n\r\n220 first words\r\n")
        self.assertEqual(browser.hear(), b"HTTP/1.1 200 Connection established\r\n\r\n220 first words\r\n")
        self.assertEqual(up.hear(), b"early")
        up.say(b"more")
        self.assertEqual(browser.hear(), b"more")
        browser.finish()
        self.assertTrue(up.transport.finished)

    def test_a_refusal(self) -> None:
        for answer in (
            b"HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nhello",
            b"SSH-2.0\r\n\r\n",
            b"HTTP/1.1 407 Who\r\n\r\n",
            b"x" * 70_000,
        ):
            browser = self.ask(request(b"far.example:443", method=b"CONNECT"), upstream=UP)
            self.world.origin().say(answer)
            reply = browser.reply()
            self.assertEqual(reply.status, 502, answer[:20])
            self.assertNotIn(b"hello", reply.body)
            self.assertIsNone(reply[b"Proxy-Authenticate"])
            self.assertTrue(self.world.origin().aborted)

    def test_silence(self) -> None:
        browser = self.ask(request(b"far.example:443", method=b"CONNECT"), upstream=UP, connect_timeout=5.0)
        self.world.wait(7)
        self.assertEqual(browser.reply().status, 504)
        self.assertTrue(self.world.origin().aborted)

    def test_its_407_is_not_the_clients(self) -> None:
        # A client would send it the password that it has for this proxy.
        browser = self.get(b"http://far.example/", upstream=UP)
        self.world.origin().say(
            b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=up\r\nContent-Length: 5\r\n\r\nhello"
        )
        reply = browser.reply()
        self.assertEqual((reply.status, reply[b"Proxy-Authenticate"]), (502, None))
