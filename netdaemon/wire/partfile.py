"""A download on its way to its file: FILE.part until it is whole, with a note of what it is a part of.

The note, FILE.part.json, holds the URL and the server's validator (RFC 9110 section 8.8), without which nobody could
tell whether the rest of the part is still the same file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple


class Begun(NamedTuple):
    """What an earlier download left behind."""

    size: int
    """Octets that are there."""
    validator: str
    """The strong ETag, or the Last-Modified, of what they are the beginning of: what If-Range wants."""
    total: int | None
    """Octets of the whole, None when that was not said."""


class PartFile:
    """The way of one download to ``path``. Every method raises OSError when the disk won't."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(path.name + ".part")
        self._note = path.with_name(path.name + ".part.json")
        self._descriptor = -1
        # A device or a pipe has no name to be given and takes no rest of anything.
        self._special = path.exists() and not path.is_file()

    def begun(self, url: str) -> Begun | None:
        """What is there of ``url`` and may be gone on with."""
        if self._special:
            return None
        try:
            note = json.loads(self._note.read_text("utf-8"))
            size = self.part.stat().st_size
        except (FileNotFoundError, ValueError):
            return None
        match note:
            case {"url": str(its_url), "validator": str(validator), "total": int() | None as total}:
                if its_url == url and size and validator.isascii() and validator.isprintable():
                    return Begun(size, validator, total)
        return None

    def open(self, url: str, validator: str | None, total: int | None) -> None:
        """Begin at the beginning. Without a validator the part can't be gone on with, should it break off."""
        if self._special:
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
            return
        self._note.unlink(missing_ok=True)
        # O_NOFOLLOW: where others may write too, FILE.part could be a link to what they want written over.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self.part, flags, 0o666)
        if validator is not None:
            note = os.open(self._note, flags, 0o666)
            with os.fdopen(note, "w", encoding="utf-8") as written:
                json.dump({"url": url, "validator": validator, "total": total}, written)

    def go_on(self) -> None:
        """Begin behind what is there."""
        self._descriptor = os.open(self.part, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)

    def write(self, data: bytes) -> None:
        write_whole(self._descriptor, data)

    def finish(self) -> None:
        """It is whole: give it its name."""
        self._close()
        if not self._special:
            self.part.replace(self.path)
            self._note.unlink(missing_ok=True)

    def drop(self) -> None:
        """It is not what it should be: nothing of it stays."""
        self._close()
        if not self._special:
            self.part.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def leave(self) -> int:
        """It broke off: what came stays. How many octets there are to be gone on with."""
        if self._descriptor < 0 or self._special:
            self._close()
            return 0
        size = os.fstat(self._descriptor).st_size
        self._close()
        if not size:
            self.part.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
        return size if self._note.exists() else 0

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def write_whole(descriptor: int, data: bytes) -> None:
    """Every octet of ``data``; write(2) may take fewer."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
