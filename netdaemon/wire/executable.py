"""Programs in the document tree: found, and held so that what was found is what is run.

Only a plain file with a bit of execution is a program, reached without any link: what a link leads to may be written
by others (`ServiceSettings.sealed` is a matter of paths). Its folder is held open and is the program's working
directory, and the program is run as ``./NAME`` there. So it does not matter what is renamed above that folder
meanwhile, a script finds its own name usable (a descriptor's name, ``/dev/fd/7``, is of no use to ``dirname "$0"``),
and whoever could still put another file in its place could as well have put one beside it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from netdaemon.interfaces import Forbidden, IDocuments, NotFound, Unavailable

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_DELETED = b" (deleted)"


FRESH = 1.0
"""Seconds for which `Executables` believes what it has found."""
MOST = 64
"""Programs that it keeps in mind."""


class Executable:
    """One program. It holds its folder until it is closed, or nobody has it any more."""

    __slots__ = ("folder", "name", "path", "root")

    def __init__(self, folder: int, name: bytes, root: bytes, path: bytes) -> None:
        self.folder = folder
        """The descriptor of its folder."""
        self.name = name
        self.root = root
        """Where the tree's root is on the disk, without a slash at its end."""
        self.path = path
        """Where it is in the tree."""

    def close(self) -> None:
        """Give the folder back; a second close does nothing."""
        if self.folder >= 0:
            os.close(self.folder)
            self.folder = -1

    __del__ = close

    def __enter__(self) -> Executable:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()


def find(documents: IDocuments, path: bytes) -> Executable:
    """The program at ``path`` of the tree (``/`` between its parts, none of them empty).

    Raises what `IDocuments.open` raises (IsFolder for a folder), and Forbidden for what is no program.
    """
    with documents.open(path) as document:
        entry = document.entry
        try:
            place = os.readlink(b"/proc/self/fd/%d" % document.fd)  # noqa: PTH115 - a Path costs more than the call
        except OSError as error:
            raise Unavailable(path, "/proc does not tell where the program is.") from error
    if not entry.mode & 0o111:
        raise Forbidden(path, "It is not executable.")
    if not place.endswith(path):
        if place.endswith(_DELETED):
            raise NotFound(path)
        raise Forbidden(path, "A link leads to it.")
    folder, name = os.path.split(place)
    try:
        held = os.open(folder, _FOLDER)
    except OSError as error:
        raise NotFound(path) from error
    found = Executable(held, name, place[: -len(path)], path)
    try:
        status = os.stat(name, dir_fd=held, follow_symlinks=False)
    except OSError as error:
        raise NotFound(path) from error
    if (status.st_ino, status.st_dev) != (entry.inode, entry.device):
        raise NotFound(path)
    return found


class Executables:
    """The programs of a tree that were looked for lately: to look again for each request costs a tenth of a small
    script. That one has come, gone or changed its permissions is seen a second later at most. (What a script says is
    read by its interpreter each time.)"""

    def __init__(self, documents: IDocuments, seconds: Callable[[], float]) -> None:
        self._documents = documents
        self._seconds = seconds
        self._known: dict[bytes, tuple[Executable, float]] = {}

    def find(self, path: bytes) -> Executable:
        """As `find`; the program is nobody's to close."""
        now = self._seconds()
        known = self._known.get(path)
        if known is not None and now < known[1]:
            return known[0]
        self._known.pop(path, None)
        found = find(self._documents, path)
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[path] = found, now + FRESH
        return found
