"""Framing: how a stream of bytes becomes lines, in time that grows with the bytes and not with their square.

A whole read is split at once; what is left of it when somebody wants other than the next line (a literal, a body,
TLS), or when a command takes its time, is then scanned by position. Lines end with CRLF and with nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.protocols.basic import LineReceiver

CRLF = b"\r\n"
NUL, LF, CR = b"\0\n\r"
"""As numbers: bytes are asked for a number in a seventh of the time that they are asked for b"\\n"."""


# Why no line is taken from the stream: a command runs, the transport can't write, it is over.
RUNNING, FULL, GONE = 1, 2, 4


class ConnectionLost(Exception):
    """The connection is gone, and with it what was under way."""


class FlawedLine(Exception):
    """A line with a bare CR or LF, with NUL, or with octets above 127 where they may not be."""

    def __init__(self, line: bytes, reason: str) -> None:
        super().__init__(f"a line with {reason}")
        self.line = line
        self.reason = reason


class LineTooLong(Exception):
    """A line was longer than `Framing.max_line`; all of it is skipped."""


def flaw_in(line: bytes, eight_bit: bool) -> str | None:
    """What no line may hold: "bare LF", "bare CR" or "NUL", and unless ``eight_bit`` any octet above 127."""
    if LF in line:
        return "bare LF"
    if CR in line:
        return "bare CR"
    if NUL in line:
        return "NUL"
    if not eight_bit and not line.isascii():
        return "8-bit octet"
    return None


class Framing(LineReceiver):
    """LineReceiver's interface with a linear ``dataReceived``; beneath LineStream.

    `lineReceived` is called for each line (without its CRLF) while `held` is zero. Whoever sets a bit of ``held``
    takes lines or bytes himself from then on, and calls `pump` once he has cleared it.
    """

    __slots__ = ("_ahead", "_at", "_busy", "_skipped", "_tail", "_unread", "held")

    transport: Any

    max_line = 1000
    """Octets that a line may have, its CRLF included."""
    max_skip = 64 * 1024
    """Octets of an over-long line that are skipped in search of its end, before the peer is given up."""
    strict = True
    """A line with a bare CR, a bare LF, NUL (or an octet above 127 unless `eight_bit`) goes to `bad_line`."""
    eight_bit = True

    def __init__(self) -> None:
        self.held = 0
        self._unread = b""  # bytes that nobody has taken, from _at on
        self._at = 0
        self._ahead: Iterator[bytes] | None = None  # instead: lines of the read under way, and then _tail
        self._tail = b""
        self._skipped = 0  # octets of an over-long line that are gone already
        self._busy = False  # lineReceived is being called

    # --- for heirs -------------------------------------------------------------------------------------------

    def lineReceived(self, line: bytes) -> None:
        """A line without its end, as long as `held` is zero."""

    def rawDataReceived(self, data: bytes) -> None:
        """Bytes in LineReceiver's raw mode."""

    def bad_line(self, line: bytes, reason: str) -> None:
        """Called in `lineReceived`'s place for a line with a flaw; ``reason`` is one of `flaw_in`."""
        self.transport.loseConnection()

    def line_too_long(self) -> None:
        """A line longer than `max_line` has ended; the next one is the peer's next."""
        self.transport.loseConnection()

    def endless_line(self) -> None:
        """A line goes on and on, and is not skipped any further: this must close."""
        self.transport.abortConnection()

    def arrived(self) -> None:
        """Bytes came while ``held``; they wait."""

    def settle(self) -> None:
        """All that could be done with the bytes so far has been done."""

    # --- the transport's side --------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        if self.held or self._busy or self._skipped or not self.line_mode:
            self._append(data)
            if self.held:
                self.arrived()
            else:
                self.pump()
            return
        if self._unread:  # the beginning of a line
            data = self._unread[self._at :] + data
            self._unread = b""
            self._at = 0
        self._busy = True
        try:
            end = len(data) - 2
            line = data[:end]
            if (
                0 <= end <= self.max_line - 2
                and data[end] == CR
                and data[end + 1] == LF
                and line.isascii()
                and not (LF in line or CR in line or NUL in line)
            ):
                self.lineReceived(line)  # the interactive case: one line, nothing in it that anybody minds
            else:
                self._split(data)
        finally:
            self._busy = False
        if self._unread and not self.held:
            self.pump()
        else:
            self.settle()

    def _split(self, data: bytes) -> None:
        """Deliver the lines of a whole read, as long as lines are what is wanted."""
        lines = data.split(CRLF)
        self._tail = lines.pop()
        # Nothing in it that any policy could mind?
        clean = data.count(b"\n") == data.count(b"\r") == len(lines) and data.isascii() and NUL not in data
        deliver = self.lineReceived if clean else self._deliver
        self._ahead = ahead = iter(lines)
        try:
            for line in ahead:
                if len(line) + 2 > self.max_line:
                    self.line_too_long()
                else:
                    deliver(line)
                if self.held:
                    break
        finally:
            self.gather()

    def gather(self) -> None:
        """Bring all unread bytes into one place."""
        if self._ahead is not None:
            lines = [*self._ahead, self._tail]
            self._unread = CRLF.join(lines)
            self._at = 0
            self._ahead = None
            self._tail = b""

    def _append(self, data: bytes) -> None:
        if self._ahead is not None:
            self._tail += data
        elif self._unread:
            self._unread = self._unread[self._at :] + data
            self._at = 0
        else:
            self._unread = data

    def _deliver(self, line: bytes) -> None:
        if self.strict and (reason := flaw_in(line, self.eight_bit)) is not None:
            self.bad_line(line, reason)
        else:
            self.lineReceived(line)

    def pump(self) -> None:
        """Deliver what is there, until it is used up or ``held``."""
        if self._busy:
            return
        self._busy = True
        try:
            while not self.held and self._unread:
                if not self.line_mode:
                    self.rawDataReceived(self.clearLineBuffer())
                    continue
                try:
                    line = self.next_line()
                except LineTooLong:
                    self.line_too_long()
                    continue
                if line is None:
                    break
                self._deliver(line)
        finally:
            self._busy = False
        self.settle()

    # --- taking ----------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """Are there bytes that nobody has taken?"""
        self.gather()
        return bool(self._unread)

    def next_line(self) -> bytes | None:
        """The next line without its CRLF; None when no whole one is there. Raises LineTooLong, once it is over."""
        self.gather()
        unread, at = self._unread, self._at
        feed = unread.find(b"\n", at)  # one byte is searched several times faster than two
        if feed < 0 or (feed > at and unread[feed - 1] == 13):
            end = feed - 1
        else:
            end = unread.find(CRLF, feed)
        if end < 0:
            self._skip()
            return None
        self._use(end + 2)
        skipped, self._skipped = self._skipped, 0
        if skipped or end + 2 - at > self.max_line:
            raise LineTooLong
        return unread[at:end]

    def _skip(self) -> None:
        """Drop what is there of a line that is too long already, but for a CR that may begin its end."""
        unread, at = self._unread, self._at
        tail = 1 if unread.endswith(b"\r") else 0
        length = len(unread) - at - tail
        if self._skipped or length + 2 > self.max_line:
            self._skipped += length
            self._use(len(unread) - tail)
            if self._skipped > self.max_line + self.max_skip:
                self.endless_line()

    def take(self, most: int) -> bytes:
        """The next unread bytes, at most ``most``; empty when there are none."""
        self.gather()
        unread, at = self._unread, self._at
        data = unread[at : at + most]
        self._use(at + len(data))
        return data

    def put_back(self, data: bytes) -> None:
        """``data`` was taken too much."""
        self.gather()
        if data:
            self._unread = data + self._unread[self._at :]
            self._at = 0

    def _use(self, end: int) -> None:
        if end >= len(self._unread):
            self._unread = b""
            self._at = 0
        else:
            self._at = end

    # --- the rest of LineReceiver's interface ----------------------------------------------------------------

    def clearLineBuffer(self) -> bytes:
        """Forget all unread bytes, and return them."""
        self.gather()
        data, self._unread = self._unread[self._at :], b""
        self._at = self._skipped = 0
        return data

    def setLineMode(self, extra: bytes = b"") -> Any:
        self.line_mode = 1
        if extra:
            self.put_back(extra)
        if not self.held:
            self.pump()

    def setRawMode(self) -> None:
        self.gather()
        self.line_mode = 0

    def sendLine(self, line: bytes) -> None:
        self.transport.write(line + CRLF)
