"""The envelope: MAIL, RCPT and RSET (RFC 5321 section 4.1.1)."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING

from netdaemon.mail.addresses import Address
from netdaemon.mail.interfaces import Envelope, MailRefused, Recipient
from netdaemon.protocols.smtp.capabilities import RCPT_PARAMETERS, mail_parameters_known
from netdaemon.protocols.smtp.commands.states import CHUNKS, RCPT, STRANGER
from netdaemon.protocols.smtp.grammar import Malformed
from netdaemon.protocols.smtp.grammar.commands import parse_mail, parse_rcpt
from netdaemon.protocols.smtp.grammar.parameters import (
    MailParameters,
    RcptParameters,
    Unknown,
    mail_parameters,
    rcpt_parameters,
)
from netdaemon.protocols.smtp.grammar.replies import complaint, sentence
from netdaemon.protocols.smtp.transaction import TOO_LARGE
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.smtp.server import SMTPSession

_UNKNOWN = b"555 5.5.4 That parameter is not known here, or not now."


def mail(session: SMTPSession, argument: bytes) -> Awaitable[None] | None:
    """MAIL: begin a message."""
    session.spoilt = True  # until it is taken: what was sent behind it without waiting is no mistake of its own
    if session.messages >= session.settings.messages_per_session:
        raise Refused(b"421 4.7.0 That was enough for one session.", close=True)
    _check_login(session)
    try:
        sender, given = parse_mail(argument)
        parameters = mail_parameters(given, mail_parameters_known(session))
    except Unknown:
        raise Refused(_UNKNOWN) from None
    except Malformed as error:
        raise Refused(complaint(501, "5.5.4", error)) from None
    if sender is not None and not sender.is_ascii and not parameters.utf8:
        raise Refused(b"553 5.6.7 An address that is not ASCII needs SMTPUTF8.")
    if parameters.size is not None and parameters.size > session.settings.size:
        raise TOO_LARGE
    envelope = _envelope(session, sender, parameters)
    account = envelope.account
    if account is not None and sender is not None and not session.factory.senders.may_send_as(account, sender):
        return _begin_as(session, account, sender, envelope)
    _begin(session, envelope)
    return None


async def _begin_as(session: SMTPSession, account: str, sender: Address, envelope: Envelope) -> None:
    if not await session.factory.delivery.owns(account, sender):
        raise Refused(b"553 5.7.1 That address is not yours to send from.")
    _begin(session, envelope)


def _begin(session: SMTPSession, envelope: Envelope) -> None:
    session.begin(envelope)
    session.spoilt = False
    session.reply(250, "2.1.0", "Sender taken.")


def _check_login(session: SMTPSession) -> None:
    if not session.factory.wants_login or session.login is not None or session.may_relay:
        return
    if session.settings.require_tls and not session.secure:
        raise Refused(b"530 5.7.0 Say STARTTLS first.")
    raise Refused(b"530 5.7.0 Log in first.")


def _envelope(session: SMTPSession, sender: Address | None, parameters: MailParameters) -> Envelope:
    factory = session.factory
    now = factory.house.wall()
    hold_until = parameters.hold_until
    if parameters.hold_for is not None:
        hold_until = now + parameters.hold_for
    if hold_until is not None and hold_until > now + factory.hold + 60:
        # RFC 4865 section 5: not as far ahead; a minute is for those whose clock goes otherwise
        raise Refused(b"501 5.5.4 Nothing is held for so long.")
    protocol = session.protocol
    if parameters.utf8 and session.esmtp:
        protocol = f"UTF8{'LMTP' if factory.lmtp else 'SMTP'}{protocol[4:] if factory.lmtp else protocol[5:]}"
    return Envelope(
        transfer=factory.transfer(),
        sender=sender,
        recipients=(),
        account=None if session.login is None else session.login.account.name,
        peer="" if session.peer_host == "unix" else session.peer_host,
        helo=session.helo,
        protocol=protocol,
        utf8=parameters.utf8,
        body=parameters.body,
        size=parameters.size or 0,
        return_full=bool(parameters.return_full),
        envelope_id=parameters.envelope_id,
        require_tls=parameters.require_tls,
        deliver_by=None if parameters.by is None else (now + parameters.by[0], parameters.by[1]),
        hold_until=hold_until,
        trusted=session.may_relay,
    )


async def rcpt(session: SMTPSession, argument: bytes) -> None:
    """RCPT: one more recipient, if delivery takes him."""
    if session.transaction is None or session.state == CHUNKS:
        raise _out_of_turn(session)
    settings, transaction = session.settings, session.message
    if len(transaction.envelope.recipients) >= settings.recipients:
        raise Refused(b"452 4.5.3 So many recipients are taken, and no more.")
    try:
        recipient = _recipient(session, argument)
        await session.factory.delivery.accept(recipient, transaction.envelope)
        visit = session.visit
        if visit is not None:
            await visit.at_recipient(transaction.envelope, recipient)
    except Malformed as error:
        refused = MailRefused(501, "5.1.3", sentence(error))
    except MailRefused as error:
        refused = error
    else:
        transaction.add(recipient)
        session.state = RCPT
        session.reply(250, "2.1.5", "Recipient taken.")
        return
    if not refused.temporary:
        session.refused += 1
    if session.refused >= settings.refused_recipients:
        raise Refused(b"421 4.7.0 Too many addresses that there aren't.", close=True)
    raise refused


def _recipient(session: SMTPSession, argument: bytes) -> Recipient:
    """Raises Malformed, MailRefused and Refused."""
    utf8 = session.message.envelope.utf8
    address, given = parse_rcpt(argument, session.factory.house.hostname)
    try:
        parameters: RcptParameters = rcpt_parameters(given, RCPT_PARAMETERS, utf8=utf8)
    except Unknown:
        raise Refused(_UNKNOWN) from None
    if not address.is_ascii and not utf8:
        raise MailRefused(553, "5.6.7", "An address that is not ASCII needs SMTPUTF8.")
    recipient = Recipient(address, original=parameters.original)
    return recipient if parameters.notify is None else replace(recipient, notify=parameters.notify)


def _out_of_turn(session: SMTPSession) -> Refused:
    if session.spoilt or session.state == CHUNKS:
        return Refused(b"503 5.5.1 There is no message to be sent to anybody.")
    first = (b"LHLO" if session.factory.lmtp else b"EHLO") if session.state == STRANGER else b"MAIL"
    return Refused(b"503 5.5.1 Say %b first." % first, bad=True)


def rset(session: SMTPSession, argument: bytes) -> None:
    """RSET: forget the message under way."""
    session.end_transaction()
    session.reply(250, "2.0.0", "Forgotten.")
