"""Content negotiation: which of several forms a client would rather have (RFC 9110 section 12)."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
