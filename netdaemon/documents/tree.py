"""The document tree: what http, ftp, gopher and the telnet shell show of one folder of the file system.

Nothing but this room touches the files beneath the root, and nothing here leaves them: see `resolve`. What is read
of the tree stands in `reading`; here is what changes it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents import moving, names
from netdaemon.documents.attributes import may_fill, set_attributes
from netdaemon.documents.changes import Changes, seen_from
from netdaemon.documents.failures import failure
from netdaemon.documents.moving import End
from netdaemon.documents.names import Parts, beneath
from netdaemon.documents.pace import Pace
from netdaemon.documents.reading import Readable, look, open_folder
from netdaemon.documents.resolve import Permit
from netdaemon.documents.scan import READ_FOLDER, lstat, make_entry
from netdaemon.documents.sealed import Seals
from netdaemon.documents.unfinished import Resumed
from netdaemon.documents.usage import REST, Ledger, Limit, Quota
from netdaemon.documents.walk import walk
from netdaemon.documents.within import Within
from netdaemon.documents.writer import Writer
from netdaemon.interfaces import (
    BadOffset,
    DocumentError,
    DocumentWriter,
    Entry,
    Exists,
    Forbidden,
    IDocuments,
    IsFolder,
    ITellsChanges,
    NoSpace,
    NotFolder,
    NotFound,
    Unavailable,
)


@implementer(IDocuments, ITellsChanges)
class Tree(Readable):
    """The whole tree. Without a root it is empty: everything is NotFound.

    Making one raises OSError, whose ``filename`` is the root, when that is no folder we may enter, and ValueError for
    a sealed path that can't be one. It is read by descriptors from then on: a new tree is made at reload, and the old
    one closes itself with its last user. ``clock`` lets long works (`listing`, `digest`, `sweep`, the count behind a
    quota) give the reactor its turns; without it they go on at once. Nothing is written at or beneath the paths that
    are ``sealed``.
    """

    def __init__(
        self, settings: DocumentsSettings, clock: IReactorTime | None = None, sealed: Iterable[str] = ()
    ) -> None:
        super().__init__(settings, clock)
        self._changes = Changes()
        self.sealed: tuple[Parts, ...] = ()
        """The paths beneath which nothing is written."""
        if self._root is not None:
            self._ledger = Ledger(self._root, clock)
            self._seals = Seals(self._root, sealed)
            self.sealed = self._seals.paths

    def close(self) -> None:
        """Give the root back; what is asked afterwards is Unavailable. Open documents stay open.

        Not while a writer commits in a thread, nor at reload, when sessions still use the old tree.
        """
        if self._root is not None:
            self._ledger.close()
            self._root.close()
            self._changes.tell(b"/")

    def on_change(self, listener: Callable[[bytes], object], folder: Parts = ()) -> None:
        """Tell ``listener`` of every change made through this tree (see `ITellsChanges`), as ``folder`` sees it."""
        links = self._root is not None and self._root.links
        self._changes.listen(listener, seen_from(folder, links) if folder else None)

    def within(self, path: bytes) -> Within:
        """The same tree as seen from one of its folders."""
        return Within(self, path)

    # --- documents

    def write(
        self, path: bytes, new: bool = False, permit: Permit | None = None, limit: Limit | None = None
    ) -> DocumentWriter:
        """Begin to write a document, new or instead of what stands there.

        Raises Forbidden when a device, a socket, a pipe or a link that leads nowhere stands there.
        """
        return self._begin(path, Writer, permit, limit, new)

    def resume(
        self,
        path: bytes,
        offset: int,
        permit: Permit | None = None,
        limit: Limit | None = None,
        reads: Permit | None = None,
    ) -> DocumentWriter:
        """Begin to write a document that goes on after what is there already (see `unfinished`)."""
        if offset < 0:
            raise BadOffset(path)
        return self._begin(path, partial(Resumed, offset=offset, source=lambda: self.open(path, reads)), permit, limit)

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
                self._reach(path, parts, look)  # NotFound: nobody sees this link
                os.unlink(name, dir_fd=folder)
            elif not stat.S_ISREG(status.st_mode):
                raise Forbidden(path)
            elif wants_folder:
                raise NotFolder(path)
            else:
                os.unlink(name, dir_fd=folder)
                self._ledger.changed(where, -status.st_size)

        self._reach(path, parts, take_away, self._seal(permit, above=True))
        self._changes.tell(names.join(parts))

    def rename(
        self,
        path: bytes,
        to: bytes,
        permit: Permit | None = None,
        permit_to: Permit | None = None,
        limit: Limit | None = None,
    ) -> None:
        """Give a document, a folder or a link another name, also in another folder; of a link the link.

        A document, or a link to one, replaces a document or a link to one. With ``limit`` what comes from elsewhere
        must fit, and only a document's size is known.
        """
        if not names.split(path, self._hidden)[0]:
            raise Forbidden(path)
        if not names.split(to, self._hidden)[0]:
            raise Exists(to)
        permit, permit_to = self._seal(permit, above=True), self._seal(permit_to, above=True)
        with closing(self._end(path, permit)) as source, closing(self._end(to, permit_to)) as target:
            moving.check(source, target)
            if source.where == target.where:
                return
            if limit is not None and not beneath(source.where, limit.home):
                if source.is_folder:
                    raise Forbidden(to, "How much is in the folder is not known.")
                if not self._quota(limit).allows(source.size - target.size):
                    raise NoSpace(to, "The account's quota is full.")
            moving.move(source, target)
        if source.is_folder:
            self._ledger.moved(source.where, target.where)
            self._changes.tell(b"/")
        else:
            self._ledger.changed(source.where, -source.size)
            self._ledger.changed(target.where, source.size - target.size)
            self._changes.tell(names.join(source.given))
            self._changes.tell(names.join(target.given))

    def make_folder(self, path: bytes, permit: Permit | None = None) -> None:
        """Make a folder in a folder that exists. Raises Exists when something stands there."""
        parts, _ = names.split(path, self._hidden)
        if not parts:
            raise Exists(path)
        self._reach(path, parts, _make_folder, self._seal(permit))
        self._changes.tell(names.join(parts))

    def change(
        self, path: bytes, modified_ns: int | None = None, mode: int | None = None, permit: Permit | None = None
    ) -> Entry:
        """Set the time of the last change or the permission bits; of a link those of what it leads to.

        Forbidden for bits outside 0o777, and for bits that would keep the daemon itself out: a folder's owner keeps
        rwx and a document's r.
        """
        parts, wants_folder = names.split(path, self._hidden)
        # who may write into what is above could put another folder where programs are run
        seal = self._seal(permit, above=mode is not None)

        def set_them(folder: int, name: bytes, where: Parts) -> os.stat_result:
            return set_attributes(folder, name, path, wants_folder=wants_folder, modified_ns=modified_ns, mode=mode)

        status = self._reach(path, parts, set_them, seal)
        self._changes.tell(names.join(parts))
        return make_entry(parts[-1] if parts else b"", status)

    def may_write(self, path: bytes, permit: Permit | None = None) -> bool:
        """Would changing what stands there, or making it, be allowed, by rights and by the file system?"""
        try:
            parts, _ = names.split(path, self._hidden)
            seal = self._seal(permit)
            if parts:
                with closing(self._end(path, seal)) as end:
                    if end.status is None:
                        return may_fill(end.fd, b".", ())
                    if end.seen is None:
                        return False  # a link that leads nowhere
                    if not stat.S_ISDIR(end.seen.st_mode):
                        # a document is put in the place of another, or of a link: its folder's matter
                        replaceable = stat.S_ISREG(end.seen.st_mode) and not end.wants_folder
                        return replaceable and may_fill(end.fd, b".", ())
            return self._reach(path, parts, may_fill, seal)
        except Unavailable:
            raise
        except DocumentError:
            return False

    def space(
        self, path: bytes, permit: Permit | None = None, adds: Permit | None = None, limit: Limit | None = None
    ) -> int | None:
        """Octets that may still be written beneath a folder: none where ``adds`` refuses; None when nobody knows."""
        parts, _ = names.split(path, self._hidden)
        fd, where = self._reach(path, parts, open_folder, permit)
        try:
            disk = os.fstatvfs(fd)
        except OSError as error:
            raise failure(error, path) from error
        finally:
            os.close(fd)
        adds = self._seal(adds)
        if adds is not None and (adds(parts) or adds(where)):
            return 0
        rests = [disk.f_bavail * disk.f_frsize] if disk.f_blocks else []
        if limit is not None:
            rests.append(self._quota(limit).rest)
        return min(rests, default=None)

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

    def _seal(self, permit: Permit | None, above: bool = False) -> Permit | None:
        return permit if self._root is None else self._seals.guard(permit, above)

    def _quota(self, limit: Limit) -> Quota:
        return Quota(self._ledger.usage(limit.home), limit.size)

    def _end(self, path: bytes, permit: Permit | None) -> End:
        """The end of a path that is no root, with its folder open."""
        parts, wants_folder = names.split(path, self._hidden)
        fd, where = self._reach(path, parts, _open_folder_of, permit)
        try:
            status = seen = lstat(parts[-1], fd)
            if status is not None and stat.S_ISLNK(status.st_mode):
                try:
                    seen = self._reach(path, parts, look)
                except NotFound:
                    seen = None
        except OSError as error:
            os.close(fd)
            raise failure(error, path) from error
        except BaseException:
            os.close(fd)
            raise
        return End(path, wants_folder, parts, where, fd, status, seen)

    def _begin(
        self,
        path: bytes,
        make: Callable[..., Writer],
        permit: Permit | None,
        limit: Limit | None,
        new: bool = False,
    ) -> Writer:
        """A writer, made by ``make``, for what may stand at a path."""
        parts, _ = names.split(path, self._hidden)
        if not parts:
            raise (Exists if new else IsFolder)(path)
        seal = self._seal(permit)
        end = self._end(path, seal)
        try:
            _check_replaceable(end, new)
            part = names.part(end.name)
            if part is not None and seal is not None:
                # kept under another name: is that one allowed?
                places = ((*parts[:-1], part), (*end.where[:-1], part))
                if any(seal(place) is not None for place in places):
                    part = None
            quota = None if limit is None else self._quota(limit)
        except BaseException:
            end.close()
            raise
        return make(
            path,
            end.fd,
            end.where,
            open_folder=lambda: self._reach(path, parts, _open_folder_of, seal)[0],
            ledger=self._ledger,
            quota=quota,
            changed=lambda name: self._changes.tell(names.join((*parts[:-1], name))),
            new=new,
            part=part,
        )


def _check_replaceable(end: End, new: bool) -> None:
    """What `Writer` can't tell: where a link leads, and whether the path's form asks for a folder."""
    if end.status is not None:
        if new:
            raise Exists(end.path)
        if end.seen is None:
            raise Forbidden(end.path, "A link that leads nowhere stands there.")
        if stat.S_ISDIR(end.seen.st_mode):
            raise IsFolder(end.path)
    if end.wants_folder:
        raise NotFolder(end.path)


# --- what is done at the end of a path (`resolve.Use`)


def _open_folder_of(folder: int, name: bytes, where: Parts) -> tuple[int, Parts]:
    return os.open(b".", READ_FOLDER, dir_fd=folder), where


def _make_folder(folder: int, name: bytes, where: Parts) -> None:
    os.mkdir(name, 0o755, dir_fd=folder)
