"""A message on its way out: which hosts are asked for a domain, in what way, over which connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from netdaemon.config.mailsettings import MailSettings
from netdaemon.mail.addresses import Address
from netdaemon.mail.domains import comparable
from netdaemon.mail.fields import folded
from netdaemon.mail.interfaces import Envelope
from netdaemon.mail.letter import Addressee, Letter
from netdaemon.messages.interfaces import IBody
from netdaemon.protocols.smtp.hops import UNREACHABLE, Answer, HopFailed, Hops, Policy
from netdaemon.protocols.smtp.route import Destination, NoRoute, Routes

DOWN = 60.0
"""Seconds for which a domain that nobody answers for is not tried again."""
MOST_DOMAINS = 1000
"""Domains whose limits are remembered though nobody uses them."""
PIECE = 64 << 10


@dataclass(frozen=True)
class Group:
    """Recipients of one message that go the same way."""

    domain: str
    by: Address | None
    addressees: tuple[Addressee, ...]


class Outward:
    """Sends groups, at most so many at a time. ``body`` gives a letter's octets."""

    _log = Logger()

    def __init__(
        self,
        routes: Routes,
        hops: Hops,
        settings: MailSettings,
        clock: IReactorTime,
        body: Callable[[Letter], IBody],
    ) -> None:
        self._routes = routes
        self._hops = hops
        self._settings = settings
        self._clock = clock
        self._body = body
        self._required = {comparable(domain) for domain in settings.require_tls}
        self._slots = DeferredSemaphore(settings.connections)
        self._domains: dict[str, DeferredSemaphore] = {}
        self._down: dict[str, tuple[float, Answer]] = {}

    def forget(self) -> None:
        """Try also those again who did not answer a moment ago."""
        self._down.clear()

    async def close(self) -> None:
        """Take leave of the hosts."""
        await self._hops.close()

    async def send(self, letter: Letter, group: Group) -> tuple[str, bool, Sequence[Answer]]:
        """(who answered, empty for ourselves; is nobody there going to report?; an answer for each)."""
        async with self._domain(group.domain), self._slots:
            return await self._ask(letter, group)

    async def _ask(self, letter: Letter, group: Group) -> tuple[str, bool, Sequence[Answer]]:
        now, count = self._clock.seconds(), len(group.addressees)
        until, answer = self._down.pop(group.domain, (0.0, None))
        if answer is not None and now < until:
            self._down[group.domain] = until, answer
            return "", False, [answer] * count
        try:
            destinations = await self._routes.find(group.addressees[0].recipient.address.domain)
        except NoRoute as none:
            return "", False, [Answer(none.code, none.status, none.text)] * count
        failures: list[HopFailed] = []
        for destination in destinations:
            try:
                answers, relayed = await self._send_to(letter, group, destination)
            except HopFailed as error:
                failures.append(error)
                self._log.debug("{host}: {why}", host=destination.host, why=error.text)
            else:
                return destination.host, relayed, answers
        # One of them may do better later, so that is what counts; and what was said, more than that nobody answered.
        failed = min(failures, key=lambda failure: (failure.code >= 500, failure.status == UNREACHABLE))
        answer = Answer(failed.code, failed.status, failed.text)
        if not answer.permanent:
            if len(self._down) >= MOST_DOMAINS:
                self._down = {domain: down for domain, down in self._down.items() if down[0] > now}
            self._down[group.domain] = now + DOWN, answer
        return "", False, [answer] * count

    async def _send_to(self, letter: Letter, group: Group, destination: Destination) -> tuple[Sequence[Answer], bool]:
        policy = self._policy(letter, group)
        try:
            return await self._send_over(letter, group, destination, policy)
        except HopFailed as error:
            if not error.tls or policy.tls != "opportunistic":
                raise
        # RFC 7435: a host whose TLS is broken gets its mail as one gets it that has none
        return await self._send_over(letter, group, destination, replace(policy, tls="never"))

    async def _send_over(
        self, letter: Letter, group: Group, destination: Destination, policy: Policy
    ) -> tuple[Sequence[Answer], bool]:
        prefix = folded("Delivered-To", [str(group.by)]) if group.by is not None else b""
        while True:
            hop = await self._hops.take(destination, policy)
            again = self._hops.was_kept(hop)
            try:
                octets = self._octets(letter, prefix)
                answers = await hop.send(_envelope(letter, group), octets, len(prefix) + letter.octets)
            except HopFailed:
                self._hops.drop(hop)
                if again:  # it was closed while nobody used it: that says nothing of the host
                    continue
                raise
            except BaseException:
                self._hops.drop(hop)
                raise
            relayed = not hop.dsn
            await self._hops.give_back(hop, destination, policy)
            return answers, relayed

    def _policy(self, letter: Letter, group: Group) -> Policy:
        settings = self._settings
        if self._routes.smarthost is not None:
            tls = settings.smarthost_tls
            if letter.options.require_tls and tls in ("never", "opportunistic"):
                tls = "starttls"
            return Policy(tls, settings.smarthost_user, str(settings.smarthost_password))
        # RFC 8689 4.2.1: over TLS with a name that is the one we asked for
        verified = letter.options.require_tls or group.domain in self._required
        return Policy("starttls" if verified else "opportunistic")

    def _domain(self, domain: str) -> DeferredSemaphore:
        if len(self._domains) > MOST_DOMAINS:
            idle = [name for name, slots in self._domains.items() if slots.tokens == slots.limit]
            for name in idle:
                del self._domains[name]
        if domain not in self._domains:
            most = self._settings.connections if not domain else self._settings.connections_per_domain
            self._domains[domain] = DeferredSemaphore(most)
        return self._domains[domain]

    async def _octets(self, letter: Letter, prefix: bytes) -> AsyncIterator[bytes]:
        if prefix:
            yield prefix
        async for piece in octets_of(letter, self._body(letter)):
            yield piece


async def octets_of(letter: Letter, body: IBody) -> AsyncIterator[bytes]:
    """A letter as it is sent: without our Return-Path."""
    for offset in range(letter.skip, body.size, PIECE):
        yield await body.read(offset, PIECE)


def _envelope(letter: Letter, group: Group) -> Envelope:
    options = letter.options
    return Envelope(
        letter.transfer,
        letter.sender,
        tuple(one.recipient for one in group.addressees),
        account=options.account,
        utf8=options.utf8,
        body=options.body,
        return_full=options.return_full,
        envelope_id=options.envelope_id,
        require_tls=options.require_tls,
        deliver_by=options.deliver_by,
        trusted=True,
    )
