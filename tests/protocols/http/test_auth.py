"""Basic authentication (RFC 7617): who is let in, who is not, and what is said to them."""

from __future__ import annotations

from base64 import b64encode
from ipaddress import ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.interfaces import LoginUnavailable
from netdaemon.protocols.http.grammar.basic import parse_basic
from netdaemon.protocols.http.settings import HTTPSettings, Protected
from tests.protocols.http.visitors import MULDER, SCULLY, WRONG, AccountTests, basic

PRIVATE = (Protected("/private", ()),)


class GrammarTests(SynchronousTestCase):
    def test_a_pair(self) -> None:
        self.assertEqual(parse_basic(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), (b"Aladdin", b"open sesame"))
        self.assertEqual(parse_basic(b"basic  dGVzdDoxMjPCow=="), (b"test", "123£".encode()))
        self.assertEqual(parse_basic(b"BASIC " + b64encode(b"a:b:c")), (b"a", b"b:c"))
        self.assertEqual(parse_basic(b"Basic " + b64encode(b":")), (b"", b""))

    def test_what_is_none(self) -> None:
        for value in (
            b"",
            b"Basic",
            b"Basic ",
            b"Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            b"BasicQWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
            b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== x",
            b"Basic Q*==",
            b"Basic " + b64encode(b"no colon"),
            b"Basic " + b64encode(b"a:b\n"),
            b"Basic " + b64encode(b"a\0:b"),
        ):
            self.assertIsNone(parse_basic(value), value)

    @given(st.binary(), st.binary())
    def test_there_and_back(self, name: bytes, password: bytes) -> None:
        pair = parse_basic(b"Basic " + b64encode(name + b":" + password))
        if pair is not None:
            self.assertEqual(b":".join(pair), name + b":" + password)

    @given(st.binary())
    def test_any_octets(self, value: bytes) -> None:
        parse_basic(b"Basic " + value)


class AdmissionTests(AccountTests):
    keys = {"throttle_failures": 3, "trusted": ()}

    def setUp(self) -> None:
        super().setUp()
        self.file("private/x.txt", b"secret")

    def test_nobody_and_somebody(self) -> None:
        peer = self.visitor(self.factory(protect=PRIVATE))
        reply = self.via(peer, "/private/x.txt")
        self.assertEqual(reply.status, 401)
        self.assertEqual(reply[b"WWW-Authenticate"], b'Basic realm="spam.egg", charset="UTF-8"')
        self.assertNotIn(b"secret", reply.body)
        reply = self.via(peer, "/private/x.txt", MULDER)
        self.assertEqual((reply.status, reply.body), (200, b"secret"))
        self.assertEqual(reply[b"Cache-Control"], b"private, no-cache")
        self.assertEqual(reply[b"Vary"], b"Accept-Encoding, Authorization")
        self.assertEqual(self.via(peer, "/private/x.txt").status, 401)
        self.assertEqual(self.via(peer, "/hello.txt").status, 200)

    def test_the_realm_is_the_virtual_hosts_own(self) -> None:
        for hosts, realm in ((("*.b.egg", "x.b.egg"), b"x.b.egg"), (("*.b.egg",), b"spam.egg")):
            reply = self.visit("/private/", protect=PRIVATE, hosts=hosts)
            self.assertIn(b'realm="%b"' % realm, reply[b"WWW-Authenticate"] or b"")

    def test_what_is_wrong(self) -> None:
        factory = self.factory(protect=PRIVATE)
        peer = self.visitor(factory)
        for field in (basic("nobody", "x"), WRONG, b"Authorization: Basic eA==", b"Authorization: Bearer x"):
            self.clock.advance(60)
            peer = self.visitor(factory, peer=f"192.0.2.{len(field)}")
            peer.send(b"GET /private/ HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % field)
            self.clock.advance(10)
            (reply,) = peer.replies()
            self.assertEqual((reply.status, reply[b"WWW-Authenticate"] is None), (401, False))

    def test_two_fields_are_none(self) -> None:
        self.assertEqual(self.visit("/private/x.txt", MULDER, SCULLY, protect=PRIVATE).status, 400)

    def test_who_is_not_on_the_list(self) -> None:
        peer = self.visitor(self.factory(protect=(Protected("/private", ("mulder",)),)))
        self.assertEqual(self.via(peer, "/private/x.txt", MULDER).status, 200)
        reply = self.via(peer, "/private/x.txt", SCULLY)
        self.assertEqual((reply.status, reply[b"WWW-Authenticate"]), (403, None))
        assert self.made is not None
        lines = self.made.measure.access_logs["http"].lines
        self.assertIn(" - scully [", lines[1])

    def test_the_log_has_the_user(self) -> None:
        peer = self.visitor(self.factory(protect=PRIVATE))
        self.via(peer, "/private/x.txt", MULDER)
        self.via(peer, "/private/x.txt")
        self.via(peer, "/hello.txt", MULDER)
        assert self.made is not None
        users = [line.split(" ")[2] for line in self.made.measure.access_logs["http"].lines]
        self.assertEqual(users, ["mulder", "-", "-"])

    def test_banned(self) -> None:
        factory = self.factory(protect=PRIVATE)
        for number in range(3):
            peer = self.visitor(factory)
            peer.send(b"GET /private/ HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % basic("mulder", f"no{number}"))
            self.clock.advance(9)
        reply = self.via(self.visitor(factory), "/private/x.txt", MULDER)
        self.assertEqual(reply.status, 429)
        self.assertGreater(int(reply[b"Retry-After"] or 0), 800)

    def test_our_own_fault(self) -> None:
        factory = self.factory(protect=PRIVATE)

        async def unavailable(*arguments: Any) -> Any:
            raise LoginUnavailable

        self.accounts.logins.login = unavailable  # type: ignore[method-assign]
        reply = self.via(self.visitor(factory), "/private/x.txt", MULDER)
        self.assertEqual((reply.status, reply[b"Retry-After"]), (503, b"10"))

    def test_an_unprotected_path_is_no_oracle(self) -> None:
        peer = self.visitor(self.factory(protect=PRIVATE))
        for field in (MULDER, WRONG, b"Authorization: x", b"Authorization: Basic ="):
            for method in (b"GET", b"HEAD"):
                self.assertEqual(self.via(peer, "/hello.txt", field, method=method).status, 200)
        self.assertEqual(self.hasher.verified, [])

    def test_a_password_is_hashed_once_a_minute(self) -> None:
        peer = self.visitor(self.factory(protect=PRIVATE))
        for _ in range(5):
            self.assertEqual(self.via(peer, "/private/x.txt", MULDER).status, 200)
        self.assertEqual(len(self.hasher.verified), 1)

    def test_methods_on_a_protected_path(self) -> None:
        peer = self.visitor(self.factory(protect=PRIVATE))
        for method in (b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE"):
            self.assertEqual(self.via(peer, "/private/x.txt", method=method).status, 401, method)
        self.assertEqual(self.via(peer, "/private/x.txt", MULDER, method=b"POST").status, 405)
        self.assertEqual(self.via(peer, "/private/x.txt", method=b"BREW").status, 501)


class PlainTextTests(AccountTests):
    def status(self, *fields: bytes, plaintext_login: str = "loopback", tls: bool = False, **wire: str) -> int:
        factory = self.factory(protect=PRIVATE, plaintext_login=plaintext_login)
        reply = self.via(self.visitor(factory, tls=tls, **wire), "/private/x.txt", *fields)
        if reply.status == 403:
            self.assertIsNone(reply[b"WWW-Authenticate"])
            self.assertIn(b"https", reply.body)
        return reply.status

    def setUp(self) -> None:
        super().setUp()
        self.file("private/x.txt", b"secret")

    def test_where_passwords_may_travel(self) -> None:
        loopback = {"here": "127.0.0.1", "peer": "127.0.0.1"}
        self.assertEqual(self.status(), 403)
        self.assertEqual(self.status(MULDER), 403)
        self.assertEqual(self.hasher.verified, [], "a password was looked at")
        self.assertEqual(self.status(MULDER, tls=True), 200)
        self.assertEqual(self.status(MULDER, **loopback), 200)
        self.assertEqual(self.status(MULDER, **loopback, plaintext_login="never"), 403)
        self.assertEqual(self.status(MULDER, tls=True, plaintext_login="never"), 200)
        self.assertEqual(self.status(MULDER, plaintext_login="always"), 200)

    def test_behind_a_load_balancer_both_ends_count(self) -> None:
        self.assertEqual(self.status(MULDER, peer="127.0.0.1"), 403)
        self.assertEqual(self.status(MULDER, here="127.0.0.1"), 403)


class SessionTests(AccountTests):
    """An account's login lasts as long as the response to its request."""

    def setUp(self) -> None:
        super().setUp()
        self.file("private/big", b"x" * 3_000_000)
        self.file("private/x.txt", b"secret")

    def test_one_at_a_time(self) -> None:
        factory = self.factory(protect=PRIVATE, max_connections_per_account=1)
        for end in ("read", "leave", "HEAD", "range"):
            slow = self.visitor(factory, lazy=True)
            more = b"Range: bytes=0-1,5-2000000\r\n" if end == "range" else b""
            method = b"HEAD" if end == "HEAD" else b"GET"
            slow.send(b"%b /private/big HTTP/1.1\r\nHost: a\r\n%b%b\r\n\r\n" % (method, more, MULDER))
            reply = self.via(self.visitor(factory), "/private/x.txt", MULDER)
            self.assertEqual(reply.status, 200 if end == "HEAD" else 503, end)
            self.assertEqual(self.via(self.visitor(factory), "/private/x.txt", SCULLY).status, 200)
            if end == "leave":
                slow.leave()
            while slow.wire.full:
                slow.wire.taken()
            self.assertEqual(self.via(self.visitor(factory), "/private/x.txt", MULDER).status, 200, end)

    def test_what_was_not_found_ends_it_too(self) -> None:
        factory = self.factory(protect=PRIVATE, max_connections_per_account=1)
        peer = self.visitor(factory)
        for _ in range(3):
            self.assertEqual(self.via(peer, "/private/none", MULDER).status, 404)
            self.assertEqual(self.via(peer, "/private/x.txt", SCULLY, method=b"POST").status, 405)

    def test_so_does_a_refusal_and_an_upload_that_broke_off(self) -> None:
        factory = self.factory(protect=(Protected("/private", ("mulder",)),), max_connections_per_account=1)
        for _ in range(2):
            self.assertEqual(self.via(self.visitor(factory), "/private/x.txt", SCULLY).status, 403)
            peer = self.visitor(factory)
            peer.send(b"PUT /private/new HTTP/1.1\r\nHost: a\r\n%b\r\nContent-Length: 9\r\n\r\nx" % MULDER)
            self.assertEqual(self.via(self.visitor(factory), "/private/x.txt", MULDER).status, 503)
            peer.leave()
            self.assertEqual(self.via(self.visitor(factory), "/private/x.txt", MULDER).status, 200)

    def test_it_is_that_requests_and_not_the_connections(self) -> None:
        factory = self.factory(protect=PRIVATE, status="/status")
        peer = self.visitor(factory)
        for target, fields, status in (
            ("/private/x.txt", (MULDER,), 200),
            ("/private/x.txt", (), 401),
            ("/status", (), 403),
            ("/new", (), 404),
        ):
            self.assertEqual(self.via(peer, target, *fields).status, status)


class HostTests(AccountTests):
    def test_the_demos_password_does_not_come_through_a_load_balancer(self) -> None:
        # The guest's section says nothing of load balancers: the doors are its host's.
        self.keys = {"auth": ("demo",)}
        guest = HTTPSettings(section="http:b", listen=(), hosts=("b.egg",), protect=PRIVATE)
        for trusted, status in (((), 404), ((ip_network("10.0.0.0/8"),), 401)):
            factory = self.factory(guests=(guest,), proxy_protocol=trusted)
            peer = self.visitor(factory, peer="127.0.0.1", here="127.0.0.1")
            peer.send(b"GET /private/ HTTP/1.1\r\nHost: b.egg\r\n%b\r\n\r\n" % MULDER)
            self.clock.advance(10)
            self.assertEqual(peer.replies()[0].status, status)
