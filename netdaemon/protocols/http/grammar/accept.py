"""Content negotiation: which of several forms a client would rather have (RFC 9110 section 12)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from netdaemon.protocols.http.grammar.message import TOKEN

# RFC 9110 12.5.1: media-range = ( "*/*" / ( type "/" "*" ) / ( type "/" subtype ) ) parameters
_RANGE = re.compile(rb"[ \t]*(%b/%b)[ \t]*((?:;[^,]*)?)" % (TOKEN, TOKEN)).fullmatch
# RFC 9110 12.4.2: weight = OWS ";" OWS "q=" qvalue; qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
_WEIGHT = re.compile(rb";[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*(?:;|\Z)", re.IGNORECASE).search
_MOST = 64


def preferred(accept: bytes | None, offered: Sequence[bytes]) -> bytes | None:
    """The media type of ``offered`` (best first, lower case) that ``accept`` weighs most, None when it takes none.

    Without an Accept field, or with one that says nothing, it is the first. Elements that can't be read don't count.
    """
    weights: dict[bytes, float] = {}
    for element in (accept or b"").split(b",")[:_MOST]:
        match = _RANGE(element)
        if match is not None:
            weight = _WEIGHT(match[2])
            weights[match[1].lower()] = float(weight[1]) if weight else 1.0
    if not weights:
        return offered[0]
    best, most = None, 0.0
    for media_type in offered:
        # RFC 9110 12.5.1: the most specific range counts
        for key in (media_type, media_type.partition(b"/")[0] + b"/*", b"*/*"):
            if key in weights:
                if weights[key] > most:
                    best, most = media_type, weights[key]
                break
    return best


# RFC 9110 12.5.3: codings = content-coding / "identity" / "*", each with a weight
_CODING = re.compile(rb"[ \t]*(%b)[ \t]*((?:;[^,]*)?)" % TOKEN).fullmatch
CODINGS = (b"br", b"zstd", b"gzip")
"""The content codings that are known here, best first."""


@lru_cache(maxsize=256)  # all browsers send the same few
def accepted_codings(accept_encoding: bytes | None) -> tuple[bytes, ...]:
    """Those of `CODINGS` that a client takes, the ones it weighs most first, and of those ours. Without an
    Accept-Encoding field none, for who does not ask may not know them."""
    weights: dict[bytes, float] = {}
    for element in (accept_encoding or b"").split(b",")[:_MOST]:
        match = _CODING(element)
        if match is not None:
            weight = _WEIGHT(match[2])
            # RFC 9110 8.4.1.3: x-gzip is gzip
            weights[match[1].lower().removeprefix(b"x-")] = float(weight[1]) if weight else 1.0
    others = weights.get(b"*", 0.0)
    found = [(-weights.get(coding, others), coding) for coding in CODINGS]
    least = weights.get(b"identity", 0.0)  # one that is wanted less than the plain octets is not worth the work
    return tuple(coding for weight, coding in sorted(found, key=lambda one: one[0]) if -weight > 0 and -weight >= least)
