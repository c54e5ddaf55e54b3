"""Delivery by address map: what SMTP hands over is in mailboxes here, in the queue for elsewhere, or both, in one
transaction.

All copies with the same return path are one message: its octets begin with Return-Path (RFC 5321 section 4.4), then
comes what SMTP put in front (Received), then what came. The queue leaves Return-Path out when it sends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from netdaemon.interfaces import LoginUnavailable
from netdaemon.mail.addresses import Address
from netdaemon.mail.addressmap import AddressMap, Mailbox, Route, TooManyAddresses
from netdaemon.mail.books import IWritesBooks
from netdaemon.mail.handover import FULL, Handover, NobodyTakes, Ready
from netdaemon.mail.interfaces import Envelope, ISpool, MailRefused, Recipient
from netdaemon.mail.letter import Letter, Options
from netdaemon.mail.plan import LOOP, UNKNOWN, Copy, Plan
from netdaemon.mail.prefixed import Prefixed, header_of
from netdaemon.mail.received import return_path_field, times_received
from netdaemon.mail.schedule import Schedule
from netdaemon.messages.errors import NoSuchFolder, OverQuota, StoreBusy, StoreError, StoreFull, TooLarge
from netdaemon.messages.interfaces import Folder, Quota
from netdaemon.messages.names import INBOX

if TYPE_CHECKING:
    from netdaemon.mail.interfaces import IDelivery

T = TypeVar("T")

MOST_RECEIVED = 30
"""Hosts that a message has passed; one with more runs in a circle (RFC 5321 section 6.3)."""
AT_HAND = 256 << 10
"""Octets of a message that is read where it comes in; what is larger is read in a thread."""

MOST_INBOXES = 10_000
"""Accounts whose INBOX is remembered."""

_NO_RELAY = MailRefused(550, "5.7.1", "mail for elsewhere is taken from our own accounts only")
_UNAVAILABLE = MailRefused(450, "4.3.0", "the accounts cannot be asked just now")
_LONG_LIST = MailRefused(450, "4.2.4", "the list has too many members")


class IStore(IWritesBooks, Protocol):
    """The message store, as far as mail is delivered into it."""

    def spool(self, limit: int | None = None) -> Any: ...

    def folder(self, account: str, name: str) -> Folder: ...

    def folders(self, account: str) -> list[Folder]: ...

    def ensure(self, account: str, name: str) -> Deferred[Folder]: ...

    def usage(self, account: str) -> Quota: ...


class Delivery:
    """`netdaemon.mail.interfaces.IDelivery`.

    ``limit`` says what an account may keep, ``wall`` gives Unix seconds, ``in_thread`` runs what takes long, ``count``
    is told what became of each recipient.
    """

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        queue_folder: int,
        addresses: AddressMap,
        schedule: Schedule,
        *,
        wall: Callable[[], float],
        in_thread: Callable[..., Awaitable[Any]],
        limit: Callable[[str], Quota | None] = lambda account: None,
        count: Callable[[str], object] = lambda result: None,
    ) -> None:
        self._store = store
        self._queue_folder = queue_folder
        self.addresses = addresses
        self.schedule = schedule
        self._wall = wall
        self._in_thread = in_thread
        self._limit = limit
        self._count = count
        self._inboxes: dict[str, int] = {}  # as they were when they were last looked up

    # --- asked before there is a message -----------------------------------------------------------------------

    async def accept(self, recipient: Recipient, envelope: Envelope) -> None:
        """As IDelivery has it."""
        address = recipient.address
        if not self.addresses.is_local(address.domain):
            if envelope.account is None and not envelope.trusted:
                raise _NO_RELAY
            return
        route = self._route(address)
        if route.nobody:
            raise UNKNOWN
        if not route.elsewhere and all(self._is_full(mailbox.account) for mailbox in route.mailboxes):
            raise FULL

    def _route(self, address: Address) -> Route:
        try:
            return self.addresses.route(address)
        except LoginUnavailable as error:
            self._log.error("an address can't be looked up: {error}", error=str(error))
            raise _UNAVAILABLE from None
        except TooManyAddresses as error:
            self._log.error("{alias} comes to too many addresses", alias=str(error))
            raise _LONG_LIST from None

    def _is_full(self, account: str) -> bool:
        try:
            may = self._limit(account)
            if may is None:
                return False
            has = self._store.usage(account)
        except LoginUnavailable as error:
            self._log.error("a quota can't be looked up: {error}", error=str(error))
            raise _UNAVAILABLE from None
        except StoreError as error:
            raise refusal(error) from None
        return (may.octets is not None and (has.octets or 0) >= may.octets) or (
            may.messages is not None and (has.messages or 0) >= may.messages
        )

    def spool(self, limit: int | None = None) -> Any:
        """A spool of the store's."""
        return self._store.spool(limit)

    async def owns(self, account: str, address: Address) -> bool:
        """As IDelivery has it."""
        if not self.addresses.is_local(address.domain):
            return False
        route = self._route(address)
        named = self.addresses.account(address.local.casefold())
        if named is not None and named.account == account:
            return True  # also where an alias leads its mail elsewhere
        return bool(route.mailboxes) and not route.elsewhere and all(box.account == account for box in route.mailboxes)

    async def verify(self, address: Address) -> bool | None:
        """As IDelivery has it."""
        return not self._route(address).nobody if self.addresses.is_local(address.domain) else None

    async def members(self, address: Address) -> Sequence[Address] | None:
        """As IDelivery has it."""
        return self.addresses.members(address)

    # --- a message ---------------------------------------------------------------------------------------------

    async def deliver(self, envelope: Envelope, spool: ISpool, prefix: bytes = b"") -> Sequence[MailRefused | None]:
        """As IDelivery has it. Over LMTP each recipient has its own answer. Otherwise a message that some can't be
        given is taken for the others: those are tried again, or the sender is told. What nobody can be given is
        refused.
        """
        try:
            answers = await self._deliver(envelope, spool, prefix)
        except MailRefused as refused:
            self._count("deferred" if refused.temporary else "refused")
            raise
        except (StoreError, OSError) as error:
            self._count("deferred")
            if not isinstance(error, StoreFull | StoreBusy | OverQuota):
                self._log.error("{transfer} is not delivered: {error}", transfer=envelope.transfer, error=str(error))
            raise refusal(error) from error
        for answer in answers:
            self._count("accepted" if answer is None else "deferred" if answer.temporary else "refused")
        return answers

    async def _deliver(self, envelope: Envelope, spool: ISpool, prefix: bytes) -> Sequence[MailRefused | None]:
        header = await self._read(spool, header_of, spool)
        if times_received(header) > MOST_RECEIVED:
            raise LOOP
        now = self._wall()
        plan = Plan(envelope)
        if envelope.hold_until is not None and envelope.hold_until > now:
            plan.put_off()
        else:
            plan.find(self._route, header)
        lmtp = envelope.protocol.upper().startswith("LMTP")
        if not plan.answers:
            return []
        if all(plan.answers):
            return _refused([answer for answer in plan.answers if answer is not None], lmtp)
        try:
            return await self._hand_over(envelope, plan, spool, prefix, now, lmtp)
        except NoSuchFolder:  # deleted since it was looked up; so look again, and if need be make it anew
            self._inboxes.clear()
            return await self._hand_over(envelope, plan, spool, prefix, now, lmtp)

    async def _hand_over(
        self, envelope: Envelope, plan: Plan, spool: ISpool, prefix: bytes, now: float, lmtp: bool
    ) -> Sequence[MailRefused | None]:
        for copy in plan.copies:
            copy.folders.clear()
            for mailbox, places in copy.mailboxes.items():
                copy.folders.setdefault(await self._folder(mailbox), set()).update(places)
        ready = [
            await self._ready(envelope, copy, spool, prefix, now, f"{envelope.transfer}/{place}")
            for place, copy in enumerate(copy for copy in plan.copies if copy.needed)
        ]
        handover = Handover(plan, ready, self._queue_folder, each_answered=lmtp)
        try:
            return await self._store.write(handover.run, [one.spool for one in ready])
        except NobodyTakes as nobody:
            return _refused(nobody.answers, lmtp)

    async def _read(self, spool: ISpool, work: Callable[..., T], *arguments: Any) -> T:
        if spool.size <= AT_HAND:
            return work(*arguments)
        result: T = await self._in_thread(work, *arguments)
        return result

    async def _ready(
        self, envelope: Envelope, copy: Copy, spool: ISpool, prefix: bytes, now: float, token: str
    ) -> Ready:
        return_path = return_path_field(copy.sender)
        stored = Prefixed(spool, return_path + prefix)
        summary = await self._read(stored, stored.summarise)
        since = max(now, envelope.hold_until or 0.0)
        by = envelope.deliver_by
        # RFC 2852 4.1.4: who says R wants it back when it is late; who says N wants to hear of it
        deadline = by[0] if by is not None and by[1].upper().startswith("R") else None
        letter = Letter(
            envelope.transfer,
            copy.sender,
            (),
            Options.of(envelope),
            arrived=now,
            since=since,
            expires=self.schedule.expires(since, deadline),
            next_try=since,
            skip=len(return_path),
            octets=stored.size - len(return_path),
        )
        return Ready(copy, stored, summary, letter, token)

    async def _folder(self, mailbox: Mailbox) -> int:
        found = self._detailed(mailbox) if mailbox.detail else None
        if found is not None:
            return found
        known = self._inboxes.get(mailbox.account)
        if known is not None:
            return known
        try:
            inbox = self._store.folder(mailbox.account, INBOX)
        except NoSuchFolder:
            inbox = await self._store.ensure(mailbox.account, INBOX)
        if len(self._inboxes) >= MOST_INBOXES:
            self._inboxes.clear()
        self._inboxes[mailbox.account] = inbox.id
        return inbox.id

    def _detailed(self, mailbox: Mailbox) -> int | None:
        """The folder that an address asks for. Whoever writes to us does not choose Trash and its like."""
        for folder in self._store.folders(mailbox.account):
            if folder.name.casefold() == mailbox.detail and folder.selectable and not folder.special_use:
                return folder.id
        return None


def _refused(answers: Sequence[MailRefused], each_answered: bool) -> Sequence[MailRefused]:
    """Nobody gets it. One answer for all is that of whoever may get it later, if there is one."""
    if each_answered:
        return answers
    raise next((answer for answer in answers if answer.temporary), answers[0])


def refusal(error: Exception) -> MailRefused:
    """What the store's trouble is to SMTP: never a yes."""
    if isinstance(error, TooLarge):
        return MailRefused(552, "5.3.4", "the message is too large")
    if isinstance(error, OverQuota):
        return FULL
    if isinstance(error, StoreFull):
        return MailRefused(452, "4.3.1", "there is no room for messages just now")
    if isinstance(error, StoreBusy):
        return MailRefused(451, "4.3.2", "too much is to be done just now")
    return MailRefused(451, "4.3.0", "the message cannot be kept just now")


if TYPE_CHECKING:

    def _provides(delivery: Delivery) -> IDelivery:
        return delivery
