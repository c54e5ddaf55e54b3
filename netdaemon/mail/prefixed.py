"""A message as it is stored: fields of ours in front of the octets that came, read once for what is kept beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

from netdaemon.mail.header import Header
from netdaemon.mail.interfaces import ISpool
from netdaemon.mail.summary import summarise
from netdaemon.messages.interfaces import Summary

PIECE = 64 << 10
MOST_HEADER = 1 << 20
"""Octets of a header that are looked at for trace fields."""


class Prefixed:
    """``prefix`` and what a spool holds, as one spool."""

    def __init__(self, spool: ISpool, prefix: bytes) -> None:
        self._spool = spool
        self._prefix = prefix
        self._digest = b""

    @property
    def size(self) -> int:
        return len(self._prefix) + self._spool.size

    @property
    def digest(self) -> bytes:
        """SHA-256, known once it was read by `summarise`."""
        if not self._digest:
            for _ in self._pieces():
                pass
        return self._digest

    def read(self, offset: int, size: int) -> bytes:
        head = self._prefix[offset : offset + size]
        if len(head) == size:
            return head
        return head + self._spool.read(max(0, offset - len(self._prefix)), size - len(head))

    def summarise(self) -> Summary:
        """What the store keeps beside the octets; it takes one pass over them."""
        return summarise(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        digest = hashlib.sha256()
        offset = 0
        while offset < self.size:
            piece = self.read(offset, PIECE)
            if not piece:
                raise OSError("the message on its way in is shorter than it was")
            digest.update(piece)
            offset += len(piece)
            yield piece
        self._digest = digest.digest()


def header_of(spool: ISpool) -> Header:
    """The header of a message, as far as MOST_HEADER goes."""
    block = b""
    while len(block) < min(spool.size, MOST_HEADER):
        piece = spool.read(len(block), PIECE)
        if not piece:
            break
        start = max(0, len(block) - 3)
        block += piece
        for end in (b"\r\n\r\n", b"\n\n"):
            at = block.find(end, start)
            if at >= 0:
                return Header(block[: at + 2])
        if block.startswith((b"\r\n", b"\n")):
            return Header()
    return Header(block)


class IKept(Protocol):
    """A body in the store, `netdaemon.messages.interfaces.IBody`."""

    @property
    def size(self) -> int: ...

    def read_now(self, offset: int, size: int) -> bytes: ...


class KeptBody:
    """A stored message as a spool, its first ``skip`` octets left out."""

    def __init__(self, body: IKept, skip: int = 0) -> None:
        self._body = body
        self._skip = skip

    @property
    def size(self) -> int:
        return self._body.size - self._skip

    @property
    def digest(self) -> bytes:
        digest = hashlib.sha256()
        for offset in range(0, self.size, PIECE):
            digest.update(self.read(offset, PIECE))
        return digest.digest()

    def read(self, offset: int, size: int) -> bytes:
        return self._body.read_now(self._skip + offset, size)
