"""Connections that begin with a PROXY header: who may, how long, and what stands behind it."""

from __future__ import annotations

import ipaddress
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.proxyheader import ProxyHeaderFactory
from tests.wire.test_proxyheader_grammar import BAD, FOUR, GOOD, SIX, ends, unix, v2
from tests.wire.timers import Timers

BALANCER = IPv4Address("TCP", "10.0.0.1", 40000)
OURS = IPv4Address("TCP", "10.0.0.9", 80)
V1 = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"
TRUSTED = (ipaddress.ip_network("10.0.0.0/24"), ipaddress.ip_network("2001:db8::/64"))


class Session(Protocol):
    def __init__(self) -> None:
        self.log: list[object] = []

    def connectionMade(self) -> None:
        self.log.append((self.transport.getPeer(), self.transport.getHost()))

    def dataReceived(self, data: bytes) -> None:
        self.log.append(data)

    def connectionLost(self, reason: Failure) -> None:
        self.log.append(reason.type)


class Sessions(Factory):
    noisy = False
    protocol: Any = Session

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.built: list[Any] = []
        self.refusing = False
        self.running = 0

    def doStart(self) -> None:
        self.running += 1

    def doStop(self) -> None:
        self.running -= 1

    def buildProtocol(self, addr: Any) -> Any:
        self.asked.append(addr)
        if self.refusing:
            return None
        self.built.append(self.protocol())
        return self.built[-1]


class Socket(StringTransport):
    """As a TCP transport: what comes in goes to whoever is its ``protocol`` now."""

    def __init__(self, protocol: Any) -> None:
        super().__init__(hostAddress=OURS, peerAddress=BALANCER)
        self.protocol = protocol
        protocol.makeConnection(self)

    def receive(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def lose(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))


class HeaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.sessions = Sessions()
        self.factory = ProxyHeaderFactory(self.sessions, TRUSTED, Timers(self.clock), 3.0)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def socket(self, peer: Any = BALANCER) -> Socket:
        protocol = self.factory.buildProtocol(peer)
        assert protocol is not None
        return Socket(protocol)

    def said(self, level: LogLevel) -> list[str]:
        return [event["log_format"].format(**event) for event in self.events if event["log_level"] == level]

    # --- addresses -------------------------------------------------------------------------------------------

    def test_the_session_begins_behind_the_header(self) -> None:
        socket = self.socket()
        socket.receive(V1[:-1])
        self.assertEqual(self.sessions.asked, [])
        socket.receive(V1[-1:])
        client, us = IPv4Address("TCP", "192.0.2.1", 56324), IPv4Address("TCP", "198.51.100.2", 443)
        self.assertEqual(self.sessions.asked, [client])
        self.assertEqual(self.sessions.built[0].log, [(client, us)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_all_forms(self) -> None:
        client, us = IPv4Address("TCP", "192.0.2.1", 56324), IPv4Address("TCP", "198.51.100.2", 443)
        client6, us6 = IPv6Address("TCP", "2001:db8::1", 56324), IPv6Address("TCP", "2001:db8::2", 443)
        for data, expected in {
            v2(0x21, 0x11, ends(*FOUR)): (client, us),
            b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n": (client6, us6),
            v2(0x21, 0x21, ends(*SIX)): (client6, us6),
            v2(0x21, 0x31, unix(b"/run/a") + unix(b"")): (UNIXAddress(b"/run/a"), UNIXAddress(None)),
            v2(0x20, 0x00, b""): (BALANCER, OURS),
            v2(0x20, 0x11, ends(*FOUR)): (BALANCER, OURS),
            v2(0x21, 0x00, b""): (BALANCER, OURS),
            b"PROXY UNKNOWN\r\n": (BALANCER, OURS),
        }.items():
            with self.subTest(data):
                self.socket().receive(data)
                self.assertEqual(self.sessions.built[-1].log, [expected])
                self.assertEqual(self.sessions.asked[-1], expected[0])

    def test_what_follows_the_header(self) -> None:
        for data, _ in GOOD.values():
            self.socket().receive(data + b"HELO")
            self.assertEqual(self.sessions.built[-1].log[1:], [b"HELO"])

    def test_byte_by_byte(self) -> None:
        for data, _ in GOOD.values():
            socket = self.socket()
            for byte in data + b"HELO":
                socket.receive(bytes([byte]))
            self.assertEqual(self.sessions.built[-1].log[1:], [b"H", b"E", b"L", b"O"])

    def test_a_second_header_is_data(self) -> None:
        socket = self.socket()
        socket.receive(V1)
        socket.receive(V1)
        self.assertEqual(self.sessions.built[0].log[1:], [V1])

    # --- handed over -----------------------------------------------------------------------------------------

    def test_handed_over(self) -> None:
        """A read costs the session nothing any more, and what it calls is the real transport."""
        socket = self.socket()
        socket.receive(V1)
        (session,) = self.sessions.built
        self.assertIs(socket.protocol, session)
        self.assertIs(session.transport, socket)
        socket.receive(b"HELO")
        socket.lose()
        self.assertEqual(session.log[1:], [b"HELO", ConnectionDone])

    def test_a_transport_that_can_not_be_handed_over(self) -> None:
        protocol = self.factory.buildProtocol(BALANCER)
        assert protocol is not None
        protocol.makeConnection(StringTransport(hostAddress=OURS, peerAddress=BALANCER))
        protocol.dataReceived(V1 + b"HELO")
        protocol.dataReceived(b"QUIT")
        self.assertIs(protocol.wrappedProtocol, self.sessions.built[0])
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.sessions.built[0].log[1:], [b"HELO", b"QUIT", ConnectionDone])

    def test_a_session_that_closes_at_once(self) -> None:
        class Closing(Session):
            def connectionMade(self) -> None:
                self.transport.loseConnection()

        self.sessions.protocol = Closing
        self.socket().receive(V1 + b"HELO")
        self.assertEqual(self.sessions.built[0].log, [])

    def test_a_session_that_begins_tls_at_once(self) -> None:
        """As startTLS does it: what stands behind the header is then no more for the session itself."""
        layer = Session()

        class Encrypting(Session):
            def connectionMade(self) -> None:
                self.transport.protocol = layer

        self.sessions.protocol = Encrypting
        self.socket().receive(V1 + b"\x16\x03\x01")
        self.assertEqual((self.sessions.built[0].log, layer.log), ([], [b"\x16\x03\x01"]))

    def test_not_wanted_by_what_is_behind(self) -> None:
        self.sessions.refusing = True
        socket = self.socket()
        socket.receive(V1 + b"HELO")
        self.assertTrue(socket.disconnected)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        socket.receive(b"and more")
        socket.lose()
        self.assertEqual(len(self.sessions.asked), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    # --- refused ---------------------------------------------------------------------------------------------

    def test_trusted(self) -> None:
        def may(peer: Any) -> bool:
            return self.factory.buildProtocol(peer) is not None

        for host, trusted in {
            "10.0.0.255": True,
            "10.0.1.0": False,
            "127.0.0.1": False,
            "2001:db8::1": True,
            "2001:db8:0:1::1": False,
            "::ffff:10.0.0.1": True,
            "::ffff:10.0.1.0": False,
            "::10.0.0.1": False,
            "2001:db8::1%eth0": True,
        }.items():
            with self.subTest(host):
                kind = IPv6Address if ":" in host else IPv4Address
                self.assertEqual(may(kind("TCP", host, 1)), trusted)
        self.assertFalse(may(UNIXAddress(None)))

    def test_unix_sockets_are_loopback(self) -> None:
        for network, trusted in {"127.0.0.0/8": True, "::1/128": True, "127.0.0.2/32": False}.items():
            factory = ProxyHeaderFactory(self.sessions, (ipaddress.ip_network(network),), Timers(self.clock))
            self.assertEqual(factory.buildProtocol(UNIXAddress(None)) is not None, trusted)

    def test_an_untrusted_peer_is_told_of_in_the_log(self) -> None:
        self.assertIsNone(self.factory.buildProtocol(IPv4Address("TCP", "203.0.113.1", 1)))
        (line,) = self.said(LogLevel.info)
        self.assertIn("203.0.113.1", line)
        self.assertIn("proxy-protocol", line)

    def test_malformed(self) -> None:
        for what, data in BAD.items():
            with self.subTest(what):
                socket = self.socket()
                socket.receive(data)
                self.assertTrue(socket.disconnected)
                self.assertEqual(socket.value(), b"")
                self.assertEqual(self.clock.getDelayedCalls(), [])
                socket.receive(V1)  # what came in the same turn is not looked at
                socket.lose()
        self.assertEqual(self.sessions.asked, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.said(LogLevel.warn)), len(BAD))

    def test_silence(self) -> None:
        socket = self.socket()
        self.clock.advance(2.9)
        self.assertFalse(socket.disconnected)
        self.clock.advance(0.1)
        self.assertTrue(socket.disconnected)
        socket.lose()
        self.assertEqual(self.sessions.asked, [])

    def test_the_deadline_is_for_all_of_the_header(self) -> None:
        socket = self.socket()
        for byte in V1[:3]:
            self.clock.advance(0.9)
            socket.receive(bytes([byte]))
        self.assertFalse(socket.disconnected)
        self.clock.advance(0.3)
        self.assertTrue(socket.disconnected)

    def test_no_deadline_afterwards(self) -> None:
        socket = self.socket()
        self.clock.advance(2)
        socket.receive(V1)
        self.clock.advance(100)
        self.assertFalse(socket.disconnected)

    def test_gone_before_the_header(self) -> None:
        """A health check that only connects: no complaint."""
        self.socket().lose()
        self.assertEqual((self.sessions.asked, self.clock.getDelayedCalls()), ([], []))
        self.assertEqual(self.said(LogLevel.warn), [])

    def test_starts_and_stops_with_what_is_behind(self) -> None:
        self.factory.doStart()
        self.assertEqual(self.sessions.running, 1)
        self.factory.doStop()
        self.assertEqual(self.sessions.running, 0)
