"""Networks that the settings trust with something: to relay, to speak for others."""

from __future__ import annotations

import ipaddress

from twisted.internet.interfaces import IAddress

from netdaemon.config.values import Network


def within(address: IAddress, networks: tuple[Network, ...]) -> bool:
    """Is it of one of them? A UNIX socket's end is on this host, and an IPv4 address mapped into IPv6 is itself."""
    if not networks:
        return False
    try:
        host = ipaddress.ip_address(getattr(address, "host", "").partition("%")[0])
    except ValueError:
        # a UNIX socket's end is on this host
        host = ipaddress.ip_address("127.0.0.1")
    mapped = host.ipv4_mapped if isinstance(host, ipaddress.IPv6Address) else None
    return any((mapped or host) in network for network in networks)
