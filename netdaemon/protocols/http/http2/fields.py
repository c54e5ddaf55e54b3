"""What may stand in a header list or a trailer of HTTP/2, requests and responses alike (RFC 9113 section 8.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.http2.compression import CONNECTION_FIELDS

Pairs = Iterable[tuple[bytes, bytes]]

# RFC 9113 8.2.1: names are tokens without capitals; values as HTTP/1 has them, which leaves out NUL, CR and LF
_LINES = re.compile(rb"(?:\r\n[!#$%&'*+\-.^_`|~0-9a-z]++: [\t\x20-\x7e\x80-\xff]*+)*+").fullmatch


class Wrong(Exception):
    """No message of HTTP/2: its stream is reset with PROTOCOL_ERROR (RFC 9113 8.1.1)."""


def check_trailers(pairs: Pairs) -> None:
    """Refuse trailers that are malformed; nobody wants the others either. Raises Wrong."""
    # RFC 9113 8.1: no pseudo-header fields, which the colon shows
    checked(list(pairs))


def checked(lines: list[tuple[bytes, bytes]]) -> Fields:
    """The fields that are no pseudo-header fields, which are taken care of. Raises Wrong."""
    block = b"".join([b"\r\n%b: %b" % pair for pair in lines])
    if not _LINES(block) or block.count(b"\r\n") != len(lines):
        raise Wrong("a field holds what may not stand in one")
    for name, value in lines:
        if value[:1] in (b" ", b"\t") or value[-1:] in (b" ", b"\t"):
            raise Wrong("a value has white space around it")
        # RFC 9113 8.2.2
        if name in CONNECTION_FIELDS or (name == b"te" and value.lower() != b"trailers"):
            raise Wrong("a field is of another version's connection")
    return Fields.of_block(block)
