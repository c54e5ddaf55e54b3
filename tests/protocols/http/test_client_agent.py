"""The client as a whole: logins, cookies, proxies, second tries, bodies that wait, and what comes compressed."""

from __future__ import annotations

import gzip
import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client import (
    URL,
    Category,
    Jar,
    Login,
    NoAnswer,
    NotSpoken,
    RedirectRefused,
    TunnelRefused,
    Upload,
    parse_url,
)
from netdaemon.protocols.http.client.expecting import LARGE, PATIENCE
from netdaemon.protocols.http.client.retry import Retry
from tests.protocols.http.origin import Origin, Peer

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
PROXY = parse_url("http://127.0.0.9:3128/")


def refusal(challenge: str, status: int = 401, more: str = "") -> bytes:
    name = "WWW" if status == 401 else "Proxy"
    return f"HTTP/1.1 {status} No\r\n{name}-Authenticate: {challenge}\r\n{more}Content-Length: 0\r\n\r\n".encode()


def field(head: bytes, name: bytes) -> bytes | None:
    match = re.search(rb"\r\n%b: ([^\r]*)" % re.escape(name), head)
    return match[1] if match else None


class AgentCase(SynchronousTestCase):
    def start(self, url: str = "http://127.0.0.1/", method: str = "GET", body: Any = b"", **options: Any) -> Peer:
        self.origin = Origin(**options)
        self.asked = self.origin.ask(url, method, body=body)
        return self.origin.accept()

    def finish(self, peer: Peer) -> None:
        peer.says(HELLO)
        self.assertEqual(self.successResultOf(self.asked).status, 200)


class LoginTests(AgentCase):
    def test_nothing_is_said_before_it_is_asked_for(self) -> None:
        peer = self.start("http://u:p@127.0.0.1/")
        self.assertIsNone(field(peer.heard(), b"Authorization"))
        peer.says(refusal('Basic realm="x"'))
        self.assertEqual(field(peer.heard(), b"Authorization"), b"Basic " + b64encode(b"u:p"))
        self.finish(peer)
        self.origin.ask("http://u:p@127.0.0.1/next")
        self.assertEqual(field(peer.heard(), b"Authorization"), b"Basic " + b64encode(b"u:p"))

    def test_a_login_is_for_whom_it_is(self) -> None:
        peer = self.start("http://u:p@127.0.0.1/")
        peer.says(refusal('Basic realm="x"'))
        self.finish(peer)
        peer.heard()
        self.origin.ask("http://127.0.0.1/next")
        self.assertIsNone(field(peer.heard(), b"Authorization"))

    def test_digest_before_basic(self) -> None:
        peer = self.start("http://u:p@127.0.0.1/dir/?q")
        peer.says(refusal('Basic realm="x", Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'))
        value = field(peer.heard(), b"Authorization") or b""
        given = dict(re.findall(rb'(\w+)="?([^",]*)"?', value.removeprefix(b"Digest ")))

        def sha(*parts: bytes) -> bytes:
            return hashlib.sha256(b":".join(parts)).hexdigest().encode()

        answer = sha(sha(b"u", b"r", b"p"), b"n", given[b"nc"], given[b"cnonce"], b"auth", sha(b"GET", b"/dir/?q"))
        self.assertEqual((given[b"uri"], given[b"response"]), (b"/dir/?q", answer))
        self.finish(peer)

    def test_a_wrong_password_is_sent_once(self) -> None:
        for challenge in ('Basic realm="x"', 'Digest realm="x", nonce="n"'):
            peer = self.start("http://u:p@127.0.0.1/")
            peer.says(refusal(challenge))
            peer.heard()
            peer.says(refusal(challenge))
            self.assertEqual(self.successResultOf(self.asked).status, 401)
            self.assertEqual(peer.heard(), b"")

    def test_whoever_asks_for_ever_is_not_answered_for_ever(self) -> None:
        peer = self.start("http://u:p@127.0.0.1/")
        for number in range(100):
            if self.asked.called:
                break
            peer.says(refusal(f'Digest realm="x", nonce="{number}", stale=true'))
        self.failureResultOf(self.asked, NotSpoken)
        self.assertLess(number, 10)

    def test_somebody_else_is_asked_for_the_login(self) -> None:
        asked: list[tuple[URL, bytes | None, str]] = []

        def ask(url: URL, user: bytes | None, realm: str) -> Login:
            asked.append((url, user, realm))
            return Login(b"u", b"p")

        peer = self.start(ask=ask)
        peer.heard()
        peer.says(refusal('Basic realm="x y"'))
        self.assertIn(b"Authorization: Basic ", peer.heard())
        self.finish(peer)
        self.assertEqual([(str(url), user, realm) for url, user, realm in asked], [("http://127.0.0.1/", None, "x y")])

    def test_who_has_none_gets_the_refusal(self) -> None:
        for challenge in ('Basic realm="x"', "Negotiate", "", "Basic realm=,,,=,"):
            peer = self.start()
            peer.says(refusal(challenge))
            self.assertEqual(self.successResultOf(self.asked).status, 401)

    def test_a_header_of_the_caller_s_own_wins(self) -> None:
        self.origin = Origin()
        asked = self.origin.ask("http://u:p@127.0.0.1/", headers={"authorization": "Bearer x"})
        peer = self.origin.accept()
        self.assertEqual(peer.heard().lower().count(b"authorization"), 1)
        peer.says(refusal("Basic realm=x"))
        self.assertEqual(self.successResultOf(asked).status, 401)

    def test_not_over_to_another_origin(self) -> None:
        peer = self.start("http://u:p@127.0.0.1/")
        peer.says(b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.2/\r\nContent-Length: 0\r\n\r\n")
        other = self.origin.accept()
        other.says(refusal('Basic realm="x"'))
        self.assertEqual(self.successResultOf(self.asked).status, 401)
        self.assertNotIn(b"Authorization", other.heard())

    def test_a_server_that_only_says_it_knows_the_password(self) -> None:
        peer = self.start("http://u:p@127.0.0.1/")
        peer.says(refusal('Digest realm="r", nonce="n", qop="auth"'))
        peer.heard()
        peer.says(b'HTTP/1.1 200 OK\r\nAuthentication-Info: rspauth="00", qop=auth\r\nContent-Length: 5\r\n\r\nhello')
        self.failureResultOf(self.asked, NotSpoken)


class WaitingBodyTests(AgentCase):
    """Expect: 100-continue (RFC 9110 10.1.1)."""

    def upload(self, length: int = 5, again: bool = False) -> Upload:
        self.reads = 0

        def chunks() -> Iterator[bytes]:
            self.reads += 1
            yield b"x" * length

        return Upload(chunks, length, again)

    def test_a_login_comes_before_what_cannot_be_sent_twice(self) -> None:
        peer = self.start("http://u:p@127.0.0.1/", "PUT", self.upload())
        head = peer.heard()
        self.assertIn(b"\r\nExpect: 100-continue", head)
        self.assertTrue(head.endswith(b"\r\n\r\n"))
        peer.says(refusal('Basic realm="x"'))
        self.assertEqual(self.reads, 0)
        self.assertTrue(peer.dropped)  # the request was not whole, so nothing can follow it
        peer.closes()
        peer = self.origin.accept()
        self.assertIn(b"Authorization: Basic ", peer.heard())
        peer.says(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(peer.heard(), b"xxxxx")
        self.finish(peer)
        self.assertEqual(self.reads, 1)

    def test_a_large_one_waits(self) -> None:
        peer = self.start(method="PUT", body=self.upload(LARGE, True))
        self.assertTrue(peer.heard().endswith(b"\r\n\r\n"))
        peer.says(b"HTTP/1.1 413 Too much\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual((self.successResultOf(self.asked).status, self.reads), (413, 0))

    def test_but_not_for_ever(self) -> None:
        peer = self.start(method="PUT", body=self.upload(LARGE, True))
        peer.heard()
        self.origin.reactor.advance(PATIENCE)
        self.assertEqual(len(peer.heard()), LARGE)
        self.finish(peer)

    def test_a_server_that_expects_nothing(self) -> None:
        peer = self.start(method="PUT", body=self.upload(LARGE, True))
        peer.says(b"HTTP/1.1 417 What\r\nContent-Length: 0\r\n\r\n")
        peer.closes()
        peer = self.origin.accept()
        head, _, body = peer.heard().partition(b"\r\n\r\n")
        self.assertNotIn(b"Expect", head)
        self.assertEqual(len(body), LARGE)
        self.finish(peer)

    def test_a_small_one_does_not(self) -> None:
        peer = self.start(method="PUT", body=self.upload())
        self.assertTrue(peer.heard().endswith(b"xxxxx"))


class CookieTests(AgentCase):
    def test_kept_and_sent(self) -> None:
        jar = Jar(None, wall=lambda: 1_000_000_000.0)
        peer = self.start(jar=jar)
        self.assertNotIn(b"Cookie", peer.heard())
        peer.says(b"HTTP/1.1 302 F\r\nSet-Cookie: a=b; Path=/\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(field(peer.heard(), b"Cookie"), b"a=b")
        self.finish(peer)
        self.origin.ask("http://127.0.0.2/")
        self.assertNotIn(b"Cookie", self.origin.accept().heard())

    def test_there_is_one_field_of_them(self) -> None:
        """RFC 6265 5.4, also where the caller has cookies of his own."""
        jar = Jar(None, wall=lambda: 1_000_000_000.0)
        peer = self.start(jar=jar)
        peer.says(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")
        self.origin.ask("http://127.0.0.1/", headers={"cookie": "c=d"})
        head = peer.heard()
        self.assertEqual(head.lower().count(b"\r\ncookie:"), 1)
        self.assertEqual(field(head, b"Cookie"), b"a=b; c=d")


class ProxyTests(AgentCase):
    def test_http_in_the_absolute_form(self) -> None:
        peer = self.start("http://a.example:8080/x?y#z", proxy_for=lambda url: PROXY)
        self.assertEqual(self.origin.reactor.tcpClients[0][1], 3128)
        head = peer.heard()
        self.assertTrue(head.startswith(b"GET http://a.example:8080/x?y HTTP/1.1\r\nHost: a.example:8080\r\n"), head)
        self.finish(peer)
        self.origin.ask("http://b.example/")
        self.assertTrue(peer.heard().startswith(b"GET http://b.example/ "))  # on the same connection

    def test_ftp_and_gopher_can_be_asked_for_there(self) -> None:
        origin = Origin(proxy_for=lambda url: PROXY)
        origin.run(origin.client.request("GET", parse_url("ftp://a.example/x", by_proxy=True)))
        self.assertTrue(origin.accept().heard().startswith(b"GET ftp://a.example/x HTTP/1.1\r\n"))

    def test_a_login_for_the_proxy_is_for_the_proxy(self) -> None:
        proxy = parse_url("http://u:p@127.0.0.9:3128/")
        peer = self.start("http://a.example/", proxy_for=lambda url: proxy)
        head = peer.heard()
        self.assertEqual(field(head, b"Proxy-Authorization"), b"Basic " + b64encode(b"u:p"))
        self.assertIsNone(field(head, b"Authorization"))
        peer.says(refusal('Digest realm="r", nonce="n"', 407))
        self.assertIn(b'uri="http://a.example/"', field(peer.heard(), b"Proxy-Authorization") or b"")
        self.finish(peer)

    def test_an_origin_s_407_is_not_the_proxy_s(self) -> None:
        peer = self.start("http://u:p@127.0.0.1/")
        peer.says(refusal('Basic realm="x"', 407))
        self.assertEqual(self.successResultOf(self.asked).status, 407)
        self.assertNotIn(b"Proxy-Authorization", peer.heard())

    def test_a_tunnel_for_https(self) -> None:
        peer = self.start("https://a.example/", proxy_for=lambda url: parse_url("http://u:p@127.0.0.9:3128/"))
        self.assertEqual(
            peer.heard(),
            b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n",
        )
        peer.says(refusal('Basic realm="x"', 407))
        failure = self.failureResultOf(self.asked, TunnelRefused)
        self.assertEqual(failure.value.category, Category.AUTHENTICATION)
        self.assertTrue(peer.dropped)

    def test_a_tunnel_for_http_where_it_is_wanted(self) -> None:
        peer = self.start(
            "http://a.example/x", proxy_for=lambda url: PROXY, tunnelled=True, connect_headers={"User-Agent": "me"}
        )
        self.assertEqual(peer.heard(), b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\nUser-Agent: me\r\n\r\n")
        peer.says(b"HTTP/1.1 200 OK\r\n\r\n")
        within: Any = peer.wire.protocol
        self.assertTrue(peer.heard().startswith(b"GET /x HTTP/1.1\r\nHost: a.example\r\n"))
        within.dataReceived(HELLO)
        self.assertEqual(self.successResultOf(self.asked).status, 200)
        self.origin.ask("http://b.example/")
        self.assertEqual(self.origin.waiting, 1)  # the tunnel leads to the other only

    def test_what_a_proxy_is_told_is_checked(self) -> None:
        for bad in ({"X": "a\r\nB: c"}, {"Content-Length": "3"}):
            self.assertRaises(ValueError, Origin, connect_headers=bad)

    def test_a_tunnel_that_is_refused(self) -> None:
        for answer in (
            b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.0 502 Bad\r\n\r\n",
        ):
            peer = self.start("https://a.example/", proxy_for=lambda url: PROXY)
            peer.says(answer)
            failure = self.failureResultOf(self.asked, TunnelRefused)
            self.assertIn("proxy 127.0.0.9 port 3128", str(failure.value))

    def test_a_proxy_that_is_none(self) -> None:
        for answer in (b"SSH-2.0-x\r\n\r\n", b"x" * 70_000, b"HTTP/1.1 200 OK\nX: y\n\n\r\n\r\n"):
            peer = self.start("https://a.example/", proxy_for=lambda url: PROXY)
            peer.says(answer)
            self.failureResultOf(self.asked, NotSpoken)
            self.assertTrue(peer.dropped)


class AgainTests(AgentCase):
    def retry(self) -> Retry:
        return Retry(2, lambda: 0.0, chance=lambda: 0.0)

    def test_what_may_do_better(self) -> None:
        peer = self.start(retry=self.retry())
        peer.says(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        peer.heard()
        self.origin.reactor.advance(0.9)
        self.assertEqual(peer.heard(), b"")
        self.origin.reactor.advance(0.2)
        peer.heard()
        self.finish(peer)

    def test_and_then_it_is_over(self) -> None:
        peer = self.start(retry=self.retry())
        for _ in range(3):
            peer.says(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            self.origin.reactor.advance(5)
        self.assertEqual(self.successResultOf(self.asked).status, 503)

    def test_what_would_be_done_twice(self) -> None:
        peer = self.start(method="POST", body=b"x", retry=self.retry())
        peer.closes()
        self.origin.reactor.advance(5)
        self.failureResultOf(self.asked)


class CompressedTests(AgentCase):
    def test_unpacked(self) -> None:
        peer = self.start(decode=True)
        self.assertIn(b"gzip", field(peer.heard(), b"Accept-Encoding") or b"")
        data = gzip.compress(b"hello")
        peer.says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(data), data))
        response = self.successResultOf(self.asked)
        self.assertEqual(self.successResultOf(self.origin.run(response.read(10))), b"hello")

    def test_left_alone_for_who_asks_for_it(self) -> None:
        self.origin = Origin(decode=True)
        asked = self.origin.ask(headers={"Accept-Encoding": "gzip"})
        peer = self.origin.accept()
        self.assertEqual(field(peer.heard(), b"Accept-Encoding"), b"gzip")
        peer.says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b")
        response = self.successResultOf(asked)
        self.assertEqual(self.successResultOf(self.origin.run(response.read(10))), b"\x1f\x8b")


class CloseTests(AgentCase):
    def test_nobody_begins_anew_when_it_is_closed(self) -> None:
        peer = self.start()
        self.finish(peer)
        asked = self.origin.ask()
        closed = self.origin.run(self.origin.client.close())
        peer.closes(rudely=True)
        self.failureResultOf(asked, NoAnswer)
        self.successResultOf(closed)
        self.assertEqual(self.origin.waiting, 0)


class RedirectLimitTests(AgentCase):
    def test_none_at_all(self) -> None:
        peer = self.start(max_redirects=0)
        peer.says(b"HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.successResultOf(self.asked).status, 302)

    def test_two(self) -> None:
        peer = self.start(max_redirects=2)
        for _ in range(3):
            peer.says(b"HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
        self.failureResultOf(self.asked, RedirectRefused)
