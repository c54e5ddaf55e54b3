"""Which hosts take a domain's mail: MX records, in the order in which they are to be asked (RFC 5321 section 5.1).

Addresses in this host or this house are not dialled unless the settings allow it: whoever owns a domain writes what he
likes into its MX records.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's names have no types.

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.error import DNSNameError, DomainError

from netdaemon.config.mailsettings import SMTPS, HostPort, MailSettings
from netdaemon.mail import Malformed
from netdaemon.mail.domains import comparable, to_ascii
from netdaemon.wire.places import Place, is_address, is_ours, place_of, plain

MOST_HOSTS = 10
"""Hosts of a domain that are looked up."""
MOST_DESTINATIONS = 12
"""Addresses that are tried, in all."""
WAITS = (2, 5, 10)
"""Seconds that a name server is waited for, at each try."""
SUBMISSION = 587
RESOLV_CONF = Path("/etc/resolv.conf")


class NoRoute(Exception):
    """There is no host to be asked: the reply that stands for it, its code, its enhanced status."""

    def __init__(self, code: int, status: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.text = text


@dataclass(frozen=True)
class Destination:
    """One address of one host."""

    host: str
    """Its name, which its certificate has to have; or an address."""
    address: str
    port: int


class IResolver(Protocol):
    """Twisted's `IResolver`, as far as it is used."""

    def lookupMailExchange(self, name: str) -> Deferred[Any]: ...

    def lookupAddress(self, name: str) -> Deferred[Any]: ...

    def lookupIPV6Address(self, name: str) -> Deferred[Any]: ...

    def lookupText(self, name: str) -> Deferred[Any]: ...

    def lookupPointer(self, name: str) -> Deferred[Any]: ...


class Routes:
    """The routes of one configuration. ``names`` are those of this host."""

    def __init__(
        self,
        settings: MailSettings,
        names: Sequence[str],
        resolver: IResolver,
        *,
        shuffle: Callable[[list[str]], None] = random.shuffle,
        ours: Callable[[str], bool] = is_ours,
    ) -> None:
        self._settings = settings
        self._names = {comparable(name) for name in names}
        self._resolver = resolver
        self._shuffle = shuffle
        self._ours = ours

    @property
    def smarthost(self) -> HostPort | None:
        """The host that takes everything, if there is one."""
        return self._settings.smarthost

    async def find(self, domain: str) -> list[Destination]:
        """Where mail for a domain goes, the first first. Raises NoRoute."""
        if self._settings.smarthost is not None:
            return await self._to_smarthost(self._settings.smarthost)
        if domain.startswith("["):
            return self._allowed([(domain, _literal(domain))], domain)
        try:
            name = to_ascii(domain).rstrip(".")
        except Malformed:
            raise NoRoute(550, "5.1.2", "the domain can't be one") from None
        hosts = await self._hosts(name)
        found: list[tuple[str, str]] = []
        problems: list[NoRoute] = []
        for host in hosts[:MOST_HOSTS]:
            try:
                found += [(host, address) for address in await self._addresses(host)]
            except NoRoute as problem:
                problems.append(problem)
        if not found:
            # One that can't be asked now may have an address later.
            raise next((problem for problem in problems if problem.code < 500), None) or problems[0]
        return self._allowed(found, domain)

    async def _to_smarthost(self, smarthost: HostPort) -> list[Destination]:
        """The operator named it, so it may be anywhere."""
        port = smarthost.port or (SMTPS if self._settings.smarthost_tls == "implicit" else SUBMISSION)
        if is_address(smarthost.host):
            return [Destination(smarthost.host, smarthost.host, port)]
        if comparable(smarthost.host) == "localhost":  # RFC 6761 6.3: no name server is asked for it
            return [Destination("localhost", address, port) for address in ("127.0.0.1", "::1")]
        try:
            addresses = await self._addresses(smarthost.host)
        except NoRoute as problem:
            # It is not the recipient's fault: the operator will mend it.
            raise NoRoute(451, "4.4.4", f"the smarthost: {problem.text}") from None
        return [Destination(smarthost.host, plain(address), port) for address in addresses]

    async def _hosts(self, domain: str) -> list[str]:
        """The names of MX records, the most preferred first, equal ones in no order (RFC 5321 5.1)."""
        records = [
            (record.payload.preference, _name(record.payload.name))
            for record in await self._ask(self._resolver.lookupMailExchange, domain)
            if record.type == dns.MX
        ]
        if not records:
            return [domain]
        if any(not name for _, name in records) and len(records) == 1:
            raise NoRoute(556, "5.1.10", "the domain takes no mail (RFC 7505)")
        own = min((preference for preference, name in records if comparable(name) in self._names), default=None)
        if own is not None:
            # What is no better than we are would only send it back to us.
            records = [record for record in records if record[0] < own]
            if not records:
                raise NoRoute(554, "5.4.6", "the domain's mail comes to this host, which does not know it")
        hosts: list[str] = []
        for preference in sorted({preference for preference, _ in records}):
            equal = list(dict.fromkeys(name for each, name in records if each == preference and name))
            self._shuffle(equal)
            hosts += [host for host in equal if host not in hosts]
        if not hosts:
            raise NoRoute(556, "5.1.10", "the domain takes no mail (RFC 7505)")
        return hosts

    async def _addresses(self, host: str) -> list[str]:
        """A host's addresses, those of IPv6 and IPv4 in turn. Raises NoRoute when there is none."""
        if is_address(host):
            return [host]
        look_ups = (self._resolver.lookupIPV6Address, self._resolver.lookupAddress)
        asked = [Deferred.fromCoroutine(self._asked(look_up, host)) for look_up in look_ups]
        families: list[list[str]] = []
        problems: list[NoRoute] = []
        for coming in asked:
            answer = await coming
            if isinstance(answer, NoRoute):
                problems.append(answer)
            else:
                families.append([_address(record) for record in answer if record.type in (dns.A, dns.AAAA)])
        found = []
        for place in range(max(map(len, families), default=0)):
            found += [family[place] for family in families if place < len(family)]
        if found:
            return found
        temporary = next((problem for problem in problems if problem.code < 500), None)
        raise temporary or NoRoute(550, "5.4.4", f"{host} has no address")

    async def _asked(self, look_up: Callable[[str], Deferred[Any]], name: str) -> Sequence[Any] | NoRoute:
        try:
            return await self._ask(look_up, name)
        except NoRoute as problem:
            return problem

    async def _ask(self, look_up: Callable[[str], Deferred[Any]], name: str) -> Sequence[Any]:
        """The answers to a question; none where there is the name and no such record."""
        try:
            answers, _, _ = await look_up(name)
        except DNSNameError:
            raise NoRoute(550, "5.1.2", f"there is no domain {name}") from None
        except (DomainError, OSError, ValueError) as error:
            # DNSQueryTimeoutError is a TimeoutError, of the DomainErrors or not.
            raise NoRoute(451, "4.4.3", f"the name servers don't tell about {name}: {type(error).__name__}") from None
        except Exception as error:  # noqa: BLE001  # the resolvers raise what they meet
            raise NoRoute(451, "4.4.3", f"{name} can't be looked up: {type(error).__name__}") from None
        found: Sequence[Any] = answers
        return found

    def _allowed(self, found: Sequence[tuple[str, str]], domain: str) -> list[Destination]:
        destinations = []
        for host, address in dict.fromkeys((host, plain(address)) for host, address in found):
            if self._may_dial(address):
                destinations.append(Destination(host, address, self._settings.port))
        if not destinations:
            raise NoRoute(550, "5.4.4", f"{domain} leads to an address that no mail is sent to from here")
        return destinations[:MOST_DESTINATIONS]

    def _may_dial(self, address: str) -> bool:
        place = place_of(address)
        if place.value < Place.LOOPBACK.value and self._ours(address):
            place = Place.LOOPBACK
        if place is Place.LOOPBACK:
            return self._settings.allow_loopback
        return place is Place.PUBLIC or (place is Place.PRIVATE and self._settings.allow_private)


class SystemResolver:
    """Asks the name servers of a resolv.conf(5), which is read again whenever it has changed."""

    def __init__(self, reactor: Any, file: Path = RESOLV_CONF) -> None:
        self._reactor = reactor
        self._file = file
        self._read: object = None
        self._resolver: IResolver | None = None

    @property
    def _now(self) -> IResolver:
        try:
            stat = self._file.stat()
            state: object = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        except OSError:
            state = ""
        if self._resolver is None or state != self._read:
            servers = [(server, dns.PORT) for server in nameservers(self._file)]
            self._resolver, self._read = Resolver(servers=servers, timeout=WAITS, reactor=self._reactor), state
        return self._resolver

    def lookupMailExchange(self, name: str) -> Deferred[Any]:
        return self._now.lookupMailExchange(name)

    def lookupAddress(self, name: str) -> Deferred[Any]:
        return self._now.lookupAddress(name)

    def lookupIPV6Address(self, name: str) -> Deferred[Any]:
        return self._now.lookupIPV6Address(name)

    def lookupText(self, name: str) -> Deferred[Any]:
        return self._now.lookupText(name)

    def lookupPointer(self, name: str) -> Deferred[Any]:
        return self._now.lookupPointer(name)


def nameservers(file: Path) -> list[str]:
    """The addresses in a resolv.conf(5); this host's own where it names none, or isn't there."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    found = [word[1].partition("%")[0] for word in words if len(word) > 1 and word[0] == "nameserver"]
    return [address for address in found if is_address(address)] or ["127.0.0.1"]


def open_resolver(settings: MailSettings, reactor: Any) -> IResolver:
    """Asks the name servers of the settings, else the system's."""
    servers = [(server.host, server.port or dns.PORT) for server in settings.resolvers]
    if servers:
        resolver: IResolver = Resolver(servers=servers, timeout=WAITS, reactor=reactor)
        return resolver
    return SystemResolver(reactor)


def _name(name: Any) -> str:
    text: str = bytes(name.name).decode("ascii", "replace").rstrip(".").lower()
    return text


def _address(record: Any) -> str:
    payload = record.payload
    address: str = payload.dottedQuad() if record.type == dns.A else _v6(payload.address)
    return address


def _v6(packed: bytes) -> str:
    from ipaddress import IPv6Address

    return str(IPv6Address(packed))


def _literal(domain: str) -> str:
    """RFC 5321 4.1.3: [192.0.2.1], [IPv6:2001:db8::1]."""
    inside = domain[1:-1]
    address = inside[5:] if inside.lower().startswith("ipv6:") else inside
    if not is_address(address):
        raise NoRoute(550, "5.1.2", "no host has an address like that")
    return address
