"""The credentials of Basic authentication (RFC 7617)."""

from __future__ import annotations

import re
from base64 import b64decode

# RFC 9110 11.4: credentials = auth-scheme [ 1*SP ( token68 / ... ) ]; the scheme is compared without case
_BASIC = re.compile(rb"basic +([A-Za-z0-9+/]+={0,2})", re.IGNORECASE).fullmatch
# RFC 7617 2: neither the name nor the password holds a control character
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]").search


def parse_basic(value: bytes) -> tuple[bytes, bytes] | None:
    """An Authorization field's (name, password); None for another scheme's and for what can't be read."""
    match = _BASIC(value)
    if match is None:
        return None
    try:
        pair = b64decode(match[1], validate=True)
    except ValueError:
        return None
    name, colon, password = pair.partition(b":")
    return None if not colon or _CONTROL(pair) else (name, password)
