"""Lines on the wire and lines here: TYPE A, whose lines end with CRLF on the wire (RFC 959 section 3.1.1.1).

Both work on data in pieces of any size; the next piece must be fed to the same object.
"""

from __future__ import annotations

import re

_BARE_LF = re.compile(rb"(?<!\r)\n")


class ToWire:
    """LF becomes CRLF; a CRLF that is there already stays one."""

    def __init__(self) -> None:
        self._after_cr = False

    def feed(self, data: bytes) -> bytes:
        """A piece as it goes out."""
        if not data:
            return b""
        after_cr, self._after_cr = self._after_cr, data.endswith(b"\r")
        if b"\r" not in data and not after_cr:
            return data.replace(b"\n", b"\r\n")  # several times faster
        if after_cr and data.startswith(b"\n"):
            return b"\n" + _BARE_LF.sub(b"\r\n", data[1:])
        return _BARE_LF.sub(b"\r\n", data)


class FromWire:
    """CRLF becomes LF; a CR by itself stays."""

    def __init__(self) -> None:
        self._cr = b""

    def feed(self, data: bytes) -> bytes:
        """What is known of the data so far: a CR at the end waits for what comes behind it."""
        if self._cr:
            data = self._cr + data
            self._cr = b""
        if data.endswith(b"\r"):
            self._cr = b"\r"
            data = data[:-1]
        return data.replace(b"\r\n", b"\n")

    def finish(self) -> bytes:
        """What had to wait until now."""
        rest, self._cr = self._cr, b""
        return rest
