"""A fake zone: what policies are told in tests, without a packet.

zone = Zone({"example.org": ["TXT v=spf1 -all", "A 192.0.2.1", "MX 10 mail.example.org"], "slow.example": TIMEOUT})
zone.pointers = {"192.0.2.1": ["mail.example.org"]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSServerError

from netdaemon.mail.policies.resolving import NoSuchName, TemporarilyUnknown, usable_name

TIMEOUT = None


class Zone:
    """A `Resolver` that knows its zone, and keeps what it was asked: ``(type, name)``."""

    def __init__(self, records: Mapping[str, Sequence[str | bytes] | None]) -> None:
        self.records = {name.lower(): lines for name, lines in records.items()}
        self.pointers: dict[str, list[str] | None] = {}
        self.asked: list[tuple[str, str]] = []

    def _find(self, kind: str, name: str) -> list[bytes]:
        self.asked.append((kind, name))
        name = usable_name(name)
        if name not in self.records:
            raise NoSuchName(name)
        lines = self.records[name]
        if lines is None or kind in lines:
            raise TemporarilyUnknown(name)
        octets = [line if isinstance(line, bytes) else line.encode() for line in lines]
        head = f"{kind} ".encode()
        return [line.removeprefix(head) for line in octets if line.startswith(head)]

    async def txt(self, name: str) -> list[bytes]:
        return self._find("TXT", name)

    async def a(self, name: str) -> list[str]:
        return [line.decode() for line in self._find("A", name)]

    async def aaaa(self, name: str) -> list[str]:
        return [line.decode() for line in self._find("AAAA", name)]

    async def mx(self, name: str) -> list[tuple[int, str]]:
        found = [line.decode().split(" ") for line in self._find("MX", name)]
        return sorted((int(preference), host.rstrip(".")) for preference, host in found)

    async def ptr(self, address: str) -> list[str]:
        self.asked.append(("PTR", address))
        if address not in self.pointers:
            raise NoSuchName(address)
        names = self.pointers[address]
        if names is None:
            raise TemporarilyUnknown(address)
        return names


class ZoneNames:
    """The same zone as Twisted's `IResolver` tells it: what `LookUps` stands on."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone

    async def _header(self, kind: str, name: str) -> Any:
        try:
            if kind == "PTR":
                labels = name.removesuffix(".in-addr.arpa").split(".")
                found: list[Any] = await self.zone.ptr(".".join(reversed(labels)))
            else:
                found = await getattr(self.zone, kind.lower())(name)
        except NoSuchName:
            raise DNSNameError(name) from None
        except TemporarilyUnknown:
            raise DNSServerError(name) from None
        return (
            [dns.RRHeader(name, payload.TYPE, ttl=60, payload=payload) for payload in map(_PAYLOADS[kind], found)],
            [],
            [],
        )

    def __getattr__(self, name: str) -> Any:
        kind = _LOOK_UPS[name]
        return lambda asked: Deferred.fromCoroutine(self._header(kind, asked))


_LOOK_UPS = {
    "lookupText": "TXT",
    "lookupAddress": "A",
    "lookupIPV6Address": "AAAA",
    "lookupMailExchange": "MX",
    "lookupPointer": "PTR",
}
_PAYLOADS: dict[str, Callable[[Any], Any]] = {
    "TXT": lambda octets: dns.Record_TXT(*[octets[at : at + 255] for at in range(0, len(octets), 255)]),
    "A": dns.Record_A,
    "AAAA": dns.Record_AAAA,
    "MX": lambda record: dns.Record_MX(*record),
    "PTR": dns.Record_PTR,
}
