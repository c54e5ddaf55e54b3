"""Messages: RETR and TOP (RFC 1939 sections 5 and 7)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from typing import TYPE_CHECKING

from netdaemon.mail.downgrade import downgraded
from netdaemon.messages.errors import StoreBroken
from netdaemon.messages.interfaces import IBody
from netdaemon.protocols.pop3.commands.drop import numbered
from netdaemon.protocols.pop3.grammar import Malformed, parse_top
from netdaemon.protocols.pop3.top import Top
from netdaemon.wire.dot import stuffed
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.pop3.server import POP3Session

SMALL = 64 * 1024
"""Octets that are read in the reactor's thread, and sent in one write."""
STEP = 256 * 1024


def retr(session: POP3Session, argument: bytes) -> Awaitable[None] | None:
    """RETR."""
    number = numbered(session, argument)
    body = session.factory.messages.body(session.drop.ids[number - 1])
    if body.size > SMALL:
        return _retrieve(session, number, body)
    data = body.read_now(0, body.size)
    if not data.isascii():
        data = readable(session, data)
    session.said(b"+OK [%d octets]" % len(data))
    session.write(b"+OK %d octets\r\n%b" % (len(data), stuffed(data)))
    _retrieved(session, number, body.size)
    return None


async def _retrieve(session: POP3Session, number: int, body: IBody) -> None:
    pieces = _pieces(body)
    first = await anext(pieces)  # before anything is said: it may not be there
    begun = first if first.isascii() else readable(session, first)
    session.send(b"+OK %d octets" % (body.size - len(first) + len(begun)))
    await session.send_body(_behind(begun, pieces))
    _retrieved(session, number, body.size)


def _retrieved(session: POP3Session, number: int, octets: int) -> None:
    session.drop.retrieved.add(number)
    if session.tally is not None:
        session.tally.retrieved += 1
        session.tally.octets += octets


def top(session: POP3Session, argument: bytes) -> Awaitable[None] | None:
    """TOP."""
    try:
        number, lines = parse_top(argument)
    except Malformed:
        raise Refused(b"-ERR A message's number and a number of lines are wanted.", bad=True) from None
    number = numbered(session, b"%d" % number)
    if session.tally is not None:
        session.tally.tops += 1
    body = session.factory.messages.body(session.drop.ids[number - 1])
    wanted = Top(lines)
    beginning = readable(session, wanted.feed(body.read_now(0, min(body.size, SMALL))))
    if body.size > SMALL and not wanted.finished:
        return _top(session, wanted, beginning, body)
    session.said(b"+OK [top of a message]")
    session.write(b"+OK Here it is.\r\n" + stuffed(beginning))
    return None


async def _top(session: POP3Session, wanted: Top, beginning: bytes, body: IBody) -> None:
    async def chunks() -> AsyncGenerator[bytes, None]:
        yield beginning
        pieces = _pieces(body, SMALL)
        try:
            async for piece in pieces:
                yield wanted.feed(piece)
                if wanted.finished:
                    return
        finally:
            await pieces.aclose()

    session.send(b"+OK Here it is.")
    await session.send_body(chunks())


def readable(session: POP3Session, data: bytes) -> bytes:
    """The beginning of a message for this client: who has not said UTF8 gets no UTF-8 in its header.

    RFC 6856 section 4 lets the server refuse such a message instead; so old a client would never have it. A header that
    goes on beyond ``data`` is sent as it is.
    """
    if session.utf8 or data.isascii():
        return data
    top = Top(0)
    header = top.feed(data)
    if header.isascii() or not (top.finished or len(data) < SMALL):
        return data
    return downgraded(header) + data[len(header) :]


async def _pieces(body: IBody, offset: int = 0) -> AsyncGenerator[bytes, None]:
    while offset < body.size:
        piece = await body.read(offset, STEP)
        if not piece:
            raise StoreBroken("a message is shorter than it was")
        offset += len(piece)
        yield piece


async def _behind(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        yield first
        async for piece in pieces:
            yield piece
    finally:
        await pieces.aclose()
