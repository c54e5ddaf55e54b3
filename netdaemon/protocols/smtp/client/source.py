"""A message's octets on their way out: in chunks, and with no CR or LF that isn't a line's end."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import BinaryIO

from netdaemon.wire.dot import BareLineEnd
from netdaemon.wire.outgoing import Chunks, each

CHUNK = 256 * 1024
"""Octets of one BDAT, and of one reading of a file."""

Source = bytes | BinaryIO | Iterable[bytes] | AsyncIterable[bytes]

_ENDS = re.compile(rb"\r\n|\r|\n")


def chunks_of(source: Source) -> Chunks:
    """A message as chunks; whole octets and a file's in pieces of a fair size."""
    if isinstance(source, bytes):
        return [source[at : at + CHUNK] for at in range(0, len(source), CHUNK)]
    read = getattr(source, "read", None)
    if read is not None:
        return iter(lambda: read(CHUNK), b"")
    return source


def size_of(source: Source) -> int | None:
    """How many octets there are, None when nobody knows."""
    return len(source) if isinstance(source, bytes) else None


async def pieces_of(chunks: Chunks, *, binary: bool) -> AsyncGenerator[bytes, None]:
    """The same in pieces of `CHUNK` octets, or one less so that none ends within a CRLF; the last one is shorter.

    Unless they are ``binary``, raises BareLineEnd for a CR or LF alone.
    """
    waiting = b""
    async with aclosing(each(chunks)) as every:
        async for chunk in every:
            waiting += chunk
            while len(waiting) > CHUNK:
                cut = CHUNK - 1 if waiting[CHUNK - 1] == 13 else CHUNK
                piece, waiting = waiting[:cut], waiting[cut:]
                yield _checked(piece, binary)
    if waiting:
        yield _checked(waiting, binary)


def _checked(piece: bytes, binary: bool) -> bytes:
    if not binary and holds_bare(piece):
        raise BareLineEnd("a bare CR or LF in the message")
    return piece


def holds_bare(octets: bytes) -> bool:
    """Is there a CR or LF alone?"""
    ends = octets.count(b"\r\n")
    return octets.count(b"\n") != ends or octets.count(b"\r") != ends


def with_crlf(octets: bytes) -> bytes:
    """Text whose lines end in whatever way, ended as the wire has it."""
    return _ENDS.sub(b"\r\n", octets) if holds_bare(octets) else octets
