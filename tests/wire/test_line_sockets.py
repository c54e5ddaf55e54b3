"""LineSession on real sockets, where the in-memory transport could be kinder than TCP is."""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.kit.house import house
from tests.wire.ports import listen
from tests.wire.toy import ToyFactory, ToySession, ToySettings


class SocketTests(TestCase):
    def setUp(self) -> None:
        self.made = house()
        self.factory = ToyFactory(ToySettings(), self.made)
        self.sessions: list[ToySession] = []
        build = self.factory.buildProtocol

        def remember(addr: Any) -> Any:
            session: Any = build(addr)
            self.sessions.append(session)
            return session

        self.factory.buildProtocol = remember  # type: ignore[method-assign]  # to get at the sessions
        self.address = ("127.0.0.1", listen(self, self.factory).getHost().port)

    def talk(self, data: bytes, *, half: bool = False) -> Deferred[bytes]:
        """All that the session says to ``data``, until it closes."""

        def run() -> bytes:
            with socket.create_connection(self.address, timeout=20) as peer:
                peer.sendall(data)
                if half:
                    peer.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: peer.recv(65536), b""))

        return deferToThread(run)

    async def test_printf_into_nc(self) -> None:
        said = await self.talk(b"NOOP 1\r\nLIT 2\r\nabDATA\r\nx\r\n.\r\nNOOP 2\r\n", half=True)
        self.assertEqual(said, b"220 toy\r\n250 1\r\n250 2\r\n354 go on\r\n250 3\r\n250 2\r\n")

    async def test_half_a_close_in_a_body(self) -> None:
        self.assertEqual(await self.talk(b"DATA\r\nx\r\n", half=True), b"220 toy\r\n354 go on\r\n")
        self.assertEqual(self.sessions[0].seen, [])

    async def test_last_words_reach_a_peer_that_is_still_sending(self) -> None:
        said = await self.talk(b"X\r\nX\r\nX\r\n" + b"NOOP\r\n" * 20_000)
        self.assertEqual(said, b"220 toy\r\n500 unknown\r\n500 unknown\r\n500 unknown\r\n421 too many\r\n")
        self.assertEqual(self.sessions[0].seen, [])

    async def test_much_output(self) -> None:
        said = await self.talk(b"LIST 300000\r\nQUIT\r\n")
        self.assertEqual(len(said), 9 + sum(len(b"..%d\r\n" % n) for n in range(300_000)) + 3 + 9)
        self.assertTrue(said.endswith(b"..299999\r\n.\r\n221 bye\r\n"))

    async def test_a_reset_within_a_command(self) -> None:
        def run() -> None:
            with socket.create_connection(self.address, timeout=20) as peer:
                peer.sendall(b"SLOW\r\n")
                while not (self.sessions and self.sessions[0].gates):
                    peer.recv(1, socket.MSG_PEEK)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        await deferToThread(run)
        lost: Deferred[None] = self.sessions[0].gates[0]
        lost.addErrback(lambda failure: None)
        while not lost.called:
            await turn()
        while self.sessions[0].transport.connected:
            await turn()
        self.assertEqual(self.made.measure.errors, 0)
        self.assertEqual(self.made.clock.getDelayedCalls(), [])


def turn() -> Deferred[None]:
    """The reactor's next turn."""
    waiting: Deferred[None] = Deferred()
    clock: Any = reactor
    clock.callLater(0, waiting.callback, None)
    return waiting
