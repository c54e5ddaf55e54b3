"""nghttp2's server, on loopback until the test ends."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.kit.daemon import POLL, Watched
from tests.kit.programs import needs

reactor: Any = _reactor

TRIES = 500


class NGHTTPD:
    """Shows ``folder``, under TLS with ``certificate`` (and its key) or in clear; `start` it."""

    def __init__(self, test: TestCase, folder: Path, *options: str, certificate: Path | None = None) -> None:
        self._program = needs(test, "nghttpd")
        self._test = test
        tls = () if certificate is None else (str(certificate), str(certificate))
        self._arguments = ["-a", "127.0.0.1", "-d", str(folder), *options, *(() if tls else ("--no-tls",))]
        self._tls = tls
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        """Returns when it listens."""
        for _ in range(5):  # somebody else may take the port meanwhile
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = int(free.getsockname()[1])
            watched = Watched()
            arguments = [self._program, *self._arguments, str(self.port), *self._tls]
            process = reactor.spawnProcess(watched, self._program, arguments, env={})
            self._test.addCleanup(self._stop, process, watched)
            for _ in range(TRIES):
                if watched.status is not None or self._listens():
                    break
                await deferLater(reactor, POLL, lambda: None)
            if watched.status is None:
                return
        raise AssertionError(f"nghttpd does not start: {watched.err!r}")

    def _listens(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def _stop(self, process: Any, watched: Watched) -> Deferred[None]:
        try:
            process.signalProcess(signal.SIGKILL)
        except ProcessExitedAlready:
            pass
        return watched.ended()
