"""URLs as the client takes them apart."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client.url import URL, join, parse_url
from netdaemon.wire.failures import BadURL
from netdaemon.wire.urlparts import shown


class ParseTests(SynchronousTestCase):
    def check(self, text: str, host: str, port: int, target: bytes, shown_as: str | None = None) -> URL:
        url = parse_url(text)
        self.assertEqual((url.host, url.port, url.target), (host, port, target), text)
        self.assertEqual(str(url), text if shown_as is None else shown_as)
        return url

    def test_plain(self) -> None:
        self.check("http://www.example.org/a/b?c=d&e", "www.example.org", 80, b"/a/b?c=d&e")
        self.check("https://example.org/", "example.org", 443, b"/")
        self.check("http://example.org:8080/", "example.org", 8080, b"/")
        self.check("http://127.0.0.1:81/", "127.0.0.1", 81, b"/")

    def test_what_is_left_out(self) -> None:
        self.check("http://example.org", "example.org", 80, b"/", "http://example.org/")
        self.check("http://example.org?q", "example.org", 80, b"/?q", "http://example.org/?q")
        self.check("http://example.org:/", "example.org", 80, b"/", "http://example.org/")
        self.check("HTTPS://EXAMPLE.org:443/A", "example.org", 443, b"/A", "https://example.org/A")

    def test_ipv6(self) -> None:
        url = self.check("http://[::1]:8080/", "::1", 8080, b"/")
        self.assertEqual(url.authority, b"[::1]:8080")
        self.check("http://[2001:DB8:0:0::1]/", "2001:db8::1", 80, b"/", "http://[2001:db8::1]/")

    def test_a_zone_reaches_the_socket_and_not_the_server(self) -> None:
        url = self.check("http://[fe80::1%25lo]/", "fe80::1%lo", 80, b"/")
        self.assertEqual(url.authority, b"[fe80::1]")
        self.assertEqual(join(url, b"/x").host, "fe80::1%lo")

    def test_what_many_leave_unquoted_is_quoted(self) -> None:
        url = parse_url('http://example.org/a b/\u00e9"<>\\^`{|}?q=\u00e9 #frag ment')
        self.assertEqual(url.target, b"/a%20b/%C3%A9%22%3C%3E%5C%5E%60%7B%7C%7D?q=%C3%A9%20")
        self.assertEqual(url.fragment, "frag%20ment")

    def test_what_is_quoted_stays_so(self) -> None:
        self.assertEqual(parse_url("http://example.org/%2e%2F%zz?%00").target, b"/%2e%2F%zz?%00")

    def test_names_of_all_languages(self) -> None:
        self.assertEqual(parse_url("http://b\u00fccher.example/").host, "xn--bcher-kva.example")

    def test_userinfo(self) -> None:
        url = parse_url("http://mulder:trust%40no%3A1@example.org/")
        self.assertEqual((url.userinfo, url.host), (b"mulder:trust@no:1", "example.org"))
        self.assertEqual(parse_url("http://mulder@example.org/").userinfo, b"mulder")
        self.assertEqual(parse_url("http://@example.org/").userinfo, b"")
        self.assertIsNone(parse_url("http://example.org/@x").userinfo)

    def test_userinfo_is_not_shown(self) -> None:
        url = parse_url("http://mulder:trustno1@example.org/")
        self.assertEqual(str(url), "http://example.org/")
        for text in ("http://u:trustno1@/", "http://u:trustno1/@host:x/", "http://u:trustno1@ho st/"):
            self.assertNotIn("trustno1", str(self.assertRaises(BadURL, parse_url, text)))

    def test_origin(self) -> None:
        self.assertEqual(parse_url("http://A.example/x").origin, parse_url("http://u:p@a.example:80/y").origin)
        self.assertNotEqual(parse_url("http://a.example/").origin, parse_url("https://a.example/").origin)


class RefusedTests(SynchronousTestCase):
    def refuse(self, text: str) -> None:
        error = self.assertRaises(BadURL, parse_url, text)
        self.assertTrue(str(error).isprintable(), str(error))

    def test_other_schemes(self) -> None:
        for text in ("", "/", "example.org", "file:///etc/passwd", "ftp://x/", "javascript:1", "http:", "//x/"):
            self.refuse(text)

    def test_no_host(self) -> None:
        for text in ("http://", "http:///x", "http://:80/", "http://u@/", "http:x", "http:/x"):
            self.refuse(text)

    def test_hosts_that_are_none(self) -> None:
        for host in (
            "a b",
            "a%20b",
            "a%00b",
            "[::1",
            "::1",
            "[::1]x",
            "[127.0.0.1]",
            "[v1.x]",
            "-",
            "a<b",
            "a\\b",
            "[",
        ):
            self.refuse(f"http://{host}/")

    def test_hosts_that_readers_take_apart_differently(self) -> None:
        for text in (
            "http://a@b@c/",
            "http://a:b@c:d@e/",
            "http://good\\@evil/",
            "http://good\\:p@evil/",
            "http://evil\\.good/",
        ):
            self.refuse(text)

    def test_ports(self) -> None:
        for port in ("0", "65536", "123456", "-1", "+1", "1_0", "x", "80:80", "\u0661"):
            self.refuse(f"http://example.org:{port}/")

    def test_controls(self) -> None:
        for place in ("ht{}tp://a/", "http://a{}b/", "http://u{}:p@a/", "http://a/{}", "http://a/?{}", "http://a/#{}"):
            for control in ("\r\n", "\n", "\r", "\t", "\0", "\x7f", "\x1b[2J"):
                self.refuse(place.format(control))

    def test_length(self) -> None:
        parse_url("http://a/".ljust(65_536, "x"))
        self.refuse("http://a/".ljust(65_537, "x"))

    @settings(deadline=None, max_examples=300)
    @given(st.text(max_size=60))
    @example("//[")
    @example("u@[::1%25]:1")
    def test_nothing_else_is_raised_and_nothing_gets_through(self, rest: str) -> None:
        try:
            url = parse_url("http://" + rest)
        except BadURL as error:
            self.assertTrue(str(error).isprintable())
            return
        self.assertRegex(url.target, rb"\A/[!-~]*\Z")
        self.assertRegex(url.authority, rb"\A[\[\]!-~]+\Z")
        self.assertEqual(parse_url(str(url)), url._replace(userinfo=None))

    def test_shown_is_one_short_line(self) -> None:
        self.assertLess(len(shown("http://" + "x" * 10_000)), 250)
        self.assertNotIn("\n", shown("http://a\nb"))


class JoinTests(SynchronousTestCase):
    def join(self, reference: bytes, base: str = "http://a.example/b/c?d") -> str:
        return str(join(parse_url(base), reference))

    def test_rfc_3986_5_4(self) -> None:
        for reference, result in [
            (b"x", "http://a.example/b/x"),
            (b"../x", "http://a.example/x"),
            (b"../../../x", "http://a.example/x"),
            (b"/x", "http://a.example/x"),
            (b"?x", "http://a.example/b/c?x"),
            (b"//other.example/x", "http://other.example/x"),
            (b"https://other.example", "https://other.example/"),
            (b"", "http://a.example/b/c?d"),
        ]:
            self.assertEqual(self.join(reference), result, reference)

    def test_fragments_are_inherited(self) -> None:
        self.assertEqual(self.join(b"/x", "http://a.example/#here"), "http://a.example/x#here")
        self.assertEqual(self.join(b"/x#there", "http://a.example/#here"), "http://a.example/x#there")

    def test_octets_that_are_no_ascii(self) -> None:
        self.assertEqual(self.join("/\u00e9".encode()), "http://a.example/%C3%A9")
        self.assertEqual(self.join(b"/\xff\xe9"), "http://a.example/%FF%E9")

    def test_dots_of_a_reference_with_a_host(self) -> None:
        """RFC 3986 5.2.2: they go there, too."""
        for path, result in (
            ("/a/../b", "/b"),
            ("/a/b/../../../c/.", "/c/"),
            ("/a/./b/..", "/a/"),
            ("/..", "/"),
            ("/a//../b?../x", "/a/b?../x"),
        ):
            for reference in (f"http://b.example{path}", f"//b.example{path}"):
                self.assertEqual(self.join(reference.encode()), f"http://b.example{result}")

    def test_no_credentials_from_a_server(self) -> None:
        self.assertIsNone(join(parse_url("http://a.example/"), b"http://u:p@b.example/").userinfo)
        self.assertIsNone(join(parse_url("http://u:p@a.example/"), b"/x").userinfo)

    def test_elsewhere(self) -> None:
        for reference in (
            b"file:///etc/passwd",
            b"ftp://x/",
            b"data:,x",
            b"javascript:1",
            b"http://",
            b"//[",
            b"/\0",
            b"/\r\n",
        ):
            self.assertRaises(BadURL, join, parse_url("http://a.example/"), reference)
