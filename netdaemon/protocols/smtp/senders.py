"""Under which addresses an account may send (RFC 6409 section 6.1)."""

from __future__ import annotations

from netdaemon.mail.addresses import Address
from netdaemon.mail.domains import comparable, same_domain
from netdaemon.protocols.smtp import AccountSettings


class OwnAddresses:
    """Who owns which reverse-path, by one section's settings."""

    def __init__(self, settings: AccountSettings, hostname: str) -> None:
        self._all = not settings.own_sender
        self._domains = frozenset(map(comparable, (hostname, *settings.sender_domains)))
        self._further: dict[str, list[str]] = {}
        for account, addresses in settings.senders:
            self._further.setdefault(account.casefold(), []).extend(addresses)

    def may_send_as(self, account: str, sender: Address | None) -> bool:
        """May it? ``<>`` anybody may write, for reports."""
        if sender is None or self._all:
            return True
        name, local = account.casefold(), sender.local.casefold()
        if comparable(sender.domain) in self._domains and (local == name or local.startswith(f"{name}+")):
            return True
        return any(_covers(address, sender) for address in self._further.get(name, ()))


def _covers(address: str, sender: Address) -> bool:
    if address == "*":
        return True
    local, _, domain = address.rpartition("@")
    return same_domain(domain, sender.domain) and (not local or local.casefold() == sender.local.casefold())
