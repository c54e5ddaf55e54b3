"""A daemon with [ftp] and [documents], for clients of all kinds."""

from __future__ import annotations

import ftplib
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.kit.daemon import Daemon
from tests.kit.programs import needs

T = TypeVar("T")

PATIENCE = 30.0
USER, PASSWORD = "mulder", "trustno1"

INI = """\
[log]
level = warn
[documents]
root = {root}
[accounts]
auth = demo
throttle-delay = 0ms
[ftp]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
anonymous = yes
{keys}
"""


class Done(NamedTuple):
    """How a program ended, and what it said."""

    status: int
    out: bytes
    err: bytes


class FTPFlowTestCase(TestCase):
    """``self.root`` is the document tree, ``self.folder`` the client's own."""

    keys = ""

    async def setUp(self) -> None:
        top = Path(self.mktemp()).resolve()
        self.root, self.folder = top / "root", top / "client"
        self.root.mkdir(parents=True)
        self.folder.mkdir()
        (self.root / "hello.txt").write_bytes(b"hello\n")
        self.daemon = Daemon(self, INI.format(root=self.root, keys=self.keys))
        await self.daemon.start()
        self.port = self.daemon.port("ftp")
        self.tls_port = self.daemon.port("ftp", "tls")

    async def tearDown(self) -> None:
        """Whatever a client did, the daemon has no defect to report."""
        if self.daemon.process.status is None:
            status, output = await self.daemon.stop()
            self.assertEqual(status, 0, output)
            self.assertNotIn("Traceback", output)

    async def away(self, work: Callable[[], T]) -> T:
        """Blocking work in a thread."""
        return await deferToThread(work)

    async def program(self, name: str, *arguments: str, status: int | None = 0, **environment: str) -> Done:
        """Run a program in ``self.folder``, its home; it must end with ``status``, unless that is None."""
        path = needs(self, name)
        out, err, ended = await getProcessOutputAndValue(
            path, arguments, env={**os.environ, "HOME": str(self.folder), **environment}, path=str(self.folder)
        )
        if status is not None and ended != status:
            self.fail(f"{name} {' '.join(arguments)} ended with {ended}:\n{out.decode()}\n{err.decode()}")
        return Done(ended, out, err)


def trusting() -> ssl.SSLContext:
    """A client's context that takes any certificate: the daemon's is its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def plain(port: int) -> ftplib.FTP:
    """Python's client, logged in."""
    client = ftplib.FTP(timeout=PATIENCE, encoding="utf-8")
    client.connect("127.0.0.1", port)
    client.login(USER, PASSWORD)
    return client


class Implicit(ftplib.FTP_TLS):
    """Python's client under TLS from the first octet, which it can't by itself."""

    def connect(self, host: str = "", port: int = 0, timeout: float = PATIENCE, source_address: Any = None) -> str:
        self.host, self.port = host, port
        connection = socket.create_connection((host, port), timeout)
        self.sock = self.context.wrap_socket(connection)
        self.af = connection.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def login(self, user: str = "", passwd: str = "", acct: str = "", secure: bool = False) -> str:
        return super().login(user, passwd, acct, secure)


class Reusing(ftplib.FTP_TLS):
    """Python's client, resuming the control connection's session for data, which it does not by itself."""

    def ntransfercmd(self, cmd: str, rest: Any = None) -> Any:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.context.wrap_socket(connection, session=self.sock.session), size


def protected(port: int, kind: type[ftplib.FTP_TLS] = ftplib.FTP_TLS) -> ftplib.FTP_TLS:
    """Python's client under TLS, its data too, logged in."""
    client = kind(timeout=PATIENCE, encoding="utf-8", context=trusting())
    client.connect("127.0.0.1", port)
    client.login(USER, PASSWORD)
    client.prot_p()
    return client
