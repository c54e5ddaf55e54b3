"""The message itself: DATA (RFC 5321 section 4.1.1.4) and BDAT (RFC 3030).

Whatever is wrong with it, it is read to its end before that is said: what comes behind must not be taken for commands.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError

from netdaemon.mail.interfaces import MailRefused
from netdaemon.messages.errors import StoreError
from netdaemon.protocols.smtp.commands.states import CHUNKS, MAIL, RCPT, STRANGER
from netdaemon.protocols.smtp.grammar import Malformed
from netdaemon.protocols.smtp.grammar.commands import parse_bdat
from netdaemon.protocols.smtp.grammar.replies import complaint
from netdaemon.protocols.smtp.transaction import TOO_LARGE, no_room
from netdaemon.wire.line import ConnectionLost, Refused

if TYPE_CHECKING:
    from netdaemon.protocols.smtp.server import SMTPSession

SWALLOW = 1 << 20
"""Octets of a refused chunk that are read over in any case. One longer than this and than any message ends it all."""


async def data(session: SMTPSession, argument: bytes) -> None:
    """DATA: the message, dot-stuffed."""
    if session.state != RCPT:
        raise _out_of_turn(session)
    message = session.message
    if message.binary:
        raise Refused(b"503 5.5.1 BINARYMIME goes by BDAT.")  # RFC 3030 section 3
    text = message.open(session.factory.delivery)
    session.send(b"354 Go ahead; end with <CRLF>.<CRLF>")
    refused = await _came(session, session.body(text.write, session.settings.size + 1))
    if refused is not None:
        _refuse(session, refused)
    else:
        await session.deliver()


async def bdat(session: SMTPSession, argument: bytes) -> None:
    """BDAT: a chunk of the message, octet for octet."""
    try:
        size, last = parse_bdat(argument)
    except Malformed as error:
        # the chunk comes all the same, and where it ends nobody knows
        raise Refused(complaint(501, "5.5.4", error), close=True) from None
    if session.state not in (RCPT, CHUNKS):
        await _swallow(session, size)
        raise _out_of_turn(session)
    message, settings = session.message, session.settings
    if message.size + size > settings.size:
        await _swallow(session, size)
        _refuse_chunk(session, TOO_LARGE, last)
        return
    try:
        text = message.open(session.factory.delivery)
    except MailRefused as error:
        await _swallow(session, size)
        _refuse_chunk(session, error, last)
        return
    session.state = CHUNKS
    refused = await _came(session, session.literal_to(size, text.write))
    if refused is not None:
        _refuse_chunk(session, refused, last)
    elif last:
        await session.deliver()
    else:
        session.reply(250, "2.0.0", f"{size} octets taken.")


async def _came(session: SMTPSession, reading: Awaitable[Any]) -> MailRefused | None:
    """Read what belongs to the message, to its end: why it can't be kept, or None."""
    try:
        await reading
    except (ConnectionLost, CancelledError):
        raise
    except (StoreError, OSError) as error:
        return no_room(error)
    except Exception:  # noqa: BLE001  # a defect of ours must not leave half a message behind
        return session.failed()
    return None


async def _swallow(session: SMTPSession, size: int) -> None:
    if size > max(SWALLOW, session.settings.size):
        raise Refused(b"552 5.3.4 The chunk is too large.", close=True)
    await session.swallow(size)


def _refuse_chunk(session: SMTPSession, refused: MailRefused, last: bool) -> None:
    """RFC 3030 section 2: the message is refused with this chunk, whichever it is; what is behind it gets 503.

    Only the last chunk has an answer for each of LMTP's recipients (RFC 2033 section 4.2).
    """
    if last:
        _refuse(session, refused)
        return
    session.end_transaction()
    session.spoilt = True
    raise refused


def _refuse(session: SMTPSession, refused: MailRefused) -> None:
    session.conclude([refused] * len(session.message.envelope.recipients))


def _out_of_turn(session: SMTPSession) -> Refused:
    """No recipient: mostly because none was taken of those who were sent along."""
    if session.state == MAIL:
        return Refused(b"554 5.5.1 No valid recipients.")
    if session.spoilt:
        return Refused(b"503 5.5.1 There is no message.")
    if session.state == CHUNKS:
        return Refused(b"503 5.5.1 What began with BDAT goes on with it.")
    first = (b"LHLO" if session.factory.lmtp else b"EHLO") if session.state == STRANGER else b"MAIL"
    return Refused(b"503 5.5.1 Say %b first." % first, bad=True)
