"""Documents going out: RETR, with REST and RANG before it and ABOR meanwhile (RFC 959 4.1.3, RFC 3659 section 5)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from netdaemon.interfaces import OpenDocument, Unavailable
from netdaemon.protocols.ftp.channel import SendChunks, SendFile
from netdaemon.protocols.ftp.deflate import deflated
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.commands import parse_offset, parse_range
from netdaemon.protocols.ftp.grammar.text import ToWire
from netdaemon.protocols.ftp.transfer import Aborted, Transfer
from netdaemon.protocols.ftp.xferlog import Record
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession

READ = 1 << 16
"""Octets of a document that are read at a time where they must pass through our hands."""


def check_protection(session: FTPSession) -> None:
    """Refuse a data connection in clear where that is against the policy."""
    if session.settings.require_tls and not session.protect:
        raise Refused(b"521 Data connections must be under TLS: PROT P.")  # RFC 4217 section 10


def check_open(session: FTPSession) -> None:
    """Refuse a transfer for which there is no data connection."""
    if session.data is None:
        raise Refused(b"425 Use PORT or PASV first.")


async def retr(session: FTPSession, argument: bytes) -> None:
    """RETR, from where REST or RANG says."""
    check_protection(session)
    rest, span = session.take_rest()
    path = session.path(argument)
    with session.tree.open(path) as document:
        size = document.entry.size
        start, stop = span if span is not None else (rest, size)
        if start > size:
            raise Refused(b"554 The restart position %d > file size %d." % (start, size))
        check_open(session)
        stop = min(stop, size)
        plain = not (session.ascii or session.deflate)
        session.send(b"150 The data connection is opened (%d bytes)." % (stop - start))
        transfer = Transfer(session, "out")
        terms = transfer.terms()
        channel: SendFile | SendChunks
        if plain and not terms.buckets:
            channel = SendFile(terms, document.fd, start, stop - start)
        else:
            chunks = _read(document, path, start, stop)
            if session.ascii:
                chunks = _to_wire(chunks)
            if session.deflate:
                chunks = deflated(chunks, session.level, terms.turn)
            channel = SendChunks(terms, chunks)
        record = Record(session, path, transfer)
        try:
            await transfer.run(channel)
        except Aborted:
            raise aborted(session) from None
        else:
            record.complete = True
        finally:
            record.write(channel.octets)
    session.send(b"226 Transfer complete.")


async def _read(document: OpenDocument, path: bytes, start: int, stop: int) -> AsyncIterator[bytes]:
    while start < stop:
        data = os.pread(document.fd, min(READ, stop - start), start)
        if not data:
            raise Unavailable(path, "It was made shorter meanwhile.")
        start += len(data)
        yield data


async def _to_wire(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    text = ToWire()
    async for chunk in chunks:
        yield text.feed(chunk)


def aborted(session: FTPSession) -> Refused:
    """Answer a transfer that ABOR ended; what is returned answers ABOR."""
    session.send(b"426 Transfer aborted via ABOR.")
    return Refused(b"226 ABOR command successful.")  # RFC 959 4.1.3: ABOR's own reply


# --- before and meanwhile ------------------------------------------------------------------------------------


def rest(session: FTPSession, argument: bytes) -> None:
    """REST: where the next transfer begins (RFC 3659 section 5)."""
    if session.ascii:
        raise Refused(b"501 Resuming transfers not allowed in ASCII mode.")
    try:
        session.rest = parse_offset(argument)
    except Malformed:
        raise Refused(b"501 Invalid parameter.") from None
    session.range = None
    session.send(b"350 The next transfer begins at %d." % session.rest)


def rang(session: FTPSession, argument: bytes) -> None:
    """RANG: the octets that the next RETR or HASH is about, the last one included (draft-bryan-ftp-range)."""
    if session.ascii:
        raise Refused(b"501 Ranges are not allowed in ASCII mode.")
    try:
        first, last = parse_range(argument)
    except Malformed:
        raise Refused(b"501 Invalid parameter.") from None
    session.rest = 0
    if last < first:
        # the draft: 1 0 takes an earlier RANG back
        if (first, last) != (1, 0):
            raise Refused(b"501 Invalid parameter.")
        session.range = None
        session.send(b"350 All of it again.")
        return
    session.range = (first, last + 1)
    session.send(b"350 The next transfer is of %d to %d." % (first, last))


def abor(session: FTPSession, argument: bytes) -> None:
    """ABOR: the reply to a transfer that it ends comes from there."""
    if session.transfer is not None:
        session.transfer.abort()
        return
    session.expect(None)
    session.send(b"225 No transfer to abort.")
