"""FTP servers: python -m tests.bench.peers.ftp KIND '{"tcp": 40001, ...}' for those of Python, and what starts them."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.part import Start
from tests.bench.peers import netdaemon
from tests.bench.peers.site import documents
from tests.bench.processes import Missing, Server, free_port, launch, program

NAME, PASSWORD = "bench", "not-a-secret"
FOLDER = "up"
"""Where everybody may write."""


MANY, MANY_COUNT = "many", 100_000
"""A folder with many entries."""

HUGE, HUGE_SIZE = "/huge.bin", 1 << 30
"""A document of a GiB."""


def netdaemon_ftp(*, many: bool = False, huge: bool = False) -> Start:
    """[ftp] over the documents, with an account that may write."""
    begin = netdaemon.netdaemon("ftp", "tcp", keys="anonymous = yes\nmax-connections-per-account = 100000")

    def start(folder: Path) -> Server:
        _folder(documents(folder))
        if many:
            _many(documents(folder))
        if huge:
            _huge(documents(folder))
        # the account is made before the daemon starts, by the INI file that this writes first
        ini = folder / "account.ini"
        ini.write_text("[netdaemon]\ndata = data\n[ftp]\nlisten = tcp:0\n")
        command = [sys.executable, "-m", "netdaemon", "-c", str(ini), "user", "add", NAME, "--password-stdin"]
        subprocess.run(command, input=PASSWORD.encode(), check=True, capture_output=True, cwd=folder)
        return begin(folder)

    return start


VSFTPD = """\
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
local_enable=NO
anon_root={site}
ftp_username={user}
secure_chroot_dir={empty}
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
no_anon_password=NO
xferlog_enable=NO
use_sendfile=YES
pasv_enable=YES
seccomp_sandbox=NO
one_process_model={one}
"""


def vsftpd(*, one: bool = True, many: bool = False, huge: bool = False) -> Start:
    """vsftpd, with a process for each session; unless it is ``one``, as Debian has it, a second one holds its rights.

    One is quicker, and leaves its CPU time where it can be read.
    """

    def start(folder: Path) -> Server:
        path = program("vsftpd")
        if os.getuid():
            raise Missing("vsftpd is started by root only")
        try:
            user = pwd.getpwnam("ftp").pw_name
        except KeyError:
            user = "nobody"
        site = documents(folder)
        _folder(site, user)
        if many:
            _many(site)
        if huge:
            _huge(site)
        site.chmod(0o755)
        empty = folder / "empty"
        empty.mkdir(mode=0o755)
        ports = {"tcp": free_port()}
        configuration = folder / "vsftpd.conf"
        configuration.write_text(
            VSFTPD.format(port=ports["tcp"], site=site, user=user, empty=empty, one="YES" if one else "NO")
        )
        configuration.chmod(0o600)
        return launch("vsftpd", [path, str(configuration)], folder, ports)

    return start


def python(kind: str, *, many: bool = False, huge: bool = False) -> Start:
    """One of the kinds below."""

    def start(folder: Path) -> Server:
        if importlib.util.find_spec(kind.partition(".")[0]) is None:
            raise Missing(f"{kind} is not installed")
        site = documents(folder)
        _folder(site)
        if many:
            _many(site)
        if huge:
            _huge(site)
        ports = {"tcp": free_port()}
        told = json.dumps({**ports, "site": str(site)})
        return launch(kind, [sys.executable, "-m", "tests.bench.peers.ftp", kind, told], folder, ports)

    return start


def _folder(site: Path, user: str | None = None) -> None:
    folder = site / FOLDER
    folder.mkdir(exist_ok=True)
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)


def _many(site: Path) -> None:
    folder = site / MANY
    if not folder.exists():
        folder.mkdir()
        for number in range(MANY_COUNT):
            (folder / f"document-{number:06}.txt").touch()


def _huge(site: Path) -> None:
    path = site / HUGE[1:]
    if not path.exists():
        block = os.urandom(1 << 20)
        with path.open("wb") as file:
            for _ in range(HUGE_SIZE // len(block)):
                file.write(block)
            os.fsync(file.fileno())  # its way to the disk is no part of what is measured


# --- in the server's process ---------------------------------------------------------------------------------


def pyftpdlib(told: dict[str, Any]) -> None:
    """pyftpdlib as its documentation starts it, without its log."""
    import logging

    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

    logging.basicConfig(level=logging.ERROR)
    authorizer = DummyAuthorizer()
    authorizer.add_user(NAME, PASSWORD, told["site"], perm="elradfmwMT")
    authorizer.add_anonymous(told["site"])
    FTPHandler.authorizer = authorizer
    server = FTPServer(("127.0.0.1", told["tcp"]), FTPHandler)
    server.max_cons = server.max_cons_per_ip = 0
    server.serve_forever()


def twisted(told: dict[str, Any]) -> None:
    """twisted.protocols.ftp."""
    from twisted.cred.checkers import AllowAnonymousAccess
    from twisted.cred.portal import Portal
    from twisted.internet import reactor as imported
    from twisted.protocols.ftp import FTPFactory, FTPRealm

    reactor: Any = imported
    portal = Portal(FTPRealm(told["site"]), [AllowAnonymousAccess()])
    factory = FTPFactory(portal)
    factory.noisy = False
    reactor.listenTCP(told["tcp"], factory, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    {"pyftpdlib": pyftpdlib, "twisted.protocols.ftp": twisted}[sys.argv[1]](json.loads(sys.argv[2]))
