"""What is read of the document tree: entries, listings, open documents, their hashes."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents import names
from netdaemon.documents.digest import digest, new_hash
from netdaemon.documents.names import Parts
from netdaemon.documents.pace import NAMES, Pace
from netdaemon.documents.resolve import LinkFound, Permit, Root, Use
from netdaemon.documents.scan import READ_FOLDER, Scan, make_entry
from netdaemon.interfaces import DocumentError, Entry, Forbidden, IsFolder, NotFolder, NotFound, OpenDocument

T = TypeVar("T")

# O_NONBLOCK: a pipe put there must not hold us up, and O_NOCTTY: a terminal must not become ours, before they are
# seen to be none of ours.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


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


class Readable:
    """A tree that is read. The extra arguments of the methods are for `rights.Narrowed`: ``permit`` is asked about the
    path as given and about the place that links lead to.
    """

    def __init__(self, settings: DocumentsSettings, clock: IReactorTime | None) -> None:
        self._hidden = settings.hidden
        self._clock = clock
        self._root: Root | None = None
        if settings.root is not None:
            self._root = Root(settings.root, hidden=settings.hidden, links=settings.symlinks == "inside")

    def entry(self, path: bytes, permit: Permit | None = None) -> Entry:
        """What stands there. The root's name is empty; a link's entry is what it leads to, under the link's name."""
        parts, folder = names.split(path, self._hidden)
        status = self._reach(path, parts, look, permit)
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

    async def digest(
        self, path: bytes, algorithm: str, start: int = 0, stop: int | None = None, permit: Permit | None = None
    ) -> bytes:
        """The hash of a document's octets: sha256, sha512, sha1, md5 or crc32 (four octets, the highest first).

        Raises ValueError for any other, and BadOffset when the document has no such octets.
        """
        hashing = new_hash(algorithm)
        with self.open(path, permit) as document:
            return await digest(document, path, hashing, start, stop, Pace(self._clock, names=sys.maxsize))

    def _reach(self, path: bytes, parts: Parts, use: Use[T], permit: Permit | None = None) -> T:
        if self._root is None:
            raise NotFound(path)
        return self._root.reach(path, parts, use, permit)

    def _scan(self, path: bytes, permit: Permit | None) -> Scan:
        parts, _ = names.split(path, self._hidden)
        folder, where = self._reach(path, parts, open_folder, permit)

        def follow(name: bytes) -> Entry | None:
            try:
                return make_entry(name, self._reach(path, (*parts, name), look, permit))
            except DocumentError:
                return None

        def shows(name: bytes) -> bool:
            return permit is None or (permit((*parts, name)) is None and permit((*where, name)) is None)

        return Scan(path, folder, hidden=self._hidden, follow=follow, shows=None if permit is None else shows)


# --- what is done at the end of a path (`resolve.Use`)


def look(folder: int, name: bytes, where: Parts) -> os.stat_result:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        raise LinkFound
    return status


def _open(folder: int, name: bytes, where: Parts) -> tuple[int, os.stat_result]:
    fd = os.open(name, READ, dir_fd=folder)
    try:
        return fd, os.fstat(fd)
    except BaseException:
        os.close(fd)
        raise


def open_folder(folder: int, name: bytes, where: Parts) -> tuple[int, Parts]:
    return os.open(name, READ_FOLDER, dir_fd=folder), where
