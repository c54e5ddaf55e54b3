"""Requests and responses that two readers would read in two ways: none of them goes through."""

from __future__ import annotations

from netdaemon.protocols.http.grammar.framing import body_framing, decoder
from netdaemon.protocols.http.grammar.message import parse_request_head
from tests.proxy.world import ProxyTests, request

URL = b"http://origin.example/"
TRAP = b"GET http://origin.example/trap HTTP/1.1\r\nHost: a\r\n\r\n"

LENGTHS = [
    b"5",
    b"+5",
    b"5, 5",
    b"05",
    b"0x5",
    b"-1",
    b"5 5",
    b"",
    b"\x0b5",
    b"5\x00",
    b"999999999999999999999",
    b"5;a",
]
CODINGS = [
    b"chunked", b"Chunked", b" chunked", b"chunked,", b"gzip, chunked", b"chunked, chunked", b"identity", b"xchunked",
    b"chunked, identity", b"\x0bchunked", b"chun ked", b"chunked;a=b", b"",
]  # fmt: skip
NAMES = [
    b"Content-Length", b"content-length", b"Content-Length ", b" Content-Length", b"Content_Length",
    b"Transfer-Encoding", b"Transfer-Encoding\t", b"Transfer\x00-Encoding", b"X: y\rTransfer-Encoding",
    b"X\nTransfer-Encoding",
]  # fmt: skip


def strict_requests(data: bytes) -> list[tuple[bytes, bytes]]:
    """What a strict origin reads: (head, body) of each request."""
    found = []
    while data:
        raw, blank, data = data.partition(b"\r\n\r\n")
        assert blank, f"half a head: {raw!r}"
        head = parse_request_head(raw)
        body = decoder(body_framing(head))
        octets = body.feed(b"") if body.finished else body.feed(data)
        if not body.finished:
            assert not data or octets is not None
            return [*found, (raw, octets)]
        data = body.leftover if octets or body.leftover else data
        found.append((raw, octets))
    return found


class RequestMatrix(ProxyTests):
    """Every framing of a request: it is refused, or the origin reads exactly what the proxy read."""

    def try_one(self, fields: bytes, body: bytes) -> None:
        self.world.origins.clear()
        browser = self.browser()
        browser.send(b"POST %b HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n%b" % (URL, fields, body + TRAP))
        sent = b"".join(origin.hear() for origin in self.world.origins)
        if not sent:
            (reply,) = browser.replies()
            self.assertIn(reply.status, (400, 411, 413, 431, 501), fields)
            self.assertTrue(browser.ended, "where the next request begins, nobody knows")
            return
        ((_head, octets),) = strict_requests(sent)
        self.assertEqual(octets, b"hello", fields)
        self.assertNotIn(b"trap", sent)
        # Then the trap is the next request, and nothing of it was the first's body.
        self.world.origin().say(b"HTTP/1.1 204 No\r\n\r\n")
        rest = b"".join(origin.hear() for origin in self.world.origins)
        self.assertTrue(rest.startswith(b"GET /trap HTTP/1.1\r\n"), (fields, rest))

    def test_lengths(self) -> None:
        for length in LENGTHS:
            self.try_one(b"Content-Length: %b" % length, b"hello")

    def test_codings(self) -> None:
        for coding in CODINGS:
            self.try_one(b"Transfer-Encoding: %b" % coding, b"5\r\nhello\r\n0\r\n\r\n")

    def test_both_and_twice(self) -> None:
        values = [b"Content-Length: 5", b"Content-Length: 6", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip"]
        for one in values:
            for other in values:
                for body in (b"hello", b"5\r\nhello\r\n0\r\n\r\n"):
                    self.try_one(one + b"\r\n" + other, body)

    def test_odd_names(self) -> None:
        for name in NAMES:
            value, body = (b"5", b"hello") if b"ength" in name else (b"chunked", b"5\r\nhello\r\n0\r\n\r\n")
            self.world.origins.clear()
            browser = self.ask(b"POST %b HTTP/1.1\r\nHost: a\r\n%b: %b\r\n\r\n%b" % (URL, name, value, body + TRAP))
            sent = b"".join(origin.hear() for origin in self.world.origins)
            if sent:
                for head, octets in strict_requests(sent):
                    self.assertIn(octets, (b"hello", b""), name)
                    self.assertNotIn(b"\n", head.replace(b"\r\n", b""))
            else:
                self.assertEqual(browser.replies()[0].status, 400, name)

    def test_bad_chunks(self) -> None:
        for body in (
            b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"5;\x00\r\nhello\r\n0\r\n\r\n",
            b"5;a\nb\r\nhello\r\n0\r\n\r\n", b"10000000000000005\r\nhello\r\n0\r\n\r\n", b"\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0\r\nX : y\r\n\r\n", b"5\r\nhello\r\n0\n\n",
        ):  # fmt: skip
            self.world.origins.clear()
            browser = self.ask(
                b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%b" % (URL, body + TRAP)
            )
            self.assertEqual([reply.status for reply in browser.replies()], [400], body)
            for origin in self.world.origins:
                sent = origin.hear()
                self.assertNotIn(b"0\r\n\r\n", sent, "no whole body was made of half a one")
                self.assertNotIn(b"trap", sent)
                self.assertTrue(origin.ended)

    def test_bodies_of_connect(self) -> None:
        for fields in (b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Content-Length: 0"):
            browser = self.ask(
                b"CONNECT origin.example:443 HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n%b"
                % (fields, b"hello" if b"5" in fields else b"0\r\n\r\n" if b"chunked" in fields else b"")
            )
            self.assertEqual(browser.reply(b"POST").status, 400, fields)
        self.assertEqual(self.world.dialled, [])

    def test_a_get_with_a_body_keeps_it(self) -> None:
        self.ask(request(URL, b"Content-Length: 5", body=b"hello"))
        ((head, octets),) = strict_requests(self.world.origin().hear())
        self.assertEqual(octets, b"hello")
        self.assertTrue(head.startswith(b"GET "))


class InjectionTests(ProxyTests):
    def test_nothing_ends_a_line(self) -> None:
        for bad in (b"\r", b"\n", b"\0", b"\r\n ", b"\x0b", b"\x1b"):
            for data in (
                b"GET http://origin.example/a%bb HTTP/1.1\r\nHost: a\r\n\r\n" % bad,
                b"GET http://origin%b.example/ HTTP/1.1\r\nHost: a\r\n\r\n" % bad,
                b"GET%b http://origin.example/ HTTP/1.1\r\nHost: a\r\n\r\n" % bad,
                b"GET http://origin.example/ HTTP/1.1\r\nHost: a\r\nX: a%bb: c\r\n\r\n" % bad,
                b"GET http://origin.example/ HTTP/1.1\r\nHost: a\r\nX%b: a\r\n\r\n" % bad,
            ):
                browser = self.ask(data)
                self.assertEqual(browser.replies()[0].status, 400, data)
        self.assertEqual(self.world.dialled, [])

    def test_a_connection_field_takes_nothing_that_matters(self) -> None:
        # Whoever names Host or Content-Length there is not to get a request without them.
        self.ask(
            request(URL, b"Connection: host, content-length, via", b"Content-Length: 5", method=b"POST", body=b"hello")
        )
        sent = self.world.origin().hear()
        for field in (b"\r\nHost: origin.example\r\n", b"\r\nContent-Length: 5\r\n", b"\r\nVia: 1.1 here\r\n"):
            self.assertIn(field, sent)

    def test_many_fields(self) -> None:
        browser = self.get(URL, *[b"X-%d: y" % number for number in range(10_000)])
        self.assertEqual(browser.reply().status, 431)
        self.assertEqual(self.world.dialled, [])

    def test_many_names_in_a_connection_field(self) -> None:
        named = b",".join(b"x%d" % number for number in range(2_000))
        self.get(URL, b"Connection: " + named, *[b"x%d: y" % number for number in range(0, 2000, 50)])
        self.assertNotIn(b"\r\nx", self.world.origin().hear())


class ResponseMatrix(ProxyTests):
    """Every framing of a response: 502, or the client reads exactly what the proxy read."""

    def refused(self, answer: bytes, step: int = 0) -> None:
        browser = self.get(URL)
        self.world.origin().say(answer, step)
        self.assertEqual([reply.status for reply in browser.replies()], [502], answer)
        self.assertNotIn(b"hello", browser.got)
        self.assertTrue(self.world.origin().ended, "nothing more is read of who sends such things")

    def test_ambiguous_framing(self) -> None:
        for fields in (
            b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Content-Length: 5\r\nContent-Length: 6",
            b"Content-Length: 5, 6", b"Content-Length: +5", b"Content-Length: 0x5", b"Content-Length: -5",
            b"Content-Length: 5 5", b"Content-Length: ", b"Content-Length: 99999999999999999999",
            b"Transfer-Encoding: gzip", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, chunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: xchunked",
            b"Content-Length : 5", b"X\x00: y\r\nContent-Length: 5", b"X: a\rb\r\nContent-Length: 5",
            b"X: a\nContent-Length: 6\r\nContent-Length: 5",
        ):  # fmt: skip
            for step in (0, 1):
                self.refused(b"HTTP/1.1 200 OK\r\n%b\r\n\r\nhello" % fields, step)

    def test_what_is_no_response(self) -> None:
        for answer in (
            b"hello\r\n\r\n", b"SSH-2.0-x\r\n", b"220 hello\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 0200 OK\r\n\r\n", b"HTTP/1.1 200 O\x00K\r\n\r\n", b"HTTP/1.1\r\n\r\n",
            b"\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        ):  # fmt: skip
            self.refused(answer)

    def test_endless_heads(self) -> None:
        self.refused(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000)
        self.refused(b"HTTP/1.1 200 " + b"x" * 70_000)
        self.refused(b"HTTP/1.1 102 On\r\n\r\n" * 20)

    def test_many_fields_are_passed_on_or_refused_quickly(self) -> None:
        browser = self.get(URL)
        block = b"".join(b"%x:\r\n" % number for number in range(7_000))
        self.world.origin().say(b"HTTP/1.1 200 OK\r\n%bContent-Length: 2\r\n\r\nhi" % block)
        self.assertIn(b"\r\n1b57:\r\n", browser.hear())

    def test_bad_chunks_before_anything_went_on(self) -> None:
        for body in (
            b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n0\r\n\r\n", b"\r\nhello", b"5\r\nhello\r\n0\r\nX : y\r\n\r\n",
        ):  # fmt: skip
            self.refused(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

    def test_bad_chunks_in_the_middle(self) -> None:
        browser = self.get(URL)
        self.world.origin().say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        self.assertTrue(browser.hear().endswith(b"5\r\nhello\r\n"))
        self.world.origin().say(b"oops\r\n")
        self.assertTrue(browser.aborted, "an end in good order would be a lie")
        self.assertNotIn(b"0\r\n\r\n", browser.hear())

    def test_a_body_that_breaks_off(self) -> None:
        for fields in (b"Content-Length: 10", b"Transfer-Encoding: chunked"):
            for end in ("reset", "close"):
                browser = self.get(URL)
                self.world.origin().say(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n5\r\nhe" % fields)
                browser.hear()
                getattr(self.world.origin(), end)()
                self.assertTrue(browser.aborted, (fields, end))

    def test_one_until_the_close_that_ends_by_a_reset(self) -> None:
        browser = self.get(URL)
        self.world.origin().say(b"HTTP/1.1 200 OK\r\n\r\nhello")
        browser.hear()
        self.world.origin().reset()
        self.assertTrue(browser.aborted)
        self.assertNotIn(b"0\r\n\r\n", browser.hear())

    def test_what_comes_behind_a_response_is_nobodys(self) -> None:
        # A response that nobody asked for would answer the next client's request.
        factory = self.proxy()
        browser = self.browser(factory)
        browser.send(request(URL))
        self.world.origin().say(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        )
        self.assertEqual(browser.reply().body, b"hi")
        self.assertTrue(self.world.origin().ended)
        other = self.browser(factory)
        other.send(request(URL))
        self.assertEqual(len(self.world.dialled), 2)
        self.assertEqual(other.hear(), b"")

    def test_and_what_comes_later_closes_the_connection(self) -> None:
        browser = self.get(URL)
        self.world.origin().say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        self.assertEqual(browser.reply().body, b"hi")
        self.world.origin().say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        self.assertTrue(self.world.origin().aborted)
        browser.send(request(URL))
        self.assertEqual(len(self.world.dialled), 2)
        self.assertEqual(browser.hear(), b"")

    def test_bodies_where_none_may_be(self) -> None:
        for status, method in ((204, b"GET"), (304, b"GET"), (200, b"HEAD")):
            browser = self.get(URL, method=method)
            self.world.origin().say(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\nhello" % status)
            reply = browser.reply(method)
            self.assertEqual((reply.status, reply.body), (status, b""))
            self.assertTrue(self.world.origin().ended)
