"""Byte ranges (RFC 9110 section 14)."""

from __future__ import annotations

import re

MAX_RANGES = 16

# RFC 9110 14.1.1: ranges-specifier = range-unit "=" range-set; range-set = 1#( int-range / suffix-range )
_BYTES = re.compile(rb"bytes=(.*)", re.IGNORECASE).fullmatch
# int-range = first-pos "-" [ last-pos ]; suffix-range = "-" suffix-length
_RANGE = re.compile(rb"[ \t]*([0-9]*)-([0-9]*)[ \t]*").fullmatch


class Unsatisfiable(Exception):
    """No range of a well-formed set lies within the document: 416 with ``Content-Range: bytes */size``."""


def parse_ranges(value: bytes, size: int) -> list[tuple[int, int]] | None:
    """The (first, past last) octets that a Range field asks of ``size`` octets, those beyond the end left out.

    None means that the field is ignored and the whole document sent: an unknown unit, bad syntax, more than
    `MAX_RANGES`, or more octets in all than the document has (RFC 9110 14.2 and 17.15: overlapping and tiny ranges
    are how a server is made to send more than it stores). Raises Unsatisfiable.
    """
    match = _BYTES(value)
    if match is None:
        return None
    specs = [spec for spec in match[1].split(b",") if spec.strip(b" \t")]  # RFC 9110 5.6.1.2: empty elements
    if not specs or len(specs) > MAX_RANGES:
        return None
    ranges = []
    for spec in specs:
        parts = _RANGE(spec)
        if parts is None or not (parts[1] or parts[2]) or max(len(parts[1]), len(parts[2])) > 18:
            return None
        if not parts[1]:
            first, stop = max(0, size - int(parts[2])), size
        else:
            first, stop = int(parts[1]), size
            if parts[2]:
                if int(parts[2]) < first:
                    return None
                stop = min(int(parts[2]) + 1, size)
        if first < stop:
            ranges.append((first, stop))
    if not ranges:
        raise Unsatisfiable
    if sum(stop - first for first, stop in ranges) > size:
        return None
    return ranges
