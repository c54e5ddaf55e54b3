"""Lines of LIST, which no RFC defines: as ``ls -l`` prints them, as DOS does, and the formats meant for machines.

Times stand in the server's own zone, which is not told; they are taken for UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.facts import Facts, parse_facts
from netdaemon.protocols.ftp.grammar.times import MONTHS

SECOND, MINUTE, DAY = 1.0, 60.0, 86400.0


@dataclass(frozen=True)
class Listed:
    """One document or folder as a listing tells of it."""

    name: bytes
    kind: str
    """"file", "dir", "link" or "other" (devices, sockets and what is not known)."""
    size: int | None = None
    """Octets; None when it isn't told, or is no file's."""
    modified: float | None = None
    """Unix seconds; None when it isn't told."""
    precision: float = SECOND
    """Seconds between two times that look the same. From `MINUTE` on they also lack a zone."""
    target: bytes | None = None
    """Where a link leads, None when it isn't told."""


def parse_listed(line: bytes, now: float) -> Listed | None:
    """One line of LIST, without its end; None for what tells of nothing (``total 12``, an empty line).

    ``now`` dates the times that lack a year. Raises Malformed for what is in no format known here.
    """
    if not line.strip() or _NOISE(line):
        return None
    for form in _FORMS:
        listed = form(line, now)
        if listed is not None:
            return listed
    raise Malformed("a line of a listing in no format that is known")


def listed_of(facts: Facts) -> Listed | None:
    """One line of MLSD (RFC 3659 section 7); None for the folder itself and for its parent."""
    kind = facts.kind
    if kind in ("cdir", "pdir") or facts.name in (b".", b".."):
        return None
    target = None
    if kind.startswith(("os.unix=slink", "os.unix=symlink")):
        # Not in the RFC, but what Unix servers say; the path keeps its case.
        target = facts.facts["type"].partition(b":")[2] or None
        kind = "link"
    elif kind not in ("file", "dir"):
        kind = "other"
    return Listed(facts.name, kind, facts.size if kind == "file" else None, facts.modified, SECOND, target)


# --- as ls -l prints them ------------------------------------------------------------------------------------

_NOISE = re.compile(rb"total +[0-9]+.?[0-9]*[KMGT]?\s*", re.IGNORECASE).fullmatch

_MONTH = rb"(?P<month>[A-Za-z]{3})"
# Nov  6 08:49, Nov  6 1994, 6. Nov 1994, 1994-11-06 08:49[:37[.0] [+0000]]
_WHEN = (
    rb"""(?:
    (?:%b\ +(?P<day>[0-9]{1,2}) | (?P<first>[0-9]{1,2})\.?\ +(?P<second>[A-Za-z]{3}))
        \ +(?:(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})|(?P<year>[0-9]{4}))
    | (?P<iso>[0-9]{4}-[0-9]{2}-[0-9]{2})\ (?P<clock>[0-9]{2}:[0-9]{2})(?::[0-9]{2}(?:\.[0-9]+)?)?(?:\ [+-][0-9]{4})?
)"""
    % _MONTH
)
# The columns between mode and size are anybody's: links, owner, group, any of them missing, owners with spaces.
_UNIX = re.compile(
    rb"""(?P<type>[-dlbcpsDn])[-rwxsStTlLa]{9}[+.@]?
    (?:\ +\S+)*? \ +
    (?:(?P<size>[0-9]{1,19}) | [0-9]+,\ *[0-9]+)
    \ +%b\ (?P<name>.+)"""
    % _WHEN,
    re.VERBOSE | re.DOTALL,
).fullmatch
_UNIX_KINDS = {b"-": "file", b"d": "dir", b"l": "link"}


def _unix(line: bytes, now: float) -> Listed | None:
    match = _UNIX(line)
    if match is None:
        return None
    kind = _UNIX_KINDS.get(match["type"], "other")
    name, target = match["name"], None
    if kind == "link":
        # A name may hold " -> " too; nobody can tell, and most often the last one is the arrow.
        before, arrow, behind = name.rpartition(b" -> ")
        if arrow and before:
            name, target = before, behind
    modified, precision = _when(match, now)
    size = int(match["size"]) if match["size"] and kind == "file" else None
    return _listed(name, kind, size, modified, precision, target)


def _when(match: re.Match[bytes], now: float) -> tuple[float | None, float]:
    if match["iso"]:
        year, month, day = map(int, match["iso"].split(b"-"))
        hour, minute = map(int, match["clock"].split(b":"))
        return _seconds(year, month, day, hour, minute), MINUTE
    word = (match["month"] or match["second"]).capitalize()
    if word not in MONTHS:
        return None, DAY  # in the server's language: the name is worth more than the date
    month, day = MONTHS.index(word) + 1, int(match["day"] or match["first"])
    if match["year"]:
        return _seconds(int(match["year"]), month, day), DAY
    hour, minute = int(match["hour"]), int(match["minute"])
    year = datetime.fromtimestamp(now, UTC).year
    # Without a year it is of the last twelve months. A server's clock, or its zone, may be a day ahead of ours.
    for candidate in (year + 1, year, year - 1):
        seconds = _seconds(candidate, month, day, hour, minute)
        if seconds is not None and seconds <= now + DAY:
            return seconds, MINUTE
    # 29 February, and the year before was a leap year
    return next(filter(None, (_seconds(year - back, month, day, hour, minute) for back in range(2, 9))), None), MINUTE


# --- as DOS prints them --------------------------------------------------------------------------------------

# 11-06-94  08:49AM       <DIR>          name; also with four digits of a year and 24 hours
_DOS = re.compile(
    rb"(?P<month>[0-9]{2})[-/](?P<day>[0-9]{2})[-/](?P<year>[0-9]{2}|[0-9]{4}) +"
    rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}) ?(?P<half>[AaPp][Mm])? +"
    rb"(?:(?P<kind><[A-Z]+>) +|(?P<size>[0-9.,]{1,25}) )(?P<name>.+)",
    re.DOTALL,
).fullmatch
_DOS_KINDS = {b"<DIR>": "dir", b"<JUNCTION>": "link", b"<SYMLINK>": "link", b"<SYMLINKD>": "link"}


def _dos(line: bytes, now: float) -> Listed | None:
    match = _DOS(line)
    if match is None:
        return None
    year, hour = int(match["year"]), int(match["hour"])
    if len(match["year"]) == 2:
        year += 2000 if year < 70 else 1900
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].upper() == b"PM" else 0)
    modified = _seconds(year, int(match["month"]), int(match["day"]), hour, int(match["minute"]))
    name, target = match["name"], None
    if match["kind"]:
        kind = _DOS_KINDS.get(match["kind"], "other")
        name = name.lstrip(b" ")
        if kind == "link" and name.endswith(b"]"):
            name, _, target = name[:-1].rpartition(b" [")
        return _listed(name, kind, None, modified, MINUTE, target or None)
    digits = re.sub(rb"[.,]", b"", match["size"])
    return _listed(name, "file", int(digits) if digits else None, modified, MINUTE)


# --- for machines --------------------------------------------------------------------------------------------


def _eplf(line: bytes, now: float) -> Listed | None:
    """Easily Parsed LIST Format: ``+i8388621.29609,m824255902,/,\\tdev``."""
    facts, tab, name = line.partition(b"\t")
    if not facts.startswith(b"+") or not tab:
        return None
    kind, size, modified = "other", None, None
    for fact in facts[1:].split(b","):
        if fact == b"/":
            kind = "dir"
        elif fact == b"r":
            kind = "file"
        elif re.fullmatch(rb"s[0-9]{1,18}", fact):
            size = int(fact[1:])
        elif re.fullmatch(rb"m[0-9]{1,12}", fact):
            modified = float(fact[1:])
    return _listed(name, kind, size if kind == "file" else None, modified, SECOND)


_MLSX = re.compile(rb"(?:[A-Za-z.]+=[^;]*;)+ .", re.DOTALL).match


def _mlsx(line: bytes, now: float) -> Listed | None:
    """Some servers answer LIST with the lines of MLSD."""
    if _MLSX(line) is None:
        return None
    try:
        return listed_of(parse_facts(line))
    except Malformed:
        return None


# d [R----F--] supervisor            512       Jan 16 18:53    login
_NETWARE = re.compile(
    rb"""(?P<type>[-d])\ *\[[-A-Z]{8}\]\ +\S+\ +(?P<size>[0-9]{1,19})\ +%b\ +(?P<name>.+)""" % _WHEN,
    re.VERBOSE | re.DOTALL,
).fullmatch


def _netware(line: bytes, now: float) -> Listed | None:
    match = _NETWARE(line)
    if match is None:
        return None
    modified, precision = _when(match, now)
    kind = _UNIX_KINDS[match["type"]]
    return _listed(match["name"], kind, int(match["size"]) if kind == "file" else None, modified, precision)


_FORMS: tuple[Callable[[bytes, float], Listed | None], ...] = (_unix, _dos, _eplf, _mlsx, _netware)


def _listed(
    name: bytes,
    kind: str,
    size: int | None,
    modified: float | None,
    precision: float,
    target: bytes | None = None,
) -> Listed | None:
    if not name:
        return None
    return Listed(name, kind, size, modified, precision, target)


def _seconds(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> float | None:
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()
    except ValueError:
        return None
