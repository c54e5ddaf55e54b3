"""Encoded words, both ways (RFC 2047, RFC 2231 section 5)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator

from netdaemon.mail.charsets import decode
from netdaemon.mail.transfer import from_base64, from_q

# Looser than the RFC: some write white space into them.
_WORD = re.compile(rb"=\?([^?\s*]{1,60}+)(?:\*[^?\s]{0,40}+)?\?([bBqQ])\?([^?]*+)\?=")


def decode_words(value: bytes) -> str:
    """A field's text with its encoded words decoded, whatever is between them taken as `charsets.decode` does."""
    if b"=?" not in value:
        return decode(value, b"")
    found: list[str] = []
    at, charset = 0, b""
    octets: list[bytes] = []  # of words that follow each other: some cut characters in two
    for match in _WORD.finditer(value):
        between = value[at : match.start()]
        # RFC 2047 6.2: white space between two encoded words is not shown
        adjacent = bool(at) and not between.strip()
        word_charset = match[1].lower()
        if not adjacent or word_charset != charset:
            found.append(decode(b"".join(octets), charset))
            octets.clear()
            if not adjacent:
                found.append(decode(between, b""))
        charset = word_charset
        octets.append(from_base64(match[3]) if match[2] in b"bB" else from_q(match[3]))
        at = match.end()
    found += [decode(b"".join(octets), charset), decode(value[at:], b"")]
    return "".join(found)


LONGEST = 75
"""RFC 2047 2: an encoded word's characters."""
_ROOM = LONGEST - len("=?utf-8?q??=")
# RFC 2047 5 (3): what may stand in a word of a phrase, the narrowest case
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def encode_words(text: str, first: int = LONGEST) -> list[str]:
    """``text`` as encoded words, to be written with white space between them; in UTF-8, B or Q as is shorter.

    The first one is not longer than ``first``, at least 24. No character is cut in two.
    """
    first = max(first, 24) - (LONGEST - _ROOM)
    octets = text.encode("utf-8", "replace")
    if _q_length(octets) <= 4 * len(octets) / 3:
        return [f"=?utf-8?q?{''.join(map(_q, piece))}?=" for piece in _cut(text, _q_length, first, _ROOM)]
    return [
        f"=?utf-8?b?{b64encode(piece).decode('ascii')}?=" for piece in _cut(text, len, first // 4 * 3, _ROOM // 4 * 3)
    ]


def _q(octet: int) -> str:
    return "_" if octet == 0x20 else chr(octet) if octet in _Q_SAFE else f"={octet:02X}"


def _q_length(octets: bytes) -> int:
    return sum(1 if octet in _Q_SAFE or octet == 0x20 else 3 for octet in octets)


def _cut(text: str, length: Callable[[bytes], int], first: int, others: int) -> Iterator[bytes]:
    """UTF-8 in pieces of whole characters, none longer by that measure than the first, and the others, may be."""
    piece, size, room = b"", 0, first
    for character in text:
        octets = character.encode("utf-8", "replace")
        more = length(octets)
        if size + more > room:
            yield piece
            piece, size, room = b"", 0, others
        piece += octets
        size += more
    yield piece
