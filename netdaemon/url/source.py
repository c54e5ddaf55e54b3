"""What `netdaemon put` and `post` send: a file, or standard input."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

CHUNK = 64 * 1024


class Source:
    """A file by its name, or with "-" standard input. Every method raises OSError."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._descriptor = 0 if name == "-" else os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self._descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(21, "Is a directory", name)
        self._start = 0
        self.seekable = stat.S_ISREG(status.st_mode)
        """Can it be read from any octet on, and more than once?"""
        self.size: int | None = None
        """Octets, None when only its end will tell."""
        if self.seekable:
            self._start = os.lseek(self._descriptor, 0, os.SEEK_CUR)  # a shell may have read some of standard input
            self.size = status.st_size - self._start

    @property
    def file_name(self) -> bytes:
        """The last part of the file's name, b"" for standard input."""
        return b"" if self.name == "-" else os.fsencode(Path(self.name).name)

    def chunks(self, offset: int = 0) -> Iterator[bytes]:
        """The octets from ``offset`` on, which is 0 unless `seekable`."""
        if self.seekable:
            os.lseek(self._descriptor, self._start + offset, os.SEEK_SET)
        while chunk := os.read(self._descriptor, CHUNK):
            yield chunk

    def digest(self, octets: int, algorithm: str) -> bytes:
        """Of the first ``octets``, by hashlib's name of an algorithm; only if `seekable`."""
        made = hashlib.new(algorithm)
        for chunk in self.chunks():
            made.update(chunk[:octets])
            octets -= len(chunk)
            if octets <= 0:
                break
        return made.digest()

    def close(self) -> None:
        if self._descriptor:
            os.close(self._descriptor)
