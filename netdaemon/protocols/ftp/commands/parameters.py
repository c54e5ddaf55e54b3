"""How data goes, and what there is: TYPE, STRU, MODE, ALLO, OPTS, FEAT (RFC 2389), LANG (RFC 2640), STAT, HELP."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from netdaemon.protocols.ftp.commands.hashes import HASHES
from netdaemon.protocols.ftp.commands.states import IN
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.commands import ASCII, is_pattern, parse_type
from netdaemon.protocols.ftp.grammar.facts import parse_wanted
from netdaemon.protocols.ftp.grammar.paths import split
from netdaemon.protocols.ftp.listing import FACTS, Listing, as_ls
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession

STAT_LIMIT = 1000
"""Lines that STAT lists over the control connection; whoever wants more has LIST."""


def type_(session: FTPSession, argument: bytes) -> None:
    """TYPE."""
    try:
        session.ascii = parse_type(argument) == ASCII
    except Malformed:
        raise Refused(b"504 Unsupported type: A, I or L 8.") from None
    session.send(b"200 Lines that end with CRLF." if session.ascii else b"200 Octets as they are.")


def stru(session: FTPSession, argument: bytes) -> None:
    """STRU: files are files."""
    structure = argument.upper()
    if structure == b"F":
        session.send(b"200 Files.")
    elif structure in (b"R", b"P"):
        raise Refused(b"504 Unimplemented structure: F.")
    else:
        raise Refused(b"501 Unrecognized structure: F.")


def mode(session: FTPSession, argument: bytes) -> None:
    """MODE: as a stream, or as a deflated one."""
    wanted = argument.upper()
    if wanted in (b"S", b"Z"):
        session.deflate = wanted == b"Z"
        session.send(b"200 A deflated stream." if session.deflate else b"200 A stream.")
    elif wanted in (b"B", b"C"):
        raise Refused(b"504 Unimplemented mode: S or Z.")
    else:
        raise Refused(b"501 Unrecognized mode: S or Z.")


def allo(session: FTPSession, argument: bytes) -> None:
    """ALLO: room is made as it is needed."""
    session.send(b"202 No room need be made.")


def smnt(session: FTPSession, argument: bytes) -> None:
    """SMNT: there is one tree."""
    raise Refused(b"502 There is nothing else to mount.")


def syst(session: FTPSession, argument: bytes) -> None:
    """SYST: it tells clients what LIST looks like."""
    session.send(b"215 UNIX Type: L8")


def noop(session: FTPSession, argument: bytes) -> None:
    """NOOP."""
    session.send(b"200 Nothing done.")


def lang(session: FTPSession, argument: bytes) -> None:
    """LANG (RFC 2640 section 4)."""
    if argument and argument.upper().partition(b"-")[0] not in (b"EN", b"I"):
        raise Refused(b"504 English is what is spoken here.")
    session.send(b"200 English it is.")


def opts(session: FTPSession, argument: bytes) -> None:
    """OPTS: choices for the features that have any (RFC 2389 section 4)."""
    name, _, rest = argument.partition(b" ")
    run = _OPTIONS.get(name.upper())
    if run is None:
        raise Refused(b"501 Unsupported command.")
    run(session, rest)


def _opts_utf8(session: FTPSession, argument: bytes) -> None:
    if argument.upper() not in (b"", b"ON"):
        raise Refused(b"501 UTF-8 is always on.")
    session.send(b"200 UTF-8 is always on.")


def _opts_mlst(session: FTPSession, argument: bytes) -> None:
    # RFC 3659 7.9: unknown facts are left out, and the reply tells which are told from now on
    if b" " in argument:
        raise Refused(b"501 Invalid number of arguments.")
    try:
        wanted = parse_wanted(argument)
    except Malformed:
        raise Refused(b"501 Invalid argument.") from None
    session.facts = frozenset(FACTS).intersection(wanted)
    session.send(b"200 MLST OPTS " + b"".join(fact + b";" for fact in FACTS if fact in session.facts))


def _opts_hash(session: FTPSession, argument: bytes) -> None:
    if argument:
        name = argument.upper()
        if name not in HASHES:
            raise Refused(b"504 Unknown algorithm.")
        session.hash = name
    session.send(b"200 " + session.hash)


def _opts_mode(session: FTPSession, argument: bytes) -> None:
    words = argument.upper().split()
    if len(words) != 3 or words[:2] != [b"Z", b"LEVEL"] or words[2] not in (b"%d" % level for level in range(1, 10)):
        raise Refused(b"501 Z LEVEL and 1 to 9 are what can be chosen.")
    session.level = int(words[2])
    session.send(b"200 MODE Z LEVEL %d" % session.level)


_OPTIONS = {b"UTF8": _opts_utf8, b"UTF-8": _opts_utf8, b"MLST": _opts_mlst, b"HASH": _opts_hash, b"MODE": _opts_mode}


def feat(session: FTPSession, argument: bytes) -> None:
    """FEAT: what is beyond RFC 959, and works."""
    facts = b"".join(b"%b%b;" % (fact, b"*" if fact in session.facts else b"") for fact in FACTS)
    hashes = b";".join(name + (b"*" if name == session.hash else b"") for name in HASHES)
    features = [
        b"AUTH TLS",
        b"AVBL",
        *([b"EPRT"] if session.settings.active else []),
        b"EPSV",
        b"HASH " + hashes,
        b"HOST",
        b"LANG EN*",
        b"MDTM",
        b"MFF modify;UNIX.mode;",
        b"MFMT",
        b"MLST " + facts,
        b"MODE Z",
        b"PBSZ",
        b"PROT",
        b"RANG STREAM",
        b"REST STREAM",
        b"SIZE",
        b"TVFS",
        b"UTF8",
        b"XCRC",
        b"XMD5",
        b"XSHA",
        b"XSHA1",
        b"XSHA256",
        b"XSHA512",
    ]
    session.reply(211, b"Features:", *features, b"End.")


def stat(session: FTPSession, argument: bytes) -> Awaitable[None] | None:
    """STAT: of the session; with a path, what LIST would send, over the control connection."""
    if argument:
        if session.state != IN:
            raise Refused(session.texts.state)
        return _stat_path(session, argument)
    lines = [b"Connected from %b%b." % (session.peer_host.encode(), b" under TLS" if session.secure else b"")]
    lines.append(b"Logged in as %b." % session.user if session.state == IN else b"Not logged in.")
    lines.append(
        b"TYPE: %b; STRU: F; MODE: %b; data %b."
        % (
            b"A N" if session.ascii else b"I",
            b"Z" if session.deflate else b"S",
            b"under TLS" if session.protect else b"in clear",
        )
    )
    channel = None if session.transfer is None else session.transfer.channel
    if channel is not None:
        lines.append(b"A transfer is under way: %d bytes so far." % channel.octets)
    elif session.transfer is not None:
        lines.append(b"A transfer waits for its data connection.")
    session.reply(211, b"Status of %b:" % session.factory.house.hostname.encode(), *lines, b"End.")
    return None


async def _stat_path(session: FTPSession, argument: bytes) -> None:
    path = session.path(argument)
    if is_pattern(split(path)[1]):
        raise Refused(b"550 Globbing not supported.")
    listing = Listing(session.tree, path, STAT_LIMIT, patterns=False, hidden=True)
    code = 212 if listing.is_folder else 213
    session.send(b"%d-Status:" % code)
    # RFC 959 4.2: no line in between may look like the last
    async for chunk in listing.chunks(as_ls(session.factory.house.wall())):
        await session.send_lines(b" " + line for line in chunk.removesuffix(b"\r\n").split(b"\r\n"))
    session.send(b"%d %b" % (code, b"Only the first are listed: use LIST." if listing.over else b"End of status."))
