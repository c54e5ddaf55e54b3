"""The request fields a client sends, and its heads as a transcript shows them."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping

from netdaemon import version
from netdaemon.protocols.http.client.redirect import SECRETS, Asked
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.protocols.http.grammar.message import TOKEN, Fields
from netdaemon.wire.failures import BadURL

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

# What frames the message or rules the connection is the client's own business.
_OURS = frozenset({b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"te", b"trailer", b"expect"})
_TOKEN = re.compile(TOKEN).fullmatch
_MASKED = SECRETS | {
    b"set-cookie",
    b"proxy-authenticate",
    b"proxy-authentication-info",
    b"www-authenticate",
    b"authentication-info",
}
_USERINFO = re.compile(rb"(?<=//)[^/?#\s]*@")


def given(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    """The caller's headers as fields. Raises ValueError for what may not stand in one."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    fields = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs)
    for name, _ in fields:
        if not _TOKEN(name):
            raise ValueError(f"{name!r} is no name of a header")
        if name.lower() in _OURS:
            raise ValueError(f"{name.decode('latin-1')} is set by the client itself")
    _ = Fields(fields).block  # a CR, LF or NUL in there raises ValueError
    return fields


def request_head(asked: Asked, *, absolute: bool = False, expects: bool = False) -> bytes:
    """The head of a request, without its blank line; ``absolute`` is the form for a proxy (RFC 9112 3.2.2)."""
    target = str(asked.url._replace(fragment="")).encode("ascii") if absolute else asked.url.target
    fields = request_fields(asked)
    if expects:
        fields.append((b"Expect", b"100-continue"))
    return b"%b %b HTTP/1.1%b" % (asked.method, target, Fields(fields).block)


def request_fields(asked: Asked) -> list[tuple[bytes, bytes]]:
    """The fields of a request of HTTP/1; what its caller gives stands in the caller's order."""
    theirs = {name.lower() for name, _ in asked.fields}
    defaults = [(b"User-Agent", b"netdaemon/" + version.encode()), (b"Accept", b"*/*")]
    # RFC 9110 7.2: Host should be the first, whoever gives it
    fields = [field for field in asked.fields if field[0].lower() == b"host"][:1] or [(b"Host", asked.url.authority)]
    fields += [field for field in defaults if field[0].lower() not in theirs]
    fields += [
        (name, value) for name, value in asked.fields if name.lower() != b"host" and not _is_left_out(name, value)
    ]
    body = asked.body
    if isinstance(body, Upload):
        fields.append(
            (b"Transfer-Encoding", b"chunked") if body.length is None else (b"Content-Length", b"%d" % body.length)
        )
        if body.media_type is not None and b"content-type" not in theirs:
            fields.append((b"Content-Type", body.media_type))
    elif body or asked.method in (b"POST", b"PUT"):  # RFC 9110 8.6: also for an empty one, where one is expected
        fields.append((b"Content-Length", b"%d" % len(body)))
    return fields


def _is_left_out(name: bytes, value: bytes) -> bool:
    """An empty one would say nothing, or as User-Agent (RFC 9110 10.1.5) be none: so a caller goes without ours."""
    return not value and name.lower() in (b"user-agent", b"accept")


def basic(userinfo: bytes) -> bytes:
    """RFC 7617: the credentials of Basic authentication. Raises BadURL for a control character (section 2)."""
    if any(octet < 32 or octet == 127 for octet in userinfo):
        raise BadURL("the user or the password holds a control character")
    return b"Basic " + b64encode(userinfo if b":" in userinfo else userinfo + b":")


def transcript(head: bytes) -> Iterator[bytes]:
    """The lines of a head, with the values that are secrets masked; controls are still in there."""
    for line in head.split(b"\r\n"):
        name, colon, _ = line.partition(b":")
        if colon and name.strip().lower() in _MASKED:
            yield name + b": ***"
        else:
            yield _USERINFO.sub(b"***@", line)
