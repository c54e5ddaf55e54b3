"""A daemon with mail for the demo's account, and programs that come for it."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.kit.daemon import Daemon
from tests.kit.mail import deliver

T = TypeVar("T")

HOST = "127.0.0.1"
LOCAL = "interface=127.0.0.1"
INI = f"""[netdaemon]
hostname = localhost
[accounts]
auth = demo
[pop3]
listen = tcp:0:{LOCAL} tls:0:{LOCAL}
access-log = access.log
"""
USER, PASSWORD = "mulder", "trustno1"
PATIENCE = 60.0

FIRST = (
    b"From: Scully <scully@spam.egg>\r\nTo: mulder@spam.egg\r\nSubject: =?utf-8?q?gr=C3=BCn?=\r\n\r\n"
    b"Hello\r\n.\r\n..x\r\n"
)
SECOND = b"Subject: second\r\n\r\nNo end of line, and dots:\r\n.\r\n..."


class POP3Flow(TestCase):
    """A daemon with some mail for the demo's account."""

    async def started(self, *messages: bytes | Iterator[bytes], ini: str = INI) -> Daemon:
        daemon = Daemon(self, ini)
        deliver(daemon.data, USER, *messages)
        await daemon.start()
        self.port, self.tls_port = daemon.port("pop3"), daemon.port("pop3", "tls")
        return daemon

    async def in_thread(self, work: Callable[[], T]) -> T:
        found: T = await deferToThread(work)
        return found

    async def output(self, *words: str, status: int = 0, env: dict[str, str] | None = None) -> bytes:
        done = await deferToThread(
            lambda: subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                env={**os.environ, **(env or {})},
            )
        )
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def home(self) -> Path:
        """A folder for a program's own files."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def certificate(self, daemon: Daemon) -> str:
        """The daemon's own, as an authority for those who verify."""
        return str(daemon.data / "tls" / "self-signed.pem")


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
