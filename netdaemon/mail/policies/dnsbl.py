"""Lists of hosts in the DNS: those that send spam, and those that are known not to (RFC 5782)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address

from twisted.internet.defer import Deferred, gatherResults

from netdaemon.mail.policies.hostlist import ANSWERS, HostList
from netdaemon.mail.policies.resolving import NoSuchName, Resolver, TemporarilyUnknown, reversed_labels

ERRORS = IPv4Network("127.255.255.0/24")
"""By these, lists say that they don't answer us."""
LONGEST_REASON = 200


@dataclass(frozen=True)
class Listed:
    """What the lists say of an address."""

    weight: int = 0
    zones: tuple[str, ...] = ()
    """Those that have it."""
    allowed: str = ""
    """The list that lets it through."""


async def look_up(resolver: Resolver, address: str, lists: Sequence[HostList]) -> Listed:
    """Ask all lists at once. Who doesn't answer, or answers something else, doesn't have it."""
    labels = reversed_labels(address)
    found = await gatherResults(
        [Deferred.fromCoroutine(_has(resolver, f"{labels}.{one.zone}", one)) for one in lists], consumeErrors=True
    )
    has = [one for one, listed in zip(lists, found, strict=True) if listed]
    return Listed(
        sum(one.weight for one in has if not one.allows),
        tuple(one.zone for one in has if not one.allows),
        next((one.zone for one in has if one.allows), ""),
    )


async def _has(resolver: Resolver, name: str, one: HostList) -> bool:
    try:
        answers = [ip_address(answer) for answer in await resolver.a(name)]
    except (NoSuchName, TemporarilyUnknown, ValueError):
        return False
    # RFC 5782 2.1: anything else is no entry, but a domain that was sold, or a wildcard
    return any(
        answer in network for answer in answers if answer in ANSWERS and answer not in ERRORS for network in one.answers
    )


async def reason(resolver: Resolver, address: str, zone: str) -> str:
    """What a list says about its entry, in one line; a stranger's words. Empty when it says nothing."""
    try:
        records = await resolver.txt(f"{reversed_labels(address)}.{zone}")
    except (NoSuchName, TemporarilyUnknown):
        return ""
    text = records[0][:LONGEST_REASON].decode("ascii", "replace") if records else ""
    return text if text.isascii() and text.isprintable() else ""
