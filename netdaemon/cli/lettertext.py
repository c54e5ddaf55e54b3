"""What `netdaemon mail send` makes of its standard input: a message, whole as it is or made of a text."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address, Mailbox, mailboxes, parse_address
from netdaemon.mail.compose import compose, crlf, new_message_id
from netdaemon.mail.dates import format_date
from netdaemon.mail.fields import address_field, folded
from netdaemon.mail.header import Header

_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_KNOWN = (b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"received", b"sender")
_BCC = re.compile(rb"^bcc[ \t]*:.*\r\n(?:[ \t].*\r\n)*", re.IGNORECASE | re.MULTILINE)


def letter(
    text: bytes, sender: str, recipients: Sequence[str], subject: str | None, now: float | None = None
) -> tuple[bytes, Address | None, list[Address]]:
    """(the message, from whom, to whom). Raises Malformed for addresses that are none, and for a subject that isn't.

    A whole message gets the fields that it must have and hasn't: Date, From, Message-ID; Bcc is left out.
    """
    now = time.time() if now is None else now
    writer = mailbox(sender) if sender else None
    readers = [mailbox(recipient) for recipient in recipients]
    addresses = [reader.address for reader in readers]
    if subject is None and is_message(text):
        return _completed(crlf(text), writer, now), _of(writer), addresses
    if writer is None:
        raise Malformed("a text needs somebody whom it is from; a whole message does not")
    octets = compose(
        sender=writer,
        to=readers,
        subject=subject or "",
        text=text.decode("utf-8", "replace"),
        now=now,
        message_id=new_message_id(writer.address.domain, now),
    )
    return octets, writer.address, addresses


def _of(writer: Mailbox | None) -> Address | None:
    return None if writer is None else writer.address


def mailbox(text: str) -> Mailbox:
    """``name@host`` or ``Name <name@host>``. Raises Malformed."""
    bare = text.strip(" ")
    try:
        return Mailbox(parse_address(bare.removeprefix("<").removesuffix(">") if bare.startswith("<") else bare))
    except Malformed as error:
        if "<" in text and text.isprintable():
            found = mailboxes([text.encode("utf-8", "replace")])
            if len(found) == 1:
                return found[0]
        raise Malformed(f"{text!r} is no address: {error}") from None


def is_message(text: bytes) -> bool:
    """Does it begin with a header, and not with words that have a colon behind them?"""
    block = re.split(rb"\r?\n\r?\n", text, maxsplit=1)[0]
    lines = block.splitlines()
    if (
        not lines
        or not all(_FIELD.match(line) or line[:1] in (b" ", b"\t") for line in lines)
        or lines[0][:1].isspace()
    ):
        return False
    header = Header(block)
    return any(name in header for name in _KNOWN)


def _completed(octets: bytes, writer: Mailbox | None, now: float) -> bytes:
    head, empty, body = octets.partition(b"\r\n\r\n")
    header = Header(head)
    fields = b""
    if b"date" not in header:
        fields += folded("Date", format_date(now).split(" "))
    if b"from" not in header and writer is not None:
        fields += address_field("From", [writer])
    if b"message-id" not in header:
        fields += folded("Message-ID", [new_message_id("localhost" if writer is None else writer.address.domain, now)])
    if empty:
        head = _BCC.sub(b"", head + b"\r\n")[:-2]
    return fields + head + empty + body
