"""Access log lines: the combined format as far as Gopher has what goes into it."""

from __future__ import annotations

import re

from netdaemon.wire.escape import escape

_LONGEST = 2048
_TAME = re.compile(rb"[ !#-\[\]-~]*").fullmatch


def access_line(host: str, moment: str, line: bytes, result: str, sent: int) -> str:
    """``HOST - - [MOMENT] "REQUEST" RESULT SENT``; ``line`` is the request as it came, ``sent`` counts octets."""
    line = line[:_LONGEST]
    quoted = line.decode("ascii") if _TAME(line) else escape(line).replace('"', "\\x22")
    return f'{host} - - [{moment}] "{quoted}" {result} {sent}'
