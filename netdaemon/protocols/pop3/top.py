"""The top of a message: its header, and so many lines of its body (RFC 1939 section 7)."""

from __future__ import annotations


class Top:
    """Takes a message as it comes: ``feed(chunk)`` gives what of it belongs to the top, until `finished`.

    Lines end with LF, whatever stands before it; the header ends with the first line that is empty.
    """

    __slots__ = ("_begun", "_header", "_left", "finished")

    def __init__(self, lines: int) -> None:
        self._left = lines
        self._header = True
        self._begun = b""  # of the header's line under way, the first two octets
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
            if self._begun + data[at : min(end, at + 2)] in (b"", b"\r"):
                self._header = False
                return end + 1
            self._begun = b""
            at = end + 1
        self._begun = (self._begun + data[at : at + 2])[:2]
        return at
