"""A name server on loopback that knows what the test says: MX, A and AAAA records, over UDP and TCP."""

# mypy: disable-error-code="no-untyped-call"
# Twisted's names have no types.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.names import dns, server
from twisted.names.authority import FileAuthority
from twisted.names.common import ResolverBase
from twisted.trial.unittest import TestCase

reactor: Any = _reactor


class _Zone(FileAuthority):
    """Records by name, of no zone in particular."""

    def __init__(self, records: Mapping[str, Sequence[Any]]) -> None:
        ResolverBase.__init__(self)  # not FileAuthority's own: it reads a file
        self.records = {name.encode(): list(found) for name, found in records.items()}
        soa = dns.Record_SOA(b"ns.test", b"root.test", 1, 60, 60, 60, 60, ttl=1)
        self.soa = b"test", soa
        for found in self.records.values():
            found.append(soa)


def nameserver(case: TestCase, records: Mapping[str, Sequence[Any]]) -> int:
    """The port of a server that runs as long as the test; names that are not in ``records`` do not exist."""
    factory = server.DNSServerFactory(authorities=[_Zone(records)])
    factory.noisy = False
    udp = reactor.listenUDP(0, dns.DNSDatagramProtocol(factory), interface="127.0.0.1")
    case.addCleanup(udp.stopListening)
    port: int = udp.getHost().port
    return port


def mx(host: str, preference: int = 10) -> Any:
    """An MX record."""
    return dns.Record_MX(preference, host, ttl=1)


def a(address: str = "127.0.0.1") -> Any:
    """An A record."""
    return dns.Record_A(address, ttl=1)
