"""A message's header as it is written: each field's octets and their place, for what signs, verifies and removes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from netdaemon.mail.interfaces import ISpool

PIECE = 64 << 10
MOST_HEADER = 1 << 20
"""Octets of a header that policies deal with."""

# A line, and those behind it that begin with white space. Line ends as every reader of ours takes them: BINARYMIME may
# bring bare LFs, and what others take for a field has to be one here.
_FIELD = re.compile(rb"[^\n]*+\n(?:[ \t][^\n]*+(?:\n|\Z))*+|[^\n]++\Z")
_END = re.compile(rb"\n\r?\n")


class HeaderTooLong(Exception):
    """The header has more than MOST_HEADER octets."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field."""

    name: bytes
    """In lower case; empty for lines that are no field."""
    written: bytes
    """With its line ends."""
    start: int
    """Where it begins in the message."""

    @property
    def end(self) -> int:
        return self.start + len(self.written)

    @property
    def value(self) -> bytes:
        """What stands behind the colon, line ends and all."""
        return self.written.partition(b":")[2]


@dataclass(frozen=True, slots=True)
class Head:
    """A header, and where the body behind it begins."""

    fields: tuple[Field, ...]
    body: int

    def all(self, name: bytes) -> list[Field]:
        """The fields of a name (in lower case), in their order."""
        return [field for field in self.fields if field.name == name]


def read_head(spool: ISpool) -> Head:
    """The header of a message; it may read the disk. Raises HeaderTooLong."""
    block = b""
    while True:
        start = max(0, len(block) - 3)
        piece = spool.read(len(block), PIECE)
        block += piece
        if block.startswith((b"\r\n", b"\n")):
            return Head((), 2 if block[:1] == b"\r" else 1)
        end = _END.search(block, start)
        if end is not None:
            block = block[: end.start() + 1]
            break
        if not piece:
            break
        if len(block) > MOST_HEADER:
            raise HeaderTooLong
    if len(block) > MOST_HEADER:
        raise HeaderTooLong
    return Head(tuple(_fields(block)), len(block) if end is None else end.end())


def _fields(block: bytes) -> Iterable[Field]:
    for match in _FIELD.finditer(block):
        name, colon, _ = match[0].partition(b":")
        # RFC 5322 4.5: the obsolete syntax allows white space in front of the colon
        name = name.rstrip(b" \t").lower() if colon else b""
        yield Field(b"" if set(name) & _NO_NAME else name, match[0], match.start())


_NO_NAME = frozenset(range(33)) | frozenset(range(127, 256))


class Without:
    """A spool without some pieces of it: ``cut`` has (start, end) in order, none within another."""

    def __init__(self, spool: ISpool, cut: Sequence[tuple[int, int]]) -> None:
        self._spool = spool
        self._kept: list[tuple[int, int, int]] = []
        """(offset here, start there, end there)."""
        at = there = 0
        for start, end in (*cut, (spool.size, spool.size)):
            if start > there:
                self._kept.append((at, there, start))
                at += start - there
            there = end
        self._size = at

    @property
    def size(self) -> int:
        return self._size

    @property
    def digest(self) -> bytes:
        """SHA-256, counted anew."""
        digest = sha256()
        for offset in range(0, self._size, PIECE):
            digest.update(self.read(offset, PIECE))
        return digest.digest()

    def read(self, offset: int, size: int) -> bytes:
        pieces = []
        for at, start, end in self._kept:
            skip = offset - at
            if size <= 0:
                break
            if 0 <= skip < end - start:
                piece = self._spool.read(start + skip, min(size, end - start - skip))
                if not piece:
                    break
                pieces.append(piece)
                offset += len(piece)
                size -= len(piece)
        return b"".join(pieces)
