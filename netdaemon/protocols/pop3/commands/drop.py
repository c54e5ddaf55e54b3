"""The maildrop: STAT, LIST, UIDL, DELE, RSET (RFC 1939 sections 5 and 7)."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from netdaemon.protocols.pop3.grammar import Malformed, parse_number
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.pop3.server import POP3Session

NO_SUCH_MESSAGE = b"-ERR There is no such message."


def numbered(session: POP3Session, argument: bytes) -> int:
    """The message that an argument means. Raises Refused."""
    try:
        number = parse_number(argument)
    except Malformed:
        raise Refused(b"-ERR That is not a message's number.", bad=True) from None
    if not session.drop.has(number):
        raise Refused(NO_SUCH_MESSAGE)
    return number


def stat(session: POP3Session, argument: bytes) -> None:
    """STAT."""
    drop = session.drop
    session.send(b"+OK %d %d" % (len(drop), drop.size))


def list_(session: POP3Session, argument: bytes) -> Awaitable[None] | None:
    """LIST: of one message, or of all."""
    drop = session.drop
    if argument:
        number = numbered(session, argument)
        session.send(b"+OK %d %d" % (number, drop.octets_of(number)))
        return None
    lines = (b"%d %d" % (number, drop.octets_of(number)) for number in drop.numbers())
    return session.listing(b"+OK %d messages (%d octets)" % (len(drop), drop.size), lines, len(drop))


def uidl(session: POP3Session, argument: bytes) -> Awaitable[None] | None:
    """UIDL: of one message, or of all."""
    drop = session.drop
    if argument:
        number = numbered(session, argument)
        session.send(b"+OK %d %b" % (number, drop.uid_of(number)))
        return None
    lines = (b"%d %b" % (number, drop.uid_of(number)) for number in drop.numbers())
    return session.listing(b"+OK %d messages" % len(drop), lines, len(drop))


def dele(session: POP3Session, argument: bytes) -> None:
    """DELE: only a mark, until QUIT."""
    number = numbered(session, argument)
    session.drop.delete(number)
    session.send(b"+OK Message %d is marked." % number)


def rset(session: POP3Session, argument: bytes) -> None:
    """RSET."""
    drop = session.drop
    drop.reset()
    session.send(b"+OK %d messages (%d octets)" % (len(drop), drop.size))
