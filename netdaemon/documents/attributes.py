"""What a document or a folder has besides its contents: time and permission bits."""

from __future__ import annotations

import os
import stat

from netdaemon.documents.names import Parts
from netdaemon.documents.reading import READ, look
from netdaemon.interfaces import Forbidden, NotFolder

BITS = 0o777
"""No set-uid, set-gid or sticky: what a peer uploads shall run as nobody."""


def set_attributes(
    folder: int, name: bytes, path: bytes, *, wants_folder: bool, modified_ns: int | None, mode: int | None
) -> os.stat_result:
    """Set what is not None, by a descriptor; the status afterwards. A link is LinkFound.

    Raises Forbidden for what is neither document nor folder, for other bits than `BITS`, for bits that would keep the
    daemon itself out (a folder's owner keeps rwx and a document's r), and for a time that can't be told.
    """
    kind = stat.S_IFMT(look(folder, name, ()).st_mode)
    if kind not in (stat.S_IFREG, stat.S_IFDIR):
        raise Forbidden(path)  # opening alone does something to some devices
    fd = os.open(name, READ, dir_fd=folder)
    try:
        status = os.fstat(fd)
        is_folder = stat.S_ISDIR(status.st_mode)
        if stat.S_IFMT(status.st_mode) != kind:
            raise Forbidden(path)  # it was another a moment ago
        if wants_folder and not is_folder:
            raise NotFolder(path)
        if mode is not None:
            if mode & ~BITS:
                raise Forbidden(path, "Only the permission bits can be set.")
            if ~mode & (0o700 if is_folder else 0o400):
                raise Forbidden(path, "Nobody could use it any more, not even we.")
            # of a folder the operator's set-gid and sticky bits stay; a document has none that is a peer's
            os.fchmod(fd, mode | (status.st_mode & 0o7000 if is_folder else 0))
        if modified_ns is not None:
            os.utime(fd, ns=(status.st_atime_ns, modified_ns))
        return os.fstat(fd)
    except OverflowError:
        raise Forbidden(path, "That time is too far away.") from None
    finally:
        os.close(fd)


def may_fill(folder: int, name: bytes, where: Parts) -> bool:
    """Whether the file system lets us change what stands in a folder. A link is LinkFound."""
    look(folder, name, where)
    return os.access(name, os.W_OK | os.X_OK, dir_fd=folder, effective_ids=True)
