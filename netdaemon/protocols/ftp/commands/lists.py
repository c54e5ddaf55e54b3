"""Lists: LIST, NLST (RFC 959 4.1.3) and MLSD (RFC 3659 section 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netdaemon.protocols.ftp.channel import SendChunks
from netdaemon.protocols.ftp.commands.transfers import aborted, check_open, check_protection
from netdaemon.protocols.ftp.deflate import deflated
from netdaemon.protocols.ftp.grammar.commands import parse_list
from netdaemon.protocols.ftp.listing import FactLines, Format, Listing, as_ls, as_names
from netdaemon.protocols.ftp.transfer import Aborted, Transfer
from netdaemon.wire.line import Refused

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession


async def list_(session: FTPSession, argument: bytes) -> None:
    """LIST: lines as of ``ls -l``."""
    options, path = parse_list(argument)
    await _send_list(session, _listing(session, path, options), as_ls(session.factory.house.wall()))


async def nlst(session: FTPSession, argument: bytes) -> None:
    """NLST: names, each as the next command can use it (RFC 1123 4.1.2.7): behind what the client wrote before it."""
    options, path = parse_list(argument)
    listing = _listing(session, path, options)
    before = path.rstrip(b"/") + b"/" if listing.is_folder and path else path[: path.rfind(b"/") + 1]
    await _send_list(session, listing, as_names(before))


def _listing(session: FTPSession, argument: bytes, options: frozenset[str]) -> Listing:
    hidden = not options.isdisjoint("aA")
    return Listing(session.tree, session.path(argument), session.settings.list_limit, patterns=True, hidden=hidden)


async def mlsd(session: FTPSession, argument: bytes) -> None:
    """MLSD: lines of facts (RFC 3659 section 7)."""
    path = session.path(argument)
    if not session.tree.entry(path).folder:
        raise Refused(b"501 Not a directory.")  # RFC 3659 7.2.1
    listing = Listing(session.tree, path, session.settings.list_limit, patterns=False, hidden=True)
    facts = FactLines(session.tree, session.facts, session.factory.owner)
    await _send_list(session, listing, facts.of_folder(path))


async def _send_list(session: FTPSession, listing: Listing, format: Format) -> None:
    check_protection(session)
    session.take_rest()
    check_open(session)
    session.send(b"150 The data connection is opened.")
    transfer = Transfer(session, "out")
    terms = transfer.terms()
    chunks = listing.chunks(format)
    if session.deflate:
        chunks = deflated(chunks, session.level, terms.turn)
    try:
        await transfer.run(SendChunks(terms, chunks))
    except Aborted:
        raise aborted(session) from None
    if listing.over:
        session.send(b"226 Only the first %d entries are listed." % session.settings.list_limit)
    else:
        session.send(b"226 Transfer complete.")
