"""Renaming: in one step, and over nothing that is to stay."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from dataclasses import dataclass

from netdaemon.documents.failures import failure
from netdaemon.documents.names import Parts, beneath
from netdaemon.interfaces import DocumentError, Exists, Forbidden, NotFolder, NotFound

_NOREPLACE = 1  # RENAME_NOREPLACE

_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # Python has no name for it
if _renameat2 is not None:
    _renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)


def rename_new(name: bytes, to: bytes, folder: int, to_folder: int) -> None:
    """renameat(2) that raises FileExistsError when anything stands at ``to``, and has no moment between."""
    if _renameat2 is not None:
        if _renameat2(folder, name, to_folder, to, _NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(number, os.strerror(number))
    _rename_in_steps(name, to, folder, to_folder)


def _rename_in_steps(name: bytes, to: bytes, folder: int, to_folder: int) -> None:
    """The same where the kernel or the file system can't: nothing is replaced but what was made here."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        os.link(name, to, src_dir_fd=folder, dst_dir_fd=to_folder, follow_symlinks=False)
        os.unlink(name, dir_fd=folder)
        return
    os.mkdir(to, 0o700, dir_fd=to_folder)
    try:
        os.rename(name, to, src_dir_fd=folder, dst_dir_fd=to_folder)  # over an empty folder, or not at all
    except OSError:
        os.rmdir(to, dir_fd=to_folder)
        raise


@dataclass
class End:
    """One end of a move: a name in an open folder, and what stands there."""

    path: bytes
    """As the peer called it."""
    wants_folder: bool
    """Whether it was called so."""
    given: Parts
    where: Parts
    fd: int
    """The folder's."""
    status: os.stat_result | None
    """lstat; None when nothing stands there."""
    seen: os.stat_result | None
    """The same of what a link leads to; None when that is nowhere."""

    @property
    def name(self) -> bytes:
        return self.where[-1]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder itself, not a link to one."""
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    @property
    def size(self) -> int:
        """What a quota counts of it."""
        return self.status.st_size if self.status is not None and stat.S_ISREG(self.status.st_mode) else 0

    def close(self) -> None:
        """Give the folder back."""
        os.close(self.fd)


def check(source: End, target: End) -> None:
    """Whether the one may be moved to the other: raises what `IDocuments.rename` says."""
    if source.seen is None:
        raise NotFound(source.path)  # nobody sees a link that leads nowhere
    shown_as_folder = stat.S_ISDIR(source.seen.st_mode)
    if not shown_as_folder:
        if not stat.S_ISREG(source.seen.st_mode):
            raise Forbidden(source.path)
        for end in (source, target):
            if end.wants_folder:
                raise NotFolder(end.path)
    if source.where == target.where:
        return
    if source.is_folder and beneath(target.where, source.where):
        raise Forbidden(target.path, "A folder can't go beneath itself.")
    if target.status is not None and (shown_as_folder or target.seen is None or not stat.S_ISREG(target.seen.st_mode)):
        raise Exists(target.path)


def move(source: End, target: End) -> None:
    """Move the one to the other, checked before."""
    assert source.status is not None
    try:
        if target.status is not None and os.path.samestat(source.status, target.status):
            # two names of one document: rename(2) would leave both
            os.unlink(source.name, dir_fd=source.fd)
        elif target.status is not None or stat.S_ISREG(source.status.st_mode):
            # a document that has come to stand there meanwhile is replaced, a folder never
            os.rename(source.name, target.name, src_dir_fd=source.fd, dst_dir_fd=target.fd)
        else:
            rename_new(source.name, target.name, source.fd, target.fd)
    except OSError as error:
        raise _why(error, source.path, target.path) from error


def _why(error: OSError, path: bytes, to: bytes) -> DocumentError:
    """What is meant by rename(2), which has its own meanings."""
    if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR, errno.ENOTDIR):
        return Exists(to)
    if error.errno == errno.EINVAL:
        return Forbidden(to, "A folder can't go beneath itself.")
    return failure(error, path)
