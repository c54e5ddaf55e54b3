"""Folders of the store into Maildir and mbox, with dates and flags."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from netdaemon.messages import maildir, mbox
from netdaemon.messages.foreign import make_folder, open_for_writing
from netdaemon.messages.importing import SUFFIX
from netdaemon.messages.interfaces import Folder
from netdaemon.messages.names import parents
from netdaemon.messages.spool import PIECE
from netdaemon.messages.store import Store, done
from netdaemon.messages.uids import HIGHEST
from netdaemon.messages.values import Entry

AT_ONCE = 500
"""Entries read at once."""


def to_maildir(store: Store, folder: Folder, top: Path, advanced: Callable[[int], object]) -> tuple[int, set[str]]:
    """(how many messages are new there, keywords that found no place). Done again, it brings flags up to date.

    Raises StoreError and OSError.
    """
    writing = maildir.Writing(top, folder.name)
    count = 0
    for entry in entries(store, folder):
        key = f"V{folder.uidvalidity}U{entry.uid}"
        count += writing.put(key, pieces(store, entry), entry.flags, entry.keywords, entry.received)
        advanced(entry.octets)
    return count, writing.unsaid


def to_mbox(store: Store, folder: Folder, top: Path, advanced: Callable[[int], object]) -> int:
    """Write ``top``/NAME.mbox, in the place of one that is there; how many messages it has."""
    path = top / (folder.name + SUFFIX)
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    for above in parents(folder.name):
        make_folder(top / above)
    unfinished = path.with_name(path.name + ".part")
    count = 0
    with open_for_writing(unfinished) as file:
        for entry in entries(store, folder):
            mbox.write(file, pieces(store, entry), entry.flags, entry.keywords, entry.received)
            count += 1
            advanced(entry.octets)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    return count


def entries(store: Store, folder: Folder) -> Iterator[Entry]:
    """All of a folder, some at a time."""
    after = 0
    while found := done(store.fetch(folder.id, ((after + 1, HIGHEST),), limit=AT_ONCE)):
        yield from found
        after = found[-1].uid


def pieces(store: Store, entry: Entry) -> Iterator[bytes]:
    """A message's octets."""
    body = store.body(entry.message)
    for offset in range(0, body.size, PIECE):
        yield body.read_now(offset, PIECE)
