"""Large documents through the transport that reads them itself: framing, progress, stalls and shrinking files."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.protocols.http import HTTPSettings
from netdaemon.protocols.http import http as kind
from netdaemon.wire.transport import StreamTransport
from tests.kit.house import house

CONTENT = bytes(range(256)) * 16384


class SendingTests(SynchronousTestCase):
    def setUp(self) -> None:
        top = Path(self.mktemp())
        top.mkdir(parents=True)
        self.file = top / "large"
        self.file.write_bytes(CONTENT)
        tree = Tree(DocumentsSettings(root=top))
        self.addCleanup(tree.close)
        self.house = house(documents=tree)
        settings = HTTPSettings(section="http", listen=(), stall_timeout=60.0)
        self.session: Any = kind.factory(settings, self.house).buildProtocol(None)  # type: ignore[arg-type]
        self.reactor = EPollReactor()
        ours, self.peer = socket.socketpair()
        for end in (ours, self.peer):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        self.peer.setblocking(False)
        self.transport = StreamTransport(ours, self.session, ("127.0.0.1", 1), None, 1, self.reactor)
        self.transport.begin()
        self.addCleanup(self.clean)

    def clean(self) -> None:
        if self.transport.connected:
            self.transport.connectionLost(Failure(ConnectionDone()))
        self.peer.close()
        self.reactor.removeAll()
        self.reactor.disconnectAll()
        self.reactor._poller.close()

    def turn(self) -> None:
        self.reactor.runUntilCurrent()
        self.reactor.doIteration(0)

    def ask(self, request: bytes = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n") -> None:
        self.peer.send(request)
        self.turn()

    def read(self, most: int) -> bytes:
        """At most so many octets; fewer when nothing more comes in some turns."""
        got, quiet = b"", 0
        while len(got) < most and quiet < 10:
            try:
                data = self.peer.recv(most - len(got))
            except BlockingIOError:
                quiet += 1
                self.turn()
                continue
            except ConnectionError:
                break
            if not data:
                break
            got, quiet = got + data, 0
        return got

    def test_two_in_a_row(self) -> None:
        request = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"
        self.ask(request + request)
        got = self.read(3 * len(CONTENT))
        for _ in range(2):
            head, _, got = got.partition(b"\r\n\r\n")
            self.assertIn(b"Content-Length: %d" % len(CONTENT), head)
            self.assertEqual(got[: len(CONTENT)], CONTENT)
            got = got[len(CONTENT) :]
        self.assertEqual(got, b"")

    def test_whoever_reads_slowly_is_served(self) -> None:
        self.ask()
        got = b""
        for _ in range(20):
            got += self.read(200_000)
            self.house.clock.advance(40)
            self.turn()
        self.assertTrue(self.transport.connected)
        got += self.read(2 * len(CONTENT))
        self.assertTrue(got.endswith(CONTENT))

    def test_whoever_does_not_read_is_dropped(self) -> None:
        self.ask()
        self.read(100_000)
        self.house.clock.advance(59)
        self.turn()
        self.assertTrue(self.transport.connected)
        self.house.clock.advance(3)
        self.turn()
        self.assertFalse(self.transport.connected)

    def test_afterwards_it_is_idle_again(self) -> None:
        self.ask()
        self.read(2 * len(CONTENT))
        self.house.clock.advance(59)
        self.turn()
        self.assertTrue(self.transport.connected)
        self.house.clock.advance(3)
        self.turn()
        self.assertFalse(self.transport.connected)

    def test_a_file_that_shrinks_is_cut_off(self) -> None:
        self.ask()
        self.read(10)
        with self.file.open("r+b") as file:
            file.truncate(1000)
        got = self.read(2 * len(CONTENT))
        self.assertLess(len(got), len(CONTENT))
        self.turn()
        self.assertFalse(self.transport.connected)

    def test_a_peer_that_goes_away_leaves_no_descriptor_in_use(self) -> None:
        self.ask()
        self.read(100)
        self.peer.close()
        for _ in range(5):
            self.turn()
        self.assertFalse(self.transport.connected)
        self.assertEqual(self.house.measure.errors, 0)
