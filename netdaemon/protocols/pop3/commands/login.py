"""Who is there: USER, PASS, QUIT (RFC 1939), AUTH (RFC 5034) and STLS (RFC 2595)."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from twisted.cred.credentials import UsernamePassword

from netdaemon.interfaces import Login, LoginBanned, LoginFailed, LoginUnavailable, TooManySessions
from netdaemon.messages.errors import LeaseHeld, StoreError
from netdaemon.protocols.pop3.apop import knows
from netdaemon.protocols.pop3.commands.states import IN, NAMED, STRANGER
from netdaemon.protocols.pop3.grammar import Malformed, parse_apop, parse_auth
from netdaemon.protocols.pop3.maildrop import Maildrop
from netdaemon.wire.line import Refused
from netdaemon.wire.sasl.credentials import Disproved, Proven
from netdaemon.wire.sasl.encoding import Cancelled, SaslError, decode_base64, encode_base64
from netdaemon.wire.sasl.server import Done

if TYPE_CHECKING:
    from netdaemon.protocols.pop3.server import POP3Session

IN_CLEAR = b"-ERR This connection is in clear: begin with STLS."
DAY = 86_400.0


def user(session: POP3Session, name: bytes) -> None:
    """USER: the answer is the same for every name."""
    if not session.may_login_plain:
        raise Refused(IN_CLEAR)
    if not name:
        raise Refused(b"-ERR A name is wanted.", bad=True)
    session.user = name
    session.state = NAMED
    session.send(b"+OK Send the password.")


async def apop(session: POP3Session, argument: bytes) -> None:
    """APOP: name and digest (RFC 1939 section 7). Nothing secret is sent, so it may be said in clear."""
    secrets = session.factory.apop
    if secrets is None:
        raise Refused(session.texts.unknown, bad=True)
    session.user, session.state = b"", STRANGER
    try:
        name, digest = parse_apop(argument)
    except Malformed:
        raise Refused(b"-ERR A name and a digest are wanted.", bad=True) from None
    if knows(secrets, name, session.banner, digest):
        await _log_in(session, Proven(name, "APOP"))
    else:
        await _log_in(session, Disproved(name.encode("utf-8", "surrogateescape"), "APOP"))


async def password(session: POP3Session, secret: bytes) -> None:
    """PASS: all that stands behind it, spaces too."""
    name, session.user, session.state = session.user, b"", STRANGER
    await _log_in(session, UsernamePassword(name, secret))


def auth(session: POP3Session, argument: bytes) -> Awaitable[None] | None:
    """AUTH; alone it lists the mechanisms, as was the custom before CAPA."""
    session.user, session.state = b"", STRANGER
    if not argument:
        names = session.offer().names
        return session.listing(b"+OK Mechanisms:", (name.encode("ascii") for name in names), len(names))
    return _auth(session, argument)


async def _auth(session: POP3Session, argument: bytes) -> None:
    try:
        name, initial = parse_auth(argument)
        exchange = session.offer().start(name)
        answer = exchange.step(None if initial is None else decode_base64(initial))
        while not isinstance(answer, Done):
            session.send(b"+ " + encode_base64(answer))
            answer = exchange.step(decode_base64(await session.line(secret=True)))
    except Malformed:
        raise Refused(b"-ERR A mechanism is wanted.", bad=True) from None
    except Cancelled:
        raise Refused(b"-ERR As you like.") from None
    except SaslError as error:
        why = str(error)
        raise Refused(f"-ERR {why[:1].upper()}{why[1:]}.".encode(), bad=True) from None
    except LoginUnavailable:
        raise Refused(b"-ERR [SYS/TEMP] Logins don't work just now.", close=True) from None
    await _log_in(session, answer.credentials)


async def _log_in(session: POP3Session, credentials: object) -> None:
    factory = session.factory
    try:
        login = await factory.house.logins.login(credentials, session.peer, session.settings)
    except TooManySessions:
        raise Refused(b"-ERR [SYS/TEMP] Too many sessions of this account.", close=True) from None
    except LoginBanned:
        raise Refused(b"-ERR [SYS/TEMP] Too many failed logins from there.", close=True) from None
    except LoginFailed:
        session.failures += 1
        last = session.failures >= session.settings.login_attempts
        raise Refused(b"-ERR [AUTH] Wrong name or password.", close=last) from None
    except LoginUnavailable:
        raise Refused(b"-ERR [SYS/TEMP] Logins don't work just now.", close=True) from None
    await _enter(session, login)


async def _enter(session: POP3Session, login: Login) -> None:
    """Lock the maildrop and see what is in it: all of it, or nothing."""
    factory, settings = session.factory, session.settings
    account = login.account.name
    maildrop: Maildrop | None = None
    try:
        if factory.too_early(account):
            raise Refused(b"-ERR [LOGIN-DELAY] That is too soon after the last login.")
        maildrop = Maildrop(factory.messages, account, factory.holder())
        await maildrop.take()
        await maildrop.open(factory.house.wall() - settings.expire * DAY if settings.expire else None)
    except BaseException as error:
        login.logout()
        if maildrop is not None:
            maildrop.release()
        if isinstance(error, LeaseHeld):
            raise Refused(b"-ERR [IN-USE] Another session has this maildrop.") from None
        raise
    factory.logged_in(account)
    session.let_in(login, maildrop)
    session.send(b"+OK %d messages (%d octets)" % (len(maildrop), maildrop.size))


def stls(session: POP3Session, argument: bytes) -> None:
    """STLS: TLS from here on; nothing of what was said in clear is kept."""
    if session.secure:
        raise Refused(b"-ERR This connection is under TLS already.")
    session.start_tls(session.factory.tls, b"+OK Go ahead with TLS.")


def quit(session: POP3Session, argument: bytes) -> Awaitable[None] | None:
    """QUIT: from TRANSACTION by way of UPDATE (RFC 1939 section 6)."""
    if session.state == IN:
        return _update(session)
    session.close(b"+OK Goodbye.")
    return None


async def _update(session: POP3Session) -> None:
    settings, tally = session.settings, session.tally
    try:
        deleted = await session.drop.update(take_retrieved=settings.expire == 0, mark_seen=settings.mark_seen)
    except StoreError as error:
        session.leave("failed")
        # RFC 1939 section 6: whether all was removed or not, the lock is released and the connection closed
        raise Refused(b"-ERR [SYS/TEMP] Some deleted messages were not removed.", close=True) from error
    if tally is not None:
        tally.deleted = deleted
    released = session.leave("quit")
    if released is not None:
        await released  # before the answer: who comes back at once is not to find it locked
    session.close(b"+OK Goodbye.")
