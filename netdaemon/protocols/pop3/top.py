"""The top of a message: its header, and so many lines of its body (RFC 1939 section 7)."""

from __future__ import annotations


class Top:
    """Takes a message as it comes: ``feed(chunk)`` gives what of it belongs to the top, until `finished`.

    Lines end with LF, whatever stands before it; the header ends with the first line that is empty.
    """

    __slots__ = ("_bare", "_header", "_left", "finished")

    def __init__(self, lines: int) -> None:
        self._left = lines
        self._header = True
        self._bare = True  # has the line under way nothing but a CR so far?
        self.finished = False

    def feed(self, data: bytes) -> bytes:
        """The part of ``data`` that is wanted."""
        if self.finished:
            return b""
        at = self._end_of_header(data) if self._header else 0
        if self._header:
            return data
        while self._left:
            if self._left > 64 and (lines := data.count(b"\n", at)) < self._left:
                self._left -= lines
                return data
            end = data.find(b"\n", at)
            if end < 0:
                return data
            at = end + 1
            self._left -= 1
        self.finished = True
        return data[:at]

    def _end_of_header(self, data: bytes) -> int:
        """Where the body begins, if it does; clears `_header` then."""
        at = 0
        while (end := data.find(b"\n", at)) >= 0:
            if self._bare and data[at:end] in (b"", b"\r"):
                self._header = False
                return end + 1
            self._bare = True
            at = end + 1
        self._bare = self._bare and data[at:] in (b"", b"\r")
        return at
