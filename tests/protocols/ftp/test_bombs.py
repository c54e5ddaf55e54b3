"""Little that becomes much: patterns, and MODE Z."""

from __future__ import annotations

import zlib
from typing import Any

from netdaemon.protocols.ftp import deflate
from tests.protocols.ftp.kit import FTPTestCase


class PatternTests(FTPTestCase):
    async def test_patterns_are_one_level_deep(self) -> None:
        (self.root / "sub" / "deep").mkdir()
        (self.root / "sub" / "deep" / "file").write_bytes(b"")
        peer = await self.logged_in()
        for pattern in ("*/*", "*/*/*", "../*/*", "*/deep/*", "sub/*/file"):
            await self.passive(peer)
            await peer.dialog(f"C: LIST {pattern}", "S: 550 No such ...")

    async def test_braces_and_tildes_mean_nothing(self) -> None:
        peer = await self.logged_in()
        for pattern in ("{hello.txt,sub}", "~root", "~", "$HOME", "`id`"):
            await self.passive(peer)
            await peer.dialog(f"C: NLST {pattern}", "S: 550 No such ...")

    async def test_hopeless_patterns_take_no_time_to_speak_of(self) -> None:
        for number in range(50):
            (self.root / ("a" * 200 + str(number))).touch()
        peer = await self.logged_in()
        self.assertEqual(await self.fetch(peer, "NLST " + "*a" * 100 + "*b"), b"")
        self.assertEqual(await self.fetch(peer, "NLST " + "?" * 250 + "*" * 200), b"")
        for broken in ("[", "[a", "[]", "[!", "[z-a]*", "[[]*"):
            await self.fetch(peer, "NLST x" + broken + "*")


class DeflateTests(FTPTestCase):
    async def test_a_bomb(self) -> None:
        self.patch(deflate, "FREE", 1 << 16)
        peer = await self.logged_in()
        await peer.dialog("C: MODE Z", "S: 200 ...")
        data = await self.begin(peer, "STOR bomb")
        data.transport.write(zlib.compress(bytes(64 << 20), 9))
        data.transport.loseConnection()
        for _ in range(200):
            self.clock.advance(0)
        await self.until(lambda: peer.session.transfer is None or self.clock.advance(0))
        await peer.dialog("S: 552 The data becomes more than 250 times itself.", "C: SIZE bomb", "S: 550 ...")
        self.assertEqual(len(list(self.root.iterdir())), 2)

    async def test_what_merely_compresses_well(self) -> None:
        self.patch(deflate, "FREE", 1 << 16)
        peer = await self.logged_in()
        content = b"".join(b"%d bottles of beer on the wall\r\n" % number for number in range(5000))
        await peer.dialog("C: MODE Z", "S: 200 ...")
        data = await self.begin(peer, "STOR song")
        data.transport.write(zlib.compress(content, 9))
        data.transport.loseConnection()
        await self.until(lambda: peer.session.transfer is None or self.clock.advance(0))
        await peer.dialog("S: 226 ...")
        self.assertEqual((self.root / "song").read_bytes(), content)

    async def test_much_is_written_in_turns(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: MODE Z", "S: 200 ...")
        content = bytes(range(256)) * 32_000
        turns = self.turns()
        data = await self.begin(peer, "STOR much")
        data.transport.write(zlib.compress(content, 9))
        data.transport.loseConnection()
        await self.until(lambda: peer.session.transfer is None or self.clock.advance(0))
        await peer.dialog("S: 226 ...")
        self.assertEqual((self.root / "much").read_bytes(), content)
        self.assertGreaterEqual(turns.count(0), len(content) // (2 * deflate.TURN))

    async def test_much_is_read_in_turns(self) -> None:
        """What becomes next to nothing never fills a transport, which would end a turn."""
        content = bytes(16 * deflate.TURN)
        (self.root / "much").write_bytes(content)
        peer = await self.logged_in()
        await peer.dialog("C: MODE Z", "S: 200 ...")
        turns = self.turns()
        data = await self.begin(peer, "RETR much")
        await self.until(lambda: peer.session.transfer is None or self.clock.advance(0))
        await peer.dialog("S: 226 ...")
        self.assertEqual(zlib.decompress(await data.all()), content)
        self.assertEqual(turns.count(0), 16)

    def turns(self) -> list[float]:
        """The delays that are asked of the clock from now on: 0 is the reactor's next turn."""
        turns: list[float] = []
        later = self.clock.callLater

        def counted(delay: float, *call: Any) -> Any:
            turns.append(delay)
            return later(delay, *call)

        self.patch(self.clock, "callLater", counted)
        return turns
