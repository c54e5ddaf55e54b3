"""Messages that we write ourselves (RFC 5322, RFC 2045)."""

from __future__ import annotations

import re
import secrets
from binascii import b2a_qp
from collections.abc import Iterable, Sequence

from netdaemon.mail.addresses import Mailbox
from netdaemon.mail.dates import format_date
from netdaemon.mail.domains import to_ascii
from netdaemon.mail.fields import address_field, folded, text_field
from netdaemon.mail.header import Header

LONGEST_LINE = 998
"""Octets of a line, without its end (RFC 5322 2.1.1)."""

_ENDS = re.compile(rb"\r\n|\r|\n")


def new_message_id(domain: str, now: float) -> str:
    """A message-id that no other message has (RFC 5322 section 3.6.4); ``now`` in Unix seconds."""
    host = to_ascii(domain) if not domain.startswith("[") else domain
    return f"<{int(now):x}.{secrets.token_hex(12)}@{host}>"


def compose(
    *,
    sender: Mailbox,
    to: Sequence[Mailbox] = (),
    cc: Sequence[Mailbox] = (),
    subject: str = "",
    text: str = "",
    now: float,
    message_id: str,
    extra: Iterable[bytes] = (),
    eight_bit: bool = True,
) -> bytes:
    """A message of plain text, lines ended by CRLF. ``extra`` are whole fields, as `netdaemon.mail.fields` makes them.

    Without ``eight_bit`` the body is ASCII (the peer has no 8BITMIME); the header is unless an address isn't. Raises
    Malformed for what would not be one field.
    """
    fields = [folded("Date", format_date(now).split(" ")), address_field("From", [sender])]
    if to:
        fields.append(address_field("To", to))
    if cc:
        fields.append(address_field("Cc", cc))
    if subject:
        fields.append(text_field("Subject", subject))
    fields += [folded("Message-ID", [message_id]), *extra, b"MIME-Version: 1.0\r\n"]
    return b"".join(fields) + text_part(text, eight_bit=eight_bit)


def missing_fields(header: Header, *, sender: Mailbox, now: float, message_id: str) -> bytes:
    """The fields that a message must have and that this one lacks, to be put in front of it (RFC 6409 section 8)."""
    fields = []
    if b"date" not in header:
        fields.append(folded("Date", format_date(now).split(" ")))
    if b"from" not in header:
        fields.append(address_field("From", [sender]))
    if b"message-id" not in header:
        fields.append(folded("Message-ID", [message_id]))
    return b"".join(fields)


def text_part(text: str, *, eight_bit: bool = True) -> bytes:
    """Content-* fields, the empty line and the body of a plain text, which ends with a line end."""
    body = crlf(text.encode("utf-8", "replace"))
    charset = b"us-ascii" if body.isascii() else b"utf-8"
    encoding = encoding_for(body)
    if encoding == b"binary" or (encoding == b"8bit" and not eight_bit):
        encoding = b"quoted-printable"
        body = quoted_printable(body)
    return b"Content-Type: text/plain; charset=%b\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (
        charset, encoding, body,
    )  # fmt: skip


def crlf(octets: bytes) -> bytes:
    """Octets whose lines all end with CRLF, the last one too."""
    octets = _ENDS.sub(b"\r\n", octets)
    return octets if not octets or octets.endswith(b"\r\n") else octets + b"\r\n"


def encoding_for(octets: bytes) -> bytes:
    """7bit or 8bit for lines that may be sent as they are (RFC 2045 section 2.7 and 2.8), else binary."""
    if b"\0" in octets or any(len(line) > LONGEST_LINE for line in octets.split(b"\r\n")):
        return b"binary"
    return b"7bit" if octets.isascii() else b"8bit"


def quoted_printable(octets: bytes) -> bytes:
    """Text in quoted-printable (RFC 2045 section 6.7); lines end with CRLF before and after."""
    encoded = b2a_qp(octets.replace(b"\r\n", b"\n"), istext=True)
    return encoded.replace(b"\n", b"\r\n")
