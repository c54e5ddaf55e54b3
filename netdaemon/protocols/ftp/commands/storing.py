"""Documents coming in: STOR, APPE, STOU (RFC 959 4.1.3, RFC 3659 section 5).

An upload is there whole, under its name and with 226, or not at all. One whose connection breaks is kept aside as
NAME.part, and gone on with by REST and STOR, or by APPE.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from netdaemon.interfaces import DocumentError, DocumentWriter, Exists, NotFound
from netdaemon.protocols.ftp.channel import Receive, ReceiveDeflated
from netdaemon.protocols.ftp.commands.transfers import aborted, check_open, check_protection
from netdaemon.protocols.ftp.grammar.paths import join, split
from netdaemon.protocols.ftp.grammar.text import FromWire
from netdaemon.protocols.ftp.transfer import Aborted, Spoilt, Transfer
from netdaemon.protocols.ftp.xferlog import Record
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession

COPY = 1 << 20
"""Octets that are read at a time, in a thread, where a document is copied."""

UNIQUE_TRIES = 10

SETTLE = 0.01
"""Seconds within which the news of a client's end come over both of its connections."""


async def stor(session: FTPSession, argument: bytes) -> None:
    """STOR: a document, new or in another's place; with REST, going on with what is there."""
    check_protection(session)
    rest, _ = session.take_rest()
    path = session.path(argument)
    if rest and (there := max(_size(session, path), part_size(session, path))) < rest:
        if not there:
            raise NotFound(path)
        raise Refused(b"554 The restart position %d > file size %d." % (rest, there))
    check_open(session)
    writer = session.tree.resume(path, rest) if rest else session.tree.write(path)
    await _receive(session, path, writer)


async def appe(session: FTPSession, argument: bytes) -> None:
    """APPE: behind what is there; where nothing is, behind the part of an upload that broke off."""
    check_protection(session)
    rest, _ = session.take_rest()
    if rest:
        raise Refused(b"450 Can't APPE while REST request is pending.")
    path = session.path(argument)
    check_open(session)
    size, part = _size(session, path), part_size(session, path)
    if size and part >= size:
        # `resume` would go on with the part, but the client means the document, which is of another upload
        writer = await _copied(session, path)
    elif there := size or part:
        writer = session.tree.resume(path, there)
    else:
        writer = session.tree.write(path)
    await _receive(session, path, writer)


async def _copied(session: FTPSession, path: bytes) -> DocumentWriter:
    """A writer that has all of the document already."""
    in_thread = session.factory.house.in_thread
    writer = session.tree.write(path)
    try:
        with session.tree.open(path) as document:
            at = 0
            while piece := await in_thread(os.pread, document.fd, COPY, at):
                writer.write(piece)
                at += len(piece)
    except BaseException:
        writer.abandon()
        raise
    return writer


def _size(session: FTPSession, path: bytes) -> int:
    """Octets of a document; 0 when there is none."""
    try:
        entry = session.tree.entry(path)
    except NotFound:
        return 0
    return 0 if entry.folder else entry.size


def part_size(session: FTPSession, path: bytes) -> int:
    """Octets of the upload of ``path`` that broke off; 0 when there is none."""
    return _size(session, path + b".part")


async def stou(session: FTPSession, argument: bytes) -> None:
    """STOU: under a name that is not there yet, told in the reply as RFC 1123 4.1.2.9 wants it."""
    check_protection(session)
    rest, _ = session.take_rest()
    if rest:
        raise Refused(b"450 Can't STOU while REST request is pending.")
    folder, name = split(session.path(argument)) if argument else (session.cwd, b"ftp")
    for _ in range(UNIQUE_TRIES):
        unique = b"%b.%b" % (name, secrets.token_hex(4).encode())
        try:
            writer = session.tree.write(join(folder, unique), True)
        except Exists:
            continue
        break
    else:
        raise Refused(b"450 No usable unique file name found.")
    await _receive(session, join(folder, unique), writer, unique)


async def _receive(session: FTPSession, path: bytes, writer: DocumentWriter, unique: bytes = b"") -> None:
    """Take an upload into ``writer``, which is ended whatever happens."""
    house = session.factory.house
    transfer = Transfer(session, "in", late=bool(unique))
    record = Record(session, path, transfer)
    text = FromWire() if session.ascii else None

    def write_text(data: bytes) -> None:
        assert text is not None
        writer.write(text.feed(data))

    kind = ReceiveDeflated if session.deflate else Receive
    channel = kind(transfer.terms(), writer.write if text is None else write_text)
    try:
        session.send(b"150 FILE: " + unique if unique else b"150 The data connection is opened.")
        try:
            await transfer.run(channel)
            if not (session.protect or session.deflate):
                await _check_end(session)
            if text is not None:
                writer.write(text.finish())
        except BaseException as error:
            if unique or isinstance(error, (DocumentError, Spoilt)):
                writer.abandon()  # nobody could go on with it
            else:
                await _keep(session, writer, error)
            raise
        # From here on the writer is the thread's, even if this session ends meanwhile.
        await house.in_thread(writer.commit)
        record.complete = True
    except Aborted:
        raise aborted(session) from None
    finally:
        record.write(channel.octets)
    session.send(b"226 Transfer complete.")


async def _check_end(session: FTPSession) -> None:
    """In clear, and without MODE Z, the end of the data is that of a connection: also of a client's that was killed.

    Its control connection ends then too, a moment before or after.
    """
    if not session.is_deserted:
        await deferLater(session.factory.house.clock, SETTLE)
    if session.is_deserted:
        raise Refused(b"426 The control connection is closed; transfer aborted.")


async def _keep(session: FTPSession, writer: DocumentWriter, error: BaseException) -> None:
    """Keep what has come, in a thread: of a document gone on with, the beginning may have to be copied first."""

    async def keep() -> None:
        await session.factory.house.in_thread(writer.keep)

    keeping = Deferred.fromCoroutine(keep())
    if isinstance(error, Exception) and not isinstance(error, CancelledError):
        await keeping  # the client may ask for its size right behind our reply; a session that ends asks nothing
