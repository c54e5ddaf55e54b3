"""Under which addresses an account may send (RFC 6409 section 6.1)."""

from __future__ import annotations

from netdaemon.mail.addresses import Address
from netdaemon.mail.domains import same_domain
from netdaemon.protocols.smtp import AccountSettings


class Senders:
    """Who may send as whom by one section's settings alone; what else is an account's own, delivery knows."""

    def __init__(self, settings: AccountSettings) -> None:
        self._all = not settings.own_sender
        self._further: dict[str, list[str]] = {}
        for account, addresses in settings.senders:
            self._further.setdefault(account.casefold(), []).extend(addresses)

    def may_send_as(self, account: str, sender: Address | None) -> bool:
        """May it in any case? ``<>`` anybody may write, for reports."""
        if sender is None or self._all:
            return True
        return any(_covers(address, sender) for address in self._further.get(account.casefold(), ()))


def _covers(address: str, sender: Address) -> bool:
    if address == "*":
        return True
    local, _, domain = address.rpartition("@")
    return same_domain(domain, sender.domain) and (not local or local.casefold() == sender.local.casefold())
