"""The two sides of a mirror: a folder here, and one at the server."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from netdaemon.protocols.ftp.client.commands import Entry
from netdaemon.protocols.ftp.client.errors import UnsafeName
from netdaemon.protocols.ftp.client.plan import Choice, Item

PART, NOTE = ".part", ".part.json"
"""What a download under way stands in, and the note beside it: no documents of ours."""


def safe_name(name: str) -> str:
    """A name from the server's listing, if it is one part of a path here. Raises UnsafeName.

    A server that says ``../.profile`` or ``/etc/passwd`` must not have us write there.
    """
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise UnsafeName("a name that would lead elsewhere")
    if "\r" in name or "\n" in name:
        raise UnsafeName("a name with a line end, which no command can hold")
    if len(os.fsencode(name)) > 255:
        raise UnsafeName("a name of more than 255 octets")
    return name


def item_of(entry: Entry) -> Item:
    return Item(entry.kind, entry.size, entry.modified, entry.precision)


class LocalTree:
    """A folder here. Links in it are never followed: what stands behind one is somebody else's."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, path: str) -> Path:
        """Where ``path``, of safe names, stands."""
        return self.root.joinpath(*path.split("/"))

    def items(self, choice: Choice) -> dict[str, Item]:
        """All that takes part. Raises OSError."""
        found: dict[str, Item] = {}
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            with os.scandir(self.place(folder) if folder else self.root) as entries:
                names = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
            for name, status in names.items():
                if name.endswith(NOTE) or (name.endswith(PART) and name + NOTE.removeprefix(PART) in names):
                    continue
                path = f"{folder}/{name}" if folder else name
                item = _local(status)
                if choice.takes(path, item.kind == "dir"):
                    found[path] = item
                    if item.kind == "dir":
                        waiting.append(path)
        return found

    def make(self, path: str) -> None:
        self.place(path).mkdir(exist_ok=True)

    def delete(self, path: str) -> None:
        self.place(path).unlink(missing_ok=True)

    def remove(self, path: str) -> None:
        """A folder, empty but for what takes no part in the mirror."""
        place = self.place(path)
        for entry in place.iterdir():
            if entry.name.endswith((PART, NOTE)) and entry.is_file():
                entry.unlink()
        place.rmdir()


def _local(status: os.stat_result) -> Item:
    kind = "other"
    for test, name in ((stat.S_ISREG, "file"), (stat.S_ISDIR, "dir"), (stat.S_ISLNK, "link")):
        if test(status.st_mode):
            kind = name
    return Item(kind, status.st_size if kind == "file" else None, status.st_mtime)
