"""Texts as they come: dot-stuffed and ended by a dot, or not (RFC 1436 section 2, and what servers make of it)."""

from __future__ import annotations

import re

_STUFFED = re.compile(rb"(?<=\n)\.\.")
_DOT = re.compile(rb"\.\r?\n").fullmatch
# The last line, when it may be the one with the dot, or half of an end of a line.
_UNSURE = re.compile(rb"(?<=\n)\.(?:\r\n?|\n)?\Z|\r\Z")


class TextDecoder:
    """Takes a text as it comes: ``feed(chunk)`` gives decoded octets with LF line ends, ``finish()`` the last of them.

    The dot that ends a text is the last that comes. A lone dot with more behind it is a line of a server that neither
    stuffs nor ends its texts, as many do; so is a line with one dot in front of other things.
    """

    __slots__ = ("_hold", "_line_start", "ended")

    def __init__(self) -> None:
        self._hold = b""
        self._line_start = True
        self.ended = False
        """Has the dot been seen, and nothing behind it so far?"""

    def feed(self, data: bytes) -> bytes:
        """The decoded octets that are certain by now."""
        data = self._hold + data
        # a line feed in front makes the chunk's beginning like any other line's, where it is one
        text = b"\n" + data if self._line_start else data
        unsure = _UNSURE.search(text)
        if unsure is not None:
            self._hold, text = text[unsure.start() :], text[: unsure.start()]
        else:
            self._hold = b""
        self.ended = _DOT(self._hold) is not None
        return self._decoded(text)

    def finish(self) -> bytes:
        """What is left; `ended` then says whether the text came to its end by a dot."""
        rest, self._hold = self._hold, b""
        # RFC 1436: the dot's own line end may be missing where the server closes at once
        self.ended = self._line_start and rest.startswith(b".")
        return b"" if self.ended else rest

    def _decoded(self, text: bytes) -> bytes:
        began = self._line_start
        if not text or (text == b"\n" and began):
            return b""
        self._line_start = text.endswith(b"\n")
        text = _STUFFED.sub(b".", text).replace(b"\r\n", b"\n")
        return text[1:] if began else text
