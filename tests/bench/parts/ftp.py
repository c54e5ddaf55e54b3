"""FTP in clear."""

from __future__ import annotations

import os

from tests.bench.figures import CPU, RATE, Goal, Run
from tests.bench.loads import generator
from tests.bench.part import Column, Load, Part, Variant, work_columns
from tests.bench.peers import ftp
from tests.bench.peers.site import SMALL, SMALL_SIZE, documents
from tests.bench.processes import Server

ACCOUNT = (ftp.NAME, ftp.PASSWORD)


def load(kind: str, **arguments: object) -> Load:
    """One of `tests.bench.ftp`."""
    return generator(kind, module="tests.bench.ftp", **arguments)


RETRIEVE = load("retrieve", path=SMALL, size=SMALL_SIZE)

small = Part(
    name="ftp.small",
    title="FTP, documents of 1 KiB",
    about="16 sessions; each asks for EPSV, connects, and has a document of 1 KiB by RETR.",
    columns=work_columns("documents"),
    variants=(
        Variant("netdaemon", ftp.netdaemon_ftp(), RETRIEVE),
        Variant("vsftpd", ftp.vsftpd(), RETRIEVE),
        Variant("pyftpdlib", ftp.python("pyftpdlib"), RETRIEVE),
        Variant("twisted.protocols.ftp", ftp.python("twisted.protocols.ftp"), RETRIEVE),
    ),
    against="vsftpd",
    goals=(
        Goal("netdaemon", RATE, "vsftpd", least=1.0),
        Goal("netdaemon", RATE, "pyftpdlib", least=1.0),
    ),
)

DOWNLOAD = load("download", path=ftp.HUGE, size=ftp.HUGE_SIZE)

retr = Part(
    name="ftp.retr",
    title="FTP, RETR of 1 GiB",
    about="One session, over and over; the document lies in the kernel's memory, and the reader has the kernel throw "
    "the octets away (MSG_TRUNC). MB are millions of octets.",
    columns=work_columns("MB"),
    variants=(
        Variant("netdaemon", ftp.netdaemon_ftp(huge=True), DOWNLOAD),
        Variant("vsftpd", ftp.vsftpd(huge=True), DOWNLOAD),
        Variant("pyftpdlib", ftp.python("pyftpdlib", huge=True), DOWNLOAD),
    ),
    against="vsftpd",
    goals=(Goal("netdaemon", RATE, "vsftpd", least=1.0),),
)


def upload(name: str, user: tuple[str, str] | None = None, *, sync: bool = False) -> Load:
    """STOR under one name, each server's own.

    One goes before that does not count: memory that nobody used for some seconds a virtual machine has given back, and
    must get from its host again, which costs more than the upload. And what is to go to the disk, goes before.
    """
    more: dict[str, object] = {} if user is None else {"user": user}

    def work(server: Server, seconds: float) -> Run:
        where = {"sync": str(documents(server.folder) / ftp.FOLDER / name)} if sync else {}
        send = load("upload", path=f"{ftp.FOLDER}/{name}", size=ftp.HUGE_SIZE, **more, **where)
        send(server, 0.0)
        os.sync()
        return send(server, seconds)

    return work


stor = Part(
    name="ftp.stor",
    title="FTP, STOR of 1 GiB",
    about="One session, over and over under one name. netdaemon writes beside the document, syncs it to the disk and "
    "puts it in the old one's place before it answers 226; the others write over what is there, and sync nothing. "
    "*vsftpd, synced* is what the same promise costs there: behind each 226 the document is synced for it. An upload "
    "before each run does not count: it fetches memory from the machine's host.",
    columns=work_columns("MB"),
    variants=(
        Variant("netdaemon", ftp.netdaemon_ftp(), upload("a", ACCOUNT)),
        Variant("vsftpd", ftp.vsftpd(), upload("b")),
        Variant("vsftpd, synced", ftp.vsftpd(), upload("c", sync=True)),
        Variant("pyftpdlib", ftp.python("pyftpdlib"), upload("d", ACCOUNT)),
    ),
    against="vsftpd",
    goals=(
        Goal("netdaemon", RATE, "vsftpd", least=1.0, as_it_is=True),
        Goal("netdaemon", RATE, "vsftpd, synced", least=1.0, as_it_is=True),
        Goal("netdaemon", CPU, "vsftpd", most=1.0),
    ),
)

logins = Part(
    name="ftp.logins",
    title="FTP, logins",
    about="Connect, USER, PASS, QUIT; 16 at a time. netdaemon's account has an argon2id hash, and its password was "
    "right a moment ago, as that of a program is that comes again and again; pyftpdlib compares clear text. vsftpd's "
    "are anonymous, which is no work but a process, or the two that are its default.",
    columns=work_columns("logins"),
    variants=(
        Variant("netdaemon, anonymous", ftp.netdaemon_ftp(), load("logins")),
        Variant("netdaemon, account", ftp.netdaemon_ftp(), load("logins", user=ACCOUNT)),
        Variant("vsftpd, anonymous", ftp.vsftpd(), load("logins")),
        Variant("vsftpd, anonymous, two processes", ftp.vsftpd(one=False), load("logins")),
        Variant("pyftpdlib, account", ftp.python("pyftpdlib"), load("logins", user=ACCOUNT)),
    ),
    against="vsftpd, anonymous",
    goals=(
        Goal("netdaemon, anonymous", RATE, "vsftpd, anonymous", least=2.0),
        Goal("netdaemon, account", RATE, "vsftpd, anonymous", least=2.0),
    ),
)

LISTING = load("listing", path=ftp.MANY, count=ftp.MANY_COUNT)
STALL = "stall"

lists = Part(
    name="ftp.list",
    title="FTP, LIST of a folder with 100,000 entries",
    about="One session lists, over and over, while another says NOOP; the last column is the longest that its answer "
    "took. vsftpd has a process for each session, and sorts.",
    columns=work_columns("entries", Column(STALL, "longest NOOP ms", 1, "less")),
    variants=(
        Variant("netdaemon", ftp.netdaemon_ftp(many=True), LISTING),
        Variant("vsftpd", ftp.vsftpd(many=True), LISTING),
        Variant("pyftpdlib", ftp.python("pyftpdlib", many=True), LISTING),
    ),
    against="vsftpd",
    goals=(Goal("netdaemon", STALL, most=20.0),),
)

PARTS = (small, retr, stor, logins, lists)
