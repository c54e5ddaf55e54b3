"""What there is, and how it is said: CAPA (RFC 2449), LANG and UTF8 (RFC 6856), NOOP."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING

from netdaemon.protocols.pop3.grammar import Malformed, parse_language
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.pop3.server import POP3Session


def noop(session: POP3Session, argument: bytes) -> None:
    """NOOP."""
    session.send(b"+OK")


def capa(session: POP3Session, argument: bytes) -> Awaitable[None] | None:
    """CAPA: what works here, the same before and after the login (RFC 2449 section 5)."""
    return session.listing(b"+OK This works here:", capabilities(session), 0)


def capabilities(session: POP3Session) -> Iterator[bytes]:
    """Each one's line. Only what works now is named."""
    settings = session.settings
    yield b"TOP"
    yield b"UIDL"
    yield b"RESP-CODES"
    yield b"AUTH-RESP-CODE"
    yield b"PIPELINING"
    if session.may_login_plain:
        yield b"USER"
    if mechanisms := session.offer().names:
        yield b"SASL " + " ".join(mechanisms).encode("ascii")
    if not session.secure:
        yield b"STLS"
    yield b"EXPIRE NEVER" if settings.expire is None else b"EXPIRE %d" % settings.expire
    if settings.login_delay:
        yield b"LOGIN-DELAY %d" % -(-settings.login_delay // 1)
    yield b"UTF8 USER"
    yield b"LANG"
    yield b"IMPLEMENTATION netdaemon"


def utf8(session: POP3Session, argument: bytes) -> None:
    """UTF8: messages come with UTF-8 in their headers, where it is (RFC 6856 section 2)."""
    session.utf8 = True
    session.send(b"+OK UTF-8 it is.")


def lang(session: POP3Session, argument: bytes) -> Awaitable[None] | None:
    """LANG: texts are in English, which is the default language too (RFC 6856 section 3)."""
    if not argument:
        return session.listing(b"+OK Languages:", (b"en English", b"i-default Default language"), 2)
    try:
        language = parse_language(argument)
    except Malformed:
        raise Refused(b"-ERR That is not a language.", bad=True) from None
    if language.partition("-")[0] not in ("*", "en", "i"):
        raise Refused(b"-ERR English is what is spoken here.")
    session.send(b"+OK %b English it is." % (b"i-default" if language == "i-default" else b"en"))
    return None
