"""The hash of a document, made in short turns."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable
from typing import Protocol

from netdaemon.documents.failures import failure
from netdaemon.documents.pace import Pace
from netdaemon.interfaces import BadOffset, OpenDocument

CHUNK = 128 * 1024
"""Octets between two looks at the clock: a third of a millisecond of SHA-512."""


class Hash(Protocol):
    """What is needed of one of hashlib's."""

    def update(self, data: bytes, /) -> object: ...

    def digest(self) -> bytes: ...


class CRC32:
    """The checksum of ISO 3309 as zip and gzip have it, the first octet the highest."""

    def __init__(self) -> None:
        self._sum = 0

    def update(self, data: bytes, /) -> None:
        self._sum = zlib.crc32(data, self._sum)

    def digest(self) -> bytes:
        return self._sum.to_bytes(4, "big")


ALGORITHMS: dict[str, Callable[[], Hash]] = {
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
    # peers compare transfers with these, nobody proves anything
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "crc32": CRC32,
}


def new_hash(algorithm: str) -> Hash:
    """Raises ValueError for an algorithm that is none of `ALGORITHMS`."""
    make = ALGORITHMS.get(algorithm)
    if make is None:
        raise ValueError(f"{algorithm!r} is none of {' '.join(ALGORITHMS)}")
    return make()


async def digest(document: OpenDocument, path: bytes, hashing: Hash, start: int, stop: int | None, pace: Pace) -> bytes:
    """The hash of the document's octets from ``start`` to ``stop``, or to its end as it was when it was opened.

    Raises BadOffset when they are not all there, at the beginning or when their turn comes.
    """
    end = document.entry.size if stop is None else stop
    if not 0 <= start <= end <= document.entry.size:
        raise BadOffset(path)
    try:
        os.posix_fadvise(document.fd, start, end - start, os.POSIX_FADV_SEQUENTIAL)
        while start < end:
            data = os.pread(document.fd, min(CHUNK, end - start), start)
            if not data:
                raise BadOffset(path)
            hashing.update(data)
            start += len(data)
            if pace.over():
                await pace.turn()
    except OSError as error:
        raise failure(error, path) from error
    return hashing.digest()
