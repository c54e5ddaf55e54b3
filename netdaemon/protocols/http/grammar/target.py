"""Request targets, paths and the Host field (RFC 9112 section 3.2, RFC 9110 section 4.2, RFC 3986 section 3).

A path is percent-decoded once, here, and from then on is bytes as on disk. What would lead above the root, or means
one thing to one decoder and another to the next, is refused here already; that nothing leads outside is, once more
and finally, the document tree's own concern.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from netdaemon.protocols.http.grammar.message import Malformed


class Target(NamedTuple):
    """A request target, taken apart.

    ``form`` is "origin", "absolute", "authority" or "asterisk" (RFC 9112 3.2); ``path`` is decoded and normal
    (one leading slash, no ``.`` or ``..``, no empty parts but behind a trailing slash), ``query`` is as sent,
    without its question mark; ``authority`` is empty but in absolute and authority form.
    """

    form: str
    path: bytes
    query: bytes = b""
    authority: bytes = b""
    scheme: bytes = b""


# A path that says what it means: no escapes, no empty parts, none that begin with a dot, no query
_PLAIN = re.compile(rb"/(?:[A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9._~!$&'()*+,;=:@-]*+/?+)*+").fullmatch
# RFC 3986 3.1: scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)(.*)", re.DOTALL).fullmatch
# RFC 9110 7.2: Host = uri-host [ ":" port ]; RFC 3986 3.2.2: IP-literal / reg-name. Of the sub-delims the comma
# is left out: it is how a front end joins two Host fields. User information ("a@b") has no place here.
_HOST = re.compile(
    rb"(?:\[(?:[0-9A-Fa-f:.]{2,45}|v[0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+;=:-]+)\]"
    rb"|(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})*)"
    rb"(?::[0-9]{0,5})?"
).fullmatch
_ESCAPE = re.compile(rb"%(.{0,2})", re.DOTALL)
_HEX = {b"%02x" % octet: bytes([octet]) for octet in range(256)}
# RFC 3629 3: sequences longer than needed; decoders that take them read "/" or "." in them
_OVERLONG = re.compile(
    rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}"
    rb"|\xf8[\x80-\x87][\x80-\xbf]{3}|\xfc[\x80-\x83][\x80-\xbf]{4}"
).search
# RFC 3986 3.3: pchar without the escapes, and "/" between the parts
_UNQUOTED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/")
_QUOTED = [bytes([octet]) if octet in _UNQUOTED else b"%%%02X" % octet for octet in range(256)]
_NOT_IN_QUERY = re.compile(rb"[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]")
_PLAIN_PATH = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=:@/-]*").fullmatch


def parse_target(method: bytes, target: bytes) -> Target:
    """A request's target. Raises Malformed(400)."""
    if _PLAIN(target):
        return Target("origin", target)
    if method == b"CONNECT":  # RFC 9112 3.2.3: authority-form = uri-host ":" port
        authority = parse_host(target)
        if not re.search(rb".:[0-9]+\Z", authority):
            raise Malformed(400, "CONNECT wants host:port")
        return Target("authority", b"", authority=authority)
    if target == b"*":
        if method != b"OPTIONS":
            raise Malformed(400, "only OPTIONS may ask of the whole server")
        return Target("asterisk", b"")
    if target.startswith(b"/"):
        raw, _, query = target.partition(b"?")
        return Target("origin", decode_path(raw), query)
    match = _ABSOLUTE(target)
    if match is None:
        raise Malformed(400, "the request target is malformed")
    scheme, authority, rest = match.groups()
    scheme = scheme.lower()
    authority = parse_host(authority)
    if scheme in (b"http", b"https") and authority[:1] in (b"", b":"):
        raise Malformed(400, "the request target lacks its host")  # RFC 9110 4.2.1
    raw, _, query = rest.partition(b"?")
    if not raw and method == b"OPTIONS" and not query:
        return Target("asterisk", b"", b"", authority, scheme)  # RFC 9112 3.2.4, as the last proxy sends it
    return Target("absolute", decode_path(raw or b"/"), query, authority, scheme)


@lru_cache(maxsize=256)  # all who come here ask for the same few
def parse_host(value: bytes) -> bytes:
    """A Host field's value, or a URI's authority, checked and in lower case. Raises Malformed(400)."""
    if len(value) > 270 or not _HOST(value):
        raise Malformed(400, "the host is malformed")
    return value.lower()


def decode_path(raw: bytes) -> bytes:
    """Bytes of a path as on disk out of a URI's path. Raises Malformed(400).

    ``.`` and ``..`` are resolved (RFC 3986 5.2.4), but for those that climb above the root or were written with
    escapes: no honest client hides them.
    """
    path = _ESCAPE.sub(_unescape, raw) if b"%" in raw else raw
    if b"\\" in path or b"\0" in path:
        raise Malformed(400, "the path holds a backslash or a NUL")
    if _OVERLONG(path):
        raise Malformed(400, "the path is overlong UTF-8")
    parts = path.split(b"/")
    kept: list[bytes] = []
    for part in parts[1:]:
        if part == b"..":
            if not kept:
                raise Malformed(400, "the path leads above the root")
            kept.pop()
        elif part not in (b"", b"."):
            kept.append(part)
    if path is not raw and _dots(parts) != _dots(raw.split(b"/")):
        raise Malformed(400, "the path hides a dot segment")
    if not kept:
        return b"/"
    # A last part that is empty or dots stands for a folder.
    return b"/%b%b" % (b"/".join(kept), b"/" if parts[-1] in (b"", b".", b"..") else b"")


def _dots(parts: list[bytes]) -> int:
    return sum(part in (b".", b"..") for part in parts)


def _unescape(match: re.Match[bytes]) -> bytes:
    octet = _HEX.get(match[1].lower())
    if octet is None:
        raise Malformed(400, "the path holds a malformed escape")
    if octet == b"/":  # No name holds one, and one decoded would be taken for a separator.
        raise Malformed(400, "the path hides a slash")
    return octet


def quote_path(path: bytes) -> bytes:
    """The URI form of a path's bytes: safe in a header field, in HTML between quotes, and in a Location."""
    if _PLAIN_PATH(path):
        return path
    return b"".join([_QUOTED[octet] for octet in path])


def quote_query(query: bytes) -> bytes:
    """A query as it was sent, with whatever RFC 3986 3.4 has no place for percent-encoded."""
    return _NOT_IN_QUERY.sub(lambda match: b"%%%02X" % match[0][0], query)
