"""ftp and ftps URLs, as a client takes them apart (RFC 1738 section 3.2)."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from netdaemon.wire.failures import BadURL
from netdaemon.wire.urlparts import login_of, netloc, shown, split_url

PORTS = {"ftp": 21, "ftps": 990}

KEEP = "/!$&'()*+,=:@~"
"""What may stand in a path as it is (RFC 3986 3.3), without the semicolon that begins a type."""


class URL(NamedTuple):
    """One ftp URL, or ftps with implicit TLS; as text it stands without user and password."""

    scheme: str
    host: str
    port: int
    path: bytes
    """Decoded and as the server is to see it: relative to where a login begins, "" for there itself; an absolute path
    stands behind a second slash, ``ftp://host//etc`` (``%2F`` in RFC 1738)."""
    type: str = ""
    """``;type=``: a (text), i (as it is), d (a listing), or nothing."""
    user: bytes | None = None
    password: bytes | None = None

    def __str__(self) -> str:
        kind = f";type={self.type}" if self.type else ""
        where = netloc(self.host, self.port, PORTS[self.scheme])
        return f"{self.scheme}://{where}/{quote_from_bytes(self.path, KEEP)}{kind}"

    @property
    def is_folder(self) -> bool:
        """Does it say of itself that it is a folder?"""
        return self.type == "d" or not self.path or self.path.endswith(b"/")

    @property
    def name(self) -> bytes:
        """The last part of the path."""
        return self.path.rstrip(b"/").rpartition(b"/")[2]


def parse_url(text: str) -> URL:
    """An ftp or ftps URL as somebody wrote it. Raises BadURL."""
    try:
        parts = split_url(text, PORTS)
    except ValueError as error:
        raise BadURL(str(error)) from None
    path, semicolon, kind = parts.path.rpartition(";type=")
    if not semicolon:
        path, kind = parts.path, ""
    elif kind.lower() not in ("a", "i", "d"):
        raise BadURL(f"{shown(text)}: the type is none of a, i, d")
    if parts.query:  # no such thing here: a question mark is a character of the name
        path += "?" + parts.query
    decoded = unquote_to_bytes(path.encode("utf-8", "surrogateescape").removeprefix(b"/"))
    user, password = (None, None) if parts.userinfo is None else login_of(parts.userinfo)
    for argument, what in ((decoded, "path"), (user, "user"), (password, "password")):
        # RFC 1738 3.2.2 lets %0D stand for itself; on the wire it would end the command.
        if argument is not None and any(octet in argument for octet in b"\r\n\0"):
            raise BadURL(f"{shown(text)}: CR, LF or NUL in the {what}")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    return URL(parts.scheme, parts.host, port, decoded, kind.lower(), user or None, password)
