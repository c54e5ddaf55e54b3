"""What a client may ask for: by host and port, and by the very address that is going to be dialled."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from netdaemon.proxy.grammar.target import PORTS, Destination
from netdaemon.proxy.settings import ProxySettings
from netdaemon.wire.places import Place, is_address, is_ours, place_of

OTHERS_PORTS = frozenset(
    {1, 7, 9, 11, 13, 15, 17, 19, 20, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
     111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 445, 465, 512, 513, 514, 515, 526, 530, 531,
     532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3306, 3659, 4045, 4190,
     5060, 5061, 5432, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9200, 10080, 11211, 27017}
)  # fmt: skip
"""Ports of other protocols, some of which take a request's lines for their commands. Those of `PORTS` are not here:
each is for its own scheme."""


_WEB = frozenset((b"http", b"https"))
_FOREIGN = {
    # http at 443 and https at 80 get an error, and no harm is done.
    scheme: OTHERS_PORTS.union(port for other, port in PORTS.items() if other != scheme and not {other, scheme} <= _WEB)
    for scheme in PORTS
}


class Denied(Exception):
    """It may not be asked for (403). The text is a sentence of ours."""


class Rules:
    """The rules of one section. Its methods raise Denied."""

    def __init__(self, settings: ProxySettings) -> None:
        self._settings = settings
        self.admits = lru_cache(maxsize=1024)(self._admits)
        self._verdict = lru_cache(maxsize=1024)(self._judged)

    def _admits(self, host: str) -> bool:
        """May the client at that address ask at all? ("unix:" for who came by a UNIX socket)"""
        if host == "unix:":
            return True
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._settings.allow_clients)

    def check(self, to: Destination) -> None:
        """The host and the port, before anything is looked up."""
        verdict = self._verdict(to.scheme, to.host, to.port)
        if verdict:
            raise Denied(verdict)
        if self._settings.upstream is not None and self.goes_upstream(to):
            # Nobody here looks it up, and so nobody would check these. RFC 6761 6.3: localhost is always that.
            if is_address(to.host):
                self.check_address(to.host)
            elif to.host == "localhost" or to.host.endswith(".localhost"):
                self.check_address("127.0.0.1")

    def _judged(self, scheme: bytes, host: str, port: int) -> str:
        """Why it may not be asked for; empty when it may."""
        settings = self._settings
        if scheme == b"connect":
            if not any(first <= port <= last for first, last in settings.connect_ports):
                return "No tunnel leads to that port from here."
        elif port in _FOREIGN[scheme]:
            return "That port belongs to another protocol."
        if any(rule.matches(host, port) for rule in settings.deny):
            return "That host may not be asked from here."
        if settings.allow and not any(rule.matches(host, port) for rule in settings.allow):
            return "That host is not one of those that may be asked from here."
        return ""

    def goes_upstream(self, to: Destination) -> bool:
        """Is it asked through the upstream proxy?"""
        settings = self._settings
        return settings.upstream is not None and not any(
            rule.matches(to.host, to.port) for rule in settings.upstream_exceptions
        )

    def check_address(self, address: str) -> None:
        """An address that is about to be dialled. Raises Denied."""
        place = place_of(address)
        if place.value < Place.LOOPBACK.value and is_ours(address):
            place = Place.LOOPBACK
        if place is Place.PUBLIC:
            return
        if place is Place.LOOPBACK and self._settings.allow_loopback:
            return
        if place is Place.PRIVATE and self._settings.allow_private:
            return
        raise Denied("The host's address is not one that may be asked from here.")
