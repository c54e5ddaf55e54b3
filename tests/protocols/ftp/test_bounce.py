"""The bounce attack: a server made to connect to third parties (RFC 2577 section 3).

Nothing here is dialled: whoever is asked for a connection that must not be made fails the test.
"""

from __future__ import annotations

import socket

from twisted.internet.address import IPv4Address

from tests.protocols.ftp.kit import FTPTestCase

THIRD = ("10.0.0.1", "192.168.1.1", "169.254.169.254", "203.0.113.7", "0.0.0.0", "127.0.0.2", "255.255.255.255")


class BounceTests(FTPTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.dialled: list[object] = []
        self.patch(socket.socket, "connect", lambda connection, address: self.dialled.append(address))

    def tearDown(self) -> None:
        self.assertEqual(self.dialled, [])

    async def test_third_parties(self) -> None:
        peer = await self.logged_in()
        for host in THIRD:
            await peer.dialog(
                f"C: PORT {host.replace('.', ',')},200,1",
                "S: 501 Can't connect over a foreign address.",
                f"C: EPRT |1|{host}|2048|",
                "S: 501 Can't connect over a foreign address.",
            )
        for host in ("::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1"):
            await peer.dialog(f"C: EPRT |2|{host}|2048|", "S: 522 ...")
        await peer.dialog("C: RETR hello.txt", "S: 425 ...")

    async def test_names_are_not_looked_up(self) -> None:
        peer = await self.logged_in()
        for host in ("localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1"):
            await peer.dialog(f"C: EPRT |1|{host}|2048|", "S: 501 Invalid EPRT format.")

    async def test_ports_of_services(self) -> None:
        peer = await self.logged_in()
        for port in (1, 25, 80, 1023):
            await peer.dialog(
                f"C: PORT 127,0,0,1,{port >> 8},{port & 255}",
                "S: 501 Can't connect over a privileged port.",
                f"C: EPRT |1|127.0.0.1|{port}|",
                "S: 501 Can't connect over a privileged port.",
            )

    async def test_our_own_loopback_from_elsewhere(self) -> None:
        peer = await self.logged_in(client=IPv4Address("TCP", "192.0.2.1", 40000), plaintext_login="always")
        await peer.dialog("C: PORT 127,0,0,1,200,1", "S: 501 Can't connect over a foreign address.")

    async def test_a_transfer_has_one_target(self) -> None:
        """What PORT was refused leaves what was agreed upon before alone; it is not half taken over."""
        peer = await self.logged_in()
        port = await self.passive(peer)
        await peer.dialog("C: PORT 10,0,0,1,200,1", "S: 501 ...")
        self.assertIsNotNone(peer.session.data)
        self.assertEqual(peer.session.data.port, port)
