"""What a message's octets must be as they come in: lines of a bearable length that end with CRLF, and no NUL."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

CRLF = b"\r\n"


class Text:
    """Stands between a session and the spool: looks at what comes, and passes it on.

    It may be fed in chunks of any size, cut anywhere. What is wrong is remembered, never raised: a client speaks to
    the end before it is told. With ``normalise`` a bare CR or LF is passed on as CRLF. ``longest`` is of a line,
    without its end; 0 is no limit.
    """

    __slots__ = ("_hold", "_line", "_longest", "_normalise", "_write", "bare", "long_line", "nul", "size")

    def __init__(self, write: Any, *, longest: int = 0, normalise: bool = False) -> None:
        self._write = write
        self._longest = longest
        self._normalise = normalise
        self._hold = b""  # a CR whose LF may be the next octet
        self._line = 0  # octets of the line under way
        self.size = 0
        """Octets passed on."""
        self.bare = False
        """Was there a CR or LF alone?"""
        self.nul = False
        self.long_line = False

    def write(self, data: bytes) -> Awaitable[Any] | Any:
        """More octets; what the spool returns."""
        if self._hold:
            data = self._hold + data
            self._hold = b""
        if data.endswith(b"\r"):
            self._hold = b"\r"
            data = data[:-1]
        return self._pass_on(data) if data else None

    def finish(self) -> Awaitable[Any] | Any:
        """That was all."""
        hold, self._hold = self._hold, b""
        return self._pass_on(hold) if hold else None

    def _pass_on(self, data: bytes) -> Awaitable[Any] | Any:
        if b"\0" in data:
            self.nul = True
        ends = data.count(CRLF)
        if data.count(b"\n") != ends or data.count(b"\r") != ends:
            self.bare = True
            if self._normalise:
                data = data.replace(CRLF, b"\n").replace(b"\r", b"\n").replace(b"\n", CRLF)
        if self._longest:
            self._measure(data)
        self.size += len(data)
        return self._write(data)

    def _measure(self, data: bytes) -> None:
        """Is there a line that is too long? By leaps: from the last line end within reach to the next such."""
        longest = self._longest
        at = data.find(b"\n") + 1
        if not at:
            self._line += len(data)
            self.long_line = self.long_line or self._line > longest
            return
        if self._line + at - 2 > longest:
            self.long_line = True
        end = len(data)
        while end - at > longest + 2:
            leap = data.rfind(b"\n", at, at + longest + 2)
            if leap < 0:
                self.long_line = True
                break
            at = leap + 1
        self._line = end - (data.rfind(b"\n") + 1)
        if self._line > longest:
            self.long_line = True
