"""IMAP's ENVELOPE (RFC 9051 section 7.5.2).

Encoded words stay as they are: clients decode them. Where a field of addresses is there more than once, all addresses
are shown, so that nobody sees fewer than another program does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from netdaemon.mail.addresslist import MAX_LISTED, Listed, parse_address_list
from netdaemon.mail.header import Header
from netdaemon.mail.nstring import Value, nstring, values

MAX_AUTHORS = 100
"""From stands for Sender and Reply-To, too: more addresses of those would be kept three times."""

EMPTY = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


@dataclass(frozen=True)
class Envelope:
    """An ENVELOPE as values: octets as they stand in the fields, None for a field that isn't there."""

    date: bytes | None
    subject: bytes | None
    from_: tuple[Listed, ...]
    sender: tuple[Listed, ...]
    reply_to: tuple[Listed, ...]
    to: tuple[Listed, ...]
    cc: tuple[Listed, ...]
    bcc: tuple[Listed, ...]
    in_reply_to: bytes | None
    message_id: bytes | None


def kept_envelope(header: Header) -> bytes:
    """The ENVELOPE of a message with this header, to be kept; `nstring.sent` makes a response of it."""
    from_ = _addresses(header, b"from", MAX_AUTHORS)
    # RFC 9051 7.5.2: without Sender or Reply-To, and with empty ones, From takes their place
    sender = _addresses(header, b"sender", MAX_AUTHORS)
    reply_to = _addresses(header, b"reply-to", MAX_AUTHORS)
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(header.first(b"date")),
        nstring(header.first(b"subject")),
        from_,
        from_ if sender == b"NIL" else sender,
        from_ if reply_to == b"NIL" else reply_to,
        _addresses(header, b"to"),
        _addresses(header, b"cc"),
        _addresses(header, b"bcc"),
        nstring(header.first(b"in-reply-to")),
        nstring(header.first(b"message-id")),
    )


def read_envelope(kept: bytes) -> Envelope:
    """A kept ENVELOPE as values."""
    (fields,) = values(kept)
    assert isinstance(fields, list)
    texts = [cast("bytes | None", fields[place]) for place in (0, 1, 8, 9)]
    from_, sender, reply_to, to, cc, bcc = [_listed(field) for field in fields[2:8]]
    return Envelope(texts[0], texts[1], from_, sender, reply_to, to, cc, bcc, texts[2], texts[3])


def _addresses(header: Header, name: bytes, limit: int = MAX_LISTED) -> bytes:
    found = header.all(name)
    if not found:
        return b"NIL"
    listed: list[Listed] = []
    for value in found:
        listed += parse_address_list(value, limit - len(listed))
    if not listed:
        return b"NIL"
    return b"(%b)" % b"".join(
        [b"(%b %b %b %b)" % (nstring(name), nstring(route), nstring(local), nstring(domain))
         for name, route, local, domain in listed]
    )  # fmt: skip


def _listed(field: Value) -> tuple[Listed, ...]:
    return tuple([Listed(*cast("list[bytes | None]", each)) for each in field]) if isinstance(field, list) else ()
