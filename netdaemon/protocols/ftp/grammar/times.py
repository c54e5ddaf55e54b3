"""Times: RFC 3659's fourteen digits, in UTC, and the three columns of ``ls -l``."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from netdaemon.protocols.ftp.grammar import Malformed

MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")

HALF_A_YEAR = 182 * 86400
"""Seconds within which ``ls`` shows the hour in place of the year."""

_FIRST, _LAST = -62135596800, 253402300799  # the years 1 to 9999

# RFC 3659 2.3: time-val = 14DIGIT [ "." 1*DIGIT ]
_TIME_VAL = re.compile(rb"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})(?:\.([0-9]+))?")


def civil(seconds: float) -> time.struct_time:
    """Unix seconds as a UTC date; years outside 1 to 9999 become the nearest."""
    return time.gmtime(min(max(int(seconds // 1), _FIRST), _LAST))


def format_time(seconds: float) -> bytes:
    """Unix seconds as ``YYYYMMDDHHMMSS``; a fraction is left out, as hardly any client expects one."""
    return b"%04d%02d%02d%02d%02d%02d" % civil(seconds)[:6]


def parse_time(text: bytes) -> float:
    """Unix seconds of a time-val, with its fraction. Raises Malformed.

    Also the ``191YY...`` of servers that printed "19" before a count of years since 1900, as in 19100 for 2000.
    """
    if re.fullmatch(rb"191[0-9]{12}(?:\.[0-9]+)?", text):
        text = b"%d%b" % (1900 + int(text[2:5]), text[5:])
    match = _TIME_VAL.fullmatch(text)
    if match is None:
        raise Malformed("not a time of fourteen digits")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        # RFC 3659 2.3: a leap second is :60, which Unix time does not have.
        moment = datetime(year, month, day, hour, minute, min(second, 59) if second <= 60 else second, tzinfo=UTC)
    except ValueError:
        raise Malformed("no such time") from None
    whole = (moment - datetime(1970, 1, 1, tzinfo=UTC)).days * 86400 + hour * 3600 + minute * 60 + min(second, 60)
    return whole + (float(b"0." + match[7]) if match[7] else 0)


def format_ls(seconds: float, now: float) -> bytes:
    """Unix seconds as the twelve columns of ``ls -l``, in UTC: ``Nov  6 08:49``, or ``Nov  6  1994``."""
    moment = civil(seconds)
    if now - HALF_A_YEAR < seconds <= now + 3600:  # a clock may be a little behind its file server's
        return b"%b %2d %02d:%02d" % (MONTHS[moment.tm_mon - 1], moment.tm_mday, moment.tm_hour, moment.tm_min)
    return b"%b %2d  %04d" % (MONTHS[moment.tm_mon - 1], moment.tm_mday, moment.tm_year)
