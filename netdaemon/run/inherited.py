"""The sockets that systemd (or a test) hands over at the start: sd_listen_fds(3), on our own.

Twisted's ``systemd:`` endpoints know neither names nor the difference between streams and datagrams.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, MutableMapping

FIRST = 3
"""SD_LISTEN_FDS_START: the first descriptor handed over."""


class Inherited:
    """Sockets by name, each handed out once."""

    def __init__(self, sockets: list[tuple[str, socket.socket]]) -> None:
        self._sockets = sockets

    @classmethod
    def take(cls, environment: MutableMapping[str, str] = os.environ, pid: int | None = None) -> Inherited:
        """What LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES of ``environment`` tell of; they are removed from it.

        None of it is for us unless LISTEN_PID is our process. Children will neither see the variables nor get
        the descriptors.
        """
        given = {name: environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")}
        if given["LISTEN_PID"] != str(os.getpid() if pid is None else pid) or not given["LISTEN_FDS"].isdigit():
            return cls([])
        names = given["LISTEN_FDNAMES"].split(":")
        return cls(list(cls._adopt(range(FIRST, FIRST + int(given["LISTEN_FDS"])), names)))

    @staticmethod
    def _adopt(descriptors: range, names: list[str]) -> Iterator[tuple[str, socket.socket]]:
        for position, descriptor in enumerate(descriptors):
            try:
                adopted = socket.socket(fileno=descriptor)
            except OSError:
                continue  # no socket: FIFOs and files can be handed over as well
            os.set_inheritable(descriptor, False)
            adopted.setblocking(False)
            yield names[position] if position < len(names) else "unknown", adopted

    def names(self) -> list[str]:
        """The names there are still sockets for, sorted."""
        return sorted({name for name, _ in self._sockets})

    def pop(self, name: str) -> list[socket.socket]:
        """All sockets of that name: a socket unit with two ListenStream= gives two of one name."""
        taken = [adopted for key, adopted in self._sockets if key == name]
        self._sockets = [pair for pair in self._sockets if pair[0] != name]
        return taken

    def close(self) -> None:
        """Close those that nobody wants."""
        for _, adopted in self._sockets:
            adopted.close()
        self._sockets = []
