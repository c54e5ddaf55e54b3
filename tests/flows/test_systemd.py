"""As a systemd service: sockets handed over, and what the service manager is told."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.kit.caller import call, call_unix
from tests.kit.daemon import LIMIT, POLL, Daemon

reactor: Any = _reactor

# LISTEN_PID is the number of the very process, which only that process knows beforehand.
ACTIVATED = (
    sys.executable,
    "-c",
    "import os; os.environ['LISTEN_PID'] = str(os.getpid())\nfrom twisted.scripts.twistd import run; run()",
)
ECHO = "[echo]\nkind = tests.kit.kinds:echo\n"


class ActivationTests(TestCase):
    def listening(self, family: int = socket.AF_INET, address: Any = ("127.0.0.1", 0)) -> socket.socket:
        made = socket.socket(family)
        self.addCleanup(made.close)
        made.bind(address)
        made.listen()
        return made

    def daemon(self, ini: str, names: str, *given: socket.socket) -> Daemon:
        return Daemon(
            self,
            ini,
            command=ACTIVATED,
            environment={"LISTEN_FDS": str(len(given)), "LISTEN_FDNAMES": names},
            descriptors={3 + number: one.fileno() for number, one in enumerate(given)},
        )

    async def test_sockets_by_name(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="netdaemon-"))
        self.addCleanup(shutil.rmtree, folder)
        one, two = self.listening(), self.listening()
        local = self.listening(socket.AF_UNIX, str(folder / "s"))
        early = socket.create_connection(one.getsockname())  # before there was any daemon
        self.addCleanup(early.close)
        ini = f"{ECHO}listen = systemd:web systemd:local\n{ECHO.replace('[echo]', '[echo:b]')}listen = systemd:two\n"
        daemon = self.daemon(ini, "web:two:local", one, two, local)
        await daemon.start()
        self.assertEqual(
            daemon.services,
            {
                "echo": [f"tcp:127.0.0.1:{one.getsockname()[1]}", f"unix:{folder / 's'}"],
                "echo:b": [f"tcp:127.0.0.1:{two.getsockname()[1]}"],
            },
        )
        for caller in (
            await call(self, one.getsockname()[1]),
            await call(self, two.getsockname()[1]),
            await call_unix(self, str(folder / "s")),
        ):
            await caller.ask(b"anybody?\n")
            caller.hang_up()
        self.assertTrue(await daemon.reload(), daemon.output)
        await (await call(self, one.getsockname()[1])).ask(b"still there?\n")
        environment = Path(f"/proc/{daemon.pid}/environ")
        self.assertIn(b"LISTEN_FDS", environment.read_bytes(), "what it was started with, as the kernel keeps it")
        await daemon.stop()
        self.assertTrue((folder / "s").exists(), "the socket is systemd's")
        socket.create_connection(one.getsockname()).close()

    async def test_a_name_that_was_not_given(self) -> None:
        daemon = self.daemon(f"{ECHO}listen = systemd:web\n", "other", self.listening())
        daemon.spawn()
        status, _ = await daemon.wait()
        self.assertEqual(status, 1)
        self.assertIn("listen systemd:web has no socket from systemd (it gave other)", daemon.errors)
        self.assertEqual(daemon.errors.count("\n"), 1)


class NotifyTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="netdaemon-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.setblocking(False)
        self.manager.bind(str(self.folder / "notify"))
        self.told: list[str] = []

    async def hear(self, wanted: str) -> str:
        """Wait for a message that says ``wanted``; the ones before it are taken as well."""
        end = reactor.seconds() + LIMIT
        while True:
            try:
                message = self.manager.recv(4096).decode()
            except BlockingIOError:
                self.assertLess(reactor.seconds(), end, f"{wanted} never came, but {self.told}")
                await deferLater(reactor, POLL)
                continue
            self.told.append(message)
            if wanted in message.splitlines():
                return message

    async def test_life(self) -> None:
        daemon = Daemon(
            self,
            f"{ECHO}listen = tcp:0:interface=127.0.0.1\n",
            environment={"NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": "200000"},
        )
        daemon.spawn()
        self.assertIn("STATUS=serving echo", await self.hear("READY=1"))
        self.assertEqual(len(self.told), 1, "nothing is said before")
        self.assertTrue(daemon.ready_file.exists())
        await self.hear("WATCHDOG=1")
        await self.hear("WATCHDOG=1")
        self.assertTrue(await daemon.reload())
        self.assertIn("MONOTONIC_USEC=", await self.hear("RELOADING=1"))
        await self.hear("READY=1")
        daemon.write("[nonsense]\n")
        self.assertFalse(await daemon.reload())
        await self.hear("RELOADING=1")
        self.assertIn("the last reload failed", await self.hear("READY=1"))
        self.assertEqual((await daemon.stop())[0], 0)
        await self.hear("STOPPING=1")
