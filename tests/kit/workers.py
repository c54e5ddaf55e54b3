"""For tests of several processes behind one daemon's doors: who answers, who is there, and that nobody stays."""

from __future__ import annotations

import os
import signal
import socket
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.kit.caller import Caller, call
from tests.kit.daemon import Daemon

LOCAL = "tcp:0:interface=127.0.0.1"
TWO = "[netdaemon]\nworkers = 2\n"
WHO = f"[who]\nkind = tests.kit.kinds:who\nlisten = {LOCAL}\n"


def echo(greeting: str, more: str = "", listen: str = LOCAL) -> str:
    return f"[echo]\nkind = tests.kit.kinds:echo\nlisten = {listen}\ngreeting = {greeting}\n{more}"


def children(pid: int) -> set[int]:
    """The processes that this one started and that have not ended."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it went meanwhile
            if int(fields[1]) == pid and fields[0] != "Z":
                found.add(int(folder.name))
    return found


def ask_who(port: int) -> int:
    """Which process answers; 0 when it died with our connection in hand."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        try:
            return int(connection.makefile().read() or 0)
        except ConnectionResetError:
            return 0


def ask_often(port: int, times: int) -> Counter[int]:
    return Counter(ask_who(port) for _ in range(times))


class WorkersCase(TestCase):
    async def started(self, ini: str, **options: Any) -> Daemon:
        daemon = Daemon(self, ini, **options)
        await daemon.start()
        self.addCleanup(self.end_workers, children(daemon.pid))
        return daemon

    async def one_crew(self, daemon: Daemon, but: int = 0) -> None:
        """Wait until two workers are there and no others; ``but`` is one that is about to be gone."""
        self.addCleanup(self.end_workers, children(daemon.pid))
        await daemon.until(lambda: len(children(daemon.pid) - {but}) == 2, "has two workers")
        self.addCleanup(self.end_workers, children(daemon.pid))

    def end_workers(self, pids: set[int]) -> None:
        """They end with their parent; if a defect keeps one, it must not outlive the test."""
        for pid in pids:
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if b"netdaemon.run.entry" in command:
                os.kill(pid, signal.SIGKILL)

    async def stopped(self, daemon: Daemon) -> None:
        """It stops in good order and leaves nothing."""
        workers = children(daemon.pid)
        status, output = await daemon.stop()
        self.assertEqual(status, 0, output)
        self.assertNotIn("Traceback", output)
        self.assertFalse(daemon.ready_file.exists())
        self.assertFalse((daemon.data / "lock").exists())
        self.assert_gone(workers)

    def assert_gone(self, pids: set[int]) -> None:
        for pid in pids:
            self.assertFalse(Path(f"/proc/{pid}").exists(), f"worker {pid} is left")

    async def many(self, port: int, times: int) -> Counter[int]:
        answers: Counter[int] = await deferToThread(ask_often, port, times)
        return answers

    async def greeted(self, port: int, greeting: str) -> Caller:
        caller = await call(self, port)
        self.assertEqual(await caller.until(), f"{greeting} 127.0.0.1\n".encode())
        return caller
