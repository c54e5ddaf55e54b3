"""The time of day as fields and access logs show it, made once a second."""

from __future__ import annotations

from collections.abc import Callable

from netdaemon.protocols.http.grammar.dates import format_date
from netdaemon.wire.moment import log_moment


class Now:
    """``wall`` is the time of day in Unix seconds; it raises OSError where that cannot be told."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._second: int | None = None
        self._field = b""
        self.moment = "-"
        """What `log` gave, or would have given as `field` was last asked."""

    def second(self) -> int | None:
        """Unix seconds, None when they can't be told."""
        try:
            return int(self._wall())
        except OSError:
            return None

    def field(self) -> bytes:
        """CRLF and the Date field; nothing without a clock, as RFC 9110 6.6.1 has it."""
        second = self.second()
        if second != self._second:
            self._make(second)
        return self._field

    def log(self) -> str:
        """The time as the combined log format writes it: ``10/Oct/2000:13:55:36 +0000``."""
        self.field()
        return self.moment

    def _make(self, second: int | None) -> None:
        self._second = second
        if second is None:
            self._field, self.moment = b"", "-"
            return
        self._field = b"\r\nDate: " + format_date(second)
        self.moment = log_moment(second)
