"""Dot-stuffing, both ways (RFC 5321 section 4.5.2, RFC 1939 section 3, RFC 3977 section 3.1.1).

A body ends with ``CRLF . CRLF`` and with nothing else (``. CRLF`` when it is empty): whoever takes a bare LF or CR for
a line's end lets others smuggle commands in. Both sides are right wherever the chunks are cut.
"""

from __future__ import annotations

from io import IncrementalNewlineDecoder

CRLF = b"\r\n"
END = b"\r\n.\r\n"


class BareLineEnd(ValueError):
    """A CR without its LF, or a LF without its CR, in a body that we were asked to send."""


class DotDecoder:
    """Takes a dot-stuffed body as it comes: ``feed(chunk)`` gives decoded bytes, until `finished`.

    No more than ``limit`` decoded octets are given; what comes beyond is read to its end and dropped, then
    `over_limit` is true. Bare CR, bare LF and NUL are given as they came, and remembered.
    """

    __slots__ = ("_ends", "_hold", "_limit", "_start", "finished", "leftover", "nul", "size")

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        # The body stands behind a line's end, that of the command: as if that were its first two bytes.
        self._hold = CRLF
        self._start = True
        self._ends = IncrementalNewlineDecoder(None, False)
        self.size = 0
        """Decoded octets so far, those beyond the limit included."""
        self.finished = False
        self.leftover = b""
        """What came behind the body's end."""
        self.nul = False

    @property
    def over_limit(self) -> bool:
        """Was the body longer than its limit?"""
        return self._limit is not None and self.size > self._limit

    @property
    def bare_cr(self) -> bool:
        """Was there a CR without its LF?"""
        return "\r" in _kinds(self._ends)

    @property
    def bare_lf(self) -> bool:
        """Was there a LF without its CR?"""
        return "\n" in _kinds(self._ends)

    def feed(self, data: bytes) -> bytes:
        """The decoded bytes that are certain by now. Raises ValueError once `finished`."""
        if self.finished:
            raise ValueError("the body has ended")
        # One search for CRLF and a dot finds the stuffed lines and the end: twice as fast as replace, and there is no
        # second search for the end.
        parts = (self._hold + data).split(b"\r\n.")
        end = _end(parts)
        if end:
            self.finished = True
            self.leftover = b"\r\n.".join(parts[end:])[2:]
            parts = [*parts[:end], b""]  # the last line's CRLF is the body's
            self._hold = b""
        else:
            self._hold = _undecided(parts)
        # RFC 5321 4.5.2: a leading dot is removed, whatever follows it
        decoded = CRLF.join(parts)
        if self._start and decoded:
            decoded = decoded[2:]
            self._start = False
        _note_ends(self._ends, decoded)
        if b"\0" in decoded:
            self.nul = True
        before = self.size
        self.size += len(decoded)
        if self._limit is not None and self.size > self._limit:
            return decoded[: max(0, self._limit - before)]
        return decoded


def _end(parts: list[bytes]) -> int:
    """Which of the parts between CRLF-dots is what stands behind the body's end, from its CRLF on; 0 for none."""
    last = len(parts) - 1
    for number in range(1, last + 1):
        part = parts[number]
        if part[:2] == CRLF or (not part and number < last):  # that CRLF went as the beginning of the next CRLF-dot
            return number
    return 0


def _undecided(parts: list[bytes]) -> bytes:
    """Take away from the ``parts`` what may be the beginning of a stuffed dot or of the body's end, and return it."""
    last = parts[-1]
    if last in (b"", b"\r") and len(parts) > 1:
        parts.pop()
        return b"\r\n." + last
    hold = CRLF if last.endswith(CRLF) else b"\r" if last.endswith(b"\r") else b""
    if hold:
        parts[-1] = last[: -len(hold)]
    return hold


# What text files know as universal newlines is what must be known here: which of CR, LF and CRLF there are. The
# standard library's decoder for them finds out in one pass, four times as fast as counting each.


def _note_ends(ends: IncrementalNewlineDecoder, data: bytes) -> None:
    """``data`` must not end within a CRLF."""
    ends.decode(str(data, "latin-1"), final=True)  # a character for each octet


def _kinds(ends: IncrementalNewlineDecoder) -> tuple[str, ...]:
    """The line ends that were noted: of "\\r", "\\n" and "\\r\\n" those that there are."""
    kinds: tuple[str, ...] | str | None = ends.newlines
    return kinds if isinstance(kinds, tuple) else () if kinds is None else (kinds,)


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
        ends = IncrementalNewlineDecoder(None, False)
        _note_ends(ends, data)
        if _kinds(ends) not in ((), ("\r\n",)):
            if self._refuse:
                raise BareLineEnd("a bare CR or LF in the body")
            # four times as fast as one pass of a regular expression, for texts whose every line ends so
            data = data.replace(CRLF, b"\n").replace(b"\r", b"\n").replace(b"\n", CRLF)
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
