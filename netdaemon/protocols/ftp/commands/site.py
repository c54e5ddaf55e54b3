"""SITE: what has no command of its own (RFC 959 4.1.3): permissions, times, help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netdaemon.protocols.ftp.commands.states import IN
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.commands import parse_mode, parse_utime
from netdaemon.wire.line import ALWAYS, Refused, Verb, VerbTable

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession

SYNTAX = {b"CHMOD": b"mode path", b"UTIME": b"YYYYMMDDHHMM[SS] path", b"HELP": b"[command]"}


def _chmod(session: FTPSession, argument: bytes) -> None:
    mode, space, name = argument.partition(b" ")
    if not space or not name:
        raise Refused(b"501 Syntax error: SITE CHMOD needs two arguments.")
    try:
        bits = parse_mode(mode)
    except Malformed:
        raise Refused(b"501 Invalid SITE CHMOD format.") from None
    session.tree.change(session.path(name), mode=bits)
    session.send(b"200 The permissions are set.")


def _utime(session: FTPSession, argument: bytes) -> None:
    try:
        seconds, name = parse_utime(argument)
    except Malformed:
        raise Refused(b"501 Invalid SITE UTIME format: YYYYMMDDHHMM[SS] path is wanted.") from None
    session.tree.change(session.path(name), modified_ns=round(seconds * 1_000_000_000))
    session.send(b"200 The time is set.")


def _help(session: FTPSession, argument: bytes) -> None:
    if not argument:
        session.reply(214, b"SITE commands:", b" ".join(SYNTAX), b"End.")
        return
    name = argument.split()[0].upper()
    if name not in SYNTAX:
        raise Refused(b"501 Unrecognized SITE command.")
    session.send(b"214 Syntax: SITE %b %b" % (name, SYNTAX[name]))


_TABLE = VerbTable(
    Verb(b"CHMOD", IN, _chmod, (1, 9999)),
    Verb(b"UTIME", IN, _utime, (1, 9999)),
    Verb(b"HELP", ALWAYS, _help),
    unknown=b"500 SITE command not understood.",
)


def site(session: FTPSession, argument: bytes) -> None:
    """SITE, with a command of its own behind it."""
    _TABLE(session, argument)
