"""Messages in other programs' files, on their way into the store or out of it: what goes with the octets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from netdaemon.messages.interfaces import Summary
from netdaemon.messages.values import Flag

Summarise: TypeAlias = Callable[[Iterable[bytes]], Summary]
"""Makes a summary of a message's octets, given in pieces."""


@dataclass(frozen=True)
class Found:
    """One message in a file. ``pieces`` reads its octets, once, with CRLF at the line ends."""

    pieces: Callable[[], Iterator[bytes]]
    flags: Flag
    keywords: tuple[str, ...]
    received: float | None
    where: str
    """For error messages."""


def with_crlf(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Line ends as they are on the wire; a message whose first line ends in CRLF is left as it is."""
    decided: bool | None = None
    held, before = b"", b""
    for piece in pieces:
        if decided is None:
            held += piece
            end = held.find(b"\n")
            if end < 0 and len(held) < 1 << 16:
                continue
            decided = end > 0 and held[end - 1 : end] == b"\r"
            piece, held = held, b""
        if decided:
            yield piece
            continue
        yield _converted(piece, before)
        before = piece[-1:] or before
    if held:
        yield _converted(held, b"")


def _converted(piece: bytes, before: bytes) -> bytes:
    """Every LF with its CR, and none with two; ``before`` is the octet in front of the piece."""
    converted = piece.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return converted[1:] if before == b"\r" and piece[:1] == b"\n" else converted
