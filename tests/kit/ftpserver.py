"""FTP servers for clients under test: pyftpdlib and vsftpd, in processes of their own on loopback ports.

server = await PyFTPServer(self, folder, certificate=pem).start()
ftplib.FTP().connect("127.0.0.1", server.port)
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any, Self

from twisted.internet import reactor as _reactor
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.kit.daemon import CHECKOUT, LIMIT, POLL, Watched
from tests.kit.programs import needs

reactor: Any = _reactor

USER, PASSWORD = "mulder", "trustno1"


class ServerProcess:
    """A server that runs until the test ends."""

    port: int

    def __init__(self, test: TestCase, folder: Path) -> None:
        self.test = test
        self.folder = folder
        self.process = Watched()
        self._transport: Any = None

    def spawn(self, *words: str) -> None:
        self.test.addCleanup(self._kill)
        paths = os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": paths}
        self._transport = reactor.spawnProcess(self.process, words[0], words, env=environment)

    async def until(self, true: Any) -> None:
        end = reactor.seconds() + LIMIT
        while not true():
            if self.process.status is not None:
                raise AssertionError(f"the server ended: {self.process.out + self.process.err!r}")
            if reactor.seconds() > end:
                raise AssertionError(f"the server does not start: {self.process.out + self.process.err!r}")
            await deferLater(reactor, POLL)

    async def _kill(self) -> None:
        if self.process.status is None:
            try:
                self._transport.signalProcess("KILL")
            except ProcessExitedAlready:
                pass
            await self.process.ended()


class PyFTPServer(ServerProcess):
    """pyftpdlib with one account, ``USER``, on ``folder``; under TLS, and nothing else, with a ``certificate``.

    From one address it lets in ``most`` sessions, and each sends no more than ``rate`` octets a second.
    """

    def __init__(
        self, test: TestCase, folder: Path, *, certificate: Path | None = None, most: int = 0, rate: int = 0
    ) -> None:
        super().__init__(test, folder)
        try:
            import pyftpdlib  # type: ignore[import-untyped]  # noqa: F401
        except ImportError:
            from twisted.trial.unittest import SkipTest

            raise SkipTest("pyftpdlib is not installed") from None
        self._words = [str(folder), str(certificate or "-"), str(most), str(rate)]

    async def start(self) -> Self:
        self.spawn(sys.executable, "-W", "ignore", "-m", "tests.kit.ftpserver", *self._words)
        await self.until(lambda: b"\n" in self.process.out)
        self.port = int(self.process.out.split(b"\n")[0])
        return self


class Vsftpd(ServerProcess):
    """vsftpd for anonymous users, who may write beneath ``folder``/pub; with a ``certificate`` it knows AUTH TLS, and
    wants data connections to go on with the control connection's session.
    """

    CONF = """
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
run_as_launching_user=YES
anonymous_enable=YES
anon_root={folder}
no_anon_password=YES
local_enable=NO
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
xferlog_enable=NO
seccomp_sandbox=NO
"""
    TLS = """
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_ciphers=HIGH
rsa_cert_file={certificate}
rsa_private_key_file={certificate}
"""

    def __init__(self, test: TestCase, folder: Path, *, certificate: Path | None = None) -> None:
        super().__init__(test, folder)
        self._certificate = certificate
        self._program = needs(test, "vsftpd")

    async def start(self) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        text = self.CONF if self._certificate is None else self.CONF + self.TLS
        conf = Path(self.test.mktemp()).absolute()
        conf.write_text(text.format(port=self.port, folder=self.folder, certificate=self._certificate))
        self.folder.chmod(0o555)  # or it refuses to serve it
        self.spawn(str(self._program), str(conf))
        await self.until(self._answers)
        return self

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT).close()
        except ConnectionRefusedError:
            return False
        return True


def serve(folder: str, certificate: str, most: str, rate: str) -> None:
    """What `PyFTPServer` runs: prints the port and serves for ever."""
    import logging

    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler, TLS_FTPHandler
    from pyftpdlib.servers import FTPServer

    logging.basicConfig(level=logging.CRITICAL)
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, folder, perm="elradfmwMT")

    class Handler(FTPHandler if certificate == "-" else TLS_FTPHandler):  # type: ignore[misc]
        pass

    Handler.authorizer = authorizer
    Handler.auth_failed_timeout = 0.1
    if certificate != "-":
        Handler.certfile = certificate
        Handler.tls_control_required = Handler.tls_data_required = True
    if int(rate):

        class Throttled(ThrottledDTPHandler):  # type: ignore[misc]
            read_limit = write_limit = int(rate)

        Handler.dtp_handler = Throttled
    server = FTPServer(("127.0.0.1", 0), Handler)
    server.max_cons_per_ip = int(most)
    print(server.address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(*sys.argv[1:])
