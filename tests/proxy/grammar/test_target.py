"""URLs and authorities, as a proxy takes them apart."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.message import Malformed
from netdaemon.proxy.grammar.target import Destination, parse_destination, parse_target


def parts(url: bytes, method: bytes = b"GET") -> tuple[bytes, str, int, bytes, bytes]:
    to = parse_destination(method, url)
    return to.scheme, to.host, to.port, to.authority, to.target


class URLTests(SynchronousTestCase):
    def test_parts(self) -> None:
        for url, expected in (
            (b"http://a.example", (b"http", "a.example", 80, b"a.example", b"/")),
            (b"HTTP://A.Example:8080/X?Y", (b"http", "a.example", 8080, b"a.example:8080", b"/X?Y")),
            (b"https://a.example:/x", (b"https", "a.example", 443, b"a.example", b"/x")),
            (b"http://a.example?q", (b"http", "a.example", 80, b"a.example", b"/?q")),
            (b"http://a.example./", (b"http", "a.example", 80, b"a.example.", b"/")),
            (b"http://[2001:DB8::1]:81/", (b"http", "2001:db8::1", 81, b"[2001:db8::1]:81", b"/")),
            (b"ftp://a.example/%2Fx;type=i", (b"ftp", "a.example", 21, b"a.example", b"/%2Fx;type=i")),
            (b"gopher://a.example", (b"gopher", "a.example", 70, b"a.example", b"/")),
            (b"http://a_b.example/", (b"http", "a_b.example", 80, b"a_b.example", b"/")),
            (b"http://xn--bcher-kva.example/", (b"http", "xn--bcher-kva.example", 80, b"xn--bcher-kva.example", b"/")),
        ):
            self.assertEqual(parts(url), expected)

    def test_a_user_is_ftps_matter(self) -> None:
        self.assertEqual(parse_destination(b"GET", b"ftp://me:p%40ss@a/x").userinfo, b"me:p%40ss")
        self.assertEqual(parse_destination(b"GET", b"ftp://a/x@y").userinfo, None)
        for url in (
            b"http://me@a/",
            b"https://me:x@a/",
            b"gopher://me@a/",
            b"ftp://a@b@c/",
            b"ftp://a%@b/",
            b"http://@a/",
        ):
            self.assertRaises(Malformed, parse_destination, b"GET", url)

    def test_the_url_again_is_without_a_user(self) -> None:
        self.assertEqual(parse_destination(b"GET", b"ftp://me:x@A:2121/x?y").url, b"ftp://a:2121/x?y")

    def test_connect(self) -> None:
        self.assertEqual(parts(b"A.example:443", b"CONNECT"), (b"connect", "a.example", 443, b"a.example:443", b""))
        self.assertEqual(parts(b"[::1]:443", b"CONNECT")[1:3], ("::1", 443))

    def test_forms(self) -> None:
        for method, target, form in (
            (b"GET", b"/x?y", "origin"),
            (b"OPTIONS", b"*", "asterisk"),
            (b"GET", b"http://a/", "absolute"),
            (b"CONNECT", b"a:1", "authority"),
        ):
            self.assertEqual(parse_target(method, target).form, form)
        self.assertEqual(parse_target(b"GET", b"http://a/../%2e?b")[1:3], (b"/../%2e", b"b"))
        for method, target in ((b"GET", b"*"), (b"GET", b"a:1"), (b"CONNECT", b"*"), (b"CONNECT", b"/x")):
            self.assertRaises(Malformed, parse_target, method, target)

    def test_the_secure_one(self) -> None:
        self.assertEqual([parse_destination(b"GET", s + b"://a/").secure for s in (b"http", b"https")], [False, True])


class NumberTests(SynchronousTestCase):
    """IPv4 addresses in the forms of inet_aton(3), which is what resolvers take them by."""

    @given(
        st.lists(
            st.tuples(st.integers(0, 1 << 33), st.sampled_from(("%d", "0x%x", "0X%X", "0%o"))), min_size=1, max_size=5
        )
    )
    @settings(max_examples=300, deadline=None)
    def test_they_are_read_as_the_resolver_reads_them(self, numbers: list[tuple[int, str]]) -> None:
        text = ".".join(form % number for number, form in numbers)
        try:
            expected: str | None = str(IPv4Address(socket.inet_aton(text)))
        except OSError:
            expected = None
        try:
            found: str | None = parse_destination(b"GET", b"http://%b/" % text.encode()).host
        except Malformed:
            found = None
        self.assertEqual(found, expected, text)

    @given(st.text("0123456789abcdefxX.-_", min_size=1, max_size=20))
    @settings(max_examples=500, deadline=None)
    def test_no_address_is_taken_for_a_name(self, text: str) -> None:
        try:
            host = parse_destination(b"GET", b"http://%b/" % text.encode()).host
        except Malformed:
            return
        try:
            address = str(IPv4Address(socket.inet_aton(host)))
        except OSError:
            return
        self.assertEqual(host, address, "a resolver would take this name for an address")

    def test_names_that_begin_with_digits(self) -> None:
        for name in (b"1.example", b"0x7f.example", b"3com.example", b"127.0.0.1.example"):
            self.assertEqual(parse_destination(b"GET", b"http://%b/" % name).host, name.decode())


class FuzzTests(SynchronousTestCase):
    @given(st.binary(max_size=60), st.sampled_from((b"GET", b"OPTIONS", b"CONNECT")))
    @settings(max_examples=500, deadline=None)
    def test_anything(self, data: bytes, method: bytes) -> None:
        for target in (data, b"http://" + data, b"ftp://a" + data, b"gopher://" + data + b"/"):
            try:
                to = parse_destination(method, target)
            except Malformed as error:
                self.assertIn(error.status, (400, 501))
                continue
            self.assertIsInstance(to, Destination)
            self.assertTrue(0 < to.port < 65536)
            self.assertFalse(set(to.host) & set("/?#@\\ \r\n\t%"), to.host)
            self.assertTrue(to.host)
            self.assertFalse(set(to.authority) & set(b"/?#@\\ \r\n\t%"), to.authority)
