"""Content transfer encodings, as far as they can be read (RFC 2045 section 6): nothing here raises."""

from __future__ import annotations

import re
from binascii import a2b_base64, a2b_qp

_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_LONGEST_LINE = 4096  # RFC 2045 6.7 allows 76; a longer one is decoded before its end is there
# RFC 2045 6.7 (3): white space at a line's end was not there when it was sent
_SOFT_BREAK = re.compile(rb"=[ \t]++(?=\r?\n)")


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
    return a2b_qp(_SOFT_BREAK.sub(b"=", text))


def from_q(text: bytes) -> bytes:
    """The Q encoding of encoded words (RFC 2047 section 4.2)."""
    return a2b_qp(text, header=True)


def transfer_decoded(octets: bytes, encoding: bytes) -> bytes:
    """A body's octets; those of an encoding that is not known stay as they are. ``encoding`` in any case."""
    encoding = encoding.lower()
    if encoding == b"base64":
        return from_base64(octets)
    return from_quoted_printable(octets) if encoding == b"quoted-printable" else octets


class TransferDecoder:
    """The same for a body that comes in pieces: ``feed(octets)`` gives what is certain, ``finish()`` the rest."""

    __slots__ = ("_base64", "_held", "_quoted")

    def __init__(self, encoding: bytes) -> None:
        encoding = encoding.lower()
        self._base64 = encoding == b"base64"
        self._quoted = encoding == b"quoted-printable"
        self._held = b""

    def feed(self, octets: bytes) -> bytes:
        """Decoded octets, in constant memory."""
        if self._base64:
            *whole, last = _NO_BASE64.sub(b"", self._held + octets).split(b"=")
            ready = len(last) & ~3
            self._held = last[ready:]
            return b"".join([*map(_from_base64, whole), a2b_base64(last[:ready])])
        if self._quoted:
            octets = self._held + octets
            ready = octets.rfind(b"\n") + 1
            if len(octets) - ready > _LONGEST_LINE:  # all but what may be an octet by half
                cut = octets.rfind(b"=", len(octets) - 3)
                ready = len(octets) if cut < 0 else cut
            self._held = octets[ready:]
            return from_quoted_printable(octets[:ready])
        return octets

    def finish(self) -> bytes:
        """What was left, as well as it can be read."""
        held, self._held = self._held, b""
        return _from_base64(held) if self._base64 else from_quoted_printable(held)
