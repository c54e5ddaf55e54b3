"""The client: redirections, kept connections, deadlines, back-pressure."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client import (
    MAX_REDIRECTS,
    BadURL,
    Broken,
    Category,
    ConnectFailed,
    NoAnswer,
    RedirectRefused,
    Response,
    TooLarge,
    category_of_status,
)
from netdaemon.protocols.http.client.agent import DISCARD_SECONDS
from netdaemon.wire.inflow import HIGH_WATER
from tests.protocols.http.origin import TIMEOUTS, Origin

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\n"


def redirect(to: str, status: int = 302, more: str = "Content-Length: 0\r\n") -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {to}\r\n{more}\r\n".encode()


class ClientCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.origin = Origin()

    def read(self, asked: Any) -> bytes:
        return self.read_from(self.successResultOf(asked))

    def read_from(self, response: Response) -> bytes:
        return bytes(self.successResultOf(self.origin.run(response.read(1_000_000))))


class RequestTests(ClientCase):
    def test_what_is_sent_and_what_comes_of_it(self) -> None:
        asked = self.origin.ask("http://127.0.0.1:8080/a?b", headers={"X": "y"})
        self.assertEqual(self.origin.reactor.tcpClients[0][:2], ("127.0.0.1", 8080))
        peer = self.origin.accept()
        heard = peer.heard()
        self.assertTrue(heard.startswith(b"GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"), heard)
        self.assertTrue(heard.endswith(b"\r\nX: y\r\n\r\n"), heard)
        peer.says(b"HTTP/1.1 203 Well\xe9\r\nA: b\r\nContent-Length: 2\r\n\r\nhi")
        response = self.successResultOf(asked)
        self.assertEqual(
            (response.status, response.reason, response.url), (203, "Well\xe9", "http://127.0.0.1:8080/a?b")
        )
        self.assertEqual(response.fields.get(b"a"), b"b")
        self.assertEqual(self.read_from(response), b"hi")

    def test_post(self) -> None:
        self.origin.ask(method="POST", body=b"data")
        self.assertTrue(self.origin.accept().heard().endswith(b"Content-Length: 4\r\n\r\ndata"))

    def test_misuse(self) -> None:
        self.failureResultOf(self.origin.ask("ftp://a.example/"), BadURL)
        self.failureResultOf(self.origin.ask(headers={"X": "a\r\nb"}), ValueError)
        for method in ("", "GET /", "G\r\n", "CONNECT", "G\u00e9T"):
            self.failureResultOf(self.origin.ask(method=method), ValueError)
        self.assertEqual(self.origin.waiting, 0)

    def test_the_trace_hears_every_head(self) -> None:
        heard: list[tuple[str, bytes]] = []
        origin = Origin(trace=lambda direction, head: heard.append((direction, head)))
        origin.ask()
        origin.accept().says(b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO)
        self.assertEqual([direction for direction, _ in heard], [">", "<", "<"])
        self.assertEqual(heard[2][1], b"HTTP/1.1 200 OK\r\nContent-Length: 5")

    def test_connections_that_fail(self) -> None:
        asked = self.origin.ask()
        self.origin.fail(ConnectionRefusedError(osError=111))
        failure = self.failureResultOf(asked, ConnectFailed)
        self.assertEqual(str(failure.value), "127.0.0.1 port 80: connection refused")
        asked = self.origin.ask()
        self.origin.fail(ConnectTimeout())
        self.failureResultOf(asked, ConnectFailed)


class RedirectTests(ClientCase):
    def test_on_the_same_connection(self) -> None:
        asked = self.origin.ask("http://127.0.0.1/a/b")
        peer = self.origin.accept()
        peer.heard()
        peer.says(redirect("c", more="Content-Length: 3\r\n") + b"moved"[:3])
        self.assertTrue(peer.heard().startswith(b"GET /a/c HTTP/1.1\r\n"))
        peer.says(HELLO)
        response = self.successResultOf(asked)
        self.assertEqual(response.url, "http://127.0.0.1/a/c")
        self.assertEqual(self.read_from(response), b"hello")

    def test_to_another_origin_without_the_credentials(self) -> None:
        self.origin = Origin(basic=True)
        asked = self.origin.ask("http://u:p@127.0.0.1/", headers={"Cookie": "a=b"})
        peer = self.origin.accept()
        self.assertIn(b"\r\nAuthorization: Basic ", peer.heard())
        peer.says(redirect("http://127.0.0.2/x"))
        other = self.origin.accept()
        heard = other.heard()
        self.assertTrue(heard.startswith(b"GET /x HTTP/1.1\r\nHost: 127.0.0.2\r\n"))
        self.assertNotIn(b"Authorization", heard)
        self.assertNotIn(b"Cookie", heard)
        other.says(HELLO)
        self.assertEqual(self.successResultOf(asked).url, "http://127.0.0.2/x")

    def test_a_large_body_of_a_redirection_is_not_read(self) -> None:
        asked = self.origin.ask()
        peer = self.origin.accept()
        peer.says(redirect("/x", more="Content-Length: 1000000\r\n") + bytes(100_000))
        self.assertTrue(peer.dropped)
        self.origin.accept().says(HELLO)
        self.assertEqual(self.read(asked), b"hello")

    def test_a_body_of_a_redirection_that_does_not_end(self) -> None:
        for length in ("", "Content-Length: 10\r\n"):
            self.origin = Origin()
            asked = self.origin.ask()
            peer = self.origin.accept()
            peer.says(f"HTTP/1.1 302 Found\r\nLocation: /x\r\n{length}\r\nhello".encode())
            self.origin.reactor.advance(DISCARD_SECONDS)
            self.assertTrue(peer.dropped)
            self.origin.accept().says(HELLO)
            self.assertEqual(self.read(asked), b"hello")

    def test_as_many_as_allowed_and_one_more(self) -> None:
        for count in (MAX_REDIRECTS, MAX_REDIRECTS + 1):
            origin = Origin()
            asked = origin.ask()
            peer = origin.accept()
            for number in range(count):
                peer.says(redirect(f"/{number}"))
            if count == MAX_REDIRECTS:
                peer.says(HELLO)
                self.assertEqual(self.successResultOf(asked).status, 200)
            else:
                self.failureResultOf(asked, RedirectRefused)

    def test_to_another_scheme(self) -> None:
        for place in ("file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/x"):
            origin = Origin()
            asked = origin.ask()
            origin.accept().says(redirect(place))
            self.failureResultOf(asked, RedirectRefused)
            self.assertEqual(origin.waiting, 0)

    def test_without_a_place_it_is_a_response(self) -> None:
        asked = self.origin.ask()
        self.origin.accept().says(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.successResultOf(asked).status, 302)


class KeptTests(ClientCase):
    def test_one_connection_for_one_origin(self) -> None:
        peer = None
        for _ in range(3):
            asked = self.origin.ask()
            peer = peer or self.origin.accept()
            peer.says(HELLO)
            self.assertEqual(self.read(asked), b"hello")
        self.assertEqual(len(self.origin.reactor.tcpClients), 1)

    def test_asked_for_in_the_very_moment_the_body_ends(self) -> None:
        async def both() -> bytes:
            first = await self.origin.client.get("http://127.0.0.1/")
            body = await first.read(100)
            second = await self.origin.client.get("http://127.0.0.1/")
            return body + await second.read(100)

        self.origin.reactor.advance(1000)
        reading = self.origin.run(both())
        peer = self.origin.accept()
        for octet in HELLO + HELLO:
            peer.says(bytes([octet]))
        self.assertEqual(self.successResultOf(reading), b"hellohello")
        self.assertEqual(len(self.origin.reactor.tcpClients), 1)

    def test_two_at_one_time_are_two(self) -> None:
        self.origin.ask()
        self.origin.ask()
        self.assertEqual(self.origin.waiting, 2)

    def test_not_for_another_origin(self) -> None:
        self.origin.ask()
        self.origin.accept().says(HELLO)
        for url in ("http://127.0.0.1:81/", "http://127.0.0.2/"):
            self.origin.ask(url)
        self.assertEqual(self.origin.waiting, 2)

    def test_closed_meanwhile(self) -> None:
        self.origin.ask()
        peer = self.origin.accept()
        peer.says(HELLO)
        peer.closes()
        self.origin.ask()
        self.assertEqual(self.origin.waiting, 1)

    def test_closed_as_the_request_came(self) -> None:
        """Nothing came back: an idempotent request goes out once more, any other doesn't."""
        for method, again in (("GET", 1), ("POST", 0)):
            origin = Origin()
            origin.ask()
            peer = origin.accept()
            peer.says(HELLO)
            asked = origin.ask(method=method)
            peer.closes()
            self.assertEqual(origin.waiting, again)
            if again:
                origin.accept().says(HELLO)
                self.successResultOf(asked)
            else:
                self.failureResultOf(asked, NoAnswer)

    def test_closed_within_the_response(self) -> None:
        self.origin.ask()
        peer = self.origin.accept()
        peer.says(HELLO)
        asked = self.origin.ask()
        peer.says(b"HTTP/1.1")
        peer.closes()
        self.failureResultOf(asked, NoAnswer)
        self.assertEqual(self.origin.waiting, 0)

    def test_a_fresh_one_that_closes_is_not_tried_again(self) -> None:
        asked = self.origin.ask()
        self.origin.accept().closes()
        self.failureResultOf(asked, NoAnswer)
        self.assertEqual(self.origin.waiting, 0)

    def test_an_old_one_is_not_used(self) -> None:
        self.origin.ask()
        peer = self.origin.accept()
        peer.says(HELLO)
        self.origin.reactor.advance(15)
        self.origin.ask()
        self.assertTrue(peer.dropped)
        self.assertEqual(self.origin.waiting, 1)

    def test_close_waits_for_all(self) -> None:
        self.origin.ask()
        peer = self.origin.accept()
        peer.says(HELLO)
        closing = self.origin.run(self.origin.client.close())
        again = self.origin.run(self.origin.client.close())
        self.assertTrue(peer.dropped)
        self.assertNoResult(closing)
        peer.closes()
        self.successResultOf(closing)
        self.successResultOf(again)
        self.successResultOf(self.origin.run(self.origin.client.close()))


class DeadlineTests(ClientCase):
    def test_no_connection(self) -> None:
        asked = self.origin.ask()
        self.origin.reactor.advance(TIMEOUTS.connect - 0.1)
        self.assertNoResult(asked)
        self.origin.reactor.advance(0.1)
        self.failureResultOf(asked, ConnectFailed)

    def test_a_head_that_trickles(self) -> None:
        """The deadline is for the whole head: an octet a second keeps nothing alive."""
        asked = self.origin.ask()
        peer = self.origin.accept()
        for octet in b"HTTP/1.1 ":
            self.assertNoResult(asked)
            peer.says(bytes([octet]))
            self.origin.reactor.advance(1)
        self.assertNoResult(asked)
        self.origin.reactor.advance(TIMEOUTS.answer - 9)
        self.failureResultOf(asked, NoAnswer)
        self.assertTrue(peer.dropped)

    def test_a_body_that_stands_still(self) -> None:
        asked = self.origin.ask()
        peer = self.origin.accept()
        peer.says(OK + b"Content-Length: 100\r\n\r\n")
        reading = self.origin.run(self.successResultOf(asked).read(100))
        for _ in range(5):
            peer.says(b"x")
            self.origin.reactor.advance(TIMEOUTS.stall - 0.1)
            self.assertNoResult(reading)
        self.origin.reactor.advance(0.1)
        self.failureResultOf(reading, Broken)
        self.assertTrue(peer.dropped)

    def test_a_reader_that_takes_its_time_is_not_the_server_s_fault(self) -> None:
        asked = self.origin.ask()
        peer = self.origin.accept()
        peer.says(OK + b"Content-Length: 5\r\n\r\nhel")
        response = self.successResultOf(asked)
        self.origin.reactor.advance(1000)
        reading = self.origin.run(response.read(100))
        peer.says(b"lo")
        self.assertEqual(self.successResultOf(reading), b"hello")

    def test_nothing_is_left_on_the_clock(self) -> None:
        asked = self.origin.ask()
        self.origin.accept().says(HELLO)
        self.read(asked)
        self.assertEqual(self.origin.reactor.getDelayedCalls(), [])

    def test_cancelled_at_each_step(self) -> None:
        asked = self.origin.ask()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        asked = self.origin.ask("http://127.0.0.1:81/")
        self.origin._accepted += 1
        peer = self.origin.accept()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertTrue(peer.dropped)
        asked = self.origin.ask("http://127.0.0.1:82/")
        peer = self.origin.accept()
        peer.says(OK + b"Content-Length: 5\r\n\r\nhel")
        reading = self.origin.run(self.successResultOf(asked).read(100))
        reading.cancel()
        self.failureResultOf(reading, CancelledError)
        self.assertTrue(peer.dropped)
        self.assertEqual(self.origin.reactor.getDelayedCalls(), [])


class BodyTests(ClientCase):
    def start(self, length: int) -> Any:
        asked = self.origin.ask()
        self.peer = self.origin.accept()
        self.peer.says(OK + b"Content-Length: %d\r\n\r\n" % length)
        return self.successResultOf(asked)

    def test_a_reader_that_waits_holds_the_server_back(self) -> None:
        response = self.start(10 * HIGH_WATER)
        self.peer.says(bytes(HIGH_WATER - 1))
        self.assertTrue(self.peer.wire.reading)
        self.peer.says(b"x")
        self.assertFalse(self.peer.wire.reading)
        first = self.successResultOf(self.origin.run(anext(response.body)))
        self.assertEqual(len(first), HIGH_WATER)
        self.assertTrue(self.peer.wire.reading)

    def test_a_paused_connection_reads_on_for_the_next_response(self) -> None:
        response = self.start(HIGH_WATER)
        self.peer.says(bytes(HIGH_WATER))
        self.assertTrue(self.peer.wire.reading)
        self.assertTrue(response.body.finished)

    def test_limit(self) -> None:
        for limit, fits in ((5, True), (4, False)):
            response = self.start(5)
            self.peer.says(b"hello")
            reading = self.origin.run(response.read(limit))
            if fits:
                self.assertEqual(self.successResultOf(reading), b"hello")
                self.peer.closes()
            else:
                self.failureResultOf(reading, TooLarge)

    def test_closed_before_its_end(self) -> None:
        response = self.start(5)
        self.peer.says(b"hel")
        response.close()
        response.close()
        self.assertTrue(self.peer.dropped)
        self.peer.closes()

    def test_closed_at_its_end(self) -> None:
        response = self.start(5)
        self.peer.says(b"hello")
        response.close()
        self.assertFalse(self.peer.dropped)

    def test_as_a_context(self) -> None:
        async def use() -> bytes:
            async with response:
                return bytes(await anext(response.body))

        response = self.start(5)
        self.peer.says(b"hel")
        self.assertEqual(self.successResultOf(self.origin.run(use())), b"hel")
        self.assertTrue(self.peer.dropped)


class CategoryTests(SynchronousTestCase):
    def test_of_each_status(self) -> None:
        for status, category in [
            (200, None), (204, None), (206, None), (304, None), (300, 6), (302, 6), (400, 6), (404, 6), (410, 6),
            (401, 5), (403, 5), (407, 5), (408, 7), (429, 7), (500, 7), (503, 7), (599, 7),
        ]:  # fmt: skip
            self.assertEqual(category_of_status(status), category, status)

    def test_exit_statuses(self) -> None:
        self.assertEqual([category.value for category in Category], [2, 3, 4, 5, 6, 7, 8, 9])
