"""How line protocols carry SASL: base64 on a line of its own (RFC 4954, RFC 5034, RFC 9051, RFC 4643)."""

from __future__ import annotations

import binascii

LONGEST = 8192
"""Octets of one response or challenge. The longest real ones, SCRAM's with long names, have some hundreds."""


class SaslError(Exception):
    """The exchange failed before it came to credentials: the peer's fault. The message is fit for the peer."""


class Cancelled(SaslError):
    """The client gave up with a ``*``."""


def decode_base64(text: bytes) -> bytes:
    """The octets of a response, given as base64 without its line end.

    ``=`` is a response of no octets (RFC 4954 section 4), as is an empty line. Raises Cancelled for ``*``, SaslError
    for anything that is not base64 to the letter, and for more than `LONGEST`.
    """
    if text == b"*":
        raise Cancelled("the exchange was cancelled")
    if text == b"=":
        return b""
    if len(text) > (LONGEST + 2) // 3 * 4:
        raise SaslError("the response is too long")
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise SaslError("the response is not base64") from None
    # Python looks over bits behind the last octet: many texts would then mean the same.
    if binascii.b2a_base64(data, newline=False) != text:
        raise SaslError("the response is not base64")
    return data


def encode_base64(data: bytes, *, initial: bool = False) -> bytes:
    """The line for a challenge or response; an ``initial`` response of no octets is ``=``."""
    return binascii.b2a_base64(data, newline=False) or (b"=" if initial else b"")
