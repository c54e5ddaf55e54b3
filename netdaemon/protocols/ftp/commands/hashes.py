"""Hashes of documents: HASH (draft-bryan-ftpext-hash), and the older XCRC, XMD5 and XSHA commands."""

from __future__ import annotations

import os
import zlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from netdaemon.interfaces import BadOffset
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.paths import parse_quoted
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession

HASHES = {b"SHA-256": "sha256", b"SHA-512": "sha512", b"SHA-1": "sha1", b"MD5": "md5", b"CRC32": ""}
"""By IANA's names, hashlib's; it knows no CRC."""

COMMANDS = {
    b"XCRC": b"CRC32",
    b"XMD5": b"MD5",
    b"XSHA": b"SHA-1",
    b"XSHA1": b"SHA-1",
    b"XSHA256": b"SHA-256",
    b"XSHA512": b"SHA-512",
}
"""The commands with a hash in their names."""

READ = 1 << 18


async def hash(session: FTPSession, argument: bytes) -> None:
    """HASH: by the algorithm that OPTS HASH has chosen, of what RANG or REST has chosen."""
    rest, span = session.take_rest()
    path = session.path(argument)
    size = session.tree.entry(path).size
    start, stop = span if span is not None else (rest, size)
    digest = await _digest(session, path, session.hash, start, stop)
    session.send(b"213 %b %d-%d %b %b" % (session.hash, start, stop - 1, digest, argument))


def command(name: bytes) -> Callable[[FTPSession, bytes], Awaitable[None]]:
    """One of `COMMANDS`: a path, in quotes if anything follows it, and the first octet and the one past the last."""

    async def run(session: FTPSession, argument: bytes) -> None:
        path, start, stop = _path_and_range(session, argument)
        digest = await _digest(session, path, COMMANDS[name], start, stop)
        session.send(b"250 " + (digest.upper() if name == b"XCRC" else digest))

    return run


def _path_and_range(session: FTPSession, argument: bytes) -> tuple[bytes, int, int]:
    numbers: list[bytes] = []
    if argument.startswith(b'"'):
        try:
            name = parse_quoted(argument)
        except Malformed:
            raise Refused(b"501 Syntax error: a quote without its end.") from None
        numbers = argument.rpartition(b'"')[2].split()
        if len(numbers) > 2 or not all(number.isdigit() and len(number) < 19 for number in numbers):
            raise Refused(b"501 Syntax error: the range is not of two numbers.")
    else:
        name = argument
    path = session.path(name)
    size = session.tree.entry(path).size
    start = int(numbers[0]) if numbers else 0
    return path, start, int(numbers[1]) if len(numbers) > 1 else size


async def _digest(session: FTPSession, path: bytes, name: bytes, start: int, stop: int) -> bytes:
    if start > stop:
        raise Refused(b"501 The range ends before it begins.")
    try:
        if HASHES[name]:
            return (await session.tree.digest(path, HASHES[name], start, stop)).hex().encode()
        with session.tree.open(path) as document:
            crc: bytes = await session.factory.house.in_thread(_crc, document.fd, path, start, stop)
            return crc
    except BadOffset:
        raise Refused(b"501 The range ends behind the file.") from None


def _crc(fd: int, path: bytes, start: int, stop: int) -> bytes:
    crc = 0
    while start < stop:
        data = os.pread(fd, min(READ, stop - start), start)
        if not data:
            raise BadOffset(path)
        crc = zlib.crc32(data, crc)
        start += len(data)
    return b"%08x" % crc
