"""Dates of messages (RFC 5322 section 3.3, with the obsolete forms of section 4.3)."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta, timezone

from netdaemon.mail.lexis import without_comments

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBERS = {name.lower().encode("ascii"): number for number, name in enumerate(_MONTHS, 1)}

_CLOCK = rb"(?P<hour>[0-9]{1,2})\s*+[:.]\s*+(?P<minute>[0-9]{2})(?:\s*+[:.]\s*+(?P<second>[0-9]{2}))?"
# [Sat,] 6 Nov 1994 [08:49[:37] [+0000]]; day, month and year may have hyphens between them
_DATE = re.compile(
    rb"\s*+(?:[A-Za-z]++\s*+,?)?\s*+(?P<day>[0-9]{1,2})[\s-]*+(?P<month>[A-Za-z]{3})[A-Za-z]*+[\s.-]*+"
    rb"(?P<year>[0-9]{2,4})(?![0-9])(?:[\s,]++%b)?\s*+(?P<zone>[+-][0-9]{4}|[A-Za-z]++)?" % _CLOCK
)
# Sat Nov  6 08:49:37 [+0000] 1994, as ctime(3) prints it
_CTIME = re.compile(
    rb"\s*+[A-Za-z]++\s++(?P<month>[A-Za-z]{3})[A-Za-z]*+\s++(?P<day>[0-9]{1,2})\s++%b"
    rb"(?:\s++(?P<zone>[+-][0-9]{4}|[A-Za-z]++))?\s++(?P<year>[0-9]{4})(?![0-9])" % _CLOCK
)
# RFC 5322 4.3: zones that have a meaning, in hours; all others stand for -0000
_ZONES = {b"edt": -4, b"est": -5, b"cdt": -5, b"cst": -6, b"mdt": -6, b"mst": -7, b"pdt": -7, b"pst": -8}


def parse_date(value: bytes) -> int | None:
    """Unix seconds of a Date field, None for what is no date.

    As RFC 5256 section 2.2 wants it: a time that cannot be is midnight, a zone that cannot be is UTC.
    """
    match = _DATE.match(value) or _DATE.match(without_comments(value)) or _CTIME.match(value)
    if match is None:
        return None
    month = _NUMBERS.get(match["month"].lower())
    year = int(match["year"])
    if len(match["year"]) < 4:
        # RFC 5322 4.3: two digits up to 49 are of this century, three digits count from 1900
        year += 2000 if len(match["year"]) == 2 and year < 50 else 1900
    hour, minute, second = int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0)
    if hour > 23 or minute > 59 or second > 60:
        hour = minute = second = 0
    if month is None:
        return None
    try:
        datetime(year, month, int(match["day"]))
    except ValueError:
        return None
    return timegm((year, month, int(match["day"]), hour, minute, second)) - _offset(match["zone"])


def _offset(zone: bytes | None) -> int:
    """Seconds east of UTC."""
    if zone is None:
        return 0
    if zone[:1] in b"+-":
        hours, minutes = int(zone[1:3]), int(zone[3:])
        if minutes > 59:
            return 0
        return (hours * 3600 + minutes * 60) * (-1 if zone.startswith(b"-") else 1)
    return _ZONES.get(zone.lower(), 0) * 3600


def format_date(seconds: float, offset: int = 0) -> str:
    """Unix seconds as a Date field has them: ``Sun, 06 Nov 1994 08:49:37 +0000``; ``offset`` in minutes east."""
    moment = datetime.fromtimestamp(int(seconds // 1), UTC).astimezone(timezone(timedelta(minutes=offset)))
    sign, (hours, minutes) = "-" if offset < 0 else "+", divmod(abs(offset), 60)
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} {sign}{hours:02}{minutes:02}"
    )
