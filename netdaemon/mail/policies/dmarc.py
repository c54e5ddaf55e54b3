"""DMARC: does the author's domain stand behind a message, and what does it want done if not? (RFC 7489)

No reports are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from netdaemon.mail.policies.dkimtags import BadTags, parse_tags
from netdaemon.mail.policies.resolving import NoSuchName, Resolver, TemporarilyUnknown

LARGEST = 4096
"""Octets of a record."""
MOST_AUTHORS = 5
"""Domains of authors that are looked at."""

NONE = "none"
QUARANTINE = "quarantine"
REJECT = "reject"
DEFER = "defer"
"""Rejected if what could not be looked up is as bad as the rest."""
_STRICTER = (NONE, QUARANTINE, DEFER, REJECT)


@dataclass(frozen=True)
class Policy:
    """What a domain publishes (section 6.3)."""

    policy: str
    """none, quarantine or reject: p=."""
    subdomains: str
    """The same for domains beneath it: sp=."""
    strict_dkim: bool = False
    strict_spf: bool = False
    percent: int = 100


@dataclass(frozen=True)
class Outcome:
    """What DMARC says of a message."""

    result: str
    """pass, fail, none (nothing is published), temperror or permerror."""
    domain: str = ""
    """The author's."""
    policy: str = NONE
    """What the domain wants done with what fails."""
    disposition: str = NONE
    """What is to be done with this message, `policy` and pct= considered."""


@dataclass(frozen=True)
class Known:
    """What SPF and DKIM found: domains in lower case, of what passed and of what could not be looked up."""

    spf: Sequence[str] = ()
    dkim: Sequence[str] = ()
    unsure_spf: Sequence[str] = ()
    unsure_dkim: Sequence[str] = ()


def parse_policy(record: bytes) -> Policy | None:
    """A TXT record at ``_dmarc.``; None if it is no policy."""
    if not record.startswith(b"v=DMARC1") or len(record) > LARGEST:
        return None
    try:
        tags = parse_tags(record.decode("ascii"))
    except (BadTags, UnicodeDecodeError):
        return None
    if tags.get("v") != "DMARC1":
        return None
    policy = tags.get("p", "").lower()
    subdomains = tags.get("sp", policy).lower()
    if policy not in (NONE, QUARANTINE, REJECT) or subdomains not in (NONE, QUARANTINE, REJECT):
        # section 6.6.3: who asks for reports at least, is taken to want nothing else
        if "rua" not in tags:
            return None
        policy = subdomains = NONE
    percent = tags.get("pct", "100")
    return Policy(
        policy,
        subdomains,
        tags.get("adkim", "r").lower() == "s",
        tags.get("aspf", "r").lower() == "s",
        int(percent) if percent.isdigit() and len(percent) < 4 and int(percent) <= 100 else 100,
    )


class DMARC:
    """``organizational`` tells a domain's organizational one (see `suffixes`), ``chance`` a number from 0 to 1."""

    def __init__(self, resolver: Resolver, organizational: Callable[[str], str], chance: Callable[[], float]) -> None:
        self._resolver = resolver
        self._organizational = organizational
        self._chance = chance

    async def evaluate(self, authors: Iterable[str], known: Known) -> Outcome:
        """A message by authors at these domains (in lower case). Of several, the worst counts (section 6.6.1)."""
        domains = list(dict.fromkeys(authors))
        if not domains:
            return Outcome(NONE)
        if len(domains) > MOST_AUTHORS:
            return Outcome("permerror", domains[0], REJECT, REJECT)
        outcomes = [await self._one(domain, known) for domain in domains]
        return max(outcomes, key=lambda outcome: (_STRICTER.index(outcome.disposition), outcome.result == "fail"))

    async def _one(self, domain: str, known: Known) -> Outcome:
        own = self._organizational(domain)
        try:
            found = await self._published(domain)
            beneath = False
            if not found and own != domain:
                found = await self._published(own)
                beneath = True
        except TemporarilyUnknown:
            return Outcome("temperror", domain)
        if len(found) != 1:  # section 6.6.3: several are none
            return Outcome(NONE, domain)
        published = found[0]
        if self._aligned(domain, known.spf, published.strict_spf) or self._aligned(
            domain, known.dkim, published.strict_dkim
        ):
            return Outcome("pass", domain, published.subdomains if beneath else published.policy)
        policy = disposition = published.subdomains if beneath else published.policy
        if policy != NONE and self._chance() * 100 >= published.percent:
            # section 6.6.4: the next milder one
            disposition = QUARANTINE if policy == REJECT else NONE
        if disposition == REJECT and (
            self._aligned(domain, known.unsure_spf, published.strict_spf)
            or self._aligned(domain, known.unsure_dkim, published.strict_dkim)
        ):
            disposition = DEFER
        return Outcome("fail", domain, policy, disposition)

    async def _published(self, domain: str) -> list[Policy]:
        try:
            records = await self._resolver.txt(f"_dmarc.{domain}")
        except NoSuchName:
            return []
        return [policy for record in records if (policy := parse_policy(record)) is not None]

    def _aligned(self, domain: str, others: Sequence[str], strict: bool) -> bool:
        """Section 3.1: is one of them the author's domain, or of the same organization?"""
        if domain in others:
            return True
        own = self._organizational(domain)
        return not strict and any(self._organizational(other) == own for other in others)
