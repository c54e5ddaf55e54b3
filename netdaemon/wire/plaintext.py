"""Where passwords may travel without TLS: what ``plaintext-login`` means."""

from __future__ import annotations

from ipaddress import ip_address

from twisted.internet.interfaces import IAddress


def may_travel(policy: str, *ends: IAddress) -> bool:
    """May a password travel in clear between these two ends of a connection (``plaintext-login``)?"""
    return policy == "always" or (policy == "loopback" and on_loopback(*ends))


def on_loopback(*ends: IAddress) -> bool:
    """Does a connection stay on this host? Behind a PROXY header both of its addresses must say so."""
    return all(map(_is_loopback, ends))


def _is_loopback(address: IAddress) -> bool:
    host = getattr(address, "host", None)
    if not isinstance(host, str):
        return True  # a UNIX socket's
    try:
        ip = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
