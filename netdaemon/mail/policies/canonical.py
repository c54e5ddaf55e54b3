"""DKIM's canonicalisations (RFC 6376 section 3.4), in one pass over a message of any size and with any lines.

Whoever sends a message chooses its white space: nothing here may take more time than its octets are worth.
"""

from __future__ import annotations

import re
from typing import Protocol

SIMPLE = "simple"
RELAXED = "relaxed"

_WHITE = re.compile(rb"[ \t]++")
_LINE_ENDS = re.compile(rb"\r?\n")
_RUN = 8192


class IHash(Protocol):
    """What `hashlib` makes."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Body:
    """A body on its way into a hash: `write` what comes, then `finish`."""

    def __init__(self, how: str, into: IHash) -> None:
        self._relaxed = how == RELAXED
        self._hash = into
        self._ends = 0  # line ends that count only if something comes behind them
        self._space = False  # white space that counts only if no line end comes behind it
        self._cr = False  # a CR that an LF may follow
        self.length = 0
        """Octets as they are hashed."""

    def write(self, data: bytes) -> None:
        """Some octets."""
        if self._cr:
            data = b"\r" + data
        self._cr = data.endswith(b"\r")
        self._take(data[:-1] if self._cr else data)

    def finish(self) -> bytes:
        """No more comes: the hash."""
        if self._cr:
            self._take(b"\r")
        # sections 3.4.3 and 3.4.4: one line end behind what there is; of nothing, "simple" makes one, "relaxed" none
        if self.length or not self._relaxed:
            self._put(b"\r\n")
        return self._hash.digest()

    def _take(self, data: bytes) -> None:
        if self._relaxed:
            data = _WHITE.sub(b" ", data)
            if self._space and data:
                data = data if data.startswith(b" ") else b" " + data
                self._space = False
            data = data.replace(b" \r\n", b"\r\n")
            if data.endswith(b" "):
                self._space = True
                data = data[:-1]
        kept = len(data) - _ends_behind(data)
        if kept:
            while self._ends:
                run = min(self._ends, _RUN)
                self._put(b"\r\n" * run)
                self._ends -= run
            self._put(data[:kept])
        self._ends += (len(data) - kept) // 2

    def _put(self, data: bytes) -> None:
        self._hash.update(data)
        self.length += len(data)


def _ends_behind(data: bytes) -> int:
    """Octets of the CRLFs at the end."""
    tail = len(data) - len(data.rstrip(b"\r\n"))
    if data.endswith(b"\r\n" * (tail // 2)):
        return tail // 2 * 2
    at = len(data)
    while data.endswith(b"\r\n", 0, at):
        at -= 2
    return len(data) - at


def canonical_field(how: str, name: bytes, written: bytes) -> bytes:
    """A field as it is hashed, with its line end. ``name`` in lower case."""
    if how == SIMPLE:
        return written
    value = _LINE_ENDS.sub(b"", written.partition(b":")[2])
    return name + b":" + _WHITE.sub(b" ", value).strip(b" ") + b"\r\n"


def without_signature(written: bytes) -> bytes:
    """A DKIM-Signature field with nothing behind its ``b=`` (section 3.7)."""
    name, colon, value = written.partition(b":")
    tags = value.split(b";")
    for place, tag in enumerate(tags):
        key, equals, _ = tag.partition(b"=")
        if equals and key.strip(b" \t\r\n") == b"b":
            tags[place] = key + equals
    return name + colon + b";".join(tags)
