"""Content transfer encodings, as far as they can be read (RFC 2045 section 6): nothing here raises."""

from __future__ import annotations

import re
from binascii import a2b_base64, a2b_qp

_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_SOFT_BREAK = re.compile(rb"=[ \t]*+\r?\n")


def from_base64(text: bytes) -> bytes:
    """What base64 stands for; other octets are passed over, and so is what is there by half.

    Some put one behind another, each with its own padding.
    """
    text = _NO_BASE64.sub(b"", text).rstrip(b"=")
    return b"".join([_from_base64(piece) for piece in text.split(b"=")]) if b"=" in text else _from_base64(text)


def _from_base64(text: bytes) -> bytes:
    rest = len(text) % 4
    if rest == 1:
        text, rest = text[:-1], 0
    return a2b_base64(text + b"=" * (-rest % 4))


def from_quoted_printable(text: bytes) -> bytes:
    """What quoted-printable stands for; an equals sign without its digits stands for itself."""
    return a2b_qp(_SOFT_BREAK.sub(b"", text))


def from_q(text: bytes) -> bytes:
    """The Q encoding of encoded words (RFC 2047 section 4.2)."""
    return a2b_qp(text, header=True)


def transfer_decoded(octets: bytes, encoding: bytes) -> bytes:
    """A body's octets; those of an encoding that is not known stay as they are. ``encoding`` in any case."""
    encoding = encoding.lower()
    if encoding == b"base64":
        return from_base64(octets)
    return from_quoted_printable(octets) if encoding == b"quoted-printable" else octets
