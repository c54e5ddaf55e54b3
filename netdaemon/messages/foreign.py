"""Messages in other programs' files, on their way into the store or out of it: what goes with the octets."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from netdaemon.messages.interfaces import Summary
from netdaemon.messages.values import Flag

Summarise: TypeAlias = Callable[[Iterable[bytes]], Summary]
"""Makes a summary of a message's octets, given in pieces."""


def open_for_reading(path: Path) -> BinaryIO:
    """A regular file, by no link: whoever owns a mailbox may have put links in it, and it may be root who reads it.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def open_for_writing(path: Path) -> BinaryIO:
    """A new file in the place of one that was not finished, by no link. Raises OSError."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")


def make_folder(path: Path) -> None:
    """Make a folder whose parent is there, or find one that is no link. Raises OSError."""
    path.mkdir(mode=0o700, exist_ok=True)
    if not is_folder(path):
        raise OSError(errno.ELOOP, "is a link, which is not followed", str(path))


def is_folder(path: Path) -> bool:
    """Is it a folder, and no link to one?"""
    return path.is_dir() and not path.is_symlink()


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
