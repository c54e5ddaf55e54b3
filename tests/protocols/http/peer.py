"""An HTTP peer in memory: a session on a wire that keeps what is written, and replies taken apart strictly."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet import task
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IConsumer, IHalfCloseableDescriptor, IPushProducer, ISSLTransport, ITransport
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import alsoProvides, implementer

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.protocols.http import HTTPSettings, http
from tests.kit.house import StandInHouse, house

NOW = 1_700_000_000.0


@implementer(ITransport, IConsumer, IPushProducer, IHalfCloseableDescriptor)
class Wire:
    """A transport whose other end takes what is written at once, or, when ``lazy``, only by `taken`."""

    capacity = 65536

    def __init__(self, lazy: bool = False, peer: str = "192.0.2.7", here: str = "192.0.2.1", tls: bool = False) -> None:
        self.lazy = lazy
        self.peer = IPv4Address("TCP", peer, 4711)
        self.here = IPv4Address("TCP", here, 443 if tls else 80)
        if tls:
            alsoProvides(self, ISSLTransport)
        self.written: list[bytes] = []
        self.waiting = 0
        self.producer: Any = None
        self.full = False
        self.reading = True
        self.closing = self.half_closed = self.aborted = False

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        assert not self.half_closed, "written behind the end"
        self.written.append(data)
        if self.lazy:
            self.waiting += len(data)
            if self.waiting > self.capacity and not self.full and self.producer is not None:
                self.full = True
                self.producer.pauseProducing()

    def taken(self) -> None:
        """The peer has read all that was written."""
        self.waiting = 0
        if self.full:
            self.full = False
            self.producer.resumeProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def loseConnection(self) -> None:
        assert self.producer is None, "a transport with a producer does not close"
        self.closing = True

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True

    def getPeer(self) -> IPv4Address:
        return self.peer

    def getHost(self) -> IPv4Address:
        return self.here

    @property
    def ended(self) -> bool:
        """Has the peer seen the end of what we send?"""
        return self.closing or self.half_closed or self.aborted


@dataclass
class Reply:
    status: int
    fields: list[tuple[bytes, bytes]]
    body: bytes
    reason: bytes = b""

    def __getitem__(self, name: bytes) -> bytes | None:
        """The one value of a field; a field that stands twice fails the test."""
        found = [value for own, value in self.fields if own.lower() == name.lower()]
        assert len(found) < 2, f"{name!r} stands {len(found)} times"
        return found[0] if found else None


def parse_reply(data: bytes, method: bytes = b"GET", ended: bool = True) -> tuple[Reply, bytes]:
    """One reply and what comes behind it, by the letter of RFC 9112."""
    head, blank, rest = data.partition(b"\r\n\r\n")
    assert blank, f"no whole head in {data[:200]!r}"
    line, *lines = head.split(b"\r\n")
    version, status, reason = line.split(b" ", 2)
    assert version == b"HTTP/1.1", line
    fields = []
    for field in lines:
        name, colon, value = field.partition(b": ")
        assert colon and name and value == value.strip() and not set(value) & set(b"\r\n\0"), field
        fields.append((name, value))
    reply = Reply(int(status), fields, b"", reason)
    length, coding = reply[b"content-length"], reply[b"transfer-encoding"]
    assert length is None or coding is None
    if method == b"HEAD" or reply.status in (204, 304):
        return reply, rest
    if coding is not None:
        assert coding == b"chunked"
        while True:
            size, _, rest = rest.partition(b"\r\n")
            count = int(size, 16)
            chunk, rest = rest[:count], rest[count:]
            assert len(chunk) == count and rest.startswith(b"\r\n"), "a chunk is cut off"
            reply.body, rest = reply.body + chunk, rest[2:]
            if not count:
                return reply, rest
    if length is not None:
        reply.body, rest = rest[: int(length)], rest[int(length) :]
        assert len(reply.body) == int(length), f"{len(reply.body)} octets instead of {length!r}"
        return reply, rest
    assert ended, "the body ends with the connection, and that is open"
    reply.body = rest
    return reply, b""


class Peer:
    """One connection to a factory."""

    def __init__(self, factory: Any, lazy: bool = False, **wire: Any) -> None:
        self.wire = Wire(lazy, **wire)
        self.session = factory.buildProtocol(self.wire.getPeer())
        self.session.makeConnection(self.wire)

    def send(self, data: bytes, step: int = 0) -> None:
        """Send ``data``, in pieces of ``step`` octets if that is given."""
        for start in range(0, len(data), step or len(data) or 1):
            self.session.dataReceived(data[start : start + (step or len(data))])

    @property
    def output(self) -> bytes:
        return b"".join(self.wire.written)

    def replies(self, *methods: bytes) -> list[Reply]:
        """What has come so far; ``methods`` are those of the requests, GET where they end."""
        replies: list[Reply] = []
        rest = self.output
        while rest:
            method = methods[len(replies)] if len(replies) < len(methods) else b"GET"
            reply, rest = parse_reply(rest, method, self.wire.ended)
            replies.append(reply)
        return replies

    def leave(self) -> None:
        """The connection is gone."""
        self.session.connectionLost(Failure(ConnectionError("gone")))


class HTTPTests(TestCase):
    """A site over a real tree, on a clock of the test's own. ``self.top`` is the tree's root."""

    def setUp(self) -> None:
        self.top = Path(self.mktemp()).resolve() / "top"
        self.top.mkdir(parents=True)
        self.outside = self.top.parent / "outside"
        self.outside.mkdir()
        (self.outside / "secret").write_bytes(b"SECRET")
        self.file("hello.txt", b"hello\n")
        self.clock = task.Clock()
        self.made: StandInHouse | None = None
        self.addCleanup(self._check_descriptors, descriptors())

    def _check_descriptors(self, before: int) -> None:
        self.assertEqual(descriptors(), before, "a document was left open")

    def file(self, path: str | bytes, data: bytes = b"data", modified: float = NOW - 3600) -> Path:
        place = self.top / os.fsdecode(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        os.utime(place, (modified, modified))
        return place

    def parts(self, tree: Tree) -> dict[str, Any]:
        """What the house has besides documents and clocks, by name."""
        return {}

    def factory(self, wall: Callable[[], float] = lambda: NOW, documents: Any = None, **settings: Any) -> Any:
        tree = Tree(DocumentsSettings(root=self.top), self.clock)
        self.addCleanup(tree.close)
        self.made = house(self.clock, documents=documents or tree, wall=wall, **self.parts(tree))
        made = HTTPSettings(section="http", listen=(), **settings)
        return http.factory(made, self.made)

    def peer(self, lazy: bool = False, **settings: Any) -> Peer:
        peer = Peer(self.factory(**settings), lazy)
        self.addCleanup(peer.leave)
        return peer

    def ask(self, request: bytes, **settings: Any) -> Reply:
        """The one reply to one request."""
        peer = self.peer(**settings)
        peer.send(request)
        self.settle()
        replies = peer.replies(request.partition(b" ")[0])
        self.assertEqual(len(replies), 1)
        return replies[0]

    def get(self, target: str | bytes, *fields: bytes, method: bytes = b"GET", **settings: Any) -> Reply:
        target = target if isinstance(target, bytes) else target.encode()
        lines = b"".join(b"%b\r\n" % field for field in fields)
        return self.ask(b"%b %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (method, target, lines), **settings)

    def settle(self) -> None:
        """Give the reactor the turns that long answers wait for."""
        for _ in range(500):
            if not any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
                return
            self.clock.advance(0)

    def refused(self, request: bytes, status: int, **settings: Any) -> None:
        """``request`` is answered ``status`` and closed, and what comes behind it is never read as a request."""
        trap = b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"
        for step in (0, 1):
            peer = self.peer(**settings)
            peer.send(request + trap, step)
            replies = peer.replies()
            self.assertEqual([reply.status for reply in replies], [status], request[:200])
            self.assertEqual(replies[0][b"Connection"], b"close")
            self.assertTrue(peer.wire.half_closed, "still open")
            peer.send(trap)
            self.assertEqual(len(peer.replies()), 1)


def descriptors() -> int:
    """How many are open in this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
