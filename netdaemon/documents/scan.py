"""Reading a folder, one name at a time."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from netdaemon.documents.failures import failure
from netdaemon.documents.names import is_hidden
from netdaemon.interfaces import Entry

READ_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_entry(name: bytes, status: os.stat_result) -> Entry:
    """What stat(2) says, as the tree says it."""
    mode = status.st_mode
    return Entry(name, stat.S_ISDIR(mode), status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev, mode)


def lstat(name: bytes, folder: int) -> os.stat_result | None:
    """What stat(2) says of a name in a folder, links not followed; None when nothing stands there."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


class Scan:
    """A folder being read: each step gives an entry, or None for a name that is not shown.

    Owns ``folder``, a descriptor, and gives it back at the end, when closed and when dropped half read. ``follow``
    says what a link of that name leads to (None: nowhere that may be seen), ``shows`` whether a name may be seen.
    A name that vanishes between being read and being looked at is not shown.
    """

    __slots__ = ("_folder", "_follow", "_hidden", "_items", "_path", "_shows")

    def __init__(
        self,
        path: bytes,
        folder: int,
        *,
        hidden: bool,
        follow: Callable[[bytes], Entry | None],
        shows: Callable[[bytes], bool] | None,
    ) -> None:
        self._path = path
        self._folder = folder
        self._hidden = hidden
        self._follow = follow
        self._shows = shows
        try:
            self._items = os.scandir(folder)
        except OSError as error:
            self._close_folder()
            raise failure(error, path) from error

    def __iter__(self) -> Scan:
        return self

    def __next__(self) -> Entry | None:
        try:
            item = next(self._items)
        except StopIteration:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise failure(error, self._path) from error
        name = os.fsencode(item.name)  # scandir of a descriptor decodes; this is its exact inverse
        if is_hidden(name, self._hidden) or (self._shows is not None and not self._shows(name)):
            return None
        try:
            status = item.stat(follow_symlinks=False)
        except OSError:
            return None
        if stat.S_ISLNK(status.st_mode):
            return self._follow(name)
        return make_entry(name, status)

    def close(self) -> None:
        """Stop reading; a second close does nothing, and a next step finds the end."""
        if self._folder >= 0:
            self._items.close()
            self._close_folder()

    def _close_folder(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    __del__ = close
