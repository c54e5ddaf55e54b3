"""Who sends too much, too fast, or nothing that makes sense: bounded work, and an end."""

from __future__ import annotations

from netdaemon.protocols.smtp.commands import MAX_LINE
from tests.protocols.smtp.kit import SMTPTestCase


class FloodTests(SMTPTestCase):
    async def test_bad_commands(self) -> None:
        peer = await self.greeted(bad_commands_before_login=3)
        await peer.dialog(
            "C: A", "S: 500 ...", "C: B", "S: 500 ...", "C: C", "S: 500 ...", "S: 421 4.7.0 Too many bad commands."
        )
        await peer.dialog("-- closed")

    async def test_lines(self) -> None:
        peer = await self.greeted()
        for command, limit in (("NOOP ", 512), ("MAIL FROM:<a@b> ", 2048), ("VRFY ", 2048)):
            line = command + "x" * (limit - 2 - len(command))
            reply = {"NOOP ": "250 ...", "VRFY ": "252 ..."}.get(command, "5...")
            await peer.dialog(f"C: {line}", f"S: {reply}", f"C: {line}x", "S: 500 5.5.2 The line is too long.")
        await peer.dialog(f"C: {'x' * MAX_LINE}", "S: 500 5.5.2 The line is too long.", "C: NOOP", "S: 250 ...")

    async def test_a_line_without_end(self) -> None:
        peer = await self.greeted()
        for _ in range(200):
            peer.send(b"x" * 1000)
        await peer.dialog("S: 500 5.5.2 The line is too long.", "-- closed")

    async def test_an_avalanche_of_commands(self) -> None:
        peer = await self.greeted()
        peer.send(b"NOOP\r\n" * 10_000)
        for _ in range(10):  # each takes what may be written at once
            came = peer.unread
        self.assertTrue(came == b"250 2.0.0 OK\r\n" * 10_000, len(came))

    async def test_a_client_that_does_not_read(self) -> None:
        peer = await self.greeted()
        peer.transport.turn()
        for _ in range(200):
            peer.transport.deliver(b"HELP\r\n" * 100)
        self.assertLess(len(peer.transport.unsent), 256 * 1024)
        self.assertFalse(peer.transport.reading)
        self.clock.advance(181)
        self.clock.advance(2)
        peer._turn()
        self.assertTrue(peer.session.gone)

    async def test_garbage(self) -> None:
        for garbage in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"\xff\xfb\x01",
            bytes(range(256)),
            b"\r\n" * 20,
        ):
            peer = self.peer(bad_commands_before_login=3)
            await peer.dialog("S: 220 ...")
            peer.send(garbage * 10 + b"\r\nQUIT\r\n")
            rest = await peer.rest()
            self.assertTrue(rest.startswith((b"500 5.5.", b"221")), rest)

    async def test_a_spool_is_opened_for_a_message_only(self) -> None:
        peer = await self.greeted()
        for _ in range(100):
            await self.envelope(peer)
            await peer.dialog("C: RSET", "S: 250 ...")
        self.assertEqual(self.delivery.spools, [])
