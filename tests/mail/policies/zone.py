"""A fake zone: what policies are told in tests, without a packet.

zone = Zone({"example.org": ["TXT v=spf1 -all", "A 192.0.2.1", "MX 10 mail.example.org"], "slow.example": TIMEOUT})
zone.pointers = {"192.0.2.1": ["mail.example.org"]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
