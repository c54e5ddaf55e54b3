"""What is no part of sending a message: NOOP, QUIT, HELP, VRFY, EXPN (RFC 5321 section 4.1.1), ETRN (RFC 1985)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netdaemon.mail.addresses import Address, parse_address
from netdaemon.protocols.smtp.grammar import Malformed
from netdaemon.protocols.smtp.grammar.commands import parse_string
from netdaemon.protocols.smtp.grammar.replies import complaint
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.smtp.server import SMTPSession

MOST_MEMBERS = 100
"""Members of a list that EXPN tells."""

_CANT_SAY = "I can't say; send to it, and I'll try."


def noop(session: SMTPSession, argument: bytes) -> None:
    """NOOP."""
    session.reply(250, "2.0.0", "OK")


def quit(session: SMTPSession, argument: bytes) -> None:
    """QUIT."""
    session.close(b"221 2.0.0 Goodbye.")


def help_(session: SMTPSession, argument: bytes) -> None:
    """HELP: which commands there are."""
    names = [verb.name.decode() for verb in session.verbs]
    rows = [" ".join(names[at : at + 10]) for at in range(0, len(names), 10)]
    session.reply(214, "2.0.0", "These commands are known:", *rows)


async def vrfy(session: SMTPSession, argument: bytes) -> None:
    """VRFY: strangers hear nothing by which they could find out names (RFC 5321 section 7.3)."""
    address, utf8 = _address(session, argument)
    known = await session.factory.delivery.verify(address) if session.login is not None and address else None
    if known is None:
        session.reply(252, "2.1.5", _CANT_SAY)
    elif known:
        session.reply(250, "2.1.5", _shown(address, utf8))
    else:
        raise Refused(b"550 5.1.1 There is no such address here.")


async def expn(session: SMTPSession, argument: bytes) -> None:
    """EXPN: who stands behind a list, for those who are logged in."""
    if session.login is None:
        raise Refused(b"550 5.7.1 Not for strangers.")
    address, utf8 = _address(session, argument)
    members = None if address is None else await session.factory.delivery.members(address)
    if members is None:
        raise Refused(b"550 5.1.1 There is no such list here.")
    if not members:
        raise Refused(b"550 5.1.1 Nobody is on that list.")
    session.reply(250, "2.1.5", *[_shown(member, utf8) for member in members[:MOST_MEMBERS]])


def etrn(session: SMTPSession, argument: bytes) -> None:
    """ETRN: no queue is run because somebody asks for it."""
    raise Refused(b"502 5.5.1 ETRN is not served here.")


def _address(session: SMTPSession, argument: bytes) -> tuple[Address | None, bool]:
    """(the address, may it be shown in UTF-8?) that VRFY or EXPN means; None for what can be none. Raises Refused."""
    try:
        text, utf8 = parse_string(argument)
    except Malformed as error:
        raise Refused(complaint(501, "5.5.4", error), bad=True) from None
    text = text.removeprefix("<").removesuffix(">")
    try:
        return parse_address(text if "@" in text else f"{text}@{session.factory.house.hostname}"), utf8
    except Malformed:
        return None, utf8


def _shown(address: Address | None, utf8: bool) -> str:
    """RFC 6531 3.7.4.2: UTF-8 goes to those only who asked for it; ours are ASCII in any case."""
    return f"<{address}>"
