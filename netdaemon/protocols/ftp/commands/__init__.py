"""The commands, in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netdaemon.protocols.ftp.commands import (
    data,
    files,
    hashes,
    lists,
    login,
    parameters,
    site,
    storing,
    tls,
    transfers,
)
from netdaemon.protocols.ftp.commands.states import IN
from netdaemon.wire.line import ALWAYS, Refused, Verb, VerbTable

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession

_NONE = (0, 0)
_SOME = (1, 99999)


def _help(session: FTPSession, argument: bytes) -> None:
    """HELP: of all, or of one command (RFC 959 4.1.3)."""
    if not argument:
        names = [verb.name for verb in COMMANDS]
        rows = [b" ".join(names[at : at + 10]) for at in range(0, len(names), 10)]
        session.reply(214, b"These commands are known:", *rows, b"End.")
        return
    verb = COMMANDS.find(argument.split()[0]) if argument.split() else None
    if verb is None:
        raise Refused(b"501 Unrecognized command.")
    session.send(b"214 Syntax: %b %b" % (verb.name, _SYNTAX.get(verb.name, b"")))


COMMANDS = VerbTable(
    # Access (RFC 959 4.1.1, RFC 7151)
    Verb(b"USER", ALWAYS, login.user, _SOME),
    Verb(b"PASS", ALWAYS, login.password, secret=0),
    Verb(b"ACCT", IN, login.account),
    Verb(b"REIN", IN, login.rein, _NONE),
    Verb(b"QUIT", ALWAYS, login.quit, _NONE),
    Verb(b"HOST", ALWAYS, login.host, _SOME),
    # Protection (RFC 2228, RFC 4217)
    Verb(b"AUTH", ALWAYS, tls.auth, _SOME),
    Verb(b"PBSZ", ALWAYS, tls.pbsz, _SOME),
    Verb(b"PROT", ALWAYS, tls.prot, _SOME),
    Verb(b"CCC", ALWAYS, tls.ccc, _NONE),
    # Parameters of transfers (RFC 959 4.1.2, RFC 2428)
    Verb(b"PORT", IN, data.port, _SOME),
    Verb(b"PASV", IN, data.pasv, _NONE),
    Verb(b"EPRT", IN, data.eprt, _SOME),
    Verb(b"EPSV", IN, data.epsv),
    Verb(b"TYPE", IN, parameters.type_, _SOME),
    Verb(b"STRU", IN, parameters.stru, _SOME),
    Verb(b"MODE", IN, parameters.mode, _SOME),
    # Transfers (RFC 959 4.1.3, RFC 3659)
    Verb(b"RETR", IN, transfers.retr, _SOME),
    Verb(b"STOR", IN, storing.stor, _SOME),
    Verb(b"STOU", IN, storing.stou),
    Verb(b"APPE", IN, storing.appe, _SOME),
    Verb(b"ALLO", IN, parameters.allo, _SOME),
    Verb(b"REST", IN, transfers.rest, _SOME),
    Verb(b"RANG", IN, transfers.rang, _SOME),
    Verb(b"ABOR", IN, transfers.abor, _NONE),
    Verb(b"LIST", IN, lists.list_),
    Verb(b"NLST", IN, lists.nlst),
    Verb(b"MLSD", IN, lists.mlsd),
    # The tree
    Verb(b"CWD", IN, files.cwd),
    Verb(b"CDUP", IN, files.cdup, _NONE),
    Verb(b"PWD", IN, files.pwd, _NONE),
    Verb(b"MKD", IN, files.mkd, _SOME),
    Verb(b"RMD", IN, files.rmd, _SOME),
    Verb(b"DELE", IN, files.dele, _SOME),
    Verb(b"RNFR", IN, files.rnfr, _SOME),
    Verb(b"RNTO", IN, files.rnto, _SOME),
    Verb(b"SMNT", IN, parameters.smnt, _SOME),
    Verb(b"SIZE", IN, files.size, _SOME),
    Verb(b"MDTM", IN, files.mdtm, _SOME),
    Verb(b"MFMT", IN, files.mfmt, _SOME),
    Verb(b"MFF", IN, files.mff, _SOME),
    Verb(b"MLST", IN, files.mlst),
    Verb(b"AVBL", IN, files.avbl),
    Verb(b"HASH", IN, hashes.hash, _SOME),
    *(Verb(name, IN, hashes.command(name), _SOME) for name in hashes.COMMANDS),
    # The names of RFC 775
    Verb(b"XCWD", IN, files.cwd),
    Verb(b"XCUP", IN, files.cdup, _NONE),
    Verb(b"XPWD", IN, files.pwd, _NONE),
    Verb(b"XMKD", IN, files.mkd, _SOME),
    Verb(b"XRMD", IN, files.rmd, _SOME),
    # Information (RFC 959 4.1.3, RFC 2389, RFC 2640)
    Verb(b"SITE", ALWAYS, site.site, _SOME),
    Verb(b"SYST", ALWAYS, parameters.syst, _NONE),
    Verb(b"STAT", ALWAYS, parameters.stat),
    Verb(b"HELP", ALWAYS, _help),
    Verb(b"NOOP", ALWAYS, parameters.noop, _NONE),
    Verb(b"FEAT", ALWAYS, parameters.feat, _NONE),
    Verb(b"OPTS", IN, parameters.opts, _SOME),
    Verb(b"LANG", ALWAYS, parameters.lang),
)
"""What may come, and in which states."""

_PATH = b"path"
_SYNTAX: dict[bytes, bytes] = {
    b"USER": b"name",
    b"PASS": b"password",
    b"HOST": b"name",
    b"AUTH": b"TLS",
    b"PBSZ": b"0",
    b"PROT": b"C | P",
    b"PORT": b"h1,h2,h3,h4,p1,p2",
    b"EPRT": b"|1 or 2|address|port|",
    b"EPSV": b"[1 | 2 | ALL]",
    b"TYPE": b"A | I | L 8",
    b"STRU": b"F",
    b"MODE": b"S | Z",
    b"ALLO": b"size",
    b"REST": b"position",
    b"RANG": b"first last",
    b"LIST": b"[-la] [path or pattern]",
    b"NLST": b"[path or pattern]",
    b"MFMT": b"YYYYMMDDHHMMSS path",
    b"MFF": b"modify=YYYYMMDDHHMMSS;UNIX.mode=NNN; path",
    b"SITE": b"CHMOD | UTIME | HELP",
    b"OPTS": b"UTF8 | MLST facts | HASH algorithm | MODE Z LEVEL n",
    b"LANG": b"[EN]",
    b"HELP": b"[command]",
    **dict.fromkeys(hashes.COMMANDS, b'path | "path" start end'),
    **dict.fromkeys((b"RETR", b"STOR", b"APPE", b"MKD", b"RMD", b"DELE", b"RNFR", b"RNTO", b"SIZE", b"MDTM"), _PATH),
    **dict.fromkeys((b"HASH", b"XMKD", b"XRMD"), _PATH),
    **dict.fromkeys((b"STOU", b"MLSD", b"MLST", b"CWD", b"XCWD", b"STAT", b"AVBL"), b"[path]"),
}
