"""What programs write to their standard error: into our log (which escapes it), no more of it than that can bear."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

MOST = 64 * 1024
"""Octets of one program that are logged."""
LONGEST = 1024
"""Octets of a line; what is longer goes on in another."""
A_MINUTE = 1024 * 1024
"""Octets of all programs of one service that are logged within a minute."""

_log = Logger()


class Allowance:
    """What the programs of one service may still have logged in this minute."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._until = float("-inf")
        self._left = 0

    def allows(self, octets: int) -> bool:
        """May so many be logged? They are, then. That it is used up is logged once a minute."""
        now = self._clock.seconds()
        if now >= self._until:
            self._until = now + 60
            self._left = A_MINUTE
        if self._left <= 0:
            return False
        self._left -= octets
        if self._left <= 0:
            _log.warn("programs write too many error messages: no more of them are logged within this minute")
        return True


class Complaints:
    """The error messages of one program; ``path`` is its path in the tree."""

    def __init__(self, path: bytes, allowance: Allowance) -> None:
        self._path = path
        self._allowance = allowance
        self._rest = b""
        self._left = MOST

    def add(self, data: bytes) -> None:
        """It has written this."""
        if self._left <= 0:
            return
        *lines, self._rest = (self._rest + data[: self._left]).split(b"\n")
        self._left -= len(data)
        while len(self._rest) > LONGEST:
            lines.append(self._rest[:LONGEST])
            self._rest = self._rest[LONGEST:]
        for line in lines:
            self._say(line)
        if self._left <= 0:
            self.end()
            self._say(b"(more than is logged of one program)")

    def end(self) -> None:
        """It writes no more."""
        rest, self._rest = self._rest, b""
        if rest:
            self._say(rest)

    def _say(self, line: bytes) -> None:
        for start in range(0, len(line), LONGEST):
            part = line[start : start + LONGEST]
            if self._allowance.allows(len(part)):
                _log.warn("{program} says: {line}", program=as_text(self._path), line=as_text(part.rstrip(b"\r")))


def as_text(data: bytes) -> str:
    """Bytes as text that every log can write: not all take what "surrogateescape" makes of what is no UTF-8."""
    return data.decode("utf-8", "backslashreplace")
