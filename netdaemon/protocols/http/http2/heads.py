"""Requests out of header lists: what may stand in one, and what it asks for (RFC 9113 section 8)."""

from __future__ import annotations

import re
from typing import NamedTuple

from netdaemon.protocols.http.grammar.framing import Control, control
from netdaemon.protocols.http.grammar.message import (
    MAX_FIELDS,
    MAX_HEAD,
    MAX_TARGET,
    TOKEN,
    Fields,
    Malformed,
    RequestHead,
)
from netdaemon.protocols.http.grammar.target import parse_target
from netdaemon.protocols.http.http2.fields import Pairs, Wrong, checked
from netdaemon.protocols.http.request import Request


class Head(NamedTuple):
    """A request's header, its form right, its meaning not looked at yet.

    ``path`` is as sent, and empty for CONNECT; ``fields`` have a Host field if there is any authority, for responders
    know no other place; ``length`` is what Content-Length says.
    """

    method: bytes
    scheme: bytes
    authority: bytes
    path: bytes
    fields: Fields
    length: int | None = None

    @property
    def line(self) -> bytes:
        """What stands for a request line in the access log."""
        return b"%b %b HTTP/2.0" % (self.method, self.path or self.authority)


_METHOD = re.compile(TOKEN).fullmatch
# RFC 3986 3.1
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*+").fullmatch
# RFC 9113 8.3.1: what HTTP/1 calls origin-form or asterisk-form; no white space, no controls, no fragment
_PATH = re.compile(rb"/[!\"$-~\x80-\xff]*+|\*").fullmatch
_LENGTH = re.compile(rb"[0-9]{1,18}").fullmatch
_PSEUDO = frozenset((b":method", b":scheme", b":authority", b":path"))


def parse_head(pairs: Pairs) -> Head:
    """The header of a request. Raises Wrong."""
    pseudo: dict[bytes, bytes] = {}
    lines: list[tuple[bytes, bytes]] = []
    crumbs: list[bytes] = []
    hosts: list[bytes] = []
    lengths: list[bytes] = []
    for name, value in pairs:
        if name[:1] == b":":
            # RFC 9113 8.3: each once, in front of the others, and none but these
            if name in pseudo or name not in _PSEUDO or lines or crumbs or hosts:
                raise Wrong("the pseudo-header fields are not as they must be")
            pseudo[name] = value
        elif name == b"cookie":
            crumbs.append(value)
        elif name == b"host":
            hosts.append(value)
        else:
            if name == b"content-length":
                lengths.append(value)
            lines.append((name, value))
    if crumbs:
        lines.append((b"cookie", b"; ".join(crumbs)))  # RFC 9113 8.2.3
    method, scheme = pseudo.get(b":method", b""), pseudo.get(b":scheme", b"")
    path, authority = pseudo.get(b":path", b""), pseudo.get(b":authority", b"")
    if not _METHOD(method):
        raise Wrong("the method is no token")
    if method == b"CONNECT":
        if b":scheme" in pseudo or b":path" in pseudo or not authority:  # RFC 9113 8.5
            raise Wrong("CONNECT has an authority, and nothing else")
    elif not _SCHEME(scheme) or not _PATH(path):
        raise Wrong("the scheme or the path is malformed")
    # RFC 9113 8.3.1: what names another entity than :authority is malformed
    if len(hosts) > 1 or (hosts and authority and hosts[0].lower() != authority.lower()):
        raise Wrong("there is more than one host")
    if hosts or authority:
        lines.insert(0, (b"host", authority or hosts[0]))
    if len(lengths) > 1 or (lengths and not _LENGTH(lengths[0])):
        raise Wrong("Content-Length is malformed")
    length = int(lengths[0]) if lengths else None
    return Head(method, scheme.lower(), authority, path, checked(lines), length)


def parse_request(head: Head, ended: bool) -> tuple[Request, Control]:
    """What a header asks for; ``ended`` says that no body follows. Raises Malformed (400, 414, 417, 431)."""
    method, path, fields = head.method, head.path, head.fields
    if len(path) > MAX_TARGET:
        raise Malformed(414, "the path is too long")
    if len(fields.block) + len(path) > MAX_HEAD or fields.block.count(b"\r\n") > MAX_FIELDS:
        raise Malformed(431, "the header is too large")
    rule = control(RequestHead(method, path, (1, 1), fields))
    target = parse_target(method, head.authority if method == b"CONNECT" else path)
    if head.scheme not in (b"", b"http", b"https"):
        raise Malformed(400, "this is no proxy")
    plain = rule.plain and ended
    return Request(method, target.path, target.query, rule.host, fields, plain, path or head.authority), rule
