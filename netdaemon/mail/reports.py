"""Delivery status notifications (RFC 3464 in the frame of RFC 6522; RFC 6533 for addresses that are not ASCII)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address, Mailbox
from netdaemon.mail.compose import crlf, encoding_for, quoted_printable, text_part
from netdaemon.mail.dates import format_date
from netdaemon.mail.fields import address_field, folded, text_field
from netdaemon.mail.header import Header
from netdaemon.mail.text import message_id as first_message_id
from netdaemon.mail.text import one_line

FAILED, DELAYED, DELIVERED, RELAYED, EXPANDED = "failed", "delayed", "delivered", "relayed", "expanded"
"""Actions (RFC 3464 section 2.3.3)."""

MOST_RETURNED = 64 << 10
"""Octets of a header that are returned."""

_SUBJECTS = {
    FAILED: "Undelivered mail returned to sender",
    DELAYED: "Your mail is delayed",
    DELIVERED: "Your mail was delivered",
    RELAYED: "Your mail was passed on",
    EXPANDED: "Your mail was passed on",
}
_TEXTS = {
    FAILED: "Your message could not be delivered to:",
    DELAYED: "Your message has not been delivered yet, and will be tried again. You need not send it again. To:",
    DELIVERED: "Your message was delivered to:",
    RELAYED: "Your message was passed on to a host that may not tell of its delivery. To:",
    EXPANDED: "Your message was passed on to more than one address. To:",
}
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_EMPTY_LINE = re.compile(rb"(?:\A|\r\n|\n)\r?\n")


@dataclass(frozen=True)
class Outcome:
    """What became of a message for one recipient."""

    recipient: Address
    action: str
    status: str
    """RFC 3463: ``5.1.1``."""
    diagnostic: str = ""
    """What the other host answered, or why it could not be asked; any text."""
    remote_host: str = ""
    """Who answered; then the diagnostic is an SMTP reply."""
    original: str = ""
    """ORCPT, decoded: ``rfc822;name@host`` (RFC 3461 section 4.2)."""
    last_attempt: float | None = None
    """Unix seconds."""
    retried_until: float | None = None
    """Unix seconds, of what is delayed."""


def delivery_report(
    outcomes: Sequence[Outcome],
    *,
    host: str,
    sender: Mailbox,
    to: Address,
    now: float,
    message_id: str,
    returned: bytes,
    whole: bool = False,
    arrived: float | None = None,
    envelope_id: str = "",
) -> bytes:
    """A report of one or more outcomes, the worst one first in its subject, to be sent from ``<>``.

    ``returned`` is the message, or its beginning: its header is sent back, or all of it if it is ``whole``. Raises
    Malformed for a status or an action that there isn't.
    """
    actions = [outcome.action for outcome in outcomes]
    action = next((known for known in _SUBJECTS if known in actions), None)
    if action is None:
        raise Malformed("a report of nothing")
    parts = [
        text_part(_explanation(outcomes, host), eight_bit=False),
        b"Content-Type: message/delivery-status\r\n\r\n"
        + _status(outcomes, host=host, arrived=arrived, envelope_id=envelope_id),
        _returned(returned, whole=whole),
    ]
    boundary = _boundary(parts)
    original_id = first_message_id(_returned_header(returned).first(b"message-id"))
    fields = [
        folded("Date", format_date(now).split(" ")),
        address_field("From", [sender]),
        address_field("To", [Mailbox(to)]),
        text_field("Subject", _SUBJECTS[action]),
        folded("Message-ID", [message_id]),
        folded("References", [original_id]) if original_id.isascii() and original_id else b"",
        # RFC 3834 5: nobody's program should answer this
        b"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n",
        folded("Content-Type", ["multipart/report;", "report-type=delivery-status;", f'boundary="{boundary}"']),
    ]
    delimiter = b"\r\n--%b" % boundary.encode("ascii")
    body = b"".join([b"%b\r\n%b" % (delimiter, part) for part in parts])
    return b"".join(fields) + body + delimiter + b"--\r\n"


def _explanation(outcomes: Sequence[Outcome], host: str) -> str:
    lines = [f"This is the mail system at {host}.", ""]
    for action, text in _TEXTS.items():
        chosen = [outcome for outcome in outcomes if outcome.action == action]
        if chosen:
            lines += [text, ""]
        for outcome in chosen:
            lines.append(f"  <{outcome.recipient}>")
            if outcome.diagnostic:
                said = f"{outcome.remote_host} said: " if outcome.remote_host else ""
                lines.append(f"    {said}{one_line(outcome.diagnostic)[:900]}")
            lines.append("")
    return "\n".join(lines)


def _status(outcomes: Sequence[Outcome], *, host: str, arrived: float | None, envelope_id: str) -> bytes:
    """RFC 3464 section 2: fields of the message, then a block of fields for each recipient."""
    message = [folded("Reporting-MTA", ["dns;", host])]
    if envelope_id:
        message.insert(0, folded("Original-Envelope-Id", [_ascii(envelope_id)]))
    if arrived is not None:
        message.append(folded("Arrival-Date", [format_date(arrived)]))
    blocks = [b"".join(message)]
    for outcome in outcomes:
        if outcome.action not in _SUBJECTS or not _STATUS.fullmatch(outcome.status):
            raise Malformed("no action or no status code")
        fields = []
        if outcome.original:
            fields.append(folded("Original-Recipient", [_typed(*outcome.original.partition(";")[::2])]))
        fields += [
            folded("Final-Recipient", [_typed("rfc822", str(outcome.recipient))]),
            folded("Action", [outcome.action]),
            folded("Status", [outcome.status]),
        ]
        if outcome.remote_host:
            fields.append(folded("Remote-MTA", ["dns;", _ascii(outcome.remote_host)]))
        if outcome.diagnostic:
            kind = "smtp;" if outcome.remote_host else "x-netdaemon;"
            fields.append(folded("Diagnostic-Code", [kind, *_ascii(outcome.diagnostic)[:900].split()]))
        if outcome.last_attempt is not None:
            fields.append(folded("Last-Attempt-Date", [format_date(outcome.last_attempt)]))
        if outcome.retried_until is not None:
            fields.append(folded("Will-Retry-Until", [format_date(outcome.retried_until)]))
        blocks.append(b"".join(fields))
    return b"\r\n".join(blocks)


def _typed(kind: str, address: str) -> str:
    """An address with its type. RFC 6533 3: one that isn't ASCII is of type utf-8, here in its form for ASCII."""
    kind, address = _ascii(kind).strip(), one_line(address).strip()
    if address.isascii():
        return f"{kind};{address}"
    return "utf-8;" + "".join(
        [letter if "!" <= letter <= "~" and letter not in "\\+=" else f"\\x{{{ord(letter):X}}}" for letter in address]
    )


def _ascii(text: str) -> str:
    return one_line(text).encode("ascii", "replace").decode("ascii")


def _returned_header(returned: bytes) -> Header:
    end = _EMPTY_LINE.search(returned)
    return Header(returned[: end.start() if end else len(returned)][:MOST_RETURNED])


def _returned(returned: bytes, *, whole: bool) -> bytes:
    """What was sent, or its header alone (RFC 6522 section 4)."""
    if whole:
        octets = crlf(returned)
        # RFC 2046 5.2.1: no encoding but these may be used for a message
        encoding = encoding_for(octets)
        return b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (encoding, octets)
    end = _EMPTY_LINE.search(returned)
    octets = crlf(returned[: end.start() if end else len(returned)][:MOST_RETURNED])
    encoding = encoding_for(octets)
    if encoding != b"7bit":
        encoding, octets = b"quoted-printable", quoted_printable(octets)
    return b"Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (encoding, octets)


def _boundary(parts: Sequence[bytes]) -> str:
    while True:
        boundary = "=_" + secrets.token_hex(16)
        if not any(boundary.encode("ascii") in part for part in parts):
            return boundary
