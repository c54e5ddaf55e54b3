"""Origin: where a login comes from, as the throttle and the demo's account see it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from twisted.internet.interfaces import IAddress

from netdaemon.config.values import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# (prefix length, how many times the failures of one address ban it). Wider networks hold more people.
WIDTHS4 = ((32, 1), (26, 3), (24, 6), (16, 60))
# IPv6: a /64 is one host's; /56 and /48 are what one customer has
WIDTHS6 = ((64, 1), (56, 3), (48, 9))

LOCAL = "local"
"""Where UNIX sockets' logins come from: this machine, and who knows from where before."""


@dataclass(frozen=True)
class Origin:
    """``networks`` from the narrowest to the widest, as text with the factor of their limits; () for UNIX sockets."""

    text: str
    address: Address | None
    networks: tuple[tuple[str, int], ...]

    @property
    def place(self) -> str:
        """The narrowest network, "192.0.2.7/32": who counts as one peer."""
        return self.networks[0][0] if self.networks else LOCAL

    @property
    def loopback(self) -> bool:
        return self.address is not None and self.address.is_loopback

    def within(self, networks: Iterable[Network]) -> bool:
        """Is it in one of these? A UNIX socket is in none."""
        address = self.address
        return address is not None and any(
            address in network for network in networks if network.version == address.version
        )


def origin(peer: IAddress) -> Origin:
    """The origin of a session's peer."""
    return origin_named(str(getattr(peer, "host", "")))


@lru_cache(maxsize=1024)  # HTTP asks for each request anew, and the networks take half of a login's time
def origin_named(text: str) -> Origin:
    """The origin that is written so: an address, or `LOCAL`; ``Origin.text`` gives it back."""
    address = parse_address(text)
    if address is None:
        return Origin(LOCAL, None, ())
    widths = WIDTHS4 if address.version == 4 else WIDTHS6
    return Origin(str(address), address, tuple((_network(address, width), factor) for width, factor in widths))


def parse_address(text: str) -> Address | None:
    """An address without its zone; IPv4 in IPv6 (::ffff:192.0.2.7) is IPv4. None for what is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return address if mapped is None else mapped


def _network(address: Address, width: int) -> str:
    return str(ipaddress.ip_network((address, width), strict=False))
