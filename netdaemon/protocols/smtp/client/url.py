"""smtp, smtps and lmtp URLs: where a message is to be handed over, and by whom."""

from __future__ import annotations

from typing import NamedTuple

from netdaemon.wire.failures import BadURL
from netdaemon.wire.urlparts import login_of, netloc, shown, split_url

PORTS = {"smtp": 25, "smtps": 465, "submission": 587, "lmtp": 24}
"""``submission`` is smtp on the port for it."""


class URL(NamedTuple):
    """One URL; as text it stands without user and password."""

    scheme: str
    host: str
    port: int
    user: bytes | None = None
    password: bytes | None = None

    def __str__(self) -> str:
        return f"{self.scheme}://{netloc(self.host, self.port, PORTS[self.scheme])}"


def parse_url(text: str) -> URL:
    """A URL as somebody wrote it. Raises BadURL."""
    try:
        parts = split_url(text, PORTS)
    except ValueError as error:
        raise BadURL(str(error)) from None
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BadURL(f"{shown(text)}: nothing stands behind the host")
    user, password = (None, None) if parts.userinfo is None else login_of(parts.userinfo)
    for argument, what in ((user, "user"), (password, "password")):
        if argument is not None and any(octet in argument for octet in b"\r\n\0"):
            raise BadURL(f"{shown(text)}: CR, LF or NUL in the {what}")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    return URL(parts.scheme, parts.host, port, user or None, password)
