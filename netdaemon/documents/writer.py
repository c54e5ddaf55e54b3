"""Writing a document: whole under its name, or as if nobody had begun, or kept as ``NAME.part`` to be gone on with.

The bytes go to a temporary name in the document's own folder, that no peer can see. Commit syncs the file, renames
it and syncs the folder, in that order: a crash before the rename leaves the old document and a temporary that
`Tree.sweep` removes; a crash after it leaves the new one. Of several writers to one name the last to commit wins
whole. A link of that name is replaced, what it leads to stays as it is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from netdaemon.documents import names
from netdaemon.documents.failures import failure
from netdaemon.documents.moving import rename_new
from netdaemon.documents.names import Parts
from netdaemon.documents.scan import lstat, make_entry
from netdaemon.documents.usage import Ledger, Quota
from netdaemon.interfaces import DocumentError, Entry, Forbidden, IsFolder, NoSpace, NotFound

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = 0o644  # less the umask


class Writer:
    """One document under way (`netdaemon.interfaces.DocumentWriter`).

    Owns ``folder``, a descriptor of the folder that ``where`` (a physical path) stands in; ``open_folder`` opens the
    same folder by its path again, so that a folder moved away during a long upload takes no document with it.
    ``changed`` is called with a name as soon as what stands at it has changed. With ``new`` nothing may be replaced.
    ``part`` is the name for `keep`, None when there can be none.
    May be used in another thread than it was made in, by one at a time: commit waits for the disk.
    """

    def __init__(
        self,
        path: bytes,
        folder: int,
        where: Parts,
        *,
        open_folder: Callable[[], int],
        ledger: Ledger,
        quota: Quota | None,
        changed: Callable[[bytes], object],
        new: bool = False,
        part: bytes | None = None,
    ) -> None:
        self._path = path
        self._folder = folder
        self._where = where
        self._open_folder = open_folder
        self._ledger = ledger
        self._quota = quota
        self._changed = changed
        self._new = new
        self._part = part
        self._size = 0
        self._file = -1
        self._temporary = names.temporary()
        self._failure: DocumentError | None = None
        try:
            old = None if new else self._old(where[-1])
            # from its first byte no more readable than the document it replaces
            mode = _NEW if old is None or stat.S_ISLNK(old.st_mode) else old.st_mode & 0o777
            self._credit = _size(old)
            self._begin(mode)
        except OSError as error:
            self.abandon()
            raise failure(error, path) from error
        except DocumentError:
            self.abandon()
            raise

    def write(self, data: bytes) -> None:
        """Append. Raises NoSpace and Unavailable; after that only keep and abandon are left."""
        self._check()
        if self._quota is not None and not self._quota.allows(len(data) - self._credit):
            raise self._failed(NoSpace(self._path, "The account's quota is full."))
        view = memoryview(data)
        try:
            while view:
                written = os.write(self._file, view)
                self._size += written
                self._ledger.changed(self._where, written)
                view = view[written:]
        except OSError as error:
            raise self._failed(failure(error, self._path)) from error

    def commit(self) -> Entry:
        """Sync, rename, sync the folder: the entry of what stands there now.

        Raises Exists when nothing was to be replaced and something stands there; IsFolder, Forbidden and NotFound
        when what stood there, or the folder, was changed meanwhile; NoSpace and Unavailable when the disk refuses, and
        whatever write raised before. The old document then stands as it did, except that Unavailable may also mean
        that the new one is there and the folder could not be synced.
        """
        self._check()
        try:
            self._complete()
            replaced = self._rename()
            self._changed(self._where[-1])
            self._ledger.changed(self._where, -replaced)
            os.fsync(self._folder)
            return make_entry(self._where[-1], os.fstat(self._file))
        except OSError as error:
            raise failure(error, self._path) from error
        finally:
            self.abandon()

    def keep(self) -> None:
        """End it, but keep what is written under the part's name, where another part is replaced. Never raises.

        What can't be kept so is abandoned, and so is nothing at all: it is no reason to lose an older part. Not
        synced: only the document itself is promised to outlive a crash.
        """
        try:
            if self._file >= 0 and self._temporary and self._part is not None and self._size:
                self._complete()
                replaced = _size(self._old(self._part))
                self._check_folder()
                os.rename(self._temporary, self._part, src_dir_fd=self._folder, dst_dir_fd=self._folder)
                self._temporary = b""
                self._changed(self._part)
                self._ledger.changed(self._where, -replaced)
        except (OSError, DocumentError):
            pass
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Forget it all; does nothing once it has ended. Never raises."""
        if self._temporary and self._file >= 0:
            try:
                os.unlink(self._temporary, dir_fd=self._folder)
            except OSError:
                pass  # the folder is gone, and the temporary with it; or the disk failed, and the sweep finds it
            self._ledger.changed(self._where, -self._size)
        self._close()

    __del__ = abandon  # a session that was dropped without a word

    def _begin(self, mode: int) -> None:
        self._file = os.open(self._temporary, _CREATE, mode, dir_fd=self._folder)

    def _complete(self) -> None:
        """What is still to be done before it may have a name."""

    def _rename(self) -> int:
        """Give it its name; how many bytes stood there."""
        old = None if self._new else self._old(self._where[-1])
        if old is not None and stat.S_ISREG(old.st_mode):
            mode = old.st_mode & 0o777  # never set-uid: the bytes are a peer's
            if os.fstat(self._file).st_mode & 0o777 != mode:
                os.fchmod(self._file, mode)
        os.fsync(self._file)
        self._check_folder()
        if self._new:
            rename_new(self._temporary, self._where[-1], self._folder, self._folder)
        else:
            os.rename(self._temporary, self._where[-1], src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._temporary = b""
        return _size(old)

    def _old(self, name: bytes) -> os.stat_result | None:
        """What stands there and may be replaced; raises IsFolder and Forbidden."""
        old = lstat(name, self._folder)
        if old is None:
            return None
        if stat.S_ISDIR(old.st_mode):
            raise IsFolder(self._path)
        if not stat.S_ISREG(old.st_mode) and not stat.S_ISLNK(old.st_mode):
            raise Forbidden(self._path)
        return old

    def _check_folder(self) -> None:
        folder = self._open_folder()
        try:
            now = os.fstat(folder)
        finally:
            os.close(folder)
        then = os.fstat(self._folder)
        if (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino):
            raise NotFound(self._path, "The folder was moved away.")

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._file < 0:
            raise ValueError("this document was committed or abandoned already")

    def _failed(self, error: DocumentError) -> DocumentError:
        self._failure = error
        return error

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1


def _size(old: os.stat_result | None) -> int:
    """What a quota counts of it: a link's own bytes are nobody's."""
    return old.st_size if old is not None and stat.S_ISREG(old.st_mode) else 0
