"""The tree: CWD, PWD, MKD, RMD, DELE, RNFR, RNTO (RFC 959 4.1.3), SIZE, MDTM, MLST (RFC 3659), MFMT, MFF, AVBL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netdaemon.interfaces import IsFolder, NotFolder, NotFound
from netdaemon.protocols.ftp.commands.storing import part_size
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.commands import parse_facts_to_change, parse_mode
from netdaemon.protocols.ftp.grammar.paths import quote
from netdaemon.protocols.ftp.grammar.times import format_time, parse_time
from netdaemon.protocols.ftp.listing import FactLines
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession


def cwd(session: FTPSession, argument: bytes) -> None:
    """CWD; with nothing behind it, to the top."""
    path = session.path(argument) if argument else b"/"
    if not session.tree.entry(path).folder:
        raise NotFolder(path)
    session.cwd = path
    session.send(b"250 %b is the current directory." % quote(path))


def cdup(session: FTPSession, argument: bytes) -> None:
    """CDUP; above the top is the top."""
    cwd(session, b"..")


def pwd(session: FTPSession, argument: bytes) -> None:
    """PWD."""
    session.send(b"257 %b is the current directory." % quote(session.cwd))


def mkd(session: FTPSession, argument: bytes) -> None:
    """MKD."""
    path = session.path(argument)
    session.tree.make_folder(path)
    session.send(b"257 %b is made." % quote(path))


def rmd(session: FTPSession, argument: bytes) -> None:
    """RMD: an empty folder."""
    path = session.path(argument)
    if path == b"/":
        raise Refused(b"550 Can't remove root directory.")
    if not session.tree.entry(path).folder:
        raise NotFolder(path)
    session.tree.remove(path)
    session.send(b"250 The directory is removed.")


def dele(session: FTPSession, argument: bytes) -> None:
    """DELE: a document."""
    path = session.path(argument)
    if session.tree.entry(path).folder:
        raise IsFolder(path)
    session.tree.remove(path)
    session.send(b"250 The file is removed.")


def rnfr(session: FTPSession, argument: bytes) -> None:
    """RNFR: what RNTO, coming next, is about."""
    path = session.path(argument)
    if path == b"/":
        raise Refused(b"550 Can't rename home directory.")
    session.tree.entry(path)
    session.renaming = path
    session.send(b"350 Ready for the new name.")


def rnto(session: FTPSession, argument: bytes) -> None:
    """RNTO."""
    path = session.renaming
    if path is None:
        raise Refused(b"503 Bad sequence of commands: use RNFR first.")
    session.tree.rename(path, session.path(argument))
    session.send(b"250 It is renamed.")


def size(session: FTPSession, argument: bytes) -> None:
    """SIZE; of an upload that broke off, and of which nothing else is there, up to where it can go on."""
    if session.ascii:
        raise Refused(b"550 SIZE not allowed in ASCII mode.")  # it would take reading all of it (RFC 3659 4.1)
    path = session.path(argument)
    try:
        entry = session.tree.entry(path)
    except NotFound:
        part = part_size(session, path)
        if not part:
            raise Refused(b"550 No such file: its size is not retrievable.") from None
        session.send(b"213 %d" % part)
        return
    if entry.folder:
        raise Refused(b"550 The size of a directory is not retrievable.")
    session.send(b"213 %d" % entry.size)


def mdtm(session: FTPSession, argument: bytes) -> None:
    """MDTM."""
    try:
        entry = session.tree.entry(session.path(argument))
    except NotFound:
        raise Refused(b"550 No such file: its time is not retrievable.") from None
    if entry.folder:
        raise Refused(b"550 The time of a directory is not retrievable.")
    session.send(b"213 " + format_time(entry.modified))


def mfmt(session: FTPSession, argument: bytes) -> None:
    """MFMT: set the time of the last change (draft-somers-ftp-mfxx section 3)."""
    moment, space, name = argument.partition(b" ")
    if not space or not name:
        raise Refused(b"501 Syntax error: a time and a path are wanted.")
    try:
        seconds = parse_time(moment)
    except Malformed:
        raise Refused(b"501 Invalid time format: YYYYMMDDHHMMSS is wanted.") from None
    entry = session.tree.change(session.path(name), modified_ns=round(seconds * 1_000_000_000))
    session.send(b"213 Modify=%b; %b" % (format_time(entry.modified), name))


def mff(session: FTPSession, argument: bytes) -> None:
    """MFF: set facts (draft-somers-ftp-mfxx section 5): those that are known, or none."""
    try:
        facts, name = parse_facts_to_change(argument)
        modified_ns = round(parse_time(facts.pop(b"modify")) * 1_000_000_000) if b"modify" in facts else None
        mode = parse_mode(facts.pop(b"unix.mode")) if b"unix.mode" in facts else None
    except Malformed:
        raise Refused(b"501 Syntax error: modify=YYYYMMDDHHMMSS; or UNIX.mode=NNN; and a path are wanted.") from None
    if facts:
        raise Refused(b"504 Only modify and UNIX.mode can be set.")
    entry = session.tree.change(session.path(name), modified_ns=modified_ns, mode=mode)
    changed = b""
    if modified_ns is not None:
        changed += b"Modify=%b;" % format_time(entry.modified)
    if mode is not None:
        changed += b"UNIX.mode=0%03o;" % (entry.mode & 0o777)
    session.send(b"213 %b %b" % (changed, name))


def mlst(session: FTPSession, argument: bytes) -> None:
    """MLST: the facts of one thing, over the control connection (RFC 3659 section 7)."""
    path = session.path(argument)
    entry = session.tree.entry(path)
    facts = FactLines(session.tree, session.facts, session.factory.owner)
    session.reply(250, b"Listing:", facts.line(entry, path, path), b"End.")


def avbl(session: FTPSession, argument: bytes) -> None:
    """AVBL: octets that may still be written (draft-peterson-streamlined-ftp-command-extensions section 4)."""
    path = session.path(argument)
    if not session.tree.entry(path).folder:
        raise NotFolder(path)
    space = session.tree.space(path)
    if space is None:
        raise Refused(b"550 Nobody knows how much may be written there.")
    session.send(b"213 %d" % space)
