"""The time server, in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from netdaemon.config.keys import keys
from netdaemon.config.values import Listen
from netdaemon.protocols.time import TimeSettings, time
from netdaemon.protocols.time.grammar import encode
from netdaemon.protocols.time.server import GOODBYE, is_unicast
from tests.kit.house import house

SETTINGS = TimeSettings(section="time", listen=(Listen("udp"),))


def stopped() -> float:
    raise OSError("no clock")


class StreamTests(SynchronousTestCase):
    def connect(self, made: Any, *, tls: bool = False) -> StringTransport:
        protocol = time.factory(SETTINGS, made).buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        transport = StringTransport()
        if tls:
            alsoProvides(transport, ISSLTransport)
        self.protocol: Any = protocol
        self.protocol.makeConnection(transport)
        return transport

    def test_four_octets_and_goodbye(self) -> None:
        made = house(wall=lambda: 946_684_800.75)
        transport = self.connect(made)
        self.assertEqual(transport.value(), encode(946_684_800))
        self.assertTrue(transport.disconnecting)
        self.assertEqual(made.measure.commands["time", "tcp", "ok"], 1)

    def test_what_the_peer_sends_is_ignored(self) -> None:
        transport = self.connect(house())
        before = transport.value()
        self.protocol.dataReceived(b"GET / HTTP/1.0\r\n\r\n" * 1000)
        self.assertEqual(transport.value(), before)

    def test_a_stopped_clock_closes_without_the_time(self) -> None:
        made = house(wall=stopped)
        transport = self.connect(made)
        self.assertEqual(transport.value(), b"")
        self.assertTrue(transport.disconnecting)
        self.assertEqual(made.measure.commands["time", "tcp", "unavailable"], 1)

    def test_without_tls_nothing_waits(self) -> None:
        made = house()
        self.connect(made)
        self.assertEqual(made.clock.getDelayedCalls(), [])

    def test_a_tls_peer_that_never_says_goodbye_is_cut_off(self) -> None:
        made = house()
        transport = self.connect(made, tls=True)
        made.clock.pump([1.0] * int(GOODBYE - 1))
        self.assertFalse(transport.disconnected)
        made.clock.pump([1.0] * 2)
        self.assertTrue(transport.disconnected)

    def test_one_that_does_leaves_nothing_behind(self) -> None:
        made = house()
        transport = self.connect(made, tls=True)
        self.protocol.connectionLost()
        made.clock.pump([1.0] * int(GOODBYE + 2))
        self.assertFalse(transport.disconnected)
        self.assertEqual(made.clock.getDelayedCalls(), [])


class Post:
    """A UDP port's transport that keeps what is sent."""

    def __init__(self, port: int = 3700) -> None:
        self.port = port
        self.sent: list[tuple[bytes, tuple[str, int]]] = []

    def getHost(self) -> IPv4Address:
        return IPv4Address("UDP", "127.0.0.1", self.port)

    def write(self, data: bytes, addr: tuple[str, int]) -> None:
        self.sent.append((data, addr))


class DatagramTests(SynchronousTestCase):
    def start(self, made: Any = None, **settings: Any) -> Post:
        self.house = made or house()
        self.protocol: Any = time.datagrams(replace(SETTINGS, **settings), self.house)
        self.post = Post()
        self.protocol.makeConnection(self.post)
        return self.post

    def receive(self, host: str = "192.0.2.1", port: int = 50_000, data: bytes = b"") -> list[Any]:
        before = len(self.post.sent)
        self.protocol.datagramReceived(data, (host, port))
        return self.post.sent[before:]

    def counted(self, result: str) -> int:
        return int(self.house.measure.commands["time", "udp", result])

    def test_one_answer_for_each_datagram(self) -> None:
        self.start()
        for data in (b"", b"\0", b"what time is it?", bytes(1400)):
            self.assertEqual(self.receive(data=data), [(encode(1_000_000_000), ("192.0.2.1", 50_000))])
        self.assertEqual(self.counted("ok"), 4)

    def test_nothing_to_ports_that_answer_back(self) -> None:
        self.start()
        for port in (0, 7, 9, 13, 17, 19, 37, self.post.port):
            self.assertEqual(self.receive(port=port), [], port)
        self.assertEqual(self.counted("refused"), 8)
        # a client may ask from a reserved port, as long as no service lives there
        self.assertEqual(len(self.receive(port=1023)), 1)

    def test_the_ports_are_a_setting(self) -> None:
        self.start(refuse_ports=(range(1024),))
        self.assertEqual(self.receive(port=1023), [])
        self.assertEqual(len(self.receive(port=1024)), 1)

    def test_never_to_many(self) -> None:
        self.start()
        for host in ("255.255.255.255", "224.0.0.1", "239.1.2.3", "0.0.0.0", "ff02::1"):
            self.assertEqual(self.receive(host), [], host)

    def test_a_flood_gets_its_rate(self) -> None:
        self.start(rate=20)
        answers = sum(len(self.receive()) for _ in range(1000))
        self.assertEqual(answers, 20)
        self.assertEqual(self.counted("limited"), 980)
        self.house.clock.advance(0.5)
        self.assertEqual(sum(len(self.receive()) for _ in range(1000)), 10)
        self.assertEqual(len(self.receive("192.0.2.2")), 1)

    def test_a_stopped_clock_answers_nothing(self) -> None:
        self.start(house(wall=stopped))
        self.assertEqual(self.receive(), [])
        self.assertEqual(self.counted("unavailable"), 1)

    def test_unicast(self) -> None:
        for host in ("127.0.0.1", "223.255.255.254", "::1", "fe80::1%lo", "2001:db8::ff"):
            self.assertTrue(is_unicast(host), host)


class SettingsTests(SynchronousTestCase):
    def test_ports(self) -> None:
        value = dict(keys(TimeSettings))["refuse_ports"].value
        parsed = value.parse("7 100-199", Path())
        self.assertEqual(parsed, (range(7, 8), range(100, 200)))
        self.assertEqual(value.show(parsed), "7 100-199")
        for wrong in ("x", "65536", "9-7", "-7", "1-", "1_0"):
            self.assertRaises(ValueError, value.parse, wrong, Path())
