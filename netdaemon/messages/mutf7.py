"""Folder names as IMAP4rev1 and Maildir++ write them: modified UTF-7 (RFC 3501 section 5.1.3)."""

from __future__ import annotations

import base64
import binascii
import re

_CODED = re.compile(r"&([^-&]*)-")
_PLAIN = re.compile(r"[\x20-\x25\x27-\x7e]+|&|[^\x20-\x7e]+")


def encode(name: str, also: str = "") -> str:
    """ASCII that stands for the name. The characters in ``also`` are coded too, though they need not be."""
    if also:
        pieces = re.split(f"([{re.escape(also)}]+)", name)
        return "".join(_coded(piece) if place % 2 else encode(piece) for place, piece in enumerate(pieces))
    return "".join(
        "&-" if piece == "&" else piece if piece.isascii() and piece.isprintable() else _coded(piece)
        for piece in _PLAIN.findall(name)
    )


def decode(text: str) -> str:
    """The name. Raises ValueError for what is not ASCII or wrongly coded."""
    if not text.isascii() or "&" in _CODED.sub("", text):
        raise ValueError("a name that is no modified UTF-7")
    return _CODED.sub(lambda match: _decoded(match[1]), text)


def _coded(piece: str) -> str:
    coded = base64.b64encode(piece.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
    return f"&{coded}-"


def _decoded(coded: str) -> str:
    if not coded:
        return "&"
    padded = coded.replace(",", "/") + "=" * (-len(coded) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("a name that is no modified UTF-7") from error
