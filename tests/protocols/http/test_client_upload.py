"""Requests whose body is sent as it is read: how fast, how far, and what happens when the server has heard enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from netdaemon.protocols.http.client import NoAnswer, RedirectRefused, Upload
from tests.protocols.http.origin import Peer
from tests.protocols.http.test_client import HELLO, ClientCase, redirect


class UploadTests(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.made: list[bytes] = []

    def chunks(self, *chunks: bytes) -> Any:
        def make() -> Iterator[bytes]:
            for chunk in chunks:
                self.made.append(chunk)
                yield chunk

        return make

    def send(self, *chunks: bytes, length: int | None = None, again: bool = False) -> tuple[Deferred[Any], Peer]:
        body = Upload(self.chunks(*chunks), length, again)
        asked = self.origin.ask(method="PUT", body=body)
        return asked, self.origin.accept()

    def test_of_a_known_length(self) -> None:
        asked, peer = self.send(b"hello ", b"", b"world", length=11)
        head, _, body = peer.heard().partition(b"\r\n\r\n")
        self.assertTrue(head.endswith(b"\r\nContent-Length: 11"), head)
        self.assertEqual(body, b"hello world")
        peer.says(HELLO)
        self.assertEqual(self.read(asked), b"hello")
        self.origin.ask()
        self.assertEqual(self.origin.waiting, 0, "the connection is used again")

    def test_of_an_unknown_one(self) -> None:
        asked, peer = self.send(b"hello ", b"", b"w" * 17)
        head, _, body = peer.heard().partition(b"\r\n\r\n")
        self.assertTrue(head.endswith(b"\r\nTransfer-Encoding: chunked"), head)
        self.assertEqual(body, b"6\r\nhello \r\n11\r\n" + b"w" * 17 + b"\r\n0\r\n\r\n")
        peer.says(HELLO)
        self.assertEqual(self.read(asked), b"hello")

    def test_an_empty_one(self) -> None:
        for length, ending in ((0, b"Content-Length: 0\r\n\r\n"), (None, b"chunked\r\n\r\n0\r\n\r\n")):
            self.setUp()
            asked, peer = self.send(length=length)
            self.assertTrue(peer.heard().endswith(ending))
            peer.says(HELLO)
            self.read(asked)

    def test_no_faster_than_it_is_taken(self) -> None:
        body = Upload(self.chunks(b"a", b"b", b"c"), 3)
        asked = self.origin.ask(method="PUT", body=body)
        protocol = self.origin.reactor.tcpClients[0][2].buildProtocol(None)
        full = Full()
        protocol.makeConnection(full)
        for count in (1, 2, 3):
            self.assertEqual(len(self.made), count)
            full.producer.resumeProducing()
        self.assertIsNone(full.producer)
        protocol.dataReceived(HELLO)
        self.assertEqual(self.read(asked), b"hello")

    def test_a_server_that_takes_nothing(self) -> None:
        asked = self.origin.ask(method="PUT", body=Upload(self.chunks(b"a", b"b"), 2))
        protocol = self.origin.reactor.tcpClients[0][2].buildProtocol(None)
        full = Full()
        protocol.makeConnection(full)
        self.origin.reactor.advance(19)
        self.assertNoResult(asked)
        self.origin.reactor.advance(2)
        self.failureResultOf(asked, NoAnswer)
        self.assertTrue(full.disconnected)

    def test_the_time_for_the_head_begins_behind_the_body(self) -> None:
        asked = self.origin.ask(method="PUT", body=Upload(self.chunks(b"a", b"b"), 2))
        protocol = self.origin.reactor.tcpClients[0][2].buildProtocol(None)
        full = Full()
        protocol.makeConnection(full)
        for _ in range(2):
            self.origin.reactor.advance(15)
            full.producer.resumeProducing()
        self.origin.reactor.advance(9)
        self.assertNoResult(asked)
        self.origin.reactor.advance(2)
        self.failureResultOf(asked, NoAnswer)

    def test_refused_before_its_end(self) -> None:
        asked = self.origin.ask(method="PUT", body=Upload(self.chunks(b"a", b"b", b"c"), 3))
        protocol = self.origin.reactor.tcpClients[0][2].buildProtocol(None)
        full = Full()
        protocol.makeConnection(full)
        protocol.dataReceived(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
        response = self.successResultOf(asked)
        self.assertEqual((response.status, self.read_from(response)), (401, b"no"))
        self.assertEqual(self.made, [b"a"])
        self.assertTrue(full.disconnecting, "nothing can follow a request that is not whole")

    def test_agreed_to_before_its_end(self) -> None:
        asked = self.origin.ask(method="POST", body=Upload(self.chunks(b"a", b"b"), 2))
        protocol = self.origin.reactor.tcpClients[0][2].buildProtocol(None)
        full = Full()
        protocol.makeConnection(full)
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        self.assertEqual(self.successResultOf(asked).status, 200)
        full.producer.resumeProducing()
        self.assertEqual(self.made, [b"a", b"b"])

    def test_a_source_that_fails(self) -> None:
        def chunks() -> Iterator[bytes]:
            yield b"a"
            raise OSError(5, "Input/output error")

        asked = self.origin.ask(method="PUT", body=Upload(chunks, 2))
        peer = self.origin.accept()
        self.failureResultOf(asked, OSError)
        self.assertTrue(peer.dropped)

    def test_a_source_of_another_length(self) -> None:
        for chunks in ([b"a"], [b"abc"]):
            self.setUp()
            asked, peer = self.send(*chunks, length=2)
            self.failureResultOf(asked, ValueError)
            self.assertTrue(peer.dropped)
            self.assertNotIn(b"abc", peer.heard(), "what is too much is not sent")

    def test_the_server_goes_away(self) -> None:
        asked = self.origin.ask(method="PUT", body=Upload(self.chunks(b"a", b"b"), 2))
        protocol = self.origin.reactor.tcpClients[0][2].buildProtocol(None)
        protocol.makeConnection(Full())
        peer = Peer.__new__(Peer)
        peer.protocol, peer.open = protocol, True
        peer.closes()
        self.failureResultOf(asked, NoAnswer)
        self.assertEqual(self.made, [b"a"])

    def test_cancelled(self) -> None:
        asked = self.origin.ask(method="PUT", body=Upload(self.chunks(b"a", b"b"), 2))
        protocol = self.origin.reactor.tcpClients[0][2].buildProtocol(None)
        full = Full()
        protocol.makeConnection(full)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertTrue(full.disconnected)

    def test_redirected(self) -> None:
        asked, peer = self.send(b"data", length=4)
        peer.says(redirect("/b", 307))
        self.failureResultOf(asked, RedirectRefused)
        self.setUp()
        asked, peer = self.send(b"data", length=4, again=True)
        peer.says(redirect("/b", 307))
        self.assertTrue(peer.heard().endswith(b"\r\n\r\ndata"))
        peer.says(HELLO)
        self.assertEqual(self.read(asked), b"hello")
        self.assertEqual(self.made, [b"data"] * 2)

    def test_what_cannot_be_sent_twice_wants_a_connection_of_its_own(self) -> None:
        """One that is kept may be closing."""
        first = self.origin.ask()
        self.origin.accept().says(HELLO)
        self.read(first)
        self.origin.ask(method="PUT", body=Upload(self.chunks(b"x"), 1, True))
        self.assertEqual(self.origin.waiting, 0)
        self.origin.ask(method="PUT", body=Upload(self.chunks(b"x"), 1))
        self.assertEqual(self.origin.waiting, 1)


class Full:
    """A transport that is full after every write."""

    def __init__(self) -> None:
        self.producer: Any = None
        self.disconnecting = self.disconnected = False

    def write(self, data: bytes) -> None:
        if self.producer is not None:
            self.producer.pauseProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def loseConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        self.disconnected = True

    def pauseProducing(self) -> None:
        """The reading side: nothing to do."""

    def resumeProducing(self) -> None:
        """Nor here."""
