"""Set-Cookie, read as browsers read it (RFC 6265 section 5.1 and 5.2, with the bounds of its revision)."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import datetime
from typing import NamedTuple

MAX_COOKIE = 4096
"""Octets of a cookie's name and value together; a larger one is none."""
MAX_ATTRIBUTE = 1024
"""Octets of one attribute's value; a larger one counts for nothing."""

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search
_BLANK = b" \t"
# RFC 6265 5.1.1: delimiter = %x09 / %x20-2F / %x3B-40 / %x5B-60 / %x7B-7E
_DATE_TOKEN = re.compile(rb"[^\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+").findall
_TIME = re.compile(rb"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])").match
_DAY = re.compile(rb"([0-9]{1,2})(?![0-9])").match
_YEAR = re.compile(rb"([0-9]{2,4})(?![0-9])").match
_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")


class SetCookie(NamedTuple):
    """One Set-Cookie field; ``attributes`` by their names in lower case, the last of each name."""

    name: bytes
    value: bytes
    attributes: dict[bytes, bytes]


def parse_set_cookie(field: bytes) -> SetCookie | None:
    """A field's value taken apart; None for what is no cookie: without a name, with controls, or too large."""
    if _CONTROL(field):
        return None
    pair, *others = field.split(b";")
    name, equals, value = pair.partition(b"=")
    name, value = name.strip(_BLANK), value.strip(_BLANK)
    # A tab would end a field in the files that cookies are kept in; nobody means one.
    if not equals or not name or b"\t" in name + value or len(name) + len(value) > MAX_COOKIE:
        return None
    attributes = {}
    for other in others:
        key, _, meaning = other.partition(b"=")
        meaning = meaning.strip(_BLANK)
        if len(meaning) <= MAX_ATTRIBUTE:
            attributes[key.strip(_BLANK).lower()] = meaning
    return SetCookie(name, value, attributes)


def parse_cookie_date(value: bytes) -> int | None:
    """Unix seconds out of whatever servers take for a date (RFC 6265 5.1.1), None where it says too little."""
    time = day = month = year = None
    for token in _DATE_TOKEN(value[:MAX_ATTRIBUTE]):
        if time is None and (match := _TIME(token)):
            time = int(match[1]), int(match[2]), int(match[3])
        elif day is None and (match := _DAY(token)):
            day = int(match[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (match := _YEAR(token)):
            year = int(match[1])
    if time is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if year < 1601:
        return None
    try:
        return timegm(datetime(year, month, day, *time).timetuple())
    except ValueError:
        return None
