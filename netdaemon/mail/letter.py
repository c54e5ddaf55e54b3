"""A message in the outgoing queue, with its recipients, as values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from netdaemon.mail.addresses import Address
from netdaemon.mail.interfaces import Envelope, Recipient

DUE, SENDING, HELD = "due", "sending", "held"
STATES = (DUE, SENDING, HELD)
WAITING, DONE, FAILED = "waiting", "done", "failed"
"""A message is due, sending or held (or gone); a recipient is waiting, done or failed."""


@dataclass(frozen=True)
class Addressee:
    """A recipient in the queue."""

    recipient: Recipient
    by: Address | None = None
    """Which address of ours led there."""
    number: int = 0
    state: str = WAITING
    action: str = ""
    """What the sender is told (`netdaemon.mail.reports`)."""
    status: str = ""
    """RFC 3463, of the last try."""
    reply: str = ""
    """What was said at the last try."""
    host: str = ""
    """Who said so; empty if it was us."""
    tries: int = 0
    last_try: float | None = None
    report: bool = False
    """Is the sender still to be told of ``action``?"""


@dataclass(frozen=True)
class Options:
    """What is kept of an envelope beside its addresses."""

    account: str | None = None
    utf8: bool = False
    body: str = "7BIT"
    return_full: bool = False
    envelope_id: str = ""
    require_tls: bool = False
    deliver_by: tuple[float, str] | None = None

    @classmethod
    def of(cls, envelope: Envelope) -> Options:
        return cls(
            envelope.account,
            envelope.utf8,
            envelope.body,
            envelope.return_full,
            envelope.envelope_id,
            envelope.require_tls,
            envelope.deliver_by,
        )

    @classmethod
    def from_json(cls, text: str) -> Options:
        values = json.loads(text)
        if values.get("deliver_by") is not None:
            values["deliver_by"] = tuple(values["deliver_by"])
        return cls(**values)


@dataclass(frozen=True)
class Letter:
    """A message in the queue. Times are Unix seconds."""

    transfer: str
    sender: Address | None
    addressees: tuple[Addressee, ...]
    options: Options = field(default_factory=Options)
    arrived: float = 0.0
    since: float = 0.0
    """When it may first be sent."""
    expires: float = 0.0
    next_try: float = 0.0
    skip: int = 0
    octets: int = 0
    """Of what is sent."""
    id: int = 0
    message: int = 0
    place: tuple[int, int] = (0, 0)
    """(folder, UID)."""
    state: str = DUE
    tries: int = 0
    warned: bool = False
    reports: int = 0

    @property
    def waiting(self) -> list[Addressee]:
        return [one for one in self.addressees if one.state == WAITING]

    @property
    def unreported(self) -> list[Addressee]:
        return [one for one in self.addressees if one.report]
