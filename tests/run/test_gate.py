"""Gate: limits, the change of tenants, draining."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_network
from typing import Any

from hypothesis import given, settings, strategies
from twisted.internet import task
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from netdaemon.config.settings import ServiceSettings
from netdaemon.config.values import Listen
from netdaemon.interfaces import ISession
from netdaemon.run.gate import Gate, Tenant, crowd, session_of
from netdaemon.wire.deadlines import Wheel


@implementer(ISession)
class Session(Protocol):
    drained = 0

    def drain(self) -> None:
        self.drained += 1


class Transport(StringTransport):
    """What a port makes of an accepted connection."""

    aborted = False

    def __init__(self, protocol: Any, hostname: object) -> None:
        super().__init__()
        self.protocol = protocol
        self.hostname = hostname

    def abortConnection(self) -> None:
        self.aborted = True


def service(**changes: Any) -> ServiceSettings:
    return dataclasses.replace(ServiceSettings(section="echo", listen=(Listen("tcp"),)), **changes)


class GateCase(SynchronousTestCase):
    """What holds for every gate."""

    def setUp(self) -> None:
        self.clock = task.Clock()
        self.wheel = Wheel(self.clock)
        self.addCleanup(self.wheel.stop)
        self.refused: list[tuple[str, str]] = []
        self.gate = Gate("[echo] tcp:0", "echo", self.clock, lambda *why: self.refused.append(why))
        self.vacated = 0
        self.tenant = self.serve()

    def serve(self, protocol: type[Protocol] = Session, **changes: Any) -> Tenant:
        def vacated() -> None:
            self.vacated += 1

        tenant = Tenant(service(**changes), Factory.forProtocol(protocol), self.wheel, vacated)
        self.gate.serve(tenant)
        return tenant

    def connect(self, host: str = "192.0.2.1") -> Transport | None:
        address = (IPv6Address if ":" in host else IPv4Address)("TCP", host, 4711)
        protocol = self.gate.buildProtocol(address)
        if protocol is None:
            return None
        transport = Transport(protocol, host)
        self.gate.opened(transport)
        protocol.makeConnection(transport)
        return transport

    def connected(self, host: str = "192.0.2.1") -> Transport:
        transport = self.connect(host)
        assert transport is not None, "refused"
        return transport

    def test_counts(self) -> None:
        one, two = self.connected(), self.connected()
        self.assertEqual((len(self.gate.sessions), self.tenant.sessions), (2, 2))
        self.gate.closed(one)
        self.assertEqual((len(self.gate.sessions), self.tenant.sessions), (1, 1))
        self.gate.closed(two)
        self.assertEqual((len(self.gate.sessions), self.tenant.sessions), (0, 0))

    def test_limit_of_all(self) -> None:
        self.tenant = self.serve(max_connections=2)
        one = self.connected("192.0.2.1")
        self.connected("192.0.2.2")
        self.assertIsNone(self.connect("192.0.2.3"))
        self.assertEqual(self.refused, [("echo", "max-connections")])
        self.gate.closed(one)
        self.connected("192.0.2.3")

    def test_limit_per_address(self) -> None:
        self.serve(max_connections_per_address=1)
        one = self.connected("192.0.2.1")
        self.assertIsNone(self.connect("192.0.2.1"))
        self.assertEqual(self.refused, [("echo", "max-connections-per-address")])
        self.connected("192.0.2.2")
        self.gate.closed(one)
        self.connected("192.0.2.1")

    def test_limit_per_ipv6_network(self) -> None:
        self.serve(max_connections_per_address=1)
        self.connected("2001:db8::1")
        self.assertIsNone(self.connect("2001:db8::ffff:2"))
        self.connected("2001:db8:0:1::1")

    def test_mapped_address_counts_as_ipv4(self) -> None:
        self.serve(max_connections_per_address=1)
        self.connected("::ffff:192.0.2.1")
        self.assertIsNone(self.connect("192.0.2.1"))
        self.connected("::ffff:192.0.2.2")

    def test_new_tenant_while_sessions_go_on(self) -> None:
        old = self.connected()
        second = self.serve(max_connections=2)
        new = self.connected()
        self.assertIsNone(self.connect(), "sessions of both tenants count")
        self.tenant.retire()
        self.assertEqual(self.vacated, 0)
        self.gate.closed(old)
        self.assertEqual((self.vacated, second.sessions), (1, 1))
        self.gate.closed(new)
        self.assertEqual(self.vacated, 1, "one that isn't retired stays")

    def test_retired_without_sessions(self) -> None:
        self.tenant.retire()
        self.tenant.retire()
        self.assertEqual(self.vacated, 1)

    def test_drain_tells_and_lets_nobody_in(self) -> None:
        one, two = self.connected(), self.connected()
        self.gate.drain()
        self.assertEqual([one.protocol.drained, two.protocol.drained], [1, 1])
        self.assertIsNone(self.connect())
        empty = self.gate.when_empty()
        self.gate.closed(one)
        self.assertNoResult(empty)
        self.gate.closed(two)
        self.successResultOf(empty)

    def test_drain_closes_what_is_no_session(self) -> None:
        self.serve(Protocol)
        transport = self.connected()
        self.gate.drain()
        self.assertTrue(transport.disconnecting)

    def test_drain_survives_a_broken_session(self) -> None:
        class Broken(Session):
            def drain(self) -> None:
                raise RuntimeError("on purpose")

        self.serve(Broken)
        broken, fine = self.connected(), self.connected()
        fine.protocol = Session()
        self.gate.drain()
        self.assertTrue(broken.aborted)
        self.assertEqual(fine.protocol.drained, 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_abort(self) -> None:
        one = self.connected()
        self.assertEqual(self.gate.abort(), 1)
        self.assertTrue(one.aborted)

    def test_empty_gate(self) -> None:
        self.successResultOf(self.gate.when_empty())


class GateTests(GateCase):
    """And without a balancer."""

    def test_unix_peers_have_no_limit_per_address(self) -> None:
        self.serve(max_connections_per_address=1)
        for _ in range(3):
            protocol = self.gate.buildProtocol(UNIXAddress(None))
            assert protocol is not None
            self.gate.opened(Transport(protocol, None))
        self.assertEqual(len(self.gate.sessions), 3)

    def test_refusals_are_logged_once_a_second(self) -> None:
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.serve(max_connections=1)
        self.connected()
        for _ in range(5):
            self.connect()
        self.assertEqual([event["count"] for event in events], [1])
        self.clock.advance(1)
        self.connect()
        self.assertEqual([event["count"] for event in events], [1, 5])
        self.assertEqual(len(self.refused), 6)

    def test_a_factory_may_refuse(self) -> None:
        class Nobody(Factory):
            def buildProtocol(self, addr: Any) -> None:
                return None

        self.gate.serve(Tenant(service(), Nobody(), self.wheel))
        self.assertIsNone(self.connect())
        self.assertEqual(self.gate.sessions, {})
        self.assertEqual(self.refused, [])

    def test_drain_finds_the_session_beneath_its_wrappers(self) -> None:
        transport = self.connected()
        session = transport.protocol
        for _ in range(2):
            wrapper = Protocol()
            wrapper.wrappedProtocol = transport.protocol  # type: ignore[attr-defined]  # as TLS wrappers have it
            transport.protocol = wrapper
        self.assertIs(session_of(transport.protocol), session)
        self.gate.drain()
        self.assertEqual(session.drained, 1)


class ProxiedTests(GateCase):
    """Behind a balancer the limit per address is on the address in the PROXY header."""

    def setUp(self) -> None:
        super().setUp()
        self.tenant = self.serve()

    def serve(self, protocol: type[Protocol] = Session, **changes: Any) -> Tenant:
        return super().serve(protocol, **{"proxy_protocol": (ip_network("203.0.113.0/24"),), **changes})

    def connect(self, host: str = "192.0.2.1") -> Transport | None:
        balancer = IPv4Address("TCP", "203.0.113.7", 4711)
        protocol = self.gate.buildProtocol(balancer)
        if protocol is None:
            return None
        transport = Transport(protocol, "203.0.113.7")
        transport.peerAddr = balancer
        self.gate.opened(transport)
        protocol.makeConnection(transport)
        family = "TCP6" if ":" in host else "TCP4"
        ours = "2001:db8::9" if ":" in host else "192.0.2.99"
        protocol.dataReceived(f"PROXY {family} {host} {ours} 4711 25\r\n".encode())
        if transport.disconnecting or transport.aborted:
            self.gate.closed(transport)
            return None
        transport.protocol = session_of(protocol)
        return transport

    def test_limit_of_all(self) -> None:
        self.serve(max_connections=1)
        self.connected("192.0.2.1")
        self.assertIsNone(self.gate.buildProtocol(IPv4Address("TCP", "203.0.113.7", 4711)), "before any header")
        self.assertEqual(self.refused, [("echo", "max-connections")])

    def test_a_refused_address_leaves_no_trace(self) -> None:
        self.serve(max_connections_per_address=1)
        one = self.connected()
        self.assertIsNone(self.connect())
        self.assertIsNone(self.connect())
        self.gate.closed(one)
        self.connected()

    def test_silent_balancer_counts_for_nobody(self) -> None:
        self.serve(max_connections_per_address=1)
        protocol = self.gate.buildProtocol(IPv4Address("TCP", "203.0.113.7", 4711))
        transport = Transport(protocol, "203.0.113.7")
        self.gate.opened(transport)
        self.gate.closed(transport)
        self.connected()


class CrowdTests(SynchronousTestCase):
    def test_table(self) -> None:
        for host, counted in {
            "192.0.2.1": b"\xc0\x00\x02\x01",
            "::ffff:192.0.2.1": b"\xc0\x00\x02\x01",
            "2001:db8:1:2:3:4:5:6": bytes.fromhex("20010db800010002"),
            "fe80::1%lo": bytes.fromhex("fe80000000000000"),
            "": b"",
            "/run/a.sock": b"",
        }.items():
            self.assertEqual(crowd(host), counted, host)
        for host in (None, b"/run/a.sock"):
            self.assertEqual(crowd(host), b"")

    @given(strategies.ip_addresses(v=6))
    @settings(deadline=None, max_examples=50)
    def test_one_network_is_one_crowd(self, address: Any) -> None:
        other = type(address)(int(address) ^ 1)
        self.assertEqual(crowd(str(address)) == crowd(str(other)), address.ipv4_mapped is None)
