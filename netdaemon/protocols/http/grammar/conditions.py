"""Conditional requests (RFC 9110 section 13)."""

from __future__ import annotations

import re

from netdaemon.protocols.http.grammar.dates import parse_date
from netdaemon.protocols.http.grammar.message import Fields

# RFC 9110 8.8.3: entity-tag = [ weak ] opaque-tag; opaque-tag = DQUOTE *etagc DQUOTE; etagc = %x21 / %x23-7E / obs-text
_TAG = rb'(?:W/)?"[!#-~\x80-\xff]*+"'
_TAGS = re.compile(rb"[ \t,]*%b(?:[ \t]*,[ \t]*(?:%b)?)*+[ \t]*" % (_TAG, _TAG)).fullmatch
_EACH_TAG = re.compile(_TAG).findall


def entity_tags(value: bytes) -> list[bytes] | None:
    """The entity tags of an If-Match or If-None-Match list, ``[b"*"]`` for any, None when it is malformed."""
    if value == b"*":
        return [b"*"]
    return _EACH_TAG(value) if _TAGS(value) else None


def precondition(method: bytes, fields: Fields, etag: bytes | None, modified: int | None) -> int | None:
    """What the preconditions come to, in the order of RFC 9110 13.2.2: 304, 412, or None to go on.

    ``etag`` is the current representation's tag with its quotes (and ``W/`` before them if it is weak) and ``modified``
    its Unix seconds; both None when there is none. If-Range is `range_applies`.
    """
    reading = method in (b"GET", b"HEAD")
    wanted = fields.joined(b"if-match")
    if wanted is not None:
        tags = entity_tags(wanted)
        # A list that can't be read matches nothing: doing less is safe. RFC 9110 13.1.1: compared strongly
        if etag is None or tags is None or not (tags == [b"*"] or (etag in tags and not etag.startswith(b"W/"))):
            return 412
    else:
        moment = _date(fields, b"if-unmodified-since")
        if moment is not None and modified is not None and modified > moment:
            return 412
    unwanted = fields.joined(b"if-none-match")
    if unwanted is not None:
        tags = entity_tags(unwanted)
        # RFC 9110 13.1.2: compared weakly
        opaque = (etag or b"").removeprefix(b"W/")
        if tags and etag is not None and (tags == [b"*"] or opaque in tags or b"W/" + opaque in tags):
            return 304 if reading else 412
    elif reading:
        moment = _date(fields, b"if-modified-since")
        if moment is not None and modified is not None and modified <= moment:
            return 304
    return None


def range_applies(fields: Fields, etag: bytes, modified: int, now: float | None) -> bool:
    """Whether If-Range lets the Range field count (RFC 9110 13.1.5); true without one.

    A date counts only when it is exact and was a strong validator: the document had stood unchanged for a second by
    ``now`` (RFC 9110 8.8.2.2), the time of day, None when it cannot be told.
    """
    values = fields.get_all(b"if-range")
    if not values:
        return True
    if len(values) > 1:
        return False
    value = values[0]
    if value.startswith((b'"', b"W/")):
        return value == etag  # compared strongly: a weak tag never equals ours
    return parse_date(value, now) == modified and now is not None and modified + 1 <= now


def _date(fields: Fields, name: bytes) -> int | None:
    """A date field's value; a field that stands twice or can't be read is none (RFC 9110 13.1.3)."""
    values = fields.get_all(name)
    return parse_date(values[0]) if len(values) == 1 else None
