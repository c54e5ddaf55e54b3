"""A header for those who know no UTF-8 in headers: what RFC 6532 allows, as RFC 5322 has it (after RFC 6857, RFC 6858).

Who has not said UTF8 (RFC 6856) or ENABLE UTF8=ACCEPT (RFC 6855) is given this in place of the header that is kept.
"""

from __future__ import annotations

import re

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address, Mailbox, phrase
from netdaemon.mail.addresslist import Listed, parse_address_list
from netdaemon.mail.charsets import decode
from netdaemon.mail.domains import to_ascii
from netdaemon.mail.encodedwords import decode_words
from netdaemon.mail.fields import folded, parameter_words, text_field
from netdaemon.mail.header import split_header
from netdaemon.mail.parameters import Parameters, parse_content_type, parse_disposition
from netdaemon.mail.text import header_text, one_line

INVALID = Address("invalid", "internationalized-address.invalid")
"""Stands for an address that can't be written in ASCII (RFC 6858 section 2.1); its display name says which it was."""

_WRITTEN = re.compile(rb"[^\n]*+\n(?:[ \t][^\n]*+(?:\n|\Z))*+|[^\n]++\Z")
_ADDRESSES = frozenset(
    b"from sender reply-to to cc bcc resent-from resent-sender resent-to resent-cc resent-bcc "
    b"disposition-notification-to".split()
)
_STRUCTURED = frozenset(
    b"received return-path message-id in-reply-to references resent-message-id content-id date resent-date "
    b"mime-version content-transfer-encoding dkim-signature arc-seal arc-message-signature list-id".split()
)
"""Encoded words may not stand in these (RFC 2047 section 5): they are left out (RFC 6858 section 2.4)."""


def downgraded(block: bytes) -> bytes:
    """A header block, with or without its empty line, in ASCII. What is in ASCII already stays to the octet."""
    if block.isascii():
        return block
    fields = (match[0] for match in _WRITTEN.finditer(block))
    return b"".join(written if written.isascii() else _field(written) for written in fields)


def _field(written: bytes) -> bytes:
    """One field in ASCII; nothing where that can't be."""
    found = split_header(written)
    name = written.partition(b":")[0].strip(b" \t")
    if len(found) != 1 or not name.isascii():
        return b""  # a line that is no field
    kind, value = found[0]
    title = name.decode("ascii")
    try:
        if kind in _STRUCTURED:
            return b""
        if kind in _ADDRESSES:
            return _addresses(title, value)
        if kind == b"content-type":
            return _content_type(title, value)
        if kind == b"content-disposition":
            return _disposition(title, value)
        return text_field(title, header_text(value))
    except Malformed:
        return b""


def _addresses(name: str, value: bytes) -> bytes:
    written: list[str] = []
    follows = False  # does an address stand before, which a comma must part from the next?
    for listed in parse_address_list(value):
        if listed.domain is None and listed.local is None:
            written.append(";")
            follows = True
            continue
        written.append(", " if follows else " ")
        if listed.domain is None:
            written.append(phrase(_text(listed.local)) + ":")
        else:
            written.append(_mailbox(listed))
        follows = listed.domain is not None
    return folded(name, "".join(written).strip().split(" "))


def _mailbox(listed: Listed) -> str:
    name, local, domain = _text(listed.name), _text(listed.local), _text(listed.domain)
    try:
        address = Address(local, to_ascii(domain))
        if address.is_ascii:
            return str(Mailbox(address, name))
    except Malformed:
        pass
    return str(Mailbox(INVALID, f"{name} {local}@{domain}".strip()))


def _content_type(name: str, value: bytes) -> bytes:
    found = parse_content_type(value)
    if found is None or not (found[0] + found[1]).isascii():
        raise Malformed("no media type")
    return _with_parameters(name, f"{found[0].decode()}/{found[1].decode()}", found[2])


def _disposition(name: str, value: bytes) -> bytes:
    found = parse_disposition(value)
    if found is None or not found[0].isascii():
        raise Malformed("no disposition")
    return _with_parameters(name, found[0].decode(), found[1])


def _with_parameters(name: str, value: str, parameters: Parameters) -> bytes:
    named = [(one.decode(), one_line(decode(text, b""))) for one, text in parameters if one.isascii()]
    words = [value, *parameter_words(named)]
    return folded(name, [*(f"{word};" for word in words[:-1]), words[-1]])


def _text(value: bytes | None) -> str:
    return "" if value is None else one_line(decode_words(value)).strip()
