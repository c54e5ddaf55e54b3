"""XCLIENT: a trusted proxy says for whom it speaks (Postfix' XCLIENT_README)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress

from netdaemon.protocols.smtp.commands.states import TRANSACTION
from netdaemon.protocols.smtp.grammar import Malformed
from netdaemon.protocols.smtp.grammar.replies import complaint
from netdaemon.protocols.smtp.grammar.xclient import parse_xclient
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.smtp.server import SMTPSession


def xclient(session: SMTPSession, argument: bytes) -> None:
    """XCLIENT: the session begins anew, as that client's."""
    if not session.may_xclient:
        raise Refused(b"550 5.7.1 You are not trusted with that.", bad=True)
    if session.state & TRANSACTION:
        raise Refused(b"503 5.5.1 Not within a transaction.")
    try:
        client = parse_xclient(argument)
    except Malformed as error:
        raise Refused(complaint(501, "5.5.4", error)) from None
    address: IAddress | None = None
    if client.address:
        kind = IPv6Address if ":" in client.address else IPv4Address
        address = kind("TCP", client.address, client.port or 0)
    session.speak_for(address, client)
    session.send(session.factory.greeting)
