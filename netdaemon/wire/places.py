"""What kind of place an IP address is: out in the world, here, in somebody's house, or nowhere (RFC 6890)."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address


class Place(Enum):
    """The kinds, the worst last."""

    PUBLIC = 0
    PRIVATE = 1
    """In this house, or between houses: private, link-local, carrier's, test and documentation networks."""
    LOOPBACK = 2
    """This host."""
    NEVER = 3
    """Nobody is asked there: groups, broadcast, no address, and the places where clouds keep their keys."""


def _networks(*texts: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in texts)


_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
_NEVER = _networks(
    "0.0.0.0/8",  # to connect there is to connect to this host
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "169.254.169.254/32",  # metadata of most clouds, with credentials in it
    "169.254.170.2/32",
    "100.100.100.200/32",
    "::/128",
    "ff00::/8",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
)
_PRIVATE = _networks(
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
)
_GLOBAL = IPv6Network("2000::/3")
_PRIVATE_WITHIN_GLOBAL = _networks("2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16")

_MAPPED = IPv6Network("::ffff:0:0/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # RFC 2765
_COMPATIBLE = IPv6Network("::/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = (0x00005EFE, 0x02005EFE)


def place_of(text: str) -> Place:
    """The kind of an address, as text; of one that has IPv4 addresses in it, the worst of all of theirs.

    What an IPv6 address means to the routers on its way, we can't know: one that may lead to 127.0.0.1 is one that
    does. Raises ValueError for what is no address.
    """
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv4Address):
        return _place_of_v4(address)
    inner = [_place_of_v4(one) for one in _embedded(address)]
    return max([_place_of_v6(address, bool(inner)), *inner], key=lambda place: place.value)


def is_address(host: str) -> bool:
    """Is it an address, and no name?"""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_ours(address: str) -> bool:
    """Is it an address of this host? Only to those can a socket be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL)
    return True


def plain(text: str) -> str:
    """The address to be dialled: IPv4's own for one that is mapped into IPv6."""
    address = ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _place_of_v4(address: IPv4Address) -> Place:
    for networks, place in ((_NEVER, Place.NEVER), (_LOOPBACK, Place.LOOPBACK), (_PRIVATE, Place.PRIVATE)):
        if any(address in network for network in networks):
            return place
    return Place.PUBLIC


def _place_of_v6(address: IPv6Address, embeds: bool) -> Place:
    for networks, place in ((_NEVER, Place.NEVER), (_LOOPBACK, Place.LOOPBACK)):
        if any(address in network for network in networks):
            return place
    if embeds:
        # The IPv4 address says it all; but a NAT64 of this house is this house's.
        return Place.PRIVATE if address in _LOCAL_NAT64 or address in _COMPATIBLE else Place.PUBLIC
    if address not in _GLOBAL or any(address in network for network in _PRIVATE_WITHIN_GLOBAL):
        return Place.PRIVATE
    return Place.PUBLIC


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that somebody may take it for."""
    bits = int(address)
    if any(address in network for network in (_MAPPED, _TRANSLATED, _COMPATIBLE, _NAT64)):
        if bits > 1:  # :: and ::1 are their own
            yield IPv4Address(bits & 0xFFFFFFFF)
    elif address in _LOCAL_NAT64:
        # RFC 6052 2.2, for every length of prefix that fits; octet 8 is left out. What begins with zeros is no address
        # in that form, but in another.
        forms = (
            bits & 0xFFFFFFFF,
            (bits >> 64 & 0xFFFF) << 16 | bits >> 40 & 0xFFFF,
            (bits >> 64 & 0xFF) << 24 | bits >> 32 & 0xFFFFFF,
            bits >> 24 & 0xFFFFFFFF,
        )
        yield from (IPv4Address(form) for form in forms if form >> 24)
    elif address in _SIX_TO_FOUR:
        yield IPv4Address(bits >> 80 & 0xFFFFFFFF)
    elif address in _TEREDO:
        yield IPv4Address(bits >> 64 & 0xFFFFFFFF)
        yield IPv4Address(bits & 0xFFFFFFFF ^ 0xFFFFFFFF)  # RFC 4380 4: obfuscated
    if bits >> 32 & 0xFFFFFFFF in _ISATAP:
        yield IPv4Address(bits & 0xFFFFFFFF)
