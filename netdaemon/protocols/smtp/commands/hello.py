"""Who speaks: HELO, EHLO (RFC 5321 section 4.1.1.1), LHLO (RFC 2033), and STARTTLS (RFC 3207)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netdaemon.protocols.smtp.capabilities import capabilities
from netdaemon.protocols.smtp.commands.states import GREETED
from netdaemon.protocols.smtp.grammar import Malformed
from netdaemon.protocols.smtp.grammar.commands import parse_greeting
from netdaemon.protocols.smtp.grammar.replies import complaint
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.smtp.server import SMTPSession


def helo(session: SMTPSession, argument: bytes) -> None:
    """HELO: no extensions."""
    _greeted(session, argument, esmtp=False)
    session.reply(250, "", session.factory.house.hostname)


def ehlo(session: SMTPSession, argument: bytes) -> None:
    """EHLO."""
    _greeted(session, argument, esmtp=True)
    session.reply(250, "", session.factory.house.hostname, *capabilities(session))


lhlo = ehlo


def _greeted(session: SMTPSession, argument: bytes, *, esmtp: bool) -> None:
    try:
        name = parse_greeting(argument)
    except Malformed as error:
        raise Refused(complaint(501, "5.5.4", error), bad=True) from None
    session.state = GREETED
    session.end_transaction()  # RFC 5321 4.1.4: as RSET does
    session.helo = session.told_helo or name
    session.esmtp = esmtp


def starttls(session: SMTPSession, argument: bytes) -> None:
    """STARTTLS: TLS from here on; nothing of what was said in clear is kept."""
    if session.secure:
        raise Refused(b"503 5.5.1 This connection is under TLS already.")
    session.start_tls(session.factory.tls, b"220 2.0.0 Go ahead with TLS.")
