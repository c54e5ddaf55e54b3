"""Connections that we make: what is written goes out at once, and all of it, in order."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from netdaemon.wire.connecting import Transport, connect_tcp

reactor: Any = _reactor
BIG = bytes(range(256)) * 40_000


class Talker(Protocol):
    transport: Any

    def __init__(self) -> None:
        self.made: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()
        self.got = b""

    def connectionMade(self) -> None:
        self.made.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class Factory(ClientFactory):
    noisy = False

    def __init__(self, talker: Talker) -> None:
        self._talker = talker

    def buildProtocol(self, addr: Any) -> Talker:
        return self._talker

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self._talker.made.errback(reason)


class ConnectingTests(TestCase):
    async def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.talker = Talker()
        connect_tcp(reactor, "127.0.0.1", self.listener.getsockname()[1], Factory(self.talker), 10)
        self.peer, _ = await deferToThread(self.listener.accept)
        self.addCleanup(self.peer.close)
        self.peer.settimeout(10)
        await self.talker.made

    async def end(self) -> bytes:
        """Close behind what was written; what the peer gets of it."""
        self.talker.transport.loseConnection()
        got = await deferToThread(lambda: b"".join(iter(lambda: self.peer.recv(1 << 20), b"")))
        self.peer.close()
        await self.talker.lost
        return got

    async def test_at_once(self) -> None:
        self.assertIsInstance(self.talker.transport, Transport)
        self.talker.transport.write(b"hello")
        self.assertEqual(self.peer.recv(10), b"hello", "the reactor has had no turn")
        self.assertEqual(await self.end(), b"")

    async def test_more_than_the_kernel_takes(self) -> None:
        self.talker.transport.write(BIG)
        self.talker.transport.write(b"and this")
        self.talker.transport.writeSequence([b" and", b" that"])
        self.talker.transport.write(b"")
        self.assertEqual(await self.end(), BIG + b"and this and that")

    async def test_behind_an_end_it_is_as_twisted_has_it(self) -> None:
        self.talker.transport.write(b"last")
        self.talker.transport.loseConnection()
        self.talker.transport.write(b" and more")
        self.assertEqual(await self.end(), b"last and more")
        self.talker.transport.write(b"much too late")

    async def test_half_a_close(self) -> None:
        self.talker.transport.write(b"last")
        self.talker.transport.loseWriteConnection()
        self.talker.transport.write(b" and more")
        got = await deferToThread(lambda: b"".join(iter(lambda: self.peer.recv(100), b"")))
        self.assertEqual(got, b"last")
        self.peer.sendall(b"answer")
        self.peer.close()
        await self.talker.lost
        self.assertEqual(self.talker.got, b"answer")

    async def test_a_peer_that_is_gone(self) -> None:
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.peer.close()
        for _ in range(3):
            self.talker.transport.write(b"hello?")
        await self.talker.lost

    async def test_after_an_abort(self) -> None:
        self.talker.transport.abortConnection()
        self.talker.transport.write(b"no")
        await self.talker.lost

    async def test_nobody_there(self) -> None:
        port = socket.create_server(("127.0.0.1", 0))
        number = port.getsockname()[1]
        port.close()
        talker = Talker()
        connect_tcp(reactor, "127.0.0.1", number, Factory(talker), 10)
        await self.assertFailure(talker.made, ConnectionRefusedError)
        self.assertEqual(await self.end(), b"")
