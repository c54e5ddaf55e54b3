"""The document tree: what http, ftp, gopher and the telnet shell show of one folder of the file system.

Nothing but this room touches the files beneath the root, and nothing here leaves them: see `resolve`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents import names
from netdaemon.documents.changes import Changes
from netdaemon.documents.failures import failure
from netdaemon.documents.names import Parts
from netdaemon.documents.pace import NAMES, Pace
from netdaemon.documents.resolve import LinkFound, Permit, Root, Use
from netdaemon.documents.scan import READ_FOLDER, Scan, make_entry
from netdaemon.documents.usage import REST, Ledger, Limit, Quota
from netdaemon.documents.walk import walk
from netdaemon.documents.writer import Writer
from netdaemon.interfaces import (
    DocumentError,
    DocumentWriter,
    Entry,
    Forbidden,
    IDocuments,
    IsFolder,
    ITellsChanges,
    NotFolder,
    NotFound,
    OpenDocument,
)

T = TypeVar("T")

# O_NONBLOCK: a pipe put there must not hold us up, and O_NOCTTY: a terminal must not become ours, before they are
# seen to be none of ours.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Document:
    """An open document (`netdaemon.interfaces.OpenDocument`), closed when dropped."""

    __slots__ = ("entry", "fd")

    def __init__(self, entry: Entry, fd: int) -> None:
        self.entry = entry
        self.fd = fd

    def close(self) -> None:
        """Give the descriptor back; a second close does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    __del__ = close

    def __enter__(self) -> Document:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()


@implementer(IDocuments, ITellsChanges)
class Tree:
    """The whole tree. Without a root it is empty: everything is NotFound.

    Making one raises OSError, whose ``filename`` is the root, when that is no folder we may enter. It is read by
    descriptors from then on: a new tree is made at reload, and the old one closes itself with its last user.
    ``clock`` lets long works (`listing`, `sweep`, the count behind a quota) give the reactor its turns; without it
    they go on at once. Nothing is written at or beneath the paths that are ``sealed``.

    The extra arguments of the methods are for `rights.Narrowed`. ``permit`` is asked about the path as given and
    about the place that links lead to.
    """

    def __init__(
        self, settings: DocumentsSettings, clock: IReactorTime | None = None, sealed: Iterable[str] = ()
    ) -> None:
        self._hidden = settings.hidden
        self._clock = clock
        self._changes = Changes()
        self._root: Root | None = None
        if settings.root is not None:
            self._root = Root(settings.root, hidden=settings.hidden, links=settings.symlinks == "inside")
            self._ledger = Ledger(self._root, clock)

    def close(self) -> None:
        """Give the root back; what is asked afterwards is Unavailable. Open documents stay open.

        Not while a writer commits in a thread, nor at reload, when sessions still use the old tree.
        """
        if self._root is not None:
            self._ledger.close()
            self._root.close()
            self._changes.tell(b"/")

    def on_change(self, listener: Callable[[bytes], object]) -> None:
        """Tell ``listener`` of every change made through this tree (see `ITellsChanges`)."""
        self._changes.listen(listener)

    # --- reading

    def entry(self, path: bytes, permit: Permit | None = None) -> Entry:
        """What stands there. The root's name is empty; a link's entry is what it leads to, under the link's name."""
        parts, folder = names.split(path, self._hidden)
        status = self._reach(path, parts, _look, permit)
        entry = make_entry(parts[-1] if parts else b"", status)
        if folder and not entry.folder:
            raise NotFolder(path)
        return entry

    def open(self, path: bytes, permit: Permit | None = None) -> OpenDocument:
        """Open a regular file for reading."""
        parts, folder = names.split(path, self._hidden)
        fd, status = self._reach(path, parts, _open, permit)
        if stat.S_ISREG(status.st_mode) and not folder:
            return Document(make_entry(parts[-1], status), fd)
        os.close(fd)
        if stat.S_ISDIR(status.st_mode):
            raise IsFolder(path)
        raise (NotFolder if folder else Forbidden)(path)

    def list(self, path: bytes, permit: Permit | None = None) -> Iterator[Entry]:
        """The folder's entries, lazily; the folder is closed at the end or when the iterator is dropped.

        Links are shown as what they lead to; those that lead nowhere, or where nobody may go, are left out.
        """
        return filter(None, self._scan(path, permit))

    async def listing(
        self, path: bytes, batch: int = NAMES, permit: Permit | None = None
    ) -> AsyncIterator[Sequence[Entry]]:
        """The same in batches of at most ``batch``, giving the reactor a turn between any two (and more often when
        the disk is slow, or many names are not shown). No batch is empty."""
        pace = Pace(self._clock, names=batch)
        scan = self._scan(path, permit)
        try:
            entries: list[Entry] = []
            for entry in scan:
                if entry is not None:
                    entries.append(entry)
                if pace.over():
                    if entries:
                        yield entries
                        entries = []
                    await pace.turn()
            if entries:
                yield entries
        finally:
            scan.close()

    # --- writing

    def write(self, path: bytes, permit: Permit | None = None, limit: Limit | None = None) -> DocumentWriter:
        """Begin to write a document, new or instead of what stands there.

        Raises Forbidden when a device, a socket, a pipe or a link that leads nowhere stands there.
        """
        parts, wants_folder = names.split(path, self._hidden)
        if not parts:
            raise IsFolder(path)

        def open_folder() -> tuple[int, Parts]:
            return self._reach(path, parts, _open_folder_of, permit)

        folder, where = open_folder()
        try:
            self._check_replaceable(path, parts, folder, wants_folder)
        except BaseException:
            os.close(folder)
            raise
        quota = None if limit is None else Quota(self._ledger.usage(limit.home), limit.size)
        return Writer(
            path,
            folder,
            where,
            open_folder=lambda: open_folder()[0],
            ledger=self._ledger,
            quota=quota,
            changed=lambda: self._changes.tell(names.join(parts)),
        )

    def remove(self, path: bytes, permit: Permit | None = None) -> None:
        """Remove a document or an empty folder; of a link the link, never what it leads to."""
        parts, wants_folder = names.split(path, self._hidden)
        if not parts:
            raise Forbidden(path)

        def take_away(folder: int, name: bytes, where: Parts) -> None:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                os.rmdir(name, dir_fd=folder)
            elif stat.S_ISLNK(status.st_mode):
                self._reach(path, parts, _look)  # NotFound: nobody sees this link
                os.unlink(name, dir_fd=folder)
            elif not stat.S_ISREG(status.st_mode):
                raise Forbidden(path)
            elif wants_folder:
                raise NotFolder(path)
            else:
                os.unlink(name, dir_fd=folder)
                self._ledger.changed(where, -status.st_size)

        self._reach(path, parts, take_away, permit)
        self._changes.tell(names.join(parts))

    def make_folder(self, path: bytes, permit: Permit | None = None) -> None:
        """Make a folder in a folder that exists. Raises Forbidden when something stands there."""
        parts, _ = names.split(path, self._hidden)
        if not parts:
            raise Forbidden(path)
        self._reach(path, parts, _make_folder, permit)
        self._changes.tell(names.join(parts))

    async def sweep(self, before: float) -> int:
        """Remove the temporaries of writers that were killed: those last written before ``before`` (Unix seconds).

        Walks the whole tree in short turns with rests between them, so it is run once, beside the start. Gives how
        many it removed. A day ago is a good ``before``: no upload under way is silent that long.
        """
        removed = 0
        if self._root is not None:
            async for folder, name, status in walk(self._root, (), Pace(self._clock, rest=REST)):
                if names.is_temporary(name) and stat.S_ISREG(status.st_mode) and status.st_mtime < before:
                    try:
                        os.unlink(name, dir_fd=folder)
                        removed += 1
                    except OSError:
                        pass  # not ours to remove, or gone: it is hidden either way
        return removed

    # --- inside

    def _reach(self, path: bytes, parts: Parts, use: Use[T], permit: Permit | None = None) -> T:
        if self._root is None:
            raise NotFound(path)
        return self._root.reach(path, parts, use, permit)

    def _scan(self, path: bytes, permit: Permit | None) -> Scan:
        parts, _ = names.split(path, self._hidden)
        folder, where = self._reach(path, parts, _open_folder, permit)

        def follow(name: bytes) -> Entry | None:
            try:
                return make_entry(name, self._reach(path, (*parts, name), _look, permit))
            except DocumentError:
                return None

        def shows(name: bytes) -> bool:
            return permit is None or (permit((*parts, name)) is None and permit((*where, name)) is None)

        return Scan(path, folder, hidden=self._hidden, follow=follow, shows=None if permit is None else shows)

    def _check_replaceable(self, path: bytes, parts: Parts, folder: int, wants_folder: bool) -> None:
        """What `Writer` can't tell: where a link leads, and whether the path's form asks for a folder."""
        try:
            status = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                status = self._reach(path, parts, _look)
        except NotFound as error:
            raise Forbidden(path, "A link that leads nowhere stands there.") from error
        except FileNotFoundError:
            pass
        except OSError as error:
            raise failure(error, path) from error
        else:
            if stat.S_ISDIR(status.st_mode):
                raise IsFolder(path)
        if wants_folder:
            raise NotFolder(path)


# --- what is done at the end of a path (`resolve.Use`)


def _look(folder: int, name: bytes, where: Parts) -> os.stat_result:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        raise LinkFound
    return status


def _open(folder: int, name: bytes, where: Parts) -> tuple[int, os.stat_result]:
    fd = os.open(name, _READ, dir_fd=folder)
    try:
        return fd, os.fstat(fd)
    except BaseException:
        os.close(fd)
        raise


def _open_folder(folder: int, name: bytes, where: Parts) -> tuple[int, Parts]:
    return os.open(name, READ_FOLDER, dir_fd=folder), where


def _open_folder_of(folder: int, name: bytes, where: Parts) -> tuple[int, Parts]:
    return os.open(b".", READ_FOLDER, dir_fd=folder), where


def _make_folder(folder: int, name: bytes, where: Parts) -> None:
    os.mkdir(name, 0o755, dir_fd=folder)
