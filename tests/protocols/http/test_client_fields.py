"""The heads of requests, and what a transcript shows of heads."""

from __future__ import annotations

from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon import version
from netdaemon.protocols.http.client.fields import basic, given, request_head, transcript
from netdaemon.protocols.http.client.redirect import Asked
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.protocols.http.client.url import parse_url
from netdaemon.protocols.http.grammar.message import parse_request_head
from netdaemon.wire.failures import BadURL


def head(url: str = "http://a.example/", method: bytes = b"GET", headers: object = (), body: object = b"") -> bytes:
    return request_head(Asked(method, parse_url(url), given(headers), body))  # type: ignore[arg-type]  # wrong ones too


class HeadTests(SynchronousTestCase):
    def test_a_get(self) -> None:
        self.assertEqual(
            head("http://a.example:8080/b?c"),
            b"GET /b?c HTTP/1.1\r\nHost: a.example:8080\r\nUser-Agent: netdaemon/%b\r\nAccept: */*" % version.encode(),
        )

    def test_our_own_server_reads_it(self) -> None:
        read = parse_request_head(head("http://u:p@a.example/x", headers={"X-Y": "z"}))
        self.assertEqual((read.method, read.target, read.version), (b"GET", b"/x", (1, 1)))
        self.assertEqual(read.fields.get(b"x-y"), b"z")

    def test_given_headers_stand_instead_of_ours(self) -> None:
        made = head(headers=[("user-agent", "mine"), ("Host", "b.example")])
        self.assertEqual(made.lower().count(b"\r\nuser-agent:"), 1)
        self.assertIn(b"\r\nHost: b.example", made)
        self.assertNotIn(b"a.example", made)

    def test_basic_authentication(self) -> None:
        self.assertEqual(basic(b"mulder:trustno1"), b"Basic bXVsZGVyOnRydXN0bm8x")
        self.assertNotIn(b"Authorization", head("http://mulder:trustno1@a.example/"))  # until it is asked for
        self.assertEqual(basic(b"mulder"), basic(b"mulder:"))
        self.assertEqual(basic("f\u00f6x:p".encode()), b"Basic ZsO2eDpw")

    def test_an_authorization_of_one_s_own_wins(self) -> None:
        made = head("http://u:p@a.example/", headers={"authorization": "Bearer x"})
        self.assertEqual(made.lower().count(b"authorization"), 1)

    def test_in_order(self) -> None:
        """Host is the first, and what is given stands as it is given."""
        made = head(headers=[("X-B", "1"), ("Host", "b.example"), ("X-A", "2"), ("Accept", "a/b")])
        names = [line.partition(b":")[0] for line in made.split(b"\r\n")[1:]]
        self.assertEqual(names, [b"Host", b"User-Agent", b"X-B", b"X-A", b"Accept"])

    def test_one_host(self) -> None:
        """RFC 9112 3.2: whoever gives two."""
        made = head(headers=[("Host", "b.example"), ("host", "c.example")])
        self.assertEqual(made.lower().count(b"\r\nhost:"), 1)
        self.assertIn(b"\r\nHost: b.example", made)

    def test_ours_can_be_left_out(self) -> None:
        made = head(headers={"User-Agent": "", "accept": ""})
        self.assertEqual(made, b"GET / HTTP/1.1\r\nHost: a.example")
        self.assertIn(b"\r\nX-Empty: ", head(headers={"X-Empty": ""}))

    def test_the_media_type_of_a_body(self) -> None:
        body = Upload(lambda: iter((b"abc",)), 3, media_type=b"text/plain")
        made = head(method=b"PUT", body=body)
        self.assertTrue(made.endswith(b"\r\nContent-Length: 3\r\nContent-Type: text/plain"), made)
        made = head(method=b"PUT", headers={"content-type": "text/html"}, body=body)
        self.assertEqual(made.lower().count(b"content-type"), 1)
        self.assertIn(b"text/html", made)

    def test_content_length(self) -> None:
        self.assertIn(b"\r\nContent-Length: 3", head(method=b"POST", body=b"abc"))
        self.assertIn(b"\r\nContent-Length: 0", head(method=b"PUT"))
        self.assertNotIn(b"Content-Length", head())


class InjectionTests(SynchronousTestCase):
    def test_line_ends_in_headers(self) -> None:
        for bad in ("a\r\nEvil: 1", "a\nb", "a\rb", "a\0b", "a\r\n\r\nGET / HTTP/1.1"):
            self.assertRaises(ValueError, given, {"X": bad})
            self.assertRaises(ValueError, given, {bad: "x"})

    def test_names_that_are_none(self) -> None:
        for name in ("", " X", "X ", "X:", "X Y", "\u00e9"):
            self.assertRaises(ValueError, given, {name: "x"})

    def test_values_that_latin_1_has_not(self) -> None:
        self.assertRaises(ValueError, given, {"X": "\u20ac"})

    def test_framing_is_not_the_caller_s(self) -> None:
        for name in ("Content-Length", "transfer-encoding", "Connection", "Upgrade", "TE", "Expect", "Trailer"):
            self.assertRaises(ValueError, given, {name: "1"})

    def test_controls_in_credentials(self) -> None:
        for text in (b"\r\n", b"\n", b"\0", b"\x7f"):
            self.assertRaises(BadURL, basic, b"u%b:p" % text)

    @settings(deadline=None, max_examples=200)
    @examples(st.text(max_size=20), st.text(max_size=20))
    def test_one_line_or_none(self, name: str, value: str) -> None:
        try:
            made = head(headers=[(name, value)])
        except ValueError:
            return
        read = parse_request_head(made)
        self.assertLessEqual(len(read.fields), 4)
        self.assertIn(value.strip(" \t").encode("latin-1"), [found for _, found in read.fields])


class TranscriptTests(SynchronousTestCase):
    def test_secrets_are_masked(self) -> None:
        for name in ("Authorization", "COOKIE", "proxy-authorization", "Set-Cookie", "WWW-Authenticate"):
            shown = list(transcript(b"GET / HTTP/1.1\r\n%b: trustno1\r\nX: y" % name.encode()))
            self.assertEqual(shown, [b"GET / HTTP/1.1", name.encode() + b": ***", b"X: y"])

    def test_userinfo_in_urls(self) -> None:
        shown = b"\n".join(transcript(b"HTTP/1.1 302 Found\r\nLocation: http://u:trustno1@a.example/x@y"))
        self.assertIn(b"Location: http://***@a.example/x@y", shown)
