"""A list of hosts in the DNS, as the settings have it (RFC 5782)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

ANSWERS = IPv4Network("127.0.0.0/8")


@dataclass(frozen=True)
class HostList:
    """One list."""

    zone: str
    weight: int = 1
    answers: tuple[IPv4Network, ...] = (ANSWERS,)
    """Which answers count."""
    allows: bool = False
    """Does it have hosts that are let through whatever other lists say?"""

    def __str__(self) -> str:
        words = [self.zone] + ([] if self.allows else [str(self.weight)])
        return " ".join(words + [str(network) for network in self.answers if network != ANSWERS])
