"""SPF: may this address send mail for this domain? (RFC 7208)"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TypeVar

from netdaemon.mail.policies.resolving import NoSuchName, Resolver, TemporarilyUnknown, plain_address, usable_name
from netdaemon.mail.policies.spfmacros import BadMacro, Macros, expand, expand_name, parse_macros
from netdaemon.mail.policies.spfrecord import BadRecord, Directive, Record, is_spf, parse_record

T = TypeVar("T")

# RFC 7208 4.6.4
MOST_LOOK_UPS = 10
"""Terms of a check that ask the DNS, those of included and redirected records counted."""
MOST_VOID = 2
"""Look-ups without an answer."""
MOST_NAMES = 10
"""Hosts of an MX mechanism, and names of an address, that are looked up."""
LONGEST_EXPLANATION = 400

NONE = "none"
NEUTRAL = "neutral"
PASS = "pass"
FAIL = "fail"
SOFTFAIL = "softfail"
TEMPERROR = "temperror"
PERMERROR = "permerror"


@dataclass(frozen=True)
class Verdict:
    """What SPF says (RFC 7208 section 2.6)."""

    result: str
    mechanism: str = ""
    """The directive that matched, as it is written."""
    explanation: str = ""
    """What the domain's owner says about a fail: ASCII in one line, and a stranger's words. Empty for none."""
    problem: str = ""
    """What is wrong, for temperror and permerror."""


async def check_host(
    resolver: Resolver,
    address: str,
    domain: str,
    sender: str,
    *,
    helo: str = "",
    host: str = "unknown",
    now: float = 0.0,
) -> Verdict:
    """RFC 7208 section 4: ``sender`` is ``local@domain`` or ``domain``; ``host`` and ``now`` stand in explanations.

    Never raises what a record or an answer can cause.
    """
    local, at, sender_domain = sender.rpartition("@")
    if not local:
        sender = f"postmaster@{sender_domain if at else sender}"  # section 4.3
    try:
        check = _Check(resolver, plain_address(address), sender, helo, host, now)
    except ValueError:
        return Verdict(NONE)
    try:
        verdict, explanation = await check.run(domain)
        if verdict.result == FAIL and explanation is not None:
            verdict = replace(verdict, explanation=await check.explain(*explanation))
    except _PermError as error:
        return Verdict(PERMERROR, problem=str(error))
    except TemporarilyUnknown as error:
        return Verdict(TEMPERROR, problem=str(error))
    return verdict


class _PermError(Exception):
    pass


_Explanation = tuple[Macros, str]


class _Check:
    """One check_host with what it may still look up."""

    def __init__(
        self,
        resolver: Resolver,
        address: IPv4Address | IPv6Address,
        sender: str,
        helo: str,
        host: str,
        now: float,
    ) -> None:
        self._resolver = resolver
        self._address = address
        self._v6 = isinstance(address, IPv6Address)
        self._look_ups = 0
        self._void = 0
        self._names: list[str] | None = None
        local, _, domain = sender.rpartition("@")
        self._values = {
            "s": sender,
            "l": local,
            "o": domain,
            "i": ".".join(address.exploded.replace(":", "")) if self._v6 else str(address),
            "v": "ip6" if self._v6 else "in-addr",
            "h": helo,
            "c": str(address),
            "r": host,
            "t": str(int(now)),
        }

    async def run(self, domain: str) -> tuple[Verdict, _Explanation | None]:
        """The verdict, and where its explanation is. Raises _PermError and TemporarilyUnknown."""
        try:
            name = usable_name(domain)
            if "." not in name:  # section 4.3: not a multi-label name
                return Verdict(NONE), None
            records = [record for record in await self._resolver.txt(name) if is_spf(record)]
        except NoSuchName:
            return Verdict(NONE), None
        if not records:
            return Verdict(NONE), None
        if len(records) > 1:
            raise _PermError("more than one record")
        try:
            record = parse_record(records[0])
        except BadRecord as error:
            raise _PermError(str(error)) from None
        return await self._evaluate(record, name)

    async def _evaluate(self, record: Record, domain: str) -> tuple[Verdict, _Explanation | None]:
        for directive in record.directives:
            if await self._matches(directive, domain):
                explanation = None if record.explanation is None else (record.explanation, domain)
                return Verdict(directive.result, directive.text), explanation
        if record.redirect is None:
            return Verdict(NEUTRAL), None
        self._count()
        verdict, explanation = await self.run(await self._target(record.redirect, domain))
        if verdict.result == NONE:
            raise _PermError("redirected to a domain without a record")
        return verdict, explanation

    async def _matches(self, directive: Directive, domain: str) -> bool:
        mechanism = directive.mechanism
        if mechanism == "all":
            return True
        if directive.network is not None:
            return self._address in directive.network
        self._count()
        target = domain if directive.domain is None else await self._target(directive.domain, domain)
        if mechanism == "include":
            return await self._included(target)
        if mechanism == "a":
            return self._within(await self._addresses(target), directive)
        if mechanism == "mx":
            hosts = await self._asked(self._resolver.mx(target))
            if len(hosts) > MOST_NAMES:
                raise _PermError("too many MX records")
            for _, host in hosts:
                if host and self._within(await self._addresses(host), directive):
                    return True
            return False
        if mechanism == "exists":
            return bool(await self._asked(self._resolver.a(target)))
        assert mechanism == "ptr", mechanism
        target = target.lower().removesuffix(".")
        return any(name == target or name.endswith(f".{target}") for name in await self._validated())

    async def _included(self, target: str) -> bool:
        """Section 5.2: what the included record says becomes match, no match, or an error."""
        verdict, _ = await self.run(target)
        if verdict.result == NONE:
            raise _PermError("a domain without a record is included")
        return verdict.result == PASS

    def _within(self, addresses: list[str], directive: Directive) -> bool:
        bits = directive.bits6 if self._v6 else directive.bits
        return any(self._address in ip_network((found, bits), strict=False) for found in addresses)

    # --- look-ups --------------------------------------------------------------------------------------------

    def _count(self) -> None:
        self._look_ups += 1
        if self._look_ups > MOST_LOOK_UPS:
            raise _PermError("too many look-ups")

    async def _asked(self, look_up: Awaitable[list[T]]) -> list[T]:
        """A look-up whose answer may be nothing, but not too often."""
        try:
            answer = await look_up
        except NoSuchName:
            answer = []
        if not answer:
            self._void += 1
            if self._void > MOST_VOID:
                raise _PermError("too many look-ups without an answer")
        return answer

    def _addresses(self, name: str) -> Awaitable[list[str]]:
        return self._asked(self._resolver.aaaa(name) if self._v6 else self._resolver.a(name))

    async def _validated(self) -> list[str]:
        """The names of the client's address that lead back to it (section 5.5). Errors make it fewer."""
        if self._names is None:
            self._names = []
            try:
                names = await self._asked(self._resolver.ptr(str(self._address)))
            except TemporarilyUnknown:
                names = []
            for name in names[:MOST_NAMES]:
                try:
                    found = await (self._resolver.aaaa(name) if self._v6 else self._resolver.a(name))
                except (NoSuchName, TemporarilyUnknown):
                    continue
                if str(self._address) in found:
                    self._names.append(name.lower().removesuffix("."))
        return self._names

    # --- macros ----------------------------------------------------------------------------------------------

    async def _target(self, macros: Macros, domain: str) -> str:
        try:
            return expand_name(macros, await self._all_values(macros, domain))
        except BadMacro as error:
            raise _PermError(str(error)) from None

    async def _all_values(self, macros: Macros, domain: str) -> Mapping[str, str]:
        values = {**self._values, "d": domain}
        if "p" in macros.letters:
            values["p"] = await self._best_name(domain)
        return values

    async def _best_name(self, domain: str) -> str:
        """Section 7.3: the domain itself if it is one of the address's names, else one beneath it, else any."""
        names = await self._validated()
        if domain in names:
            return domain
        return next((name for name in names if name.endswith(f".{domain}")), names[0] if names else "unknown")

    async def explain(self, macros: Macros, domain: str) -> str:
        """Section 6.2: what the domain says about a fail; empty when it can't be had."""
        try:
            name = expand_name(macros, await self._all_values(macros, domain))
            records = await self._resolver.txt(name)
            if len(records) != 1:
                return ""
            text = parse_macros(records[0].decode("ascii"), explaining=True)
            explanation = expand(text, await self._all_values(text, domain))
        except (NoSuchName, TemporarilyUnknown, BadMacro, UnicodeDecodeError, _PermError):
            return ""
        if len(explanation) > LONGEST_EXPLANATION or not explanation.isascii() or not explanation.isprintable():
            return ""
        return explanation
