"""Access log lines in the combined format of the NCSA and Apache servers."""

from __future__ import annotations

import re

from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.wire.escape import escape

_LONGEST = 2048
_TAME = re.compile(rb"[ !#-\[\]-~]*").fullmatch


def combined(host: str, moment: str, line: bytes, status: int, sent: int, fields: Fields | None) -> str:
    """``HOST - - [MOMENT] "LINE" STATUS SENT "REFERER" "USER-AGENT"``.

    ``line`` is the request line as it came, ``sent`` counts octets of the body, ``fields`` are the request's, None
    when they could not be read.
    """
    referer = agent = None
    if fields is not None:
        referer, agent = fields.get(b"referer"), fields.get(b"user-agent")
    return f'{host} - - [{moment}] "{_quoted(line)}" {status} {sent} "{_quoted(referer)}" "{_quoted(agent)}"'


def _quoted(value: bytes | None) -> str:
    """What goes between quotes: nothing that ends them, breaks the line or steers a terminal."""
    if not value:
        return "-"
    value = value[:_LONGEST]
    if _TAME(value):
        return value.decode("ascii")
    return escape(value).replace('"', "\\x22")
