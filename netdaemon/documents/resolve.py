"""Walking beneath a root, one name at a time, so that no link and no race leads out of it.

Each name is opened relative to the descriptor of the folder before it and never through a link (O_NOFOLLOW). A link is
read and its target walked by hand, with a stack of open folders in which ``..`` steps back: the kernel is never
asked for ``..``, and a folder that is moved while we stand in it leads nowhere new. What was checked is a
descriptor, so nothing that is put in place afterwards can change it.

openat2(2) with RESOLVE_BENEATH would be one system call instead of one for each folder. Python has no name for it
and calling it through ctypes gained 1 us of 4 for a document one folder deep (tests/bench/documents.py), so the
walk is the only way here.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from netdaemon.documents.failures import failure
from netdaemon.documents.names import Parts, is_hidden
from netdaemon.interfaces import DocumentError, NotFound, Unavailable

T = TypeVar("T")

Use = Callable[[int, bytes, Parts], T]
"""What to do at the end of a path: (descriptor of the folder, name in it, physical path of that name).

The name is ``.`` for the folder itself. It must not follow a link: by O_NOFOLLOW (ELOOP, or ENOTDIR with
O_DIRECTORY), or by raising ``LinkFound`` itself.
"""
Permit = Callable[[Parts], type[DocumentError] | None]
"""Why the thing at a physical path may not be used; None when it may."""

LINKS = 40  # as many as Linux follows
FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LinkFound(OSError):
    """The last name is a symbolic link."""

    def __init__(self) -> None:
        super().__init__(errno.ELOOP, os.strerror(errno.ELOOP))


class Root:
    """The tree's top folder, held open: whatever is renamed or mounted above it later, this stays the tree.

    Raises OSError (its ``filename`` is the root) when it is no folder that can be entered.
    """

    def __init__(self, folder: Path, *, hidden: bool, links: bool) -> None:
        self.fd = -1
        self.fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.hidden = hidden
        self.links = links
        # An absolute link leads into the tree when it begins with the root's path, as configured or as it really is.
        self._prefixes = tuple(
            {_names(os.fsencode(name)) for name in (os.path.abspath(folder), os.path.realpath(folder))}
        )

    def close(self) -> None:
        """Give the descriptor back. What is asked afterwards is Unavailable."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    __del__ = close

    def reach(self, path: bytes, parts: Parts, use: Use[T], permit: Permit | None = None) -> T:
        """``use`` what stands at ``parts`` and give its result; ``path`` is how the peer called it.

        ``permit`` is asked for the path as given and again for each place that links lead to. Raises NotFound
        (also when a document stands where a folder should be) and what the errno of ``use`` means.
        """
        if self.fd < 0:
            raise Unavailable(path, "The document tree is closed.")
        if permit is not None and (refusal := permit(parts)) is not None:
            raise refusal(path)
        try:
            try:
                return self._straight(parts, use)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
            return self._by_links(path, parts, use, permit)
        except OSError as error:
            raise failure(error, path) from error

    def trail(self, parts: Parts) -> tuple[list[Parts], Parts | None]:
        """(every place that is passed on the way to ``parts``, links and what they lead through; where it ends).

        Nothing need stand at the end, which is None when there is no folder that it could stand in. Raises OSError
        for what is nobody's but our fault.
        """
        passed: list[Parts] = []
        try:
            return passed, self._by_links(b"", parts, _end, None, passed)
        except NotFound:
            return passed, None
        except OSError as error:
            if isinstance(failure(error, b""), Unavailable):
                raise
            return passed, None

    def _straight(self, parts: Parts, use: Use[T]) -> T:
        """The usual way, without links: an openat for each folder. ELOOP or ENOTDIR when there is one."""
        if not parts:
            return use(self.fd, b".", parts)
        root = folder = self.fd
        try:
            for name in parts[:-1]:
                inner = os.open(name, FOLDER, dir_fd=folder)
                if folder != root:
                    os.close(folder)
                folder = inner
            return use(folder, parts[-1], parts)
        finally:
            if folder != root:
                os.close(folder)

    def _by_links(
        self, path: bytes, parts: Parts, use: Use[T], permit: Permit | None, passed: list[Parts] | None = None
    ) -> T:
        """The same where something on the way is a link, or a document; ``passed`` gathers the places on the way."""
        way = _Way(self.fd)
        ahead = list(reversed(parts)) or [b"."]
        links = 0
        try:
            while True:
                name = ahead.pop()
                if name == b"..":  # only from links, and never the last step
                    if not way.back():
                        raise NotFound(path)  # above the root, even if it would come back
                    continue
                if name == b"." and ahead:
                    continue
                if name != b"." and is_hidden(name, self.hidden):
                    raise NotFound(path)
                if passed is not None:
                    passed.append(way.to(name))
                try:
                    if ahead:
                        way.enter(name)
                        continue
                    where = way.to(name)
                    if permit is not None and (refusal := permit(where)) is not None:
                        raise refusal(path)
                    return use(way.here, name, where)
                except OSError as error:
                    if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                        raise
                    target = self._target(way.here, name)
                    if target is None and not ahead and error.errno == errno.ENOTDIR:
                        raise  # `use` wanted a folder
                links += 1
                if links > LINKS or (target is None and ahead):
                    raise NotFound(path)
                if target is None:
                    ahead.append(name)  # it was a link a moment ago: look again
                    continue
                if target.startswith(b"/"):
                    target = self._beneath(path, target)
                    way.start_again()
                ahead.extend(_steps(target))
        finally:
            way.start_again()

    def _target(self, folder: int, name: bytes) -> bytes | None:
        """Where a link leads; None when it is none. NotFound, by ELOOP, when links are not followed."""
        try:
            target = os.readlink(name, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None
            raise
        if not self.links:
            raise LinkFound
        return target

    def _beneath(self, path: bytes, target: bytes) -> bytes:
        """The part of an absolute link's target that lies beneath the root."""
        names = _names(target)
        for prefix in self._prefixes:
            if names[: len(prefix)] == prefix:
                rest = b"/".join(names[len(prefix) :])
                return rest + b"/" if target.endswith((b"/", b"/.")) else rest
        raise NotFound(path)


class _Way:
    """The folders between the root and where we stand, each held open, so that a step back needs no ``..``."""

    __slots__ = ("_folders", "_names", "_root")

    def __init__(self, root: int) -> None:
        self._root = root
        self._folders: list[int] = []
        self._names: list[bytes] = []

    @property
    def here(self) -> int:
        """The folder we stand in."""
        return self._folders[-1] if self._folders else self._root

    def enter(self, name: bytes) -> None:
        """Step into a folder; ENOTDIR for a link."""
        self._folders.append(os.open(name, FOLDER, dir_fd=self.here))
        self._names.append(name)

    def back(self) -> bool:
        """Step to the folder before; False at the root."""
        if not self._folders:
            return False
        os.close(self._folders.pop())
        self._names.pop()
        return True

    def to(self, name: bytes) -> Parts:
        """The physical path of a name in this folder."""
        return tuple(self._names) if name == b"." else (*self._names, name)

    def start_again(self) -> None:
        """Step to the root, giving every folder back."""
        while self.back():
            pass


def _end(folder: int, name: bytes, where: Parts) -> Parts:
    """The `Use` of who wants to know the place alone."""
    try:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise LinkFound
    except FileNotFoundError:
        pass
    return where


def _names(path: bytes) -> Parts:
    """The names of a file system's path; ``..`` stays, so that it matches no prefix."""
    return tuple(name for name in path.split(b"/") if name not in (b"", b"."))


def _steps(target: bytes) -> list[bytes]:
    """A link's target as names, the next one last; a trailing ``/`` or ``..`` ends in the folder itself."""
    steps = [name for name in target.split(b"/") if name not in (b"", b".")]
    if not steps or steps[-1] == b".." or target.endswith((b"/", b"/.")):
        steps.append(b".")
    return steps[::-1]
