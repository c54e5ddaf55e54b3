"""HTTP dates: one form out, three forms in (RFC 9110 section 5.6.7)."""

from __future__ import annotations

import re
import time
from calendar import timegm
from datetime import datetime

_DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_MONTH = rb"(?P<month>%b)" % b"|".join(_MONTHS)
_CLOCK = rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS = (
    # IMF-fixdate = day-name "," SP day SP month SP year SP time-of-day SP GMT
    re.compile(rb"(?:%b), (?P<day>[0-9]{2}) %b (?P<year>[0-9]{4}) %b GMT" % (b"|".join(_DAYS), _MONTH, _CLOCK)),
    # rfc850-date = day-name-l "," SP day "-" month "-" 2DIGIT SP time-of-day SP GMT
    re.compile(
        rb"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>[0-9]{2})-%b-(?P<year>[0-9]{2}) %b GMT"
        % (_MONTH, _CLOCK)
    ),
    # asctime-date = day-name SP month SP ( 2DIGIT / ( SP DIGIT ) ) SP time-of-day SP year
    re.compile(rb"(?:%b) %b (?P<day>[0-9 ][0-9]) %b (?P<year>[0-9]{4})" % (b"|".join(_DAYS), _MONTH, _CLOCK)),
)


def civil(seconds: float) -> time.struct_time:
    """Unix seconds as a UTC date; a file system's wildest ones become the nearest that has four digits."""
    return time.gmtime(min(max(int(seconds // 1), -62135596800), 253402300799))


def format_date(seconds: float) -> bytes:
    """Unix seconds as IMF-fixdate: ``Sun, 06 Nov 1994 08:49:37 GMT``. Years outside 1 to 9999 become the nearest."""
    year, month, day, hour, minute, second, weekday, _, _ = civil(seconds)
    return b"%b, %02d %b %04d %02d:%02d:%02d GMT" % (
        _DAYS[weekday], day, _MONTHS[month - 1], year, hour, minute, second,
    )  # fmt: skip


def parse_date(value: bytes, now: float | None = None) -> int | None:
    """Unix seconds out of any of the three forms, None for anything else (RFC 9110: such a field is ignored).

    A two-digit year more than 50 years ahead of ``now`` belongs to the century before; without ``now`` it lies
    between 1970 and 2069.
    """
    for form in _FORMS:
        match = form.fullmatch(value)
        if match is not None:
            break
    else:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        horizon = 2069 if now is None else time.gmtime(now).tm_year + 50
        year += horizon - horizon % 100
        if year > horizon:
            year -= 100
    second = int(match["second"])
    try:
        moment = datetime(
            year,
            _MONTHS.index(match["month"]) + 1,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            min(second, 59),
        )
    except ValueError:
        return None
    if second > 60:  # RFC 9110 5.6.7: second = 2DIGIT, 60 for a leap second
        return None
    return timegm(moment.timetuple()) + (second == 60)
