"""The consumers' interface: a document is handed over by three calls."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client import BadURL, Broken, Client
from netdaemon.protocols.http.client.consumer import RedirectingConsumer, Request, do_request
from tests.protocols.http.origin import TIMEOUTS, Origin

HELLO = b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\n"


class Listener:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.wants_no_more = False

    def http_header(self, client: Request) -> None:
        self.client = client
        self.heard.append(client.status)
        if self.wants_no_more:
            client.close()

    def feed(self, octets: bytes) -> None:
        self.heard.append(octets)

    def close(self) -> None:
        self.heard.append("CLOSE")


class ConsumerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.origin = Origin(max_redirects=0)
        self.listener = Listener()

    def ask(self, url: str = "http://127.0.0.1/") -> Request:
        return do_request(url, self.listener, self.origin.reactor, client=self.origin.client)

    def test_a_document(self) -> None:
        request = self.ask("http://127.0.0.1:8080/a?b")
        self.assertEqual((request.host, request.port, request.path), ("127.0.0.1", 8080, "/a?b"))
        peer = self.origin.accept()
        peer.says(HELLO + b"he")
        peer.says(b"llo")
        self.assertEqual(self.listener.heard, [("HTTP/1.1", 200, "OK"), b"he", b"llo", "CLOSE"])
        self.successResultOf(request.done)
        assert request.header is not None
        self.assertEqual(request.header["x"], "y")

    def test_no_connection(self) -> None:
        request = self.ask()
        self.origin.accept().closes()
        self.assertEqual(self.listener.heard, [None])
        self.assertIsNotNone(request.error)
        self.successResultOf(request.done)

    def test_one_that_breaks_off(self) -> None:
        request = self.ask()
        peer = self.origin.accept()
        peer.says(HELLO + b"he")
        peer.closes(rudely=True)
        self.assertEqual(self.listener.heard[1:], [b"he", "CLOSE"])
        self.assertIsInstance(request.error, Broken)

    def test_a_consumer_that_has_heard_enough(self) -> None:
        self.listener.wants_no_more = True
        self.ask()
        peer = self.origin.accept()
        peer.says(HELLO + b"he")
        self.assertEqual(self.listener.heard, [("HTTP/1.1", 200, "OK")])
        peer.says(b"llo")
        self.assertEqual(len(self.listener.heard), 1)

    def test_one_that_has_heard_enough_before_anything_came(self) -> None:
        request = self.ask()
        peer = self.origin.accept()
        request.close()
        self.assertTrue(peer.dropped)
        self.assertEqual(self.listener.heard, [])

    def test_a_consumer_that_fails(self) -> None:
        def fail(client: Request) -> None:
            raise ZeroDivisionError

        self.listener.http_header = fail  # type: ignore[method-assign]
        request = self.ask()
        self.origin.accept().says(HELLO + b"hello")
        self.failureResultOf(request.done, ZeroDivisionError)

    def test_no_url(self) -> None:
        self.assertRaises(BadURL, self.ask, "mailto:a@b")

    def test_a_client_of_its_own_is_closed(self) -> None:
        request = do_request("http://127.0.0.1/", self.listener, self.origin.reactor)
        peer = self.origin.accept()
        peer.says(HELLO + b"hello")
        self.assertTrue(peer.dropped)
        peer.closes()
        self.successResultOf(request.done)


class RedirectingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.origin = Origin()
        self.client = Client(self.origin.reactor, timeouts=TIMEOUTS, max_redirects=0)
        self.listener = Listener()
        self.consumer = RedirectingConsumer(self.listener, self.origin.reactor, client=self.client, most=3)

    def ask(self, url: str) -> None:
        do_request(url, self.consumer, self.origin.reactor, client=self.client)

    def test_followed(self) -> None:
        self.ask("http://127.0.0.1/a/b")
        peer = self.origin.accept()
        peer.says(b"HTTP/1.1 302 F\r\nLocation: c\r\nContent-Length: 0\r\n\r\n")
        other = peer if peer.heard().count(b"GET ") == 2 else self.origin.accept()
        other.says(HELLO + b"hello")
        self.assertEqual(self.listener.heard, [("HTTP/1.1", 200, "OK"), b"hello", "CLOSE"])
        self.assertEqual(self.listener.client.url, "http://127.0.0.1/a/c")
        self.successResultOf(self.consumer.done)

    def test_in_circles(self) -> None:
        self.ask("http://127.0.0.1/")
        peer = self.origin.accept()  # which is kept
        for _ in range(4):
            peer.says(b"HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 1\r\n\r\nx")
        self.assertEqual(self.listener.heard, [("HTTP/1.1", 302, "F"), b"x", "CLOSE"])

    def test_to_nowhere(self) -> None:
        self.ask("http://127.0.0.1/")
        self.origin.accept().says(b"HTTP/1.1 302 F\r\nLocation: mailto:x\r\nContent-Length: 1\r\n\r\nx")
        self.assertEqual(self.listener.heard, [("HTTP/1.1", 302, "F"), b"x", "CLOSE"])

    def test_no_connection(self) -> None:
        self.ask("http://127.0.0.1/")
        self.origin.accept().closes()
        self.assertEqual(self.listener.heard, [None])
        self.successResultOf(self.consumer.done)
