"""AUTH (RFC 4954)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netdaemon.interfaces import LoginBanned, LoginFailed, LoginUnavailable, TooManySessions
from netdaemon.protocols.smtp.grammar import Malformed
from netdaemon.protocols.smtp.grammar.commands import parse_auth
from netdaemon.protocols.smtp.grammar.replies import complaint
from netdaemon.wire.line import Refused
from netdaemon.wire.sasl.encoding import Cancelled, SaslError, decode_base64, encode_base64
from netdaemon.wire.sasl.server import Done

if TYPE_CHECKING:
    from netdaemon.protocols.smtp.server import SMTPSession


async def auth(session: SMTPSession, argument: bytes) -> None:
    """AUTH."""
    if not session.factory.takes_logins:
        raise Refused(b"502 5.5.1 Nobody logs in here.", bad=True)
    if session.login is not None:
        raise Refused(b"503 5.5.1 You are logged in already.")
    if session.settings.require_tls and not session.secure:
        raise Refused(b"530 5.7.0 Say STARTTLS first.")
    try:
        name, initial = parse_auth(argument)
    except Malformed as error:
        raise Refused(complaint(501, "5.5.4", error), bad=True) from None
    try:
        credentials = await _exchange(session, name, initial)
    except Cancelled:
        raise Refused(b"501 5.7.0 As you like.") from None
    except SaslError as error:
        raise Refused(complaint(501, "5.5.2", error), bad=True) from None
    except LoginUnavailable:
        raise Refused(b"454 4.7.0 Logins don't work just now.") from None
    await _log_in(session, credentials)


async def _exchange(session: SMTPSession, name: str, initial: bytes | None) -> Any:
    """The credentials at the exchange's end. Raises SaslError."""
    offer = session.offer()
    if name.upper() not in session.mechanisms(offer):
        if not session.secure and name.upper() in session.settings.mechanisms:
            raise Refused(b"538 5.7.11 That mechanism wants TLS: say STARTTLS first.")
        raise Refused(b"504 5.5.4 That mechanism is not offered here.", bad=True)
    exchange = offer.start(name)
    answer = exchange.step(None if initial is None else decode_base64(initial))
    while not isinstance(answer, Done):
        session.send(b"334 " + encode_base64(answer))
        answer = exchange.step(decode_base64(await session.line(secret=True)))
    return answer.credentials


async def _log_in(session: SMTPSession, credentials: Any) -> None:
    try:
        login = await session.factory.house.logins.login(credentials, session.peer, session.settings)
    except TooManySessions:
        raise Refused(b"421 4.7.0 Too many sessions of this account.", close=True) from None
    except LoginBanned:
        raise Refused(b"421 4.7.0 Too many failed logins from there.", close=True) from None
    except LoginFailed:
        session.failures += 1
        last = session.failures >= session.settings.login_attempts
        raise Refused(b"535 5.7.8 Wrong name or password.", close=last) from None
    except LoginUnavailable:
        raise Refused(b"454 4.7.0 Logins don't work just now.") from None
    if session.gone:
        login.logout()
        return
    session.let_in(login)
    session.reply(235, "2.7.0", "Logged in.")
