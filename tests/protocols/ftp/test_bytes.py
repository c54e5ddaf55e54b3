"""Bytes that must be survived: CR, LF, NUL and Telnet's commands in lines, long lines, floods (RFC 959 4.1.3)."""

from __future__ import annotations

from tests.protocols.ftp.kit import FTPPeer, FTPTestCase


class TelnetTests(FTPTestCase):
    async def test_abor_as_rfc_959_has_it_sent(self) -> None:
        """Interrupt process, synch, ABOR: whole, without the data mark that the kernel may keep, or reversed."""
        peer = await self.logged_in()
        for before in (r"\xff\xf4\xff\xf2", r"\xff\xf4\xff", r"\xf4\xff", r"\xff\xf4", r"\xf2"):
            await peer.dialog(f"C* {before}ABOR\\r\\n", "S: 225 No transfer to abort.")

    async def test_within_a_transfer(self) -> None:
        (self.root / "big").write_bytes(bytes(10 << 20))
        peer = await self.logged_in()
        data = await self.begin(peer, "RETR big")
        data.transport.pauseProducing()
        await peer.dialog(r"C* \xff\xf4\xff", "-- silence", r"C* \xf2ABOR\r\n", "S: 426 ...", "S: 226 ...")
        data.transport.resumeProducing()
        await data.ended

    async def test_in_names_they_are_names(self) -> None:
        (self.root / "sub").rmdir()
        peer = await self.logged_in()
        await peer.dialog(
            r"C* MKD \xff\xf4x\r\n", r'S* 257 "/\xff\xf4x" is made.\r\n', r"C* RMD \xff\xf4x\r\n", "S: 250 ..."
        )


class FlawedLineTests(FTPTestCase):
    async def test_neither_command_nor_exception(self) -> None:
        peer = await self.logged_in()
        for line in (r"NOOP\0", r"NO\0OP", r"MKD a\rb", r"MKD a\nDELE hello.txt", r"\0", r"MKD a\r\0b"):
            await peer.dialog(f"C* {line}\\r\\n", "S: 501 Syntax error: bare CR, LF or NUL in a line.")
        self.assertTrue((self.root / "hello.txt").exists())
        self.assertEqual(len(list(self.root.iterdir())), 2)

    async def test_bare_lf_ends_no_command(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(r"C* DELE hello.txt\n", "-- silence", r"C* NOOP\r\n", "S: 501 ...")
        self.assertTrue((self.root / "hello.txt").exists())

    async def test_long_lines(self) -> None:
        peer = await self.logged_in()
        for length, answer in (
            (4000, "550"),
            (4352 - 2 - 4, "550"),
            (4352 - 2 - 3, "500 The line is too long."),
            (60_000, "500"),
        ):
            peer.send(b"CWD " + b"x" * length + b"\r\n")
            await peer.dialog(f"S: {answer}" + ("" if answer.endswith(".") else " ..."))
        peer.send(b"x" * 200_000)
        await peer.dialog("S: 500 ...", "-- closed")

    async def test_replies_hold_no_line_of_the_peers(self) -> None:
        peer = await self.logged_in()
        for command in ("RETR", "SIZE", "MDTM", "MLST", "HASH"):
            await peer.dialog(f"C: {command} 230 x", "S: 5...")


class FloodTests(FTPTestCase):
    async def test_pipelined_commands_run_in_order(self) -> None:
        peer = await self.logged_in()
        peer.send(b"".join(b"MKD %d\r\nCWD %d\r\n" % (number, number) for number in range(200)))
        for number in range(200):
            await peer.dialog("S: 257 ...", f'S: 250 "{"".join(f"/{n}" for n in range(number + 1))}" ...')

    async def test_who_reads_no_replies_is_read_no_more_and_dropped(self) -> None:
        peer = await self.logged_in(stall_timeout=30.0)
        for _ in range(1000):
            peer.transport.deliver(b"HELP\r\n" * 100)
        self.assertFalse(peer.transport.reading)
        self.assertLess(len(peer.transport.unsent), 1 << 20)
        for _ in range(40):
            self.clock.advance(1)
        peer.transport.turn()
        self.assertFalse(peer.transport.connected)

    async def test_bad_commands_end_it(self) -> None:
        peer = await self.logged_in(bad_commands=5)
        peer.send(b"EVIL\r\n" * 100)
        for _ in range(5):
            await peer.dialog("S: 500 ...")
        await peer.dialog("S: 421 ...", "-- closed")

    async def test_a_hundred_passives(self) -> None:
        peers = [await self.logged_in() for _ in range(100)]
        ports = {await self.passive(peer) for peer in peers}
        self.assertEqual(len(ports), 100)
        for peer in peers:
            self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"hello\n")

    async def test_the_range_is_used_up(self) -> None:
        free, port = self.listening()
        free.close()
        one = await self.logged_in(passive_ports=range(port, port + 1))
        await self.passive(one)
        factory = one.session.factory
        peers = []
        for _ in range(3):
            session = factory.buildProtocol(None)
            peer = FTPPeer(session, clock=self.clock)
            self.peers.append(peer)
            await peer.dialog("S: 220 ...", "C: USER anonymous", "S: 331 ...", "C: PASS", "S: 230 ...")
            await peer.dialog("C: PASV", "S: 425 Can't listen for a data connection: no passive port is free.")
            await peer.dialog("C: TYPE I", "S: 200 ...")
            peers.append(peer)
        # it is given back by whoever had it, however that ends
        one.transport.lose()
        self.assertEqual(await self.passive(peers[0]), port)
        await peers[0].dialog("C: ABOR", "S: 225 ...")
        self.assertEqual(await self.passive(peers[1]), port)
        await peers[1].dialog("C: QUIT", "S: 221 ...")
        peers[1].transport.lose()
        self.assertEqual(await self.passive(peers[2]), port)
        self.assertEqual(await self.fetch(peers[2], "RETR hello.txt"), b"hello\n")
        self.assertEqual(await self.passive(peers[2]), port)

    async def test_a_port_of_somebody_else_in_the_range(self) -> None:
        _, port = self.listening()
        peer = await self.logged_in(passive_ports=range(port, port + 1))
        await peer.dialog("C: PASV", "S: 425 Can't listen for a data connection: no passive port is free.")
