"""pop3 and pop3s URLs, as a client takes them apart (after RFC 2384, and with a message's number as curl has it)."""

from __future__ import annotations

import re
from typing import NamedTuple

from netdaemon.wire.failures import BadURL
from netdaemon.wire.urlparts import login_of, netloc, shown, split_url

PORTS = {"pop3": 110, "pop3s": 995}


class URL(NamedTuple):
    """One URL; as text it stands without user and password."""

    scheme: str
    host: str
    port: int
    number: int | None = None
    """The message that it names."""
    user: bytes | None = None
    password: bytes | None = None

    def __str__(self) -> str:
        number = "" if self.number is None else str(self.number)
        return f"{self.scheme}://{netloc(self.host, self.port, PORTS[self.scheme])}/{number}"


def parse_url(text: str) -> URL:
    """A URL as somebody wrote it. Raises BadURL."""
    try:
        parts = split_url(text, PORTS)
    except ValueError as error:
        raise BadURL(str(error)) from None
    match = re.fullmatch("/?([1-9][0-9]{0,9})?", parts.path)
    if match is None or parts.query:
        raise BadURL(f"{shown(text)}: behind the host stands a message's number, or nothing")
    user, password = (None, None) if parts.userinfo is None else login_of(parts.userinfo)
    for argument, what in ((user, "user"), (password, "password")):
        if argument is not None and any(octet in argument for octet in b"\r\n\0"):
            raise BadURL(f"{shown(text)}: CR, LF or NUL in the {what}")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    return URL(parts.scheme, parts.host, port, int(match[1]) if match[1] else None, user or None, password)
