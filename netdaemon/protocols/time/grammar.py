"""The Time protocol's four octets (RFC 868)."""

from __future__ import annotations

import math

EPOCH = 2_208_988_800
"""Seconds from 1900-01-01 00:00 GMT, where the protocol's count begins, to 1970-01-01 00:00 GMT."""

ERA = 1 << 32
"""Seconds until the count of 32 bits begins again: at 2036-02-07 06:28:16 GMT for the first time."""

LENGTH = 4
"""Octets of a reply."""


class Malformed(Exception):
    """Not a time: some other number of octets than four."""


def encode(seconds: float) -> bytes:
    """Unix seconds as four octets, network order; a fraction is cut off, and eras are not told apart."""
    return (math.floor(seconds + EPOCH) % ERA).to_bytes(LENGTH, "big")


def decode(data: bytes, near: float) -> int:
    """Unix seconds out of four octets, in the era that brings them nearest to ``near`` (Unix seconds).

    The result lies from 2**31 seconds before the whole second of ``near`` up to, and not at, 2**31 behind it. Raises
    Malformed.
    """
    if len(data) != LENGTH:
        raise Malformed(f"a time has {LENGTH} octets, not {len(data)}")
    here = math.floor(near)
    ahead = (int.from_bytes(data, "big") - EPOCH - here) % ERA
    return here + ahead - (ERA if ahead >= ERA // 2 else 0)
