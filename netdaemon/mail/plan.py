"""Who gets a message, worked out before anything is written: copies for mailboxes and for the queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from netdaemon.mail.addresses import Address
from netdaemon.mail.addressmap import Elsewhere, Mailbox, Route
from netdaemon.mail.header import Header
from netdaemon.mail.interfaces import Envelope, MailRefused, Recipient
from netdaemon.mail.letter import DONE, FAILED, Addressee
from netdaemon.mail.reports import DELIVERED, EXPANDED
from netdaemon.mail.reports import FAILED as ACTION_FAILED

LOOP = MailRefused(554, "5.4.6", "the message runs in a circle")
UNKNOWN = MailRefused(550, "5.1.1", "there is no such address here")


@dataclass
class Copy:
    """What goes out under one return path. Recipients are told by their place in the envelope."""

    sender: Address | None
    mailboxes: dict[Mailbox, set[int]] = field(default_factory=dict)
    folders: dict[int, set[int]] = field(default_factory=dict)
    """The mailboxes' folders, once they are known."""
    addressees: dict[tuple[str, str], Addressee] = field(default_factory=dict)
    sent_for: set[int] = field(default_factory=set)
    """Whose mail the addressees get."""
    reports: list[Addressee] = field(default_factory=list)
    """Those who are not sent to, but told of."""

    @property
    def queued(self) -> bool:
        """Does the queue need it?"""
        return bool(self.addressees or self.reports)

    @property
    def needed(self) -> bool:
        """Does anybody get it?"""
        return bool(self.mailboxes) or self.queued


class Plan:
    """The copies, the first one under the sender's own return path; and who is refused already."""

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.answers: list[MailRefused | None] = [None] * len(envelope.recipients)
        self.origin = Copy(envelope.sender)
        self._copies = {_name(envelope.sender): self.origin}

    @property
    def copies(self) -> list[Copy]:
        return list(self._copies.values())

    def copy(self, sender: Address | None) -> Copy:
        """The copy under that return path."""
        return self._copies.setdefault(_name(sender), Copy(sender))

    def put_off(self) -> None:
        """RFC 4865: nobody gets it before its time, so all of it waits in the queue."""
        for place, recipient in enumerate(self.envelope.recipients):
            self.origin.addressees.setdefault(recipient.address.key(), Addressee(recipient))
            self.origin.sent_for.add(place)

    def find(self, route: Callable[[Address], Route], header: Header) -> None:
        """Ask the address map, ``route``, for every recipient; it may raise MailRefused."""
        been_at = {value.strip(b"<> \t").lower() for value in header.all(b"delivered-to")}
        for place, recipient in enumerate(self.envelope.recipients):
            try:
                found = route(recipient.address)
                if found.nobody:
                    raise UNKNOWN
                forwards = any(one.by is not None for one in found.elsewhere)
                if forwards and str(recipient.address).lower().encode() in been_at:
                    raise LOOP
            except MailRefused as refused:
                self.answers[place] = refused
            else:
                self._add(place, recipient, found)
        self._drop_duplicates()

    def _drop_duplicates(self) -> None:
        """Who gets it under one return path doesn't get it under another: the sender's own comes first."""
        mailboxes: dict[Mailbox, set[int]] = {}
        addressees: set[tuple[str, str]] = set()
        for copy in self.copies:
            for mailbox, places in list(copy.mailboxes.items()):
                if mailbox in mailboxes:
                    mailboxes[mailbox] |= copy.mailboxes.pop(mailbox)
                else:
                    mailboxes[mailbox] = places
            for key in list(copy.addressees):
                if key in addressees:
                    del copy.addressees[key]
                    # whoever has it elsewhere gets it
                    self.origin.sent_for |= copy.sent_for
                addressees.add(key)

    def _add(self, place: int, recipient: Recipient, route: Route) -> None:
        # What a list can't deliver is its owner's business; reports never answer reports.
        sender = self.envelope.sender
        copy = self.copy(route.owner if route.owner is not None and sender is not None else sender)
        for mailbox in route.mailboxes:
            copy.mailboxes.setdefault(mailbox, set()).add(place)
        for one in route.elsewhere:
            handed_on = _handed_on(recipient, one, route)
            copy.addressees.setdefault(one.address.key(), Addressee(handed_on, one.by))
            copy.sent_for.add(place)
        if sender is None or "SUCCESS" not in recipient.notify:
            return
        # RFC 3461 5.2.7: of a list, or an alias of several, the sender hears that it was opened, and no more.
        told = Addressee(recipient, state=DONE, status="2.1.5", report=True)
        if route.owner is not None or route.expanded:
            self.origin.reports.append(replace(told, action=EXPANDED))
        elif route.mailboxes:
            self.origin.reports.append(replace(told, action=DELIVERED))

    def refuse_later(self, place: int, refused: MailRefused) -> None:
        """The message was taken, but not for this one: try again later, or tell the sender."""
        recipient = self.envelope.recipients[place]
        addressee = Addressee(recipient, status=refused.status, reply=refused.text)
        if refused.temporary:
            self.origin.addressees.setdefault(recipient.address.key(), addressee)
        elif self.envelope.sender is not None and "FAILURE" in recipient.notify:
            self.origin.reports.append(replace(addressee, state=FAILED, action=ACTION_FAILED, report=True))


def _handed_on(recipient: Recipient, one: Elsewhere, route: Route) -> Recipient:
    """RFC 3461 5.2.7: an alias of one hands on what was asked for; of several, nobody is told of each success; a list
    has its own."""
    if one.by is None:
        return recipient
    original = recipient.original or f"rfc822;{recipient.address}"
    if route.owner is not None:
        return Recipient(one.address)
    if route.expanded and "SUCCESS" in recipient.notify:
        notify = recipient.notify - {"SUCCESS"}
        return Recipient(one.address, notify or frozenset({"NEVER"}), original)
    return Recipient(one.address, recipient.notify, original)


def _name(sender: Address | None) -> str:
    return "" if sender is None else str(sender)
