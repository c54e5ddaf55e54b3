"""Going on with a body that broke off: which responses say that they bring the rest of it (RFC 9110 section 14)."""

from __future__ import annotations

import re

from netdaemon.protocols.http.grammar.dates import parse_date
from netdaemon.protocols.http.grammar.message import Fields

# RFC 9110 8.8.3: entity-tag = [ weak ] opaque-tag; If-Range takes no weak ones
_STRONG = re.compile(rb'"[\x21\x23-\x7e]*"').fullmatch
# RFC 9110 14.4: Content-Range = range-unit SP ( range-resp / unsatisfied-range )
_PART = re.compile(rb"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})").fullmatch
_UNSATISFIED = re.compile(rb"bytes \*/([0-9]{1,18})").fullmatch


def length_of(fields: Fields) -> int | None:
    """Content-Length of a response whose framing is checked, None when it has none."""
    value = fields.get(b"content-length")
    return int(value) if value is not None and value.isdigit() else None


def validator(fields: Fields) -> str | None:
    """What If-Range may know these octets by: a strong ETag, or a Last-Modified as good as one (RFC 9110 13.1.5)."""
    etag = fields.get(b"etag")
    if etag is not None:
        return etag.decode("ascii") if _STRONG(etag) else None
    modified, date = fields.get(b"last-modified"), fields.get(b"date")
    then = parse_date(modified) if modified is not None else None
    now = parse_date(date) if date is not None else None
    if modified is None or then is None or now is None:
        return None
    # 8.8.2.2: a date is strong when the file can't have changed once more within that second
    return modified.decode("ascii") if now - then >= 1 else None


def continues(fields: Fields, size: int, known_by: str, total: int | None) -> int | None:
    """How long the whole is, when the fields of a 206 say that its octets follow the first ``size``; else None.

    ``known_by`` is the validator of those, ``total`` the length of the whole if that was said. What If-Range was sent
    for is checked here once more: there are servers that never heard of it.
    """
    match = _PART(fields.get(b"content-range") or b"")
    if match is None:
        return None
    first, last, whole = map(int, match.groups())
    if first != size or last + 1 != whole or (total is not None and whole != total):
        return None
    now = fields.get(b"etag" if known_by.startswith('"') else b"last-modified")
    return whole if now is None or now == known_by.encode("ascii") else None


def ends_at(fields: Fields, size: int) -> bool:
    """Do the fields of a 416 say that the whole has ``size`` octets?"""
    match = _UNSATISFIED(fields.get(b"content-range") or b"")
    return match is not None and int(match[1]) == size
