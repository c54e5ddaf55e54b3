"""Everything beneath a folder, links not followed, in short turns."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator

from netdaemon.documents.names import Parts
from netdaemon.documents.pace import Pace
from netdaemon.documents.resolve import Root
from netdaemon.documents.scan import READ_FOLDER
from netdaemon.interfaces import DocumentError


async def walk(root: Root, top: Parts, pace: Pace) -> AsyncIterator[tuple[int, bytes, os.stat_result]]:
    """(descriptor of its folder, name, lstat) of everything beneath ``top`` but folders, hidden names too.

    The descriptor is good until the next step. One folder is open at a time, however deep the tree: each is walked to
    from the root. What can't be read, or vanishes meanwhile, is left out.
    """
    waiting = [top]
    while waiting:
        where = waiting.pop()
        try:
            folder = root.reach(b"/" + b"/".join(where), where, _open_folder)
        except DocumentError:
            continue
        try:
            with os.scandir(folder) as items:
                for item in items:
                    name = os.fsencode(item.name)
                    try:
                        status = item.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append((*where, name))
                    else:
                        yield folder, name, status
                    if pace.over():
                        await pace.turn()
        except OSError:
            continue
        finally:
            os.close(folder)


def _open_folder(folder: int, name: bytes, where: Parts) -> int:
    return os.open(name, READ_FOLDER, dir_fd=folder)
