"""Protection: AUTH, PBSZ, PROT and CCC (RFC 2228, RFC 4217)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession

# RFC 4217 section 17: TLS-C is TLS; the two others, of drafts before it, protect the data connections at once.
_MECHANISMS = {b"TLS": False, b"TLS-C": False, b"SSL": True, b"TLS-P": True}


def auth(session: FTPSession, argument: bytes) -> None:
    """AUTH: TLS from here on; nothing of what was said in clear is kept."""
    protect = _MECHANISMS.get(argument.upper())
    if protect is None:
        raise Refused(b"504 TLS is the mechanism that is known here.")
    if session.secure:
        raise Refused(b"503 Already using TLS.")
    session.start_tls(session.factory.tls, b"234 Go ahead with TLS.")
    if not session.gone:
        session.pbsz = session.protect = protect


def pbsz(session: FTPSession, argument: bytes) -> None:
    """PBSZ: TLS has no buffer to be agreed upon, so the size is 0 (RFC 4217 section 9)."""
    if not session.secure:
        raise Refused(b"503 PBSZ not allowed on insecure control connection.")
    if not argument.isdigit():
        raise Refused(b"501 That is not a size.")
    session.pbsz = True
    session.send(b"200 PBSZ=0 successful." if argument.strip(b"0") == b"" else b"200 PBSZ=0")


def prot(session: FTPSession, argument: bytes) -> None:
    """PROT: the data connections go in clear or under TLS."""
    if not session.secure:
        raise Refused(b"503 PROT not allowed on insecure control connection.")
    if not session.pbsz:
        raise Refused(b"503 PBSZ comes first.")  # RFC 2228 section 3
    level = argument.upper()
    if level == b"P":
        session.protect = True
        session.send(b"200 Data connections are under TLS.")
    elif level == b"C":
        if session.settings.require_tls:
            raise Refused(b"534 Data in clear is against the policy.")
        session.protect = False
        session.send(b"200 Data connections are in clear.")
    elif level in (b"S", b"E"):
        raise Refused(b"536 TLS has no such level: C or P.")  # RFC 4217 section 9
    else:
        raise Refused(b"504 There is no such level: C or P.")


def ccc(session: FTPSession, argument: bytes) -> None:
    """CCC: what follows would be anybody's to forge."""
    if not session.secure:
        raise Refused(b"533 This connection is in clear already.")
    raise Refused(b"534 The control connection stays under TLS.")
