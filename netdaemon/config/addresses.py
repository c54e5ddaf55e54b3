"""Who listens where: no two services on one address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netdaemon.config.values import Listen

_ANY = ""


@dataclass(frozen=True)
class Place:
    """One listen word, with the section and the line it was read from."""

    listen: Listen
    section: str
    line: int


def overlaps(places: Iterable[Place]) -> Iterator[tuple[Place, Place]]:
    """(a place, the earlier one that has its address already) for each place that is not the first on its address.

    tcp and tls share their ports, udp has its own; every port of all of IPv4 ("" or 0.0.0.0) is also that of each
    IPv4 address, and "::" likewise for IPv6. Port 0 is a different port every time.
    """
    taken: dict[tuple[str, str, int], dict[str, Place]] = {}
    for place in places:
        listen = place.listen
        if listen.transport in ("unix", "systemd"):
            group, address = (listen.transport, listen.name, 0), _ANY
        elif listen.port:
            family, address = _family(listen.interface)
            group = ("udp" if listen.transport == "udp" else "tcp", family, listen.port)
        else:
            continue
        others = taken.setdefault(group, {})
        if address == _ANY:
            earlier = next(iter(others.values()), None)
        else:
            earlier = others.get(_ANY) or others.get(address)
        if earlier is not None:
            yield place, earlier
        others.setdefault(address, place)


def _family(interface: str) -> tuple[str, str]:
    """("4" or "6", the address, "" for every one of the family)."""
    if not interface:
        return "4", _ANY
    address = ipaddress.ip_address(interface)
    return str(address.version), _ANY if address.is_unspecified else interface
