"""The tree's paths and names: bytes, ``/`` between the parts, nothing decoded here."""

from __future__ import annotations

import re
import secrets

from netdaemon.interfaces import NotFound

Parts = tuple[bytes, ...]
"""A path taken apart: no empty part, no ``.``, no ``..``; () is the root."""

LONGEST_PATH = 4096
LONGEST_NAME = 255

_TEMPORARY = b".netdaemon-"
_NUMBER = re.compile("[0-9]+")
_PART = b".part"


def split(path: bytes, hidden: bool) -> tuple[Parts, bool]:
    """(its parts, whether the path's form asks for a folder: it ends in ``/``, ``.`` or ``..``).

    ``..`` takes back the part before it, whatever stands there: HTTP and FTP peers mean the name, not the inode.
    Raises NotFound for what can't be a name of this tree: NUL, ``..`` above the root, a hidden name (unless
    ``hidden``), more than 4096 bytes in all or 255 in a part.
    """
    if len(path) > LONGEST_PATH or b"\0" in path:
        raise NotFound(path)
    parts: list[bytes] = []
    folder = False
    for part in path.split(b"/"):
        folder = False
        if not part.startswith(b"."):
            if part:
                parts.append(part)
            else:
                folder = True
        elif part == b".":
            folder = True
        elif part == b"..":
            if not parts:
                raise NotFound(path)
            parts.pop()
            folder = True
        elif is_hidden(part, hidden):
            raise NotFound(path)
        else:
            parts.append(part)
    if len(path) > LONGEST_NAME and any(len(part) > LONGEST_NAME for part in parts):
        raise NotFound(path)
    return tuple(parts), folder


def from_text(path: str) -> Parts:
    """The parts of a path that stands in the configuration or in an account's rights. Raises ValueError."""
    try:
        # what is no UTF-8 on disk travels through str in surrogates (PEP 383)
        return split(path.encode("utf-8", "surrogateescape"), hidden=True)[0]
    except (NotFound, UnicodeEncodeError) as error:
        raise ValueError(f"{path!r} is no path of the document tree") from error


def beneath(where: Parts, folder: Parts) -> bool:
    """Whether ``where`` is ``folder`` or stands somewhere in it."""
    return where[: len(folder)] == folder


def join(parts: Parts) -> bytes:
    """The one path that names these parts: ``/`` first and between them."""
    return b"/" + b"/".join(parts)


def is_hidden(name: bytes, hidden: bool) -> bool:
    """Whether nobody may see this name; ``hidden`` is the setting that shows names with a leading dot."""
    return name.startswith(b".") and (not hidden or is_temporary(name))


def temporary() -> bytes:
    """A new name for a document being written: no peer can ask for it, list it or guess it."""
    return _TEMPORARY + secrets.token_hex(12).encode() + _PART


def part(name: bytes) -> bytes | None:
    """What an unfinished upload of this name is called; None when that would be too long for a name."""
    return name + _PART if len(name) + len(_PART) <= LONGEST_NAME else None


def is_temporary(name: bytes) -> bool:
    """Whether a name is reserved for documents being written."""
    return name.startswith(_TEMPORARY)


def natural(name: str) -> str:
    """What names are sorted by in listings: case doesn't matter, and numbers count as such, 2 before 10."""
    return _NUMBER.sub(lambda number: number[0].zfill(12), name.casefold())
