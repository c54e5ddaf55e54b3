"""What the document tree would not do, as replies."""

from __future__ import annotations

from netdaemon.interfaces import (
    BadOffset,
    DocumentError,
    Exists,
    IsFolder,
    NoSpace,
    NotFolder,
    NotFound,
    Unavailable,
)

_REPLIES: tuple[tuple[type[DocumentError], bytes], ...] = (
    (NotFound, b"550 No such file or directory."),
    (Exists, b"550 File exists."),
    (IsFolder, b"550 Is a directory."),
    (NotFolder, b"550 Not a directory."),
    (NoSpace, b"552 The disk or your quota is full."),
    (BadOffset, b"554 The restart position is > file size."),
    (Unavailable, b"451 The files can't be had just now."),
    (DocumentError, b"550 Not enough privileges."),
)


def refusal(error: DocumentError) -> bytes:
    """The reply to a command that met ``error``."""
    return next(reply for kind, reply in _REPLIES if isinstance(error, kind))
