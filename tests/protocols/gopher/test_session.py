"""The session: one line, one answer, the end; however it comes, and however slowly it is read."""

from __future__ import annotations

import os

from twisted.internet import task

from netdaemon.interfaces import ISession
from netdaemon.protocols.gopher.grammar.request import MAX_LINE
from netdaemon.protocols.gopher.reply import WHOLE
from tests.kit.dialog import Peer
from tests.protocols.gopher.garden import GardenTests


class SessionTests(GardenTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("a.txt", b"spam")
        self.big = os.urandom(5 * WHOLE)
        self.file("big.bin", self.big)

    def peer(self, clock: task.Clock | None = None, piece: int | None = None, **settings: object) -> Peer:
        clock = clock or task.Clock()
        return Peer(self.server(clock, **settings).buildProtocol(None), clock=clock, piece=piece)

    async def test_ends_of_lines_and_pieces(self) -> None:
        for line in (r"/a.txt\r\n", r"/a.txt\n", r"/a.txt\r\njunk", r"/a.txt\nGET / HTTP/1.1\r\n\r\n"):
            for piece in (None, 1, 3):
                await self.peer(piece=piece).dialog(f"C* {line}", "S: spam", "S: .", "-- closed")

    async def test_a_peer_that_ends_its_side(self) -> None:
        await self.peer().dialog("C* /a.txt", "-- silence", "-- closes", "S: spam", "S: .", "-- closed")
        await self.peer().dialog("C: /a.txt", "-- closes", "S: spam", "S: .", "-- closed")
        await self.peer().dialog("-- closes", "-- closed")
        peer = self.peer()
        peer.send(b"/big.bin\r\n")
        peer.transport.finish()
        self.assertEqual(await peer.rest(), self.big)

    async def test_what_comes_behind_is_not_lost_in_a_reset(self) -> None:
        peer = self.peer()
        peer.send(b"/a.txt\r\nmore")
        self.assertEqual(await peer.rest(), b"spam\r\n.\r\n")
        self.assertTrue(peer.transport.connected)  # only our side is closed, as long as the peer may be sending
        await peer.dialog("C* and more", "-- closes")
        self.assertFalse(peer.transport.connected)

    async def test_what_comes_behind_for_ever(self) -> None:
        peer = self.peer()
        await peer.dialog("C* /a.txt\\r\\nmore", "S: spam", "S: .", "-- closed", "-- 7 s")
        self.assertFalse(peer.transport.connected)

    async def test_long_lines(self) -> None:
        await self.peer().dialog(f"C: {'x' * MAX_LINE}", "S: 3There is nothing...", "S: .", "-- closed")
        for line in ("x" * (MAX_LINE + 2), "x" * (MAX_LINE + 1) + "\\r\\n", "x" * 100_000):
            await self.peer().dialog(
                f"C* {line}", "S: 3This is no request: the request is too long...", "S: .", "-- closed"
            )

    async def test_time_for_the_request(self) -> None:
        await self.peer().dialog("-- 19 s", "-- silence", "-- 3 s", "-- closed")
        slow = ["-- 3 s", "C* x"] * 6
        await self.peer().dialog(*slow, "-- 4 s", "S: 3The request took too long...", "S: .", "-- closed")
        await self.peer(request_timeout=5.0).dialog("-- 7 s", "-- closed")

    async def test_back_pressure(self) -> None:
        clock = task.Clock()
        self.file("big.txt", b"line\n" * 100_000)
        for selector, size in ((b"/big.bin", len(self.big)), (b"/big.txt", 600_003)):
            peer = self.peer(clock)
            peer.send(selector + b"\r\n")
            came = 0
            while peer.transport.connected:
                clock.advance(0)
                self.assertLessEqual(len(peer.transport.unsent), 4 * WHOLE)  # no more is made than is taken
                came += len(peer.transport.taken(10_000))
                peer.transport.turn()
            self.assertEqual(came, size)

    async def test_a_peer_that_does_not_read(self) -> None:
        peer = self.peer()
        peer.send(b"/big.bin\r\n")
        assert peer.clock is not None
        for _ in range(70):
            peer.clock.advance(1)
        peer.transport.turn()
        self.assertFalse(peer.transport.connected)
        self.assertEqual(self.house.measure.commands["gopher", "document", "ok"], 1)

    async def test_a_peer_that_goes(self) -> None:
        for selector in (b"/big.bin", b"/"):
            peer = self.peer()
            for number in range(600 * (selector == b"/")):
                self.file(f"{number}.txt")
            peer.send(selector + b"\r\n")
            await peer.dialog("-- hangs up")
            assert peer.clock is not None
            peer.clock.advance(100)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_a_document_that_shrinks(self) -> None:
        peer = self.peer()
        peer.send(b"/big.bin\r\n")
        (self.top / "big.bin").write_bytes(b"")
        while peer.transport.connected:
            peer.transport.taken()
            peer.transport.turn()
        self.assertTrue(peer.transport.aborted)  # the end without a close must not look like the whole

    async def test_draining(self) -> None:
        peer = self.peer()
        self.assertTrue(ISession.providedBy(peer.session))
        peer.session.drain()
        await peer.dialog("-- closed")
        peer = self.peer()
        peer.send(b"/big.bin\r\n")
        peer.session.drain()
        self.assertEqual(await peer.rest(), self.big)

    async def test_a_defect_of_ours(self) -> None:
        factory = self.server()
        for selector in (b"/a", b"/\tx"):
            factory.site._document = factory.site._search = self.broken  # type: ignore[method-assign, assignment]
            peer = Peer(factory.buildProtocol(None))
            peer.send(selector + b"\r\n")
            self.assertTrue((await peer.rest()).startswith(b"3Something went wrong here\t"))
        self.assertEqual(self.house.measure.errors, 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def broken(self, *ignored: object) -> None:
        raise ZeroDivisionError
