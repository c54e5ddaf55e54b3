"""Going on with an upload that was broken off: `NAME.part`, or the first octets of the document itself."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Any

from netdaemon.documents.failures import failure
from netdaemon.documents.moving import rename_new
from netdaemon.documents.scan import lstat
from netdaemon.documents.writer import Writer
from netdaemon.interfaces import BadOffset, NoSpace, NotFound, OpenDocument

STEP = 1 << 20
"""Octets copied with each write."""
_TAKE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CHUNK = 256 * 1024


class Resumed(Writer):
    """A writer that goes on after the first ``offset`` octets of what is there already.

    An upload that was kept is taken away under a name that nobody sees, so that it is one writer's alone, and cut to
    ``offset``. Else these octets are copied from what ``source`` opens: a step with each write and the rest in commit
    or keep, which may therefore take as long as copying it all.

    A crash loses a part that was taken away, as it loses every upload under way.
    """

    def __init__(self, *arguments: Any, offset: int, source: Callable[[], OpenDocument], **more: Any) -> None:
        self._offset = offset
        self._open_source = source
        self._source: OpenDocument | None = None
        self._copied = 0
        super().__init__(*arguments, **more)

    def write(self, data: bytes) -> None:
        """Append, and copy a step of what comes before."""
        self._check()
        self._copy(STEP)
        super().write(data)

    def _complete(self) -> None:
        self._copy(self._offset)  # a document with a hole in it must have no name

    def _close(self) -> None:
        super()._close()
        if self._source is not None:
            self._source.close()
            self._source = None

    def _begin(self, mode: int) -> None:
        too_short = False
        if self._part is not None:
            status = lstat(self._part, self._folder)
            if status is not None and stat.S_ISREG(status.st_mode):
                too_short = status.st_size < self._offset
                if not too_short and self._take(self._part):
                    return
        try:
            self._source = self._open_source()
        except NotFound:
            if too_short:
                raise BadOffset(self._path) from None
            raise
        if self._source.entry.size < self._offset:
            raise BadOffset(self._path)
        if self._quota is not None and not self._quota.allows(self._offset - self._credit):
            raise NoSpace(self._path, "The account's quota is full.")
        super()._begin(mode)
        os.ftruncate(self._file, self._offset)
        self._goes_on()
        self._ledger.changed(self._where, self._offset)

    def _take(self, part: bytes) -> bool:
        """Take the part away from everybody else; False when it is not to be had."""
        try:
            file = os.open(part, _TAKE, dir_fd=self._folder)
        except OSError:
            return False
        try:
            status = os.fstat(file)
            # under another name, or another's: whoever that is could change it when it has its name
            ours = status.st_nlink == 1 and status.st_uid == os.geteuid()
            if not stat.S_ISREG(status.st_mode) or status.st_size < self._offset or not ours:
                return False
            try:
                os.rename(part, self._temporary, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            except FileNotFoundError:
                return False  # somebody was quicker
            try:
                now = os.stat(self._temporary, dir_fd=self._folder, follow_symlinks=False)
                if not os.path.samestat(status, now):
                    self._give_back(part)
                    return False
                os.fchmod(file, status.st_mode & 0o777)  # never set-uid
                os.ftruncate(file, self._offset)
            except OSError:
                self._give_back(part)
                raise
            self._file, file = file, -1
        finally:
            if file >= 0:
                os.close(file)
        self._copied = self._offset
        self._goes_on()
        self._ledger.changed(self._where, self._offset - status.st_size)
        self._changed(part)
        return True

    def _give_back(self, part: bytes) -> None:
        """It was another part, put there as we took it; or it can't be gone on with."""
        try:
            rename_new(self._temporary, part, self._folder, self._folder)
        except FileExistsError:
            os.unlink(self._temporary, dir_fd=self._folder)  # and a newer one in the place of that

    def _goes_on(self) -> None:
        os.lseek(self._file, self._offset, os.SEEK_SET)
        self._size = self._offset

    def _copy(self, most: int) -> None:
        """Copy ``most`` octets of the beginning, or as many as are left. Raises as write does."""
        end = min(self._copied + most, self._offset)
        try:
            while self._copied < end:
                assert self._source is not None
                copied = copy(self._source.fd, self._file, self._copied, end - self._copied)
                if not copied:  # another program has cut it short
                    raise self._failed(BadOffset(self._path))
                self._copied += copied
        except OSError as error:
            raise self._failed(failure(error, self._path)) from error


def copy(source: int, file: int, offset: int, size: int) -> int:
    """Copy at most ``size`` octets that stand at ``offset`` to the same place; how many, 0 at the end."""
    try:
        copied = os.copy_file_range(source, file, size, offset, offset)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        copied = 0
    # some file systems can't, and some say 0 to everything
    return copied or os.pwrite(file, os.pread(source, min(size, _CHUNK), offset), offset)
