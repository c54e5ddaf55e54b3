"""What an errno means to somebody who uses the tree."""

from __future__ import annotations

import errno
import os

from netdaemon.interfaces import DocumentError, Exists, Forbidden, IsFolder, NoSpace, NotFolder, NotFound, Unavailable

_KINDS: dict[int, type[DocumentError]] = {
    errno.ENOENT: NotFound,
    errno.ELOOP: NotFound,
    errno.ENAMETOOLONG: NotFound,
    errno.EINVAL: NotFound,  # a name that this file system can't hold
    errno.EILSEQ: NotFound,
    errno.ENOTDIR: NotFolder,
    errno.EISDIR: IsFolder,
    errno.ENOSPC: NoSpace,
    errno.EDQUOT: NoSpace,
    errno.EFBIG: NoSpace,
    errno.EMLINK: NoSpace,
    errno.EACCES: Forbidden,
    errno.EPERM: Forbidden,
    errno.EROFS: Forbidden,
    errno.EEXIST: Exists,
    errno.ENOTEMPTY: Forbidden,
    errno.EBUSY: Forbidden,
    errno.EXDEV: Forbidden,  # renamed into another file system that is mounted beneath the root
    errno.ETXTBSY: Forbidden,
    errno.ENXIO: Forbidden,  # open(2) of a socket, or of a device that isn't there
    errno.ENODEV: Forbidden,
}


def failure(error: OSError, path: bytes) -> DocumentError:
    """The DocumentError to raise instead; what nobody but us can mend (EMFILE, EIO ...) is Unavailable."""
    number = error.errno or 0
    # strerror only: str(error) would tell the file system's own names.
    return _KINDS.get(number, Unavailable)(path, os.strerror(number))
