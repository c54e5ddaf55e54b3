"""A real daemon in a process of its own, for tests with real sockets.

daemon = Daemon(self, "[time]\nlisten = tcp:0:interface=127.0.0.1\n")
await daemon.start()
socket.create_connection(("127.0.0.1", daemon.port("time")))
daemon.signal(signal.SIGTERM)
status, output = await daemon.wait()
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

reactor: Any = _reactor

CHECKOUT = Path(__file__).resolve().parents[2]
TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")

LIMIT = 60.0
"""Seconds until a test gives up on a daemon; a start takes under one on a quiet machine."""

POLL = 0.02


def short_folder(testcase: TestCase) -> Path:
    """A folder for UNIX sockets, whose paths are at most 107 bytes long: too short for ``mktemp()``'s."""
    folder = Path(tempfile.mkdtemp(prefix="netdaemon-"))
    testcase.addCleanup(shutil.rmtree, folder)
    return folder


class Watched(ProcessProtocol):
    """Collects what a process says, and tells when it ends."""

    def __init__(self) -> None:
        self.out = b""
        self.err = b""
        self.status: int | None = None
        """Exit status; minus the signal that killed it; None while it runs."""
        self._ended: list[Deferred[None]] = []

    def outReceived(self, data: bytes) -> None:
        self.out += data

    def errReceived(self, data: bytes) -> None:
        self.err += data

    def processEnded(self, reason: Failure) -> None:
        if reason.check(ProcessDone):
            self.status = 0
        else:
            self.status = reason.value.exitCode if reason.value.signal is None else -reason.value.signal
        waiting, self._ended = self._ended, []
        for deferred in waiting:
            deferred.callback(None)

    def ended(self) -> Deferred[None]:
        deferred: Deferred[None] = Deferred()
        if self.status is None:
            self._ended.append(deferred)
        else:
            deferred.callback(None)
        return deferred


class Daemon:
    """`twistd -n netdaemon -c FILE` on ``ini``, which gets `data` and `ready-file` unless it sets them.

    ``folder`` is the test's own; the INI, the data directory and the ready-file stand in it.
    """

    def __init__(
        self,
        testcase: TestCase,
        ini: str,
        *,
        twistd: Sequence[str] = ("-n", "--pidfile="),
        command: Sequence[str] = TWISTD,
        environment: Mapping[str, str] | None = None,
        descriptors: Mapping[int, int] | None = None,
    ) -> None:
        """``command`` runs twistd; ``descriptors`` maps the child's numbers to ours, besides 0, 1 and 2."""
        self._testcase = testcase
        self.folder = Path(testcase.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.ini_file = self.folder / "conf.ini"
        self.data = self.folder / "data"
        self.ready_file = self.folder / "ready.json"
        self.write(ini)
        chosen = os.environ.get("NETDAEMON_REACTOR", "")  # `make tests-reactors`; without it the lean loop
        named = any(word.startswith("--reactor") for word in twistd)
        reactors = ["--reactor", chosen] if chosen and not named else []
        self._command = [*command, *twistd, *reactors, "netdaemon", "-c", str(self.ini_file)]
        paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(environment or {})}
        self._descriptors = descriptors or {}
        self.process = Watched()
        self._transport: Any = None

    def write(self, ini: str) -> None:
        """Write the INI; it counts at the next start or SIGHUP."""
        _, section, rest = ini.partition("[netdaemon]\n")
        own = rest.partition("\n[")[0]
        wanted = {"data": self.data, "ready-file": self.ready_file}
        missing = "".join(
            f"{name} = {value}\n" for name, value in wanted.items() if not re.search(rf"^{name}\s*=", own, re.MULTILINE)
        )
        if section:
            ini = ini.replace(section, section + missing, 1)
        else:
            ini = f"[netdaemon]\n{missing}{ini}"
        self.ini_file.write_text(ini)

    def spawn(self) -> None:
        """Start the process, without waiting for anything."""
        self._testcase.addCleanup(self._kill)
        self._transport = reactor.spawnProcess(
            self.process,
            self._command[0],
            self._command,
            env=self._environment,
            path=str(self.folder),
            childFDs={0: "w", 1: "r", 2: "r", **self._descriptors},
        )

    async def start(self) -> None:
        """Start it and wait for its ready-file; a daemon that ends instead fails the test with what it said."""
        self.spawn()
        await self.until(self.ready_file.exists, "is ready")

    @property
    def pid(self) -> int:
        return int(self._transport.pid)

    @property
    def output(self) -> str:
        """All it has said so far, on both streams."""
        return (self.process.out + self.process.err).decode()

    @property
    def errors(self) -> str:
        return self.process.err.decode()

    @property
    def services(self) -> dict[str, list[str]]:
        """The ready-file's: section to addresses, "tcp:127.0.0.1:40001"."""
        services: dict[str, list[str]] = json.loads(self.ready_file.read_text())["services"]
        return services

    @property
    def ports(self) -> dict[str, list[int]]:
        """Section to port numbers, in the order of its listen words."""
        return {
            section: [int(address.rpartition(":")[2]) for address in addresses if not address.startswith("unix:")]
            for section, addresses in self.services.items()
        }

    def port(self, section: str, transport: str = "tcp") -> int:
        """The first port of that section and transport."""
        for address in self.services[section]:
            if address.startswith(f"{transport}:"):
                return int(address.rpartition(":")[2])
        raise AssertionError(f"[{section}] listens on no {transport}: {self.services}")

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    async def reload(self, ini: str | None = None) -> bool:
        """SIGHUP, after writing ``ini``; waits until the log says how it went: was it taken on?"""
        if ini is not None:
            self.write(ini)
        before = self.process.out.count(b": reloaded "), self.process.out.count(b": not reloaded")
        self.signal(signal.SIGHUP)

        def done() -> bool:
            return (self.process.out.count(b": reloaded "), self.process.out.count(b": not reloaded")) != before

        await self.until(done, "has reloaded")
        return self.process.out.count(b": reloaded ") > before[0]

    async def until(self, true: Any, what: str) -> None:
        """Wait until ``true()`` holds, at most `LIMIT` seconds, and only while the daemon lives."""
        end = reactor.seconds() + LIMIT
        while not true():
            if self.process.status is not None:
                raise AssertionError(f"the daemon ended with {self.process.status} before it {what}:\n{self.output}")
            if reactor.seconds() > end:
                raise AssertionError(f"after {LIMIT:.0f} s there was no sign that it {what}:\n{self.output}")
            await deferLater(reactor, POLL)

    async def wait(self) -> tuple[int, str]:
        """Wait until it ends: (exit status, all it said)."""
        await self.process.ended().addTimeout(LIMIT, reactor)
        assert self.process.status is not None
        return self.process.status, self.output

    async def stop(self) -> tuple[int, str]:
        """SIGTERM, and `wait`."""
        self.signal(signal.SIGTERM)
        return await self.wait()

    async def _kill(self) -> None:
        if self.process.status is None and self._transport is not None:
            try:
                self._transport.signalProcess("KILL")
            except ProcessExitedAlready:
                pass
            await self.process.ended()
