"""Every listen word, with a real daemon and real sockets."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import TestCase

from tests.kit.caller import call, call_unix
from tests.kit.daemon import Daemon, short_folder

reactor: Any = _reactor

ECHO = "[echo]\nkind = tests.kit.kinds:echo\n"


class Datagrams(DatagramProtocol):
    def __init__(self) -> None:
        self.answer: Deferred[bytes] = Deferred()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.answer.callback(datagram)


class ListenTests(TestCase):
    async def daemon(self, listen: str) -> Daemon:
        daemon = Daemon(self, f"{ECHO}listen = {listen}\n")
        await daemon.start()
        return daemon

    async def ask_datagram(self, host: str, port: int) -> bytes:
        asking = Datagrams()
        here = reactor.listenUDP(0, asking, interface=host)
        self.addCleanup(here.stopListening)
        here.write(b"ping", (host, port))
        return await asking.answer.addTimeout(60, reactor)

    async def test_tcp(self) -> None:
        daemon = await self.daemon("tcp:0:interface=127.0.0.1")
        caller = await call(self, daemon.port("echo"))
        self.assertEqual(await caller.until(), b"hello 127.0.0.1\n")
        await caller.ask(b"anybody?\n")

    async def test_tls(self) -> None:
        daemon = await self.daemon("tls:0:interface=127.0.0.1")
        self.assertTrue(daemon.services["echo"][0].startswith("tls:127.0.0.1:"))
        caller = await call(self, daemon.port("echo", "tls"), tls=True)
        self.assertEqual(await caller.until(), b"hello 127.0.0.1\n")
        await caller.ask(b"anybody?\n")

    async def test_udp_beside_tcp(self) -> None:
        daemon = await self.daemon("tcp:0:interface=127.0.0.1 udp:0:interface=127.0.0.1")
        self.assertEqual([word[:4] for word in daemon.services["echo"]], ["tcp:", "udp:"])
        self.assertEqual(await self.ask_datagram("127.0.0.1", daemon.port("echo", "udp")), b"hello ping")

    async def test_ipv6(self) -> None:
        daemon = await self.daemon(r"tcp:0:interface=\:\:1 udp:0:interface=\:\:1")
        self.assertTrue(daemon.services["echo"][0].startswith("tcp:[::1]:"))
        caller = await call(self, daemon.port("echo"), "::1")
        self.assertEqual(await caller.until(), b"hello ::1\n")
        self.assertEqual(await self.ask_datagram("::1", daemon.port("echo", "udp")), b"hello ping")

    async def test_unix(self) -> None:
        folder = short_folder(self)
        daemon = await self.daemon(f"unix:{folder / 's'}")
        self.assertEqual(daemon.services["echo"], [f"unix:{folder / 's'}"])
        caller = await call_unix(self, str(folder / "s"))
        self.assertEqual(await caller.until(), b"hello unix\n")
        await caller.ask(b"anybody?\n")
        caller.hang_up()
        self.assertEqual((await daemon.stop())[0], 0)
        self.assertFalse((folder / "s").exists())

    async def test_the_same_port_on_ipv4_and_ipv6(self) -> None:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            port = probe.getsockname()[1]
        daemon = await self.daemon(rf"tcp:{port}:interface=127.0.0.1 tcp:{port}:interface=\:\:1")
        self.assertEqual(daemon.ports["echo"], [port, port])

    async def test_many_of_one_section_and_two_instances(self) -> None:
        two = "tcp:0:interface=127.0.0.1 tcp:0:interface=127.0.0.1"
        daemon = Daemon(self, f"{ECHO}listen = {two}\n{ECHO.replace('[echo]', '[echo:inner]')}listen = {two}\n")
        await daemon.start()
        self.assertEqual(list(daemon.services), ["echo", "echo:inner"])
        ports = daemon.ports["echo"] + daemon.ports["echo:inner"]
        self.assertEqual(len(set(ports)), 4)
        for port in ports:
            caller = await call(self, port)
            await caller.ask(b"anybody?\n")
