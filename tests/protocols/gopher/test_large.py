"""A folder of 100,000 entries: it streams, in short turns, as fast as it is read and no faster."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from twisted.internet import task
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.interfaces import Entry, IsFolder, NotFound
from netdaemon.protocols.gopher import GopherSettings, gopher
from netdaemon.protocols.gopher.listing import SORTED_MOST
from netdaemon.protocols.gopher.reply import WHOLE
from tests.kit.dialog import Peer
from tests.kit.house import house


class Crowd:
    """Documents whose root has so many entries; ``read`` says how many of them were asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.read = 0

    def open(self, path: bytes) -> Any:
        raise IsFolder(path) if path == b"/many" else NotFound(path)

    async def listing(self, path: bytes, batch: int) -> AsyncIterator[Sequence[Entry]]:
        for start in range(self.count, 0, -batch):
            self.read += batch
            yield [
                Entry(b"%06d.txt" % number, False, 1, 0, number, 1, 0o100644)
                for number in range(start, max(0, start - batch), -1)
            ]


class LargeTests(SynchronousTestCase):
    def begun(self, count: int, line: bytes) -> tuple[Crowd, Peer, task.Clock]:
        clock, crowd = task.Clock(), Crowd(count)
        made = house(clock, documents=crowd)
        peer = Peer(gopher.factory(GopherSettings(section="gopher", listen=()), made).buildProtocol(None), clock=clock)
        peer.send(line)
        return crowd, peer, clock

    def test_it_streams(self) -> None:
        for line in (b"/many\r\n", b"/many\t+\r\n"):
            _, peer, clock = self.begun(100_000, line)
            menu, turns = bytearray(), 0
            while peer.transport.connected:
                clock.advance(0)
                turns += 1
                # what is made and not read is bounded, and so is what was looked at for it
                self.assertLess(len(peer.transport.unsent), 4 * WHOLE + SORTED_MOST * 120)
                menu += peer.transport.taken()
                peer.transport.turn()
            self.assertEqual(menu.count(b"\t/many/"), 100_000)
            self.assertTrue(menu.endswith(b"\r\n.\r\n"))
            self.assertGreater(turns, 100)  # of the reactor, each of which is others' too

    def test_nobody_reads(self) -> None:
        crowd, peer, clock = self.begun(100_000, b"/many\r\n")
        for _ in range(1000):
            clock.advance(0)
        self.assertLess(crowd.read, 3 * SORTED_MOST)
        for _ in range(100):
            clock.advance(1)
        peer.transport.turn()
        self.assertFalse(peer.transport.connected)
        self.assertLess(crowd.read, 3 * SORTED_MOST)

    def test_what_is_sorted(self) -> None:
        for count, ordered in ((SORTED_MOST, True), (SORTED_MOST + 200, False)):
            _, peer, clock = self.begun(count, b"/many\r\n")
            menu = bytearray()
            while peer.transport.connected:
                clock.advance(0)
                menu += peer.transport.taken()
                peer.transport.turn()
            names = [line.split(b"\t")[1] for line in bytes(menu).split(b"\r\n") if line.startswith(b"0")]
            self.assertEqual(len(set(names)), count)
            self.assertEqual(names == sorted(names), ordered)
