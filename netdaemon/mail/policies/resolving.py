"""The seam to DNS: what policies ask, and how answers can fail."""

from __future__ import annotations

from collections.abc import Awaitable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Protocol

MAX_NAME = 253
"""Octets of a name as it is written (RFC 1035 section 2.3.4)."""
MAX_LABEL = 63


class NoSuchName(Exception):
    """There is no such name (NXDOMAIN), or there can't be one: a label too long, characters that no name has."""


class TemporarilyUnknown(Exception):
    """The name servers don't tell just now: a time-out, SERVFAIL, aliases without an end."""


class Resolver(Protocol):
    """Answers are lists, empty where the name has no such records. Each may raise NoSuchName, TemporarilyUnknown.

    Whoever answers puts a limit to the time and to the records.
    """

    def txt(self, name: str) -> Awaitable[list[bytes]]:
        """TXT records, the strings of each joined."""

    def a(self, name: str) -> Awaitable[list[str]]:
        """IPv4 addresses, ``192.0.2.1``."""

    def aaaa(self, name: str) -> Awaitable[list[str]]:
        """IPv6 addresses, compressed."""

    def mx(self, name: str) -> Awaitable[list[tuple[int, str]]]:
        """(preference, host) in the order of preference; the host is ``""`` for RFC 7505's null MX."""

    def ptr(self, address: str) -> Awaitable[list[str]]:
        """The names of an IP address."""


def usable_name(name: str) -> str:
    """``name`` in lower case and without its last dot, as it can be asked. Raises NoSuchName where it can't.

    SPF's macros make names that no host has, with spaces even: those can be asked, too.
    """
    name = name.removesuffix(".").lower()
    if not name.isascii() or not 0 < len(name) <= MAX_NAME or not name.isprintable() or "\\" in name:
        raise NoSuchName("no name of the DNS")
    if not all(0 < len(label) <= MAX_LABEL for label in name.split(".")):
        raise NoSuchName("no name of the DNS")
    return name


def reversed_labels(address: str) -> str:
    """``1.2.0.192`` of 192.0.2.1, and the nibbles of an IPv6 address the same way (RFC 5782 sections 2.1 and 2.4)."""
    ip = plain_address(address)
    if isinstance(ip, IPv6Address):
        return ".".join(reversed(ip.exploded.replace(":", "")))
    return ".".join(reversed(str(ip).split(".")))


def plain_address(address: str) -> IPv4Address | IPv6Address:
    """The address of a peer: without its zone, IPv4 as IPv4. Raises ValueError."""
    ip = ip_address(address.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return mapped or ip
