"""The address map: from a recipient to mailboxes here and addresses elsewhere.

Looked up in this order, an alias's targets again in the same way: an alias of the whole address, an alias of the local
part, an account of that name; the same without what stands behind the separator (``mulder+lists``); the alias
``@domain``; for postmaster, the setting; the setting catch-all. Local parts here are compared without case.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address
from netdaemon.mail.aliases import Aliases, Target, parse_target
from netdaemon.mail.domains import comparable

MOST = 2000
"""Addresses that one recipient may come to, with those in between."""
POSTMASTER = "postmaster"
OWNER = "owner-"


class TooManyAddresses(Exception):
    """One recipient comes to more than MOST addresses."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox here: an account's, and the folder that the address asks for (empty for INBOX)."""

    account: str
    detail: str = ""


@dataclass(frozen=True)
class Elsewhere:
    """An address elsewhere, and which of ours led there; None if it was the recipient itself."""

    address: Address
    by: Address | None = None


@dataclass
class Route:
    """What one recipient comes to, each once, in the order of the file."""

    mailboxes: list[Mailbox] = field(default_factory=list)
    elsewhere: list[Elsewhere] = field(default_factory=list)
    owner: Address | None = None
    """Who hears of failures in place of the sender, where the recipient is a group with an ``owner-`` alias."""
    expanded: bool = False
    """Is it an alias of several?"""

    @property
    def nobody(self) -> bool:
        """Is there no such address here, nor anybody that an alias of that name leads to?"""
        return not self.mailboxes and not self.elsewhere


class AddressMap:
    """The map of one configuration. ``exists`` tells whether there is an account; what it raises goes through."""

    def __init__(
        self,
        domains: Iterable[str],
        aliases: Aliases,
        exists: Callable[[str], bool],
        *,
        separator: str = "+",
        catch_all: str = "",
        postmaster: str = "",
    ) -> None:
        names = list(domains)
        self.hostname = names[0]
        self._domains = frozenset(comparable(name) for name in names)
        self._aliases: Mapping[tuple[str, str], tuple[Target, ...]] = aliases
        self._exists = exists
        self._separator = separator
        self._catch_all = _setting(catch_all)
        self._postmaster = _setting(postmaster)

    def is_local(self, domain: str) -> bool:
        """Are this domain's addresses here?"""
        return comparable(domain) in self._domains

    def route(self, recipient: Address) -> Route:
        """Where mail to this recipient goes. Raises TooManyAddresses, and what ``exists`` raises."""
        if not self.is_local(recipient.domain):
            return Route(elsewhere=[Elsewhere(recipient)])
        found = _Search(self, recipient)
        found.run()
        return found.route

    def members(self, recipient: Address) -> list[Address] | None:
        """Whom an alias stands for, one step far; None for what is no alias of ours (EXPN)."""
        if not self.is_local(recipient.domain):
            return None
        targets, detail = self.alias(recipient.local.casefold(), comparable(recipient.domain))
        if targets is None or detail:
            return None
        return [_address(target, recipient.domain) for target in targets]

    # --- asked by a search -----------------------------------------------------------------------------------

    def alias(self, local: str, domain: str) -> tuple[tuple[Target, ...] | None, str]:
        """(targets of the alias, the detail that its name lacks); None for no such alias."""
        for name, detail in self._readings(local):
            targets = self._aliases.get((name, domain)) or self._aliases.get((name, ""))
            if targets:
                return targets, detail
        return None, ""

    def _readings(self, local: str) -> list[tuple[str, str]]:
        """A local part as a name, and as a name with a detail behind it."""
        found = [(local, "")]
        if self._separator:
            name, separator, detail = local.partition(self._separator)
            if separator and name and detail:
                found.append((name, detail))
        return found

    def account(self, local: str) -> Mailbox | None:
        """The mailbox of the account by that name, perhaps with a detail behind it."""
        for name, detail in self._readings(local):
            if self._exists(name):
                return Mailbox(name, detail)
        return None

    def others(self, local: str, domain: str) -> Iterable[Target]:
        """Who gets what is nobody's."""
        everything = self._aliases.get(("", domain))
        if everything:
            return everything
        if local == POSTMASTER and self._postmaster is not None:
            return (self._postmaster,)
        return (self._catch_all,) if self._catch_all is not None else ()

    def has_owner(self, local: str, domain: str) -> bool:
        """Does somebody look after the group of that name?"""
        return any((OWNER + local, where) in self._aliases for where in (domain, ""))


Key = tuple[str, str]


@dataclass
class _Step:
    """A name that was reached, and those it leads to."""

    local: str
    domain: str
    detail: str
    """What stood behind the separator on the way, to be handed on."""
    alias: bool = False
    mailbox: Mailbox | None = None
    next: list[Key] = field(default_factory=list)


class _Search:
    """One search: each name is looked at once, so that it ends wherever aliases lead."""

    def __init__(self, addresses: AddressMap, recipient: Address) -> None:
        self._map = addresses
        self._recipient = recipient
        self.route = Route()
        self._steps: dict[Key, _Step] = {}
        self._waiting: deque[Key] = deque()
        self._elsewhere: dict[Key, Elsewhere] = {}

    def run(self) -> None:
        recipient = self._recipient
        self._reach(recipient.local.casefold(), recipient.domain, "")
        while self._waiting:
            self._open(self._waiting.popleft())
        mailboxes: dict[Mailbox, None] = {}
        for key, step in self._steps.items():
            # An alias that leads back to itself means the account too.
            if step.alias and self._leads_back(key):
                step.mailbox = self._map.account(step.local)
            if step.mailbox is not None:
                mailboxes[Mailbox(step.mailbox.account, step.mailbox.detail or step.detail)] = None
        self.route.mailboxes = list(mailboxes)
        self.route.elsewhere = list(self._elsewhere.values())
        self._describe()

    def _describe(self) -> None:
        recipient, route = self._recipient, self.route
        key = recipient.local.casefold(), comparable(recipient.domain)
        targets, detail = self._map.alias(*key)
        if targets is None or detail:
            return
        route.expanded = len(targets) > 1
        if self._map.has_owner(*key):
            try:
                route.owner = Address(OWNER + recipient.local, recipient.domain)
            except Malformed:
                pass  # a name so long that nothing fits in front of it

    def _open(self, key: Key) -> None:
        step = self._steps[key]
        targets, detail = self._map.alias(*key)
        if targets is not None:
            step.alias = True
            self._follow(targets, step, detail or step.detail)
            return
        step.mailbox = self._map.account(step.local)
        if step.mailbox is None:
            self._follow(self._map.others(*key), step, "")

    def _follow(self, targets: Iterable[Target], step: _Step, detail: str) -> None:
        for target in targets:
            address = target.address
            if address is None:
                step.next.append(self._reach(target.name.casefold(), step.domain, detail))
            elif self._map.is_local(address.domain):
                step.next.append(self._reach(address.local.casefold(), address.domain, detail))
            else:
                self._elsewhere.setdefault(address.key(), Elsewhere(address, self._recipient))
        if len(self._steps) + len(self._elsewhere) > MOST:
            raise TooManyAddresses(str(self._recipient))

    def _reach(self, local: str, domain: str, detail: str) -> Key:
        key = local, comparable(domain)
        if key not in self._steps:
            self._steps[key] = _Step(local, domain, detail)
            self._waiting.append(key)
        return key

    def _leads_back(self, start: Key) -> bool:
        seen: set[Key] = set()
        waiting = list(self._steps[start].next)
        while waiting:
            key = waiting.pop()
            if key == start:
                return True
            if key not in seen:
                seen.add(key)
                waiting += self._steps[key].next
        return False


def _setting(text: str) -> Target | None:
    return parse_target(text) if text else None


def _address(target: Target, domain: str) -> Address:
    return target.address if target.address is not None else Address(target.name, domain)
