"""--resolve: the addresses that the command line gives to names."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver
from zope.interface import implementer


@implementer(IHostnameResolver)
class Named:
    """Knows some names by itself, with every name below localhost; asks ``others`` for all the rest."""

    def __init__(self, others: Any, resolves: list[str]) -> None:
        self._others = others
        self._known: dict[tuple[str, int], str] = {}
        for text in resolves:
            name, port, addresses = text.lstrip("+-").split(":", 2)
            self._known[name.lower(), int(port)] = addresses.split(",")[0].strip("[]")

    def resolveHostName(
        self, resolutionReceiver: Any, hostName: str, portNumber: int = 0, *more: Any, **named: Any
    ) -> Any:
        name = hostName.lower()
        found = self._known.get((name, portNumber)) or self._known.get(("*", portNumber))
        if found is None and name.rstrip(".").endswith(".localhost"):
            found = "127.0.0.1"
        if found is None:
            return self._others.resolveHostName(resolutionReceiver, hostName, portNumber, *more, **named)
        resolutionReceiver.resolutionBegan(self)
        kind = IPv6Address if ":" in found else IPv4Address
        resolutionReceiver.addressResolved(kind("TCP", found, portNumber))
        resolutionReceiver.resolutionComplete()
        return self

    def cancel(self) -> None:
        """Nothing is under way."""
