"""Access log lines in the combined format of the NCSA and Apache servers."""

from __future__ import annotations

import re

from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.wire.escape import escape

_LONGEST = 2048
_TOLD = re.compile(rb"\r\n(referer|user-agent):[ \t]*([^\r]*)", re.IGNORECASE).findall
_TAME = re.compile(rb"[ !#-\[\]-~]*").fullmatch


def combined(host: str, moment: str, line: bytes, status: int, sent: int, fields: Fields | None, user: str = "") -> str:
    """``HOST - USER [MOMENT] "LINE" STATUS SENT "REFERER" "USER-AGENT"``, USER a dash for nobody.

    ``line`` is the request line as it came, ``sent`` counts octets of the body, ``fields`` are the request's, None
    when they could not be read.
    """
    return joined(host, moment, quoted(line), status, sent, ending(fields), user or "-")


def joined(host: str, moment: str, line: str, status: int, sent: int, end: str, user: str = "-") -> str:
    """The same of a `quoted` line and an `ending`, which need not be made for each request."""
    return f'{host} - {user} [{moment}] "{line}" {status} {sent} {end}'


def ending(fields: Fields | None) -> str:
    """``"REFERER" "USER-AGENT"`` of a request's fields, which are None when they could not be read."""
    if fields is None:
        return '"-" "-"'
    told: dict[bytes, bytes] = {}
    for name, value in _TOLD(fields.block):  # in one pass: to ask the fields for each takes four times as long
        told.setdefault(name.lower(), value.rstrip(b" \t"))
    return f'"{quoted(told.get(b"referer"))}" "{quoted(told.get(b"user-agent"))}"'


def quoted(value: bytes | None) -> str:
    """What goes between quotes: nothing that ends them, breaks the line or steers a terminal."""
    if not value:
        return "-"
    value = value[:_LONGEST]
    if _TAME(value):
        return value.decode("ascii")
    return escape(value).replace('"', "\\x22")
