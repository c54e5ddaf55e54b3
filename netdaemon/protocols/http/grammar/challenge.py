"""Challenges and credentials: WWW-Authenticate, Proxy-Authenticate and their like (RFC 9110 section 11).

Names are lower-case text; values are text of one character an octet (latin-1), for a digest is made of the octets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from netdaemon.protocols.http.grammar.message import TOKEN

MAX_CHALLENGES = 16
"""Challenges of one response; what comes behind them is not looked at."""
MAX_PARAMETERS = 32
"""Parameters of one challenge; one with more is none."""
MAX_VALUE = 8 * 1024
"""Octets of one field's value; a longer one is not looked at."""

# A list's element ends at a comma outside quotes (RFC 9110 5.6.1), or is broken where a quote is never closed
_ELEMENT = re.compile(rb'((?:[^",]++|"(?:[^"\\]++|\\.)*+")*+)(,|\Z)?', re.DOTALL)
# RFC 9110 5.6.4: quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
# RFC 9110 11.2: auth-param = token BWS "=" BWS ( token / quoted-string )
_PARAMETER = rb"(%b)[ \t]*+=[ \t]*+(%b|%b)" % (TOKEN, TOKEN, _QUOTED)
_MORE = re.compile(_PARAMETER).fullmatch
# RFC 9110 11.3: challenge = auth-scheme [ 1*SP ( token68 / #auth-param ) ]; token68 ends in its "=", if any
_FIRST = re.compile(rb"(%b)(?: ++(?:([A-Za-z0-9._~+/-]++=*+)|%b))?" % (TOKEN, _PARAMETER)).fullmatch
# What begins like a challenge and is none: a word and another, which no parameter has ("a = b" has)
_BEGINS = re.compile(rb"%b[ \t]++[^= \t]" % TOKEN).match
_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_UNQUOTABLE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


class Challenge(NamedTuple):
    """One challenge: ``Basic realm="x"``; also one field's worth of credentials, which have the same form."""

    scheme: str
    token68: str | None
    parameters: dict[str, str]


def parse_challenges(values: Iterable[bytes]) -> list[Challenge]:
    """The challenges of all fields of that name, in their order; a malformed one is left out, not its neighbours."""
    found: list[Challenge] = []
    for value in values:
        if len(value) <= MAX_VALUE:
            found += _challenges(value)
    return found[:MAX_CHALLENGES]


def parse_parameters(value: bytes) -> dict[str, str]:
    """An Authentication-Info field's parameters (RFC 9110 11.6.3); none when one of them is malformed."""
    read = _challenges(b"x " + value)
    return read[0].parameters if len(read) == 1 and len(value) <= MAX_VALUE else {}


def credentials(scheme: bytes, parameters: Iterable[tuple[bytes, bytes]]) -> bytes:
    """An Authorization field's value. The parameters' values are as they stand there: tokens, or `quoted`."""
    return scheme + b" " + b", ".join(b"%b=%b" % pair for pair in parameters)


def quoted(value: bytes) -> bytes:
    """A quoted-string. Raises ValueError for a control character, which none can hold."""
    if _UNQUOTABLE(value):
        raise ValueError("a control character can't be quoted")
    return b'"%b"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _challenges(value: bytes) -> list[Challenge]:
    found: list[Challenge] = []
    current: Challenge | None = None  # the one that parameters belong to; None behind a malformed one
    position = 0
    while position < len(value):
        match = _ELEMENT.match(value, position)
        assert match is not None
        whole = match[2] is not None
        position = match.end() if whole else len(value)
        element = (match[1] if whole else value[match.start() :]).strip(b" \t")
        if not element:
            continue  # RFC 9110 5.6.1.2: empty elements count for nothing
        if more := _MORE(element):
            if current is not None and not _add(current, more[1], more[2]):
                found.pop()
                current = None
        elif first := _FIRST(element):
            current = Challenge(first[1].decode("ascii").lower(), _text(first[2]), {})
            found.append(current)
            if first[3] is not None:
                _add(current, first[3], first[4])
        else:
            if current is not None and not _BEGINS(element):
                found.pop()  # it was one of its parameters
            current = None
    return found


def _add(challenge: Challenge, name: bytes, value: bytes) -> bool:
    """One more parameter; False where it can't have any, or not this one (RFC 9110 11.2: each name once)."""
    key = name.decode("ascii").lower()
    parameters = challenge.parameters
    if challenge.token68 is not None or key in parameters or len(parameters) == MAX_PARAMETERS:
        return False
    if value.startswith(b'"'):
        value = _PAIR.sub(rb"\1", value[1:-1])
    parameters[key] = value.decode("latin-1")
    return True


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("ascii")
