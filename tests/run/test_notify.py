"""sd_notify: what is sent, where, and what is left in the environment."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.run.notify import Notify


class NotifyTests(SynchronousTestCase):
    def manager(self, address: str) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        made.settimeout(30)
        made.bind(address)
        self.addCleanup(made.close)
        return made

    def test_path(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        address = os.path.join(os.path.relpath(folder), "n")
        manager = self.manager(address)
        environment = {"NOTIFY_SOCKET": address, "HOME": "/"}
        notify = Notify(environment)
        self.assertEqual(environment, {"HOME": "/"})
        notify.ready("serving time")
        self.assertEqual(manager.recv(500), b"READY=1\nSTATUS=serving time")
        notify.stopping("finishing")
        self.assertEqual(manager.recv(500), b"STOPPING=1\nSTATUS=finishing")
        notify.alive()
        self.assertEqual(manager.recv(500), b"WATCHDOG=1")

    def test_abstract_name(self) -> None:
        name = f"netdaemon-test-{os.getpid()}"
        manager = self.manager(f"\0{name}")
        Notify({"NOTIFY_SOCKET": f"@{name}"}).reloading()
        said = dict(line.split("=", 1) for line in manager.recv(500).decode().splitlines())
        self.assertEqual(said["RELOADING"], "1")
        self.assertTrue(said["MONOTONIC_USEC"].isdigit())

    def test_nobody_listens(self) -> None:
        Notify({}).ready("x")
        Notify({"NOTIFY_SOCKET": "/nowhere/at/all"}).ready("x")

    def test_watchdog(self) -> None:
        self.assertEqual(Notify({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "3000000"}).watchdog, 1.5)
        mine = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}
        self.assertEqual(Notify(dict(mine)).watchdog, 1.5)
        self.assertEqual(Notify({**mine, "WATCHDOG_PID": "1"}).watchdog, 0)
        self.assertEqual(Notify({"WATCHDOG_USEC": "3000000"}).watchdog, 0)
        self.assertEqual(Notify({"NOTIFY_SOCKET": "@x"}).watchdog, 0)
