"""A name server on loopback that tells of a fake zone, over UDP and TCP; what is long, over TCP alone."""

# mypy: disable-error-code="no-untyped-call"
# Twisted's names have no types.

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.names import dns, server
from twisted.names.common import ResolverBase
from twisted.trial.unittest import TestCase

from tests.mail.policies.zone import Zone, ZoneNames

reactor: Any = _reactor

LARGEST = 512
"""Octets of an answer over UDP (RFC 1035 section 4.2.1)."""


class _Resolver(ResolverBase):
    def __init__(self, zone: Zone) -> None:
        super().__init__()
        self._names = ZoneNames(zone)

    def _lookup(self, name: bytes, cls: int, kind: int, timeout: Any) -> Any:
        ask = getattr(self._names, {dns.TXT: "lookupText", dns.A: "lookupAddress", dns.MX: "lookupMailExchange"}[kind])
        answer: Deferred[Any] = ask(name.decode())
        return answer


class _Datagrams(dns.DNSDatagramProtocol):
    def writeMessage(self, message: Any, address: Any) -> None:
        if len(message.toStr()) > LARGEST:
            message.answers, message.trunc = [], 1
        super().writeMessage(message, address)


def zone_server(case: TestCase, zone: Zone) -> int:
    """Its port; it runs as long as the test."""
    factory = server.DNSServerFactory(clients=[_Resolver(zone)])
    factory.noisy = False
    for _ in range(50):  # the same port for both
        tcp = reactor.listenTCP(0, factory, interface="127.0.0.1")
        port: int = tcp.getHost().port
        try:
            udp = reactor.listenUDP(port, _Datagrams(factory), interface="127.0.0.1")
        except CannotListenError:
            tcp.stopListening()
            continue
        case.addCleanup(tcp.stopListening)
        case.addCleanup(udp.stopListening)
        return port
    raise AssertionError("no port is free for both")
