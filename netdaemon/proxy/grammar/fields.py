"""Fields on their way through: what ends at each hop, and what is added (RFC 9110 sections 7.6 and 15.2)."""

from __future__ import annotations

import re
from functools import lru_cache

from netdaemon.protocols.http.grammar.framing import connection_options
from netdaemon.protocols.http.grammar.message import Fields

MAX_VIA = 64
"""Proxies that a request may have come through."""

# RFC 9110 7.6.1 and its like; Host, Content-Length and Expect are made anew. All of Proxy-* is between a client and
# its proxies, passwords above all.
_NOT_ON = re.compile(
    rb"\r\n(?:connection|keep-alive|proxy-[^:]*|te|trailer|transfer-encoding|upgrade|http2-settings|host"
    rb"|content-length|expect):[^\r]*",
    re.IGNORECASE,
).sub
_NOT_BACK = re.compile(
    rb"\r\n(?:connection|keep-alive|proxy-(?:connection|authenticate|authentication-info)|te|trailer"
    rb"|transfer-encoding|upgrade|content-length):[^\r]*",
    re.IGNORECASE,
).sub
_CONNECTION = re.compile(rb"\r\nconnection:[ \t]*([^\r]*)", re.IGNORECASE).findall
_MAX_FORWARDS = re.compile(rb"\r\nmax-forwards:[^\r]*", re.IGNORECASE).sub
# RFC 9110 7.6.3: Via = #( received-protocol RWS received-by [ RWS comment ] )
_VIA = re.compile(rb"\r\nvia:([^\r]*)", re.IGNORECASE).findall
_COMMENT = re.compile(rb"\([^()]*\)").sub
_USUAL = frozenset((b"keep-alive", b"close", b""))


def onward(fields: Fields) -> bytes:
    """The block of a request's fields that go on."""
    block = fields.block
    return _remembered(block) if len(block) <= _SHORT else _onward(block)


def _onward(block: bytes) -> bytes:
    return _NOT_ON(b"", _without_named(block))


_SHORT = 1024
_remembered = lru_cache(maxsize=256)(_onward)  # browsers repeat theirs to the byte


def back(fields: Fields) -> bytes:
    """The block of a response's fields that go back to the client."""
    return _NOT_BACK(b"", _without_named(fields.block))


def _without_named(block: bytes) -> bytes:
    """The block without the fields that its Connection fields name (RFC 9110 7.6.1)."""
    values = _CONNECTION(block)
    if not values or values == [b"keep-alive"]:  # as it mostly is
        return block
    named: set[bytes] = set()
    for value in values:
        named |= connection_options(value)
    named -= _USUAL
    if not named:
        return block
    return b"".join(line for line in re.split(rb"(?=\r\n)", block) if line[2:].partition(b":")[0].lower() not in named)


def via(newer: bool, name: bytes) -> bytes:
    """The Via field's line for a message that came by HTTP/1.1, or by 1.0."""
    return b"\r\nVia: 1.%d %b" % (newer, name)


def is_loop(fields: Fields, name: bytes) -> bool:
    """Has a request come through here before, or through more proxies than anybody has?"""
    lines = _VIA(fields.block)
    if not lines:
        return False
    stations = [station.split() for station in _COMMENT(b"", b",".join(lines)).split(b",")]
    return len(stations) > MAX_VIA or any(name in words[1:2] for words in stations)


def max_forwards(fields: Fields) -> int | None:
    """RFC 9110 7.6.2: how many more proxies a request may pass; None for any number, or for what is no number."""
    value = fields.get(b"max-forwards")
    return int(value) if value is not None and re.fullmatch(rb"[0-9]{1,9}", value) else None


def one_less(block: bytes, left: int) -> bytes:
    """The block with ``left`` in its Max-Forwards."""
    return _MAX_FORWARDS(b"", block) + b"\r\nMax-Forwards: %d" % left
