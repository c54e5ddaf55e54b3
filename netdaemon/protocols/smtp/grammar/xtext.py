"""xtext (RFC 3461 section 4): printable ASCII, with ``+`` and two hexadecimal digits for all other octets.

Decoded, it may hold anything, also what ends a line or a field: whoever keeps it takes it from here, where such is
Malformed.
"""

from __future__ import annotations

import re

from netdaemon.mail import Malformed

_XTEXT = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_CODED = re.compile(rb"\+([0-9A-F]{2})")
_TO_CODE = re.compile(rb"[^!-*,-<>-~]")
_PRINTABLE = re.compile(r"[ -~]*")
_UNICODE = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
_ADDRESS_TYPE = re.compile(rb"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]{1,64}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

MAX_ENVID = 100
"""Octets of what ENVID stands for (RFC 3461 section 4.4)."""
MAX_ORCPT = 500
"""Octets of ORCPT's value as it is sent (RFC 3461 section 4.2)."""


def decode_xtext(text: bytes) -> str:
    """What xtext stands for, printable ASCII. Raises Malformed."""
    if _XTEXT.fullmatch(text) is None:
        raise Malformed("no xtext")
    decoded = _CODED.sub(lambda match: bytes.fromhex(match[1].decode()), text).decode("latin-1")
    if _PRINTABLE.fullmatch(decoded) is None:
        raise Malformed("xtext that stands for what can't be printed")
    return decoded


def encode_xtext(text: str) -> bytes:
    """Text as xtext; of what is not ASCII, its octets in UTF-8."""
    return _TO_CODE.sub(lambda match: b"+%02X" % ord(match[0]), text.encode("utf-8", "surrogateescape"))


def parse_orcpt(value: bytes, *, utf8: bool = False) -> str:
    """ORCPT's value (RFC 3461 section 4.2, RFC 6533 section 3): ``rfc822;name@host``, decoded. Raises Malformed."""
    kind, semicolon, address = value.partition(b";")
    if not semicolon or not address or _ADDRESS_TYPE.fullmatch(kind) is None or len(value) > MAX_ORCPT:
        raise Malformed("ORCPT wants TYPE;ADDRESS")
    name = kind.decode("ascii").lower()
    return f"{name};{_decode_utf8(address, raw=utf8) if name == 'utf-8' else decode_xtext(address)}"


def write_orcpt(original: str, *, utf8: bool = False) -> bytes:
    """`parse_orcpt` the other way; without ``utf8`` in the form for ASCII alone."""
    kind, _, address = original.partition(";")
    if kind != "utf-8":
        return f"{kind};".encode() + encode_xtext(address)
    written = "".join(
        [letter if "!" <= letter <= "~" and letter not in "\\+=" else f"\\x{{{ord(letter):X}}}" for letter in address]
    )
    return b"utf-8;" + (address.encode() if utf8 and not _CODED_LATER.search(address) else written.encode())


_CODED_LATER = re.compile(r"[\\+= ]")


def _decode_utf8(address: bytes, *, raw: bool) -> str:
    """RFC 6533 section 3: utf-8-addr-xtext, or with SMTPUTF8 utf-8-addr-unitext, which is UTF-8 as it is."""
    try:
        text = address.decode("utf-8" if raw else "ascii")
        decoded = _UNICODE.sub(lambda match: chr(int(match[1], 16)), text)
    except (UnicodeDecodeError, ValueError, OverflowError):
        raise Malformed("ORCPT is no UTF-8 address") from None
    if _CONTROL.search(decoded):
        raise Malformed("a control character in ORCPT")
    return decoded
