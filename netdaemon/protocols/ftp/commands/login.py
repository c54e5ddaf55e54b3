"""Who is there: USER, PASS, ACCT, REIN, QUIT (RFC 959 4.1.1) and HOST (RFC 7151)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from twisted.cred.credentials import Anonymous, UsernamePassword

from netdaemon.interfaces import (
    IDocumentsAvatar,
    Login,
    LoginBanned,
    LoginFailed,
    LoginUnavailable,
    NotFound,
    TooManySessions,
)
from netdaemon.protocols.ftp.commands.states import IN, NAMED, STRANGER
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.commands import parse_host
from netdaemon.protocols.ftp.grammar.paths import resolve
from netdaemon.protocols.ftp.rate import Bucket
from netdaemon.protocols.ftp.rendezvous import plain
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession

ANONYMOUS = (b"anonymous", b"ftp")
"""RFC 1635 section 2.2."""


def user(session: FTPSession, name: bytes) -> None:
    """USER: whoever was logged in is so no more, and nothing of his is kept but the parameters of transfers."""
    session.log_out()
    stranger = session.settings.anonymous and name in ANONYMOUS
    if not stranger and not _may_login(session):
        raise Refused(b"530 This connection is in clear: begin with AUTH TLS.")
    session.user = name
    session.state = NAMED
    if stranger:
        session.send(b"331 Anybody may read here; send your e-mail address as the password, or anything.")
    else:
        session.send(b"331 Send the password.")


async def password(session: FTPSession, secret: bytes) -> None:
    """PASS."""
    if session.state == STRANGER:
        raise Refused(b"503 Login with USER first.", bad=True)
    if session.state == IN:
        raise Refused(b"503 User already authenticated.", bad=True)
    name = session.user
    stranger = session.settings.anonymous and name in ANONYMOUS
    if not stranger and not _may_login(session):
        raise Refused(b"530 This connection is in clear: begin with AUTH TLS.")
    session.user, session.state = b"", STRANGER
    logins, settings = session.factory.house.logins, session.settings
    credentials = Anonymous() if stranger else UsernamePassword(name, secret)
    try:
        login = await logins.login(credentials, session.peer, settings, IDocumentsAvatar)
    except TooManySessions:
        raise Refused(b"421 Too many sessions of this account.", close=True) from None
    except LoginBanned:
        raise Refused(b"421 Too many failed logins from there.", close=True) from None
    except LoginFailed:
        session.failures += 1
        last = session.failures >= settings.login_attempts
        raise Refused(b"530 Authentication failed.", close=last) from None
    except LoginUnavailable:
        raise Refused(b"421 Logins don't work just now.", close=True) from None
    if session.gone:
        login.logout()
        return
    _let_in(session, login)
    session.send(b"230 Logged in.")


def _may_login(session: FTPSession) -> bool:
    return session.secure or (session.may_login_plain and not session.settings.require_tls)


def _let_in(session: FTPSession, login: Login) -> None:
    account, settings, factory = login.account, session.settings, session.factory
    session.login = login
    session.user = account.name.encode("utf-8", "surrogateescape")
    session.state = IN
    session.logged_in = True
    documents = login.avatars[0].documents
    home = resolve(b"/", account.home.encode("utf-8", "surrogateescape"))
    if settings.home_only and home != b"/":
        documents = documents.within(home)
    elif home != b"/":
        try:
            if documents.entry(home).folder:
                session.cwd = home
        except NotFound:
            pass  # nobody has made it yet
    session.documents = documents
    session.buckets = {}
    for direction in ("in", "out"):
        shared = factory.buckets.of(account.name, direction)
        own = Bucket(settings.rate_per_session, factory.house.clock.seconds) if settings.rate_per_session else None
        session.buckets[direction] = tuple(bucket for bucket in (own, shared) if bucket is not None)


def account(session: FTPSession, argument: bytes) -> None:
    """ACCT: nobody here asks for one."""
    session.send(b"202 No account is needed.")


def rein(session: FTPSession, argument: bytes) -> None:
    """REIN: as when the connection was new; a transfer under way is finished. TLS stays (RFC 4217 section 11)."""
    session.log_out()
    session.reset()
    session.send(b"220 Ready for a new user.")


def quit(session: FTPSession, argument: bytes) -> None:
    """QUIT: the connection is closed behind a transfer under way and its reply (RFC 959 4.1.1)."""
    if session.transfer is None:
        session.close(b"221 Goodbye.")
    else:
        session.quitting = True
        session.send(b"221 Goodbye, once the transfer is over.")


def host(session: FTPSession, argument: bytes) -> None:
    """HOST: all hosts are one here; names that are not ours are told so (RFC 7151 section 3.2.2)."""
    if session.state != STRANGER:
        raise Refused(b"503 HOST comes before USER.")
    try:
        name = parse_host(argument)
    except Malformed:
        raise Refused(b"501 That is not a host's name.") from None
    if name not in session.factory.hosts and not _is_own(session, name.strip("[]")):
        raise Refused(b"504 There is no such host here.")
    session.send(b"220 This is it.")


def _is_own(session: FTPSession, name: str) -> bool:
    """Is it the address that the client came to?"""
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(plain(session.own_host))
    except ValueError:
        return False
