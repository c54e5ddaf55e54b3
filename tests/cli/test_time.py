"""`netdaemon time` as its user types it."""

from __future__ import annotations

import argparse
import json
import socket
import time as clocks
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.cli.time import port_number, seconds
from netdaemon.config.values import Listen
from netdaemon.protocols.time import TimeSettings, time
from tests.kit.command import command
from tests.kit.house import house

reactor: Any = _reactor
SETTINGS = TimeSettings(section="time", listen=(Listen("tcp"),))


class ArgumentTests(SynchronousTestCase):
    def test_ports(self) -> None:
        self.assertEqual([port_number(text) for text in ("1", "37", "65535")], [1, 37, 65535])
        for text in ("", "0", "-1", "65536", "x", "3.7", "\u0663", "9" * 5000):
            self.assertRaises(argparse.ArgumentTypeError, port_number, text)

    def test_durations(self) -> None:
        for text, value in (("5", 5.0), ("0.5", 0.5), ("500ms", 0.5), ("1m30s", 90.0)):
            self.assertEqual(seconds(text), value)
        for text in ("", "0", "0s", "-1", "x", "5x", "1e9", "\u0663"):
            self.assertRaises(argparse.ArgumentTypeError, seconds, text)


class CommandTests(TestCase):
    def serve(self, wall: float, *, udp: bool = False) -> str:
        made = house(clock=reactor, wall=lambda: wall)
        if udp:
            port = reactor.listenUDP(0, time.datagrams(SETTINGS, made), interface="127.0.0.1")
        else:
            port = reactor.listenTCP(0, time.factory(SETTINGS, made), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return str(port.getHost().port)

    async def test_the_time_in_ctime_s_form(self) -> None:
        for udp in ([], ["--udp"]):
            done = await command("time", "127.0.0.1", self.serve(1_700_000_000, udp=bool(udp)), *udp)
            self.assertEqual((done.status, done.err), (0, ""))
            first, second = done.out.decode().splitlines()
            self.assertEqual(first, "Tue Nov 14 22:13:20 2023")
            self.assertRegex(second, r"\Aoffset -[0-9.]+ s, round trip [0-9.]+ ms, from 127\.0\.0\.1\Z")

    async def test_json(self) -> None:
        ahead = int(clocks.time()) + 1000
        done = await command("time", "127.0.0.1", port := self.serve(ahead), "--json")
        said = json.loads(done.out)
        self.assertEqual((done.status, said["time"], said["address"], said["port"]), (0, ahead, "127.0.0.1", int(port)))
        self.assertLessEqual(said["offset"], 1001)
        self.assertGreaterEqual(said["round_trip"], 0)

    async def test_a_server_that_closes_without_it(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)

        closing = deferToThread(lambda: listening.accept()[0].close())
        port = listening.getsockname()[1]
        done = await command("time", "127.0.0.1", str(port))
        await closing
        self.assertEqual((done.status, done.out), (1, b""))
        self.assertEqual(done.err, f"netdaemon: 127.0.0.1 port {port}: the server closed without telling the time\n")

    async def test_no_answer(self) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", 0))
            done = await command("time", "--udp", "--timeout", "100ms", "127.0.0.1", str(deaf.getsockname()[1]))
        self.assertEqual((done.status, done.out), (1, b""))
        self.assertIn("no answer within 0.1 s", done.err)

    async def test_a_host_that_would_write_on_the_terminal(self) -> None:
        done = await command("time", "\x1b[2Jnowhere")
        self.assertEqual(done.status, 1)
        self.assertNotIn("\x1b", done.err)
        self.assertEqual(done.err.count("\n"), 1)

    async def test_misuse(self) -> None:
        for arguments in ([], ["127.0.0.1", "0"], ["127.0.0.1", "--timeout", "x"]):
            self.assertEqual((await command("time", *arguments)).status, 2)
