"""What SMTP hands over when it takes a message, and what stands behind it: delivery here, and the queue for elsewhere.

A session asks `IDelivery.accept` for each RCPT, and hands over the envelope with the message's spool at the end of the
data. What `IDelivery.deliver` has said yes to is durable: in mailboxes, or in the queue, or both, in one step.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from netdaemon.mail.addresses import Address


@dataclass(frozen=True)
class Recipient:
    """One recipient, with what RFC 3461 (DSN) lets the client say about it."""

    address: Address
    notify: frozenset[str] = frozenset({"FAILURE", "DELAY"})
    """NEVER alone, or any of SUCCESS, FAILURE, DELAY."""
    original: str = ""
    """ORCPT as it was sent, ``rfc822;user@host``, decoded from xtext; empty when it was not."""


@dataclass(frozen=True)
class Envelope:
    """What MAIL, RCPT and the session said of one message."""

    transfer: str
    """Names this transfer, unique in this host: it stands in Received, in logs, and makes a delivery idempotent."""
    sender: Address | None
    """The reverse-path; None for ``<>``."""
    recipients: tuple[Recipient, ...]
    account: str | None = None
    """Who is logged in; None for a stranger, who may only send to local addresses."""
    peer: str = ""
    """The client's IP address; empty for mail that begins here."""
    helo: str = ""
    protocol: str = "ESMTP"
    """As Received's ``with`` has it (RFC 3848): ESMTPSA, LMTP ..."""
    utf8: bool = False
    """SMTPUTF8 (RFC 6531)."""
    body: str = "7BIT"
    """7BIT, 8BITMIME or BINARYMIME."""
    size: int = 0
    """How many octets the message has by the client's word (RFC 1870); 0 when it didn't say."""
    return_full: bool = False
    """DSN's RET=FULL."""
    envelope_id: str = ""
    """DSN's ENVID, decoded from xtext."""
    require_tls: bool = False
    """RFC 8689."""
    deliver_by: tuple[float, str] | None = None
    """RFC 2852: (Unix seconds, "R" or "N" with "T" if traces are wanted)."""
    hold_until: float | None = None
    """RFC 4865 (FUTURERELEASE): Unix seconds."""
    trusted: bool = field(default=False)
    """Does it come from ourselves (a bounce, `netdaemon mail send` by the queue), or from a host that may relay? Then
    it may go anywhere."""


class MailRefused(Exception):
    """Why a recipient or a message is not taken: the reply's code and enhanced status (RFC 3463), and its text."""

    def __init__(self, code: int, status: str, text: str) -> None:
        super().__init__(f"{code} {status} {text}")
        self.code = code
        self.status = status
        self.text = text

    @property
    def temporary(self) -> bool:
        """May the same thing be asked again later?"""
        return self.code < 500


class ISpool(Protocol):
    """A message's octets as they came; `netdaemon.messages.interfaces.ISpool`."""

    @property
    def size(self) -> int: ...

    @property
    def digest(self) -> bytes: ...

    def read(self, offset: int, size: int) -> bytes: ...


class IDelivery(Protocol):
    """Where messages go. Refusals are `MailRefused`; anything else that is raised is a fault of ours (4.3.0)."""

    def accept(self, recipient: Recipient, envelope: Envelope) -> Awaitable[None]:
        """Would this recipient be taken, with the envelope as it is so far? Raises MailRefused.

        550 5.1.1 no such address here, 550 5.7.1 relaying is not for strangers, 452 4.2.2 over quota, 450 4.x later.
        """

    def spool(self, limit: int | None = None) -> Any:
        """A new spool to write a message into (`write`, `finish`, `abort`); at most so many octets."""

    def deliver(
        self, envelope: Envelope, spool: ISpool, prefix: bytes = b""
    ) -> Awaitable[Sequence[MailRefused | None]]:
        """Take a message: one answer for each recipient, in their order; None is a yes, and durable.

        ``prefix`` (Received and Authentication-Results fields, with their line ends) goes in front of the spool's
        octets. Raises MailRefused when the message as a whole is not taken. It is never cancelled; the caller aborts
        the spool once it has answered.

        Only LMTP's client (``protocol`` says so) can be told of one recipient who is refused while others are taken.
        For all others such a refusal is a report to the sender (RFC 3464), and who gives it is behind this.
        """

    def owns(self, account: str, address: Address) -> Awaitable[bool]:
        """May this account send as this address: is it the account's name here, or does all mail to it go to him?

        Raises MailRefused when that can't be told just now.
        """

    def verify(self, address: Address) -> Awaitable[bool | None]:
        """VRFY for those who are logged in: is there such a mailbox? None when nobody knows."""

    def members(self, address: Address) -> Awaitable[Sequence[Address] | None]:
        """EXPN for those who are logged in: whom an address stands for; None when it is no list."""


class IVisit(Protocol):
    """One client's messages under a policy, from the connection to its end. Refusals are `MailRefused`."""

    def at_recipient(self, envelope: Envelope, recipient: Recipient) -> Awaitable[None]:
        """Delivery takes this recipient, with the envelope as it is so far: does the policy?"""

    def at_message(self, envelope: Envelope, spool: ISpool) -> Awaitable[tuple[bytes, ISpool]]:
        """The message has come whole: fields to go in front of it, and its octets as they are to be delivered.

        The latter read from ``spool``, which lives as long.
        """


class IPolicy(Protocol):
    """What is asked of a message's origin besides its addresses; see `netdaemon.mail.policies`."""

    def at_connect(self, peer: str) -> IVisit:
        """A client's address, empty for one on this host (a UNIX socket)."""
