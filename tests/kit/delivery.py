"""A delivery in memory: what SMTP's tests hand to their sessions.

delivery = MemoryDelivery("spam.egg", ["mulder", "scully"])
...
self.assertEqual(delivery.messages[0].octets, b"...")
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from netdaemon.mail.addresses import Address
from netdaemon.mail.domains import same_domain
from netdaemon.mail.interfaces import Envelope, ISpool, MailRefused, Recipient


class MemorySpool:
    """A spool that keeps all it is given. ``fails`` is raised by the next write, or by `finish`."""

    def __init__(self) -> None:
        self.octets = b""
        self.finished = False
        self.aborted = False
        self.fails: Exception | None = None
        self.wait: Callable[[], Awaitable[None]] | None = None
        """Makes what a write must be awaited by."""

    @property
    def size(self) -> int:
        return len(self.octets)

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.octets).digest()

    def write(self, data: bytes) -> Any:
        if self.aborted or self.finished:
            raise AssertionError("written to behind its end")
        if self.fails is not None:
            raise self.fails
        self.octets += data
        return None if self.wait is None else self.wait()

    def finish(self) -> MemorySpool:
        if self.aborted:
            raise AssertionError("finished behind its end")
        if self.fails is not None:
            raise self.fails
        self.finished = True
        return self

    def read(self, offset: int, size: int) -> bytes:
        if self.aborted or not self.finished:
            raise AssertionError("read before its time, or behind it")
        return self.octets[offset : offset + size]

    def abort(self) -> None:
        self.aborted = True


@dataclass(frozen=True)
class Taken:
    """One message that was delivered."""

    envelope: Envelope
    prefix: bytes
    octets: bytes


class MemoryDelivery:
    """Takes mail for ``names`` at ``hostname``, and for anywhere from who may send there."""

    def __init__(self, hostname: str, names: Iterable[str]) -> None:
        self.hostname = hostname
        self.names = set(names)
        self.messages: list[Taken] = []
        self.spools: list[MemorySpool] = []
        self.asked: list[tuple[Recipient, Envelope]] = []
        self.lists: dict[str, list[Address]] = {}
        self.aliases: dict[str, str] = {}
        """Local parts, each to the account whose address it is."""
        self.refuses: dict[str, Exception] = {}
        """By local part: what `accept` raises for it."""
        self.refuses_later: dict[str, MailRefused] = {}
        """By local part: what `deliver` answers for it."""
        self.fails: Exception | None = None
        """What `deliver` raises."""
        self.no_spool: Exception | None = None
        self.spool_fails: Exception | None = None
        self.wait: Callable[[], Awaitable[None]] | None = None
        """Makes what a delivery waits for."""

    async def accept(self, recipient: Recipient, envelope: Envelope) -> None:
        self.asked.append((recipient, envelope))
        address = recipient.address
        if (refusal := self.refuses.get(address.local)) is not None:
            raise refusal
        if same_domain(address.domain, self.hostname):
            if address.local.partition("+")[0].lower() not in self.names | {"postmaster"}:
                raise MailRefused(550, "5.1.1", "There is no such address here.")
        elif envelope.account is None and not envelope.trusted:
            raise MailRefused(550, "5.7.1", "Relaying is not for strangers.")

    def spool(self, limit: int | None = None) -> MemorySpool:
        if self.no_spool is not None:
            raise self.no_spool
        spool = MemorySpool()
        spool.fails = self.spool_fails
        self.spools.append(spool)
        return spool

    async def deliver(self, envelope: Envelope, spool: ISpool, prefix: bytes = b"") -> Sequence[MailRefused | None]:
        if self.wait is not None:
            await self.wait()
        if self.fails is not None:
            raise self.fails
        answers = [self.refuses_later.get(recipient.address.local) for recipient in envelope.recipients]
        if None in answers:
            self.messages.append(Taken(envelope, prefix, spool.read(0, spool.size)))
        return answers

    async def owns(self, account: str, address: Address) -> bool:
        name = address.local.partition("+")[0].casefold()
        return same_domain(address.domain, self.hostname) and account in (name, self.aliases.get(name))

    async def verify(self, address: Address) -> bool | None:
        return address.local in self.names if same_domain(address.domain, self.hostname) else None

    async def members(self, address: Address) -> Sequence[Address] | None:
        return self.lists.get(address.local)
