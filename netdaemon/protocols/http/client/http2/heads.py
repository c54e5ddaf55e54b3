"""Requests as header lists, and responses out of them (RFC 9113 section 8.3)."""

from __future__ import annotations

import re
from functools import lru_cache

from netdaemon.protocols.http.client.connection import MAX_HEAD
from netdaemon.protocols.http.client.fields import request_fields
from netdaemon.protocols.http.client.redirect import SECRETS, Asked
from netdaemon.protocols.http.grammar.message import Fields, ResponseHead
from netdaemon.protocols.http.http2.compression import (
    CONNECTION_FIELDS,
    encode_block,
    encode_pairs,
    encode_secrets,
)
from netdaemon.protocols.http.http2.fields import Pairs, Wrong, checked

VERSION = (2, 0)

# RFC 9110 15: three digits, the first of which has a meaning
_STATUS = re.compile(rb"[1-9][0-9]{2}").fullmatch


def encode_request(asked: Asked, *, expects: bool = False) -> tuple[bytes, bytes]:
    """A request's header list, encoded, and its head as a transcript shows it, in the form of HTTP/1.

    ``expects``: the body waits for 100 Continue. Raises ValueError for what may not stand in a field.
    """
    authority = asked.url.authority
    fields: list[tuple[bytes, bytes]] = []
    secrets: list[tuple[bytes, bytes]] = []
    for name, value in request_fields(asked):
        name = name.lower()
        value = value.strip(b" \t")
        if name == b"host":
            authority = value
        elif name in SECRETS:
            secrets.append((name, value))
        elif name not in CONNECTION_FIELDS:  # RFC 9113 8.2.2
            fields.append((name, value))
    if expects:
        fields.append((b"expect", b"100-continue"))
    shown = Fields([(b"host", authority), *fields, *secrets]).block
    head = b"%b %b HTTP/2%b" % (asked.method, asked.url.target, shown)
    block = _encode_beginning(asked.method, asked.url.scheme.encode("ascii"), authority)
    block += encode_pairs([(b":path", asked.url.target)]) + encode_block(Fields(fields).block)
    if secrets:
        block += encode_secrets(secrets)
    return block, head


@lru_cache(maxsize=256)
def _encode_beginning(method: bytes, scheme: bytes, authority: bytes) -> bytes:
    return encode_pairs([(b":method", method), (b":scheme", scheme), (b":authority", authority)])


def parse_response(pairs: Pairs) -> ResponseHead:
    """The head of a response. Raises Wrong."""
    status = None
    lines: list[tuple[bytes, bytes]] = []
    for name, value in pairs:
        if name[:1] != b":":
            lines.append((name, value))
        elif name != b":status" or status is not None or lines:
            # RFC 9113 8.3.2: it is the one there is, once, in front of the others
            raise Wrong("the pseudo-header fields are not as they must be")
        else:
            status = value
    if status is None or not _STATUS(status):
        raise Wrong("the status has not three digits")
    fields = checked(lines)
    if len(fields.block) > MAX_HEAD:
        raise Wrong("the response's head is too large")
    return ResponseHead(VERSION, int(status), b"", fields)


def shown(head: ResponseHead) -> bytes:
    """The head as a transcript shows it, in the form of HTTP/1."""
    return b"HTTP/2 %d%b" % (head.status, head.fields.block)
