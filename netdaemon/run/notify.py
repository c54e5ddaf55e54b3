"""Talking to systemd: sd_notify(3) and its watchdog, on our own (the libraries for it are dead)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping


class Notify:
    """Sends states to the service manager; without one, says nothing."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of ``environment``: children don't get them."""
        address = environment.pop("NOTIFY_SOCKET", "")
        # A leading @ stands for the NUL of an abstract name.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        pid = environment.pop("WATCHDOG_PID", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        ours = pid in ("", str(os.getpid())) and microseconds.isdigit() and bool(address)
        self.watchdog = int(microseconds) / 2e6 if ours else 0.0
        """Seconds between two signs of life that are wanted, half of the limit; 0 for none."""

    def send(self, *states: str) -> None:
        """One datagram of ``NAME=value`` lines; losing it is no reason to stop."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(states).encode(), self._address)
        except OSError:
            pass

    def ready(self, status: str) -> None:
        self.send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        # Type=notify-reload wants the moment, so that it can tell this reload from an earlier one.
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=reading the configuration")

    def stopping(self, status: str) -> None:
        self.send("STOPPING=1", f"STATUS={status}")

    def alive(self) -> None:
        self.send("WATCHDOG=1")
