"""The tree's paths and names: bytes, ``/`` between the parts, nothing decoded here."""

from __future__ import annotations

import secrets

from netdaemon.interfaces import NotFound

Parts = tuple[bytes, ...]
"""A path taken apart: no empty part, no ``.``, no ``..``; () is the root."""

LONGEST_PATH = 4096
LONGEST_NAME = 255

_TEMPORARY = b".netdaemon-"


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


def join(parts: Parts) -> bytes:
    """The one path that names these parts: ``/`` first and between them."""
    return b"/" + b"/".join(parts)


def is_hidden(name: bytes, hidden: bool) -> bool:
    """Whether nobody may see this name; ``hidden`` is the setting that shows names with a leading dot."""
    return name.startswith(b".") and (not hidden or is_temporary(name))


def temporary() -> bytes:
    """A new name for a document being written: no peer can ask for it, list it or guess it."""
    return _TEMPORARY + secrets.token_hex(12).encode() + b".part"


def is_temporary(name: bytes) -> bool:
    """Whether a name is reserved for documents being written."""
    return name.startswith(_TEMPORARY)
