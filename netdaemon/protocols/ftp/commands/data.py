"""Where the next data connection comes from: PASV, PORT (RFC 959 4.1.2), EPSV, EPRT (RFC 2428)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.address import (
    ALL,
    IPV4,
    IPV6,
    HostPort,
    NoAddress,
    UnknownFamily,
    build_epsv_reply,
    build_pasv_reply,
    parse_eprt,
    parse_epsv,
    parse_port,
)
from netdaemon.protocols.ftp.rendezvous import CannotConnect, Dial, Passive, plain, unmapped
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession


def _family(session: FTPSession) -> int:
    return IPV6 if ":" in session.own_host else IPV4


def _wrong_family(session: FTPSession) -> Refused:
    # RFC 2428 section 2: the families that would do, in parentheses
    return Refused(b"522 Network protocol not supported, use (%d)." % _family(session))


def _foreign() -> Refused:
    return Refused(b"501 Can't connect over a foreign address.")


def _not_after_epsv_all(session: FTPSession) -> None:
    if session.epsv_only:
        raise Refused(b"501 After EPSV ALL nothing but EPSV opens a data connection.")  # RFC 2428 section 4


def _listen(session: FTPSession) -> Passive:
    session.expect(None)
    factory = session.factory
    try:
        passive = Passive(factory.house.reactor, factory.ports, session.bind_host, session.peer_host)
    except CannotConnect as error:
        raise Refused(b"425 Can't listen for a data connection: %b." % str(error).encode()) from error
    session.expect(passive)
    return passive


def pasv(session: FTPSession, argument: bytes) -> None:
    """PASV: a port of ours, and the address that reaches it from where the client is."""
    _not_after_epsv_all(session)
    if _family(session) != IPV4:
        raise Refused(b"425 PASV knows IPv4 only: use EPSV.")
    host = _told_host(session)
    session.send(b"227 " + build_pasv_reply(HostPort(host, _listen(session).port)))


def _told_host(session: FTPSession) -> str:
    client = ipaddress.ip_address(plain(session.peer_host))
    for network, address in session.settings.passive_address:
        if client in network:
            return str(address)
    return session.own_host


def epsv(session: FTPSession, argument: bytes) -> None:
    """EPSV: a port of ours, at the address that the client has come to."""
    try:
        family = parse_epsv(argument)
    except UnknownFamily:
        raise _wrong_family(session) from None
    except Malformed:
        raise Refused(b"501 Invalid EPSV format.") from None
    if family is ALL:
        session.epsv_only = True
        session.send(b"200 EPSV ALL: so be it.")
        return
    if family is not None and family != _family(session):
        raise _wrong_family(session)
    session.send(b"229 " + build_epsv_reply(_listen(session).port))


async def port(session: FTPSession, argument: bytes) -> None:
    """PORT."""
    _not_after_epsv_all(session)
    try:
        address = parse_port(argument)
    except Malformed:
        raise Refused(b"501 Invalid PORT format.") from None
    await _dial(session, address)


async def eprt(session: FTPSession, argument: bytes) -> None:
    """EPRT."""
    _not_after_epsv_all(session)
    try:
        address = parse_eprt(argument, (_family(session),))
    except UnknownFamily:
        raise _wrong_family(session) from None
    except Malformed as error:
        if isinstance(error, NoAddress) and _family(session) == IPV6:
            raise _foreign() from None  # whoever that is, it is not the client
        raise Refused(b"501 Invalid EPRT format.") from None
    await _dial(session, address)


async def _dial(session: FTPSession, address: HostPort) -> None:
    """Connect to the client, and to nobody else (RFC 2577 section 3: the bounce attack)."""
    if not session.settings.active:
        raise Refused(b"502 Active data connections are not made here: use PASV or EPSV.")
    if plain(address.host) != plain(session.peer_host):
        raise _foreign()
    if address.port < 1024:
        raise Refused(b"501 Can't connect over a privileged port.")  # RFC 2577 section 3
    session.expect(None)
    house, settings = session.factory.house, session.settings
    # where the peer really is, a link-local address with its zone; that it is the same one was seen to above
    dial = Dial(house.reactor, session.bind_host, unmapped(session.peer_host), address.port)
    connecting = dial.connect()
    deadline = house.deadlines.after(settings.data_timeout, dial.give_up)
    try:
        dialled = await connecting
    except CannotConnect as error:
        raise Refused(b"425 Can't connect: %b." % str(error).encode()) from error
    finally:
        deadline.cancel()
    if session.gone:
        dialled.close()
        return
    session.send(b"200 Connected.")
    session.expect(dialled)
