"""Data connection stealing: somebody else connects to the port that the client was told (RFC 2577 section 4)."""

from __future__ import annotations

from itertools import pairwise

from tests.protocols.ftp.kit import FTPTestCase


class StealingTests(FTPTestCase):
    async def test_another_address_gets_nothing_and_the_client_everything(self) -> None:
        peer = await self.logged_in()
        port = await self.passive(peer)
        thief = await self.connect(port, "127.0.0.2")
        data = await self.connect(port)
        await peer.dialog("C: RETR hello.txt", "S: 150 ...", "S: 226 ...")
        self.assertEqual(await data.all(), b"hello\n")
        await thief.ended
        self.assertEqual(thief.received, b"")

    async def test_also_while_it_is_waited_for(self) -> None:
        peer = await self.logged_in()
        port = await self.passive(peer)
        await peer.dialog("C: RETR hello.txt", "S: 150 ...")
        for _ in range(20):
            thief = await self.connect(port, "127.0.0.2")
            await thief.ended
            self.assertEqual(thief.received, b"")
        data = await self.connect(port)
        self.assertEqual(await data.all(), b"hello\n")
        await peer.dialog("S: 226 ...")

    async def test_an_upload_is_taken_from_nobody_else(self) -> None:
        peer = await self.logged_in()
        port = await self.passive(peer)
        thief = await self.connect(port, "127.0.0.2")
        thief.transport.write(b"evil")
        await peer.dialog("C: STOR new", "S: 150 ...")
        data = await self.connect(port)
        data.transport.write(b"good")
        data.transport.loseConnection()
        await peer.dialog("S: 226 ...")
        self.assertEqual((self.root / "new").read_bytes(), b"good")
        await thief.ended

    async def test_ports_can_not_be_foretold(self) -> None:
        peer = await self.logged_in()
        ports = [await self.passive(peer) for _ in range(20)]
        steps = {later - earlier for earlier, later in pairwise(ports)}
        self.assertGreater(len(steps), 10)
        self.assertTrue(all(49152 <= port <= 65535 for port in ports))
