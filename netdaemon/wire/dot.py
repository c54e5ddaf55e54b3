"""Dot-stuffing, both ways (RFC 5321 section 4.5.2, RFC 1939 section 3, RFC 3977 section 3.1.1).

A body ends with ``CRLF . CRLF`` and with nothing else (``. CRLF`` when it is empty): whoever takes a bare LF or CR for
a line's end lets others smuggle commands in. Both sides are right wherever the chunks are cut.
"""

from __future__ import annotations

import re

CRLF = b"\r\n"
END = b"\r\n.\r\n"
_LINE_END = re.compile(rb"\r\n|\r|\n")


class BareLineEnd(ValueError):
    """A CR without its LF, or a LF without its CR, in a body that we were asked to send."""


class DotDecoder:
    """Takes a dot-stuffed body as it comes: ``feed(chunk)`` gives decoded bytes, until `finished`.

    No more than ``limit`` decoded octets are given; what comes beyond is read to its end and dropped, then
    `over_limit` is true. Bare CR, bare LF and NUL are given as they came, and remembered.
    """

    __slots__ = ("_hold", "_limit", "_start", "bare_cr", "bare_lf", "finished", "leftover", "nul", "size")

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        # The body stands behind a line's end, that of the command: as if that were its first two bytes.
        self._hold = CRLF
        self._start = True
        self.size = 0
        """Decoded octets so far, those beyond the limit included."""
        self.finished = False
        self.leftover = b""
        """What came behind the body's end."""
        self.bare_cr = False
        self.bare_lf = False
        self.nul = False

    @property
    def over_limit(self) -> bool:
        """Was the body longer than its limit?"""
        return self._limit is not None and self.size > self._limit

    def feed(self, data: bytes) -> bytes:
        """The decoded bytes that are certain by now. Raises ValueError once `finished`."""
        if self.finished:
            raise ValueError("the body has ended")
        if self._hold:
            data = self._hold + data
        end = data.find(END)
        if end >= 0:
            self.finished = True
            self.leftover = data[end + 5 :]
            self._hold = b""
            return self._decode(data[: end + 2])
        hold = _begun(data)
        if hold:
            self._hold = data[-hold:]
            return self._decode(data[:-hold])
        self._hold = b""
        return self._decode(data)

    def _decode(self, part: bytes) -> bytes:
        """Unstuff ``part``, which is cut neither within a CRLF nor between a line's end and its dot."""
        lines = part.count(CRLF)
        if part.count(b"\n") != lines:
            self.bare_lf = True
        if part.count(b"\r") != lines:
            self.bare_cr = True
        if b"\0" in part:
            self.nul = True
        # RFC 5321 4.5.2: a leading dot is removed, whatever follows it
        decoded = CRLF.join(part.split(b"\r\n."))  # twice as fast as replace
        if self._start and decoded:
            decoded = decoded[2:]
            self._start = False
        before = self.size
        self.size += len(decoded)
        if self._limit is not None and self.size > self._limit:
            return decoded[: max(0, self._limit - before)]
        return decoded


def _begun(data: bytes) -> int:
    """How many of the last bytes may be the beginning of a stuffed dot or of the body's end."""
    for length in (4, 3, 2, 1):
        if data.endswith(END[:length]):
            return length
    return 0


class DotEncoder:
    """Stuffs a body: ``feed(chunk)`` gives what to send of it, ``finish()`` the rest with the terminator.

    A last line without an end gets one. With ``refuse`` a bare CR or LF raises BareLineEnd; else it becomes CRLF, so
    that what we send never holds one.
    """

    __slots__ = ("_finished", "_hold", "_line_start", "_refuse")

    def __init__(self, *, refuse: bool = False) -> None:
        self._refuse = refuse
        self._line_start = True
        self._hold = False  # the last byte was CR: its LF may be the next chunk's first
        self._finished = False

    def feed(self, data: bytes) -> bytes:
        """Stuffed bytes; a CR at the end of ``data`` waits for what comes next."""
        if self._finished:
            raise ValueError("the body has ended")
        if not data:
            return b""
        if self._hold:
            data = b"\r" + data
        self._hold = data.endswith(b"\r")
        if self._hold:
            data = data[:-1]
        if not data:
            return b""
        lines = data.count(CRLF)
        if data.count(b"\n") != lines or data.count(b"\r") != lines:
            if self._refuse:
                raise BareLineEnd("a bare CR or LF in the body")
            data = _LINE_END.sub(CRLF, data)
        stuffed = b"\r\n..".join(data.split(b"\r\n."))  # twice as fast as replace
        if self._line_start and data.startswith(b"."):
            stuffed = b"." + stuffed
        self._line_start = data.endswith(CRLF)
        return stuffed

    def finish(self) -> bytes:
        """What is left, and the terminator. Nothing can be fed any more."""
        if self._finished:
            raise ValueError("the body has ended")
        if self._hold and self._refuse:
            raise BareLineEnd("a bare CR at the body's end")
        self._finished = True
        return b".\r\n" if self._line_start and not self._hold else END


def stuffed(body: bytes, *, refuse: bool = False) -> bytes:
    """A whole body as it goes over the wire, terminator and all."""
    encoder = DotEncoder(refuse=refuse)
    return encoder.feed(body) + encoder.finish()
