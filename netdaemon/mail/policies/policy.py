"""One section's policies at work: what is asked at RCPT and at the end of the data, in which order, and what follows.

Accounts and relay-hosts are asked nothing, and their mail is signed. In all mail, fields that claim to be ours go.
"""

from __future__ import annotations

import random
import re
import sqlite3
from base64 import b64encode
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from netdaemon.mail import Malformed
from netdaemon.mail.addresslist import parse_address_list
from netdaemon.mail.domains import check_domain, comparable, to_ascii
from netdaemon.mail.interfaces import Envelope, ISpool, IVisit, MailRefused, Recipient
from netdaemon.mail.lexis import QUOTED, without_comments
from netdaemon.mail.policies import dkimsign, dkimverify, dmarc, dnsbl, spf
from netdaemon.mail.policies.authresults import Finding, ours, results_field
from netdaemon.mail.policies.dkimsign import SigningKey
from netdaemon.mail.policies.dnsbl import Listed
from netdaemon.mail.policies.greylist import Greylist, Times
from netdaemon.mail.policies.head import Head, HeaderTooLong, Without, read_head
from netdaemon.mail.policies.resolving import Resolver, plain_address
from netdaemon.mail.policies.settings import CheckSettings, SigningFile
from netdaemon.mail.policies.suffixes import organizational

T = TypeVar("T")

DEADLINE = 20.0
"""Seconds for all look-ups of SPF's check (RFC 7208 section 4.6.4), and of DMARC's."""
GREYLIST = "greylist.sqlite"
LARGEST_FROM = 16 << 10
"""Octets of a From that is looked at."""

TOO_LONG = MailRefused(554, "5.6.0", "The header of the message is too long.")


class Policies:
    """What one section asks and does; `IPolicy`. ``checks`` is None where nobody comes but accounts."""

    def __init__(
        self,
        *,
        checks: CheckSettings | None,
        signing: Sequence[SigningFile],
        host: str,
        resolver: Resolver,
        in_thread: Callable[..., Awaitable[Any]],
        clock: IReactorTime,
        wall: Callable[[], float],
        data: Path,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Raises OSError and ValueError for a key that can't be loaded, and ImportError for a library that lacks."""
        self.checks = checks
        self.keys = [SigningKey(one.domain, one.selector, dkimsign.load_key(one.file)) for one in signing]
        self.host = host
        self.resolver = resolver
        self.in_thread = in_thread
        self.clock = clock
        self.wall = wall
        self.dmarc: dmarc.DMARC | None = None
        self.greylist: Greylist | None = None
        if checks is not None and checks.dmarc != "off":
            self.dmarc = dmarc.DMARC(resolver, organizational(), chance)
        if checks is not None and checks.greylist:
            times = Times(checks.greylist_delay, checks.greylist_retry, checks.greylist_keep, checks.greylist_known)
            self.greylist = Greylist(data / GREYLIST, times)

    def at_connect(self, peer: str) -> IVisit:
        return Visit(self, peer)


class Visit:
    """One client's; `IVisit`. What was found out is kept for its further recipients and messages."""

    _log = Logger()

    def __init__(self, policies: Policies, peer: str) -> None:
        self._policies = policies
        self._peer = peer
        self._checks = None if policies.checks is None or _is_unchecked(peer, policies.checks) else policies.checks
        self._listed: Listed | None = None
        self._spf: dict[tuple[str, str], spf.Verdict] = {}

    # --- RCPT ------------------------------------------------------------------------------------------------

    async def at_recipient(self, envelope: Envelope, recipient: Recipient) -> None:
        checks = self._checks
        # RFC 5321 4.5.1: postmaster hears of everything, of what is wrong with this above all
        if checks is None or _is_known(envelope) or recipient.address.local.lower() == "postmaster":
            return
        listed = await self._lists(checks)
        if listed.weight >= checks.dnsbl_refuse and not listed.allowed:
            why = await dnsbl.reason(self._policies.resolver, self._peer, listed.zones[0])
            text = f"{self._peer} is listed at {listed.zones[0]}"
            raise MailRefused(550, "5.7.1", f"{text}: {why}" if why else f"{text}.")
        if checks.spf == "refuse":
            for verdict in (await self._helo(envelope), await self._mail_from(envelope)):
                self._refuse_by_spf(verdict)
        if self._policies.greylist is not None and not listed.allowed:
            if checks.greylist_spf and (await self._mail_from(envelope)).result == spf.PASS:
                return
            await self._wait(self._policies.greylist, envelope, recipient)

    async def _lists(self, checks: CheckSettings) -> Listed:
        if self._listed is None:
            lists = (*checks.dnsbl, *checks.dnsbl_allow)
            self._listed = await dnsbl.look_up(self._policies.resolver, self._peer, lists) if lists else Listed()
        return self._listed

    def _refuse_by_spf(self, verdict: spf.Verdict) -> None:
        if verdict.result == spf.FAIL:
            # RFC 7208 8.4: whose words they are has to be clear
            says = f" Its owner says: {verdict.explanation}" if verdict.explanation else ""
            raise MailRefused(550, "5.7.23", f"{self._peer} may not send for that domain (SPF).{says}")
        if verdict.result == spf.TEMPERROR:
            raise MailRefused(451, "4.4.3", "The domain's SPF record can't be looked up just now.")

    async def _wait(self, greylist: Greylist, envelope: Envelope, recipient: Recipient) -> None:
        policies = self._policies
        asked = (self._peer, str(envelope.sender or ""), str(recipient.address), policies.wall())
        try:
            seconds = await policies.in_thread(greylist.seconds_left, *asked)
        except (OSError, sqlite3.Error) as error:
            # better some spam than no mail
            self._log.error("the greylist can't be used: {error}", error=str(error))
            return
        if seconds > 0:
            raise MailRefused(451, "4.7.1", f"Not known yet: come again in {int(seconds) + 1} seconds.")

    # --- SPF -------------------------------------------------------------------------------------------------

    async def _helo(self, envelope: Envelope) -> spf.Verdict:
        return await self._check_host(envelope.helo, f"postmaster@{envelope.helo}", envelope.helo)

    async def _mail_from(self, envelope: Envelope) -> spf.Verdict:
        # RFC 7208 2.4: of the null path, HELO's name stands for it
        if envelope.sender is None:
            return await self._helo(envelope)
        domain = _ascii(envelope.sender.domain)
        return await self._check_host(domain, f"{envelope.sender.local}@{domain}", envelope.helo)

    async def _check_host(self, domain: str, sender: str, helo: str) -> spf.Verdict:
        known = self._spf.get((sender, helo))
        if known is not None:
            return known
        policies = self._policies
        check = spf.check_host(
            policies.resolver, self._peer, domain, sender, helo=helo, host=policies.host, now=policies.wall()
        )
        verdict = await self._in_time(check, spf.Verdict(spf.TEMPERROR, problem="it takes too long"))
        if len(self._spf) > 100:
            self._spf.clear()
        self._spf[sender, helo] = verdict
        return verdict

    async def _in_time(self, check: Coroutine[Any, Any, T], late: T) -> T:
        """What ``check`` finds, or ``late``."""
        found: T = await Deferred.fromCoroutine(check).addTimeout(
            DEADLINE, self._policies.clock, lambda result, seconds: late
        )
        return found

    # --- the message -----------------------------------------------------------------------------------------

    async def at_message(self, envelope: Envelope, spool: ISpool) -> tuple[bytes, ISpool]:
        policies = self._policies
        try:
            head: Head = await policies.in_thread(read_head, spool)
            claimed = ours(head, policies.host)
            taken: ISpool = Without(spool, claimed) if claimed else spool
            if _is_known(envelope):
                return await self._sign(head, taken, claimed), taken
        except HeaderTooLong:
            raise TOO_LONG from None
        if self._checks is None:
            return b"", taken
        # of what came, and not of what is left of it: somebody may have signed what we remove
        findings = await self._find(self._checks, envelope, spool, head)
        return (results_field(policies.host, findings) if findings is not None else b""), taken

    async def _sign(self, head: Head, spool: ISpool, claimed: object) -> bytes:
        policies = self._policies
        domains = _author_domains(head)
        keys = dkimsign.keys_for(policies.keys, domains[0]) if domains and len(domains) == 1 else []
        if not keys:
            return b""
        if claimed:
            head = await policies.in_thread(read_head, spool)
        signed: bytes = await policies.in_thread(dkimsign.sign, spool, head, keys, policies.wall())
        return signed

    async def _find(self, checks: CheckSettings, envelope: Envelope, spool: ISpool, head: Head) -> list[Finding] | None:
        """What Authentication-Results say; None when nothing is asked that they would tell of."""
        findings: list[Finding] = []
        known = _Known()
        if checks.spf != "off" or checks.dmarc != "off":
            findings += await self._find_spf(envelope, known)
        if checks.dkim != "off" or checks.dmarc != "off":
            policies = self._policies
            checked = await dkimverify.verify(spool, head, policies.resolver, policies.in_thread, policies.wall())
            findings += [_dkim_finding(one, known) for one in checked] or [Finding("dkim", "none")]
        if self._policies.dmarc is not None:
            findings.append(await self._find_dmarc(self._policies.dmarc, checks, head, known))
        listed = await self._lists(checks)
        if listed.allowed:
            findings.append(Finding("dnswl", "pass", [("dns.zone", listed.allowed)]))  # RFC 8904
        return findings or None

    async def _find_spf(self, envelope: Envelope, known: _Known) -> list[Finding]:
        helo, mail_from = await self._helo(envelope), await self._mail_from(envelope)
        findings = [_spf_finding(helo, "smtp.helo", envelope.helo)]
        domain = envelope.helo
        if envelope.sender is not None:
            domain = _ascii(envelope.sender.domain)
            local = envelope.sender.local
            findings.insert(
                0, _spf_finding(mail_from, "smtp.mailfrom", f"{local}@{domain}" if local.isascii() else domain)
            )
        if mail_from.result == spf.PASS:
            known.spf.append(domain.lower().rstrip("."))
        elif mail_from.result == spf.TEMPERROR:
            known.unsure_spf.append(domain.lower().rstrip("."))
        return findings

    async def _find_dmarc(self, policy: dmarc.DMARC, checks: CheckSettings, head: Head, known: _Known) -> Finding:
        domains = _author_domains(head)
        known_to_dmarc = dmarc.Known(known.spf, known.dkim, known.unsure_spf, known.unsure_dkim)
        late = dmarc.Outcome("temperror", domains[0] if domains else "")
        outcome = await self._in_time(policy.evaluate(domains or (), known_to_dmarc), late)
        # section 6.6.1: whose mail it is shown as, nobody can tell then
        unclear = domains is None or len(head.all(b"from")) != 1
        if checks.dmarc == "refuse":
            if unclear or outcome.result == "permerror":
                raise MailRefused(550, "5.7.1", "The message needs one From, with its author's address.")
            if outcome.result == "temperror" or outcome.disposition == dmarc.DEFER:
                raise MailRefused(451, "4.7.0", f"What {outcome.domain} wants can't be looked up just now (DMARC).")
            if outcome.disposition == dmarc.REJECT:
                raise MailRefused(
                    550, "5.7.26", f"{outcome.domain} does not stand behind this, and wants it rejected (DMARC)."
                )
        properties = [("header.from", outcome.domain)] if outcome.domain else []
        if outcome.result == "fail":
            disposition = dmarc.REJECT if outcome.disposition == dmarc.DEFER else outcome.disposition
            properties.append(("policy.dmarc", disposition))
        return Finding("dmarc", "permerror" if unclear else outcome.result, properties)


class _Known:
    """What DMARC is told."""

    def __init__(self) -> None:
        self.spf: list[str] = []
        self.dkim: list[str] = []
        self.unsure_spf: list[str] = []
        self.unsure_dkim: list[str] = []


def _spf_finding(verdict: spf.Verdict, name: str, who: str) -> Finding:
    return Finding("spf", verdict.result, [(name, who)], verdict.problem)


def _dkim_finding(one: dkimverify.Checked, known: _Known) -> Finding:
    signature = one.signature
    if signature is None:
        return Finding("dkim", one.result, (), one.reason)
    if not one.testing:
        if one.result == dkimverify.PASS:
            known.dkim.append(signature.domain)
        elif one.result == dkimverify.TEMPERROR:
            known.unsure_dkim.append(signature.domain)
    properties = [
        ("header.d", signature.domain),
        ("header.s", signature.selector),
        ("header.a", signature.algorithm),
        ("header.b", b64encode(signature.signature).decode()[:8]),  # RFC 6008
    ]
    return Finding("dkim", one.result, properties, "a key in testing" if one.testing else one.reason)


_LINE_END = re.compile(rb"\r?\n")
_QUOTED = re.compile(rb'"%b"?' % QUOTED, re.DOTALL)
_TWO_DOMAINS = re.compile(rb"@[^@<>,;:]*+@")


def _is_known(envelope: Envelope) -> bool:
    return envelope.account is not None or envelope.trusted


def _is_unchecked(peer: str, checks: CheckSettings) -> bool:
    try:
        address = plain_address(peer)
    except ValueError:
        return True  # a UNIX socket's end is on this host
    return any(address in network for network in checks.unchecked)


def _author_domains(head: Head) -> list[str] | None:
    """The domains in From, in lower case and ASCII; None where there is none, or one that is no domain, or too many.

    Nobody is left out whom mail could not be sent to: he is shown as an author all the same.
    """
    found: list[str] = []
    for field in head.all(b"from")[: dmarc.MOST_AUTHORS]:
        value = _LINE_END.sub(b"", field.value)
        if len(value) > LARGEST_FROM:
            return None
        if _TWO_DOMAINS.search(_QUOTED.sub(b"", without_comments(value))):
            return None  # a@b@c is read in more ways than one
        for _, _, _, octets in parse_address_list(value):
            if octets:
                try:
                    found.append(comparable(check_domain(octets.decode("utf-8"))))
                except (Malformed, UnicodeDecodeError):
                    return None
    return list(dict.fromkeys(found)) or None


def _ascii(domain: str) -> str:
    try:
        return to_ascii(domain)
    except Malformed:
        return "unknown"
