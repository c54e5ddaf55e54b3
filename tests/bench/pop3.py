"""Loads for POP3 servers: python -m tests.bench.pop3 KIND '{"port": 40001, "seconds": 1, ...}' (see `generator`)."""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.bench.generator import GIVE_UP, HOST, Wrong, poll


class Visit:
    """One session of an account: connect, USER, PASS, STAT, RETR of ``size`` octets, QUIT, the end."""

    def __init__(self, port: int, account: str, password: str, size: int) -> None:
        self.connection = socket.create_connection((HOST, port), GIVE_UP)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._size = size
        self._says = iter((f"USER {account}", f"PASS {password}", "STAT", "RETR 1", "QUIT"))
        self._asked = ""
        self._came = b""

    def step(self) -> bool:
        """Go on with what has come; True when the server has closed. Raises Wrong."""
        data = self.connection.recv(65536)
        if not data:
            if self._asked != "QUIT" or self._came:
                raise Wrong(f"the end behind {self._asked}")
            return True
        self._came += data
        if not self._came.endswith(b"\r\n.\r\n" if self._asked == "RETR 1" else b"\r\n"):
            return False
        if not self._came.startswith(b"+OK"):
            raise Wrong(f"{self._came[:80]!r} behind {self._asked}")
        if self._asked == "RETR 1" and (got := len(self._came) - self._came.index(b"\n") - 4) != self._size:
            raise Wrong(f"{got} octets")
        self._came = b""
        said = next(self._says, None)
        if said is not None:
            self._asked = said
            self.connection.send(said.encode() + b"\r\n")
        return False


class Visits:
    """``count`` visits at a time, each of an account of its own."""

    def __init__(self, port: int, size: int, password: str, count: int) -> None:
        self._begin = lambda account: Visit(port, account, password, size)
        self._epoll = select.epoll()
        self._alive: dict[int, tuple[Visit, str]] = {}
        for number in range(count):
            self.begin(f"bench{number}")

    def __len__(self) -> int:
        return len(self._alive)

    def begin(self, account: str) -> None:
        visit = self._begin(account)
        self._alive[visit.connection.fileno()] = visit, account
        self._epoll.register(visit.connection.fileno(), select.EPOLLIN)

    def ended(self) -> Iterator[str]:
        """Wait for events; the accounts of those visits that have ended with them. Raises Wrong."""
        for number, _ in poll(self._epoll):
            visit, account = self._alive[number]
            if visit.step():
                del self._alive[number]
                visit.connection.close()
                yield account


def warm_up(port: int, size: int, password: str, count: int = 20) -> None:
    """One visit of each account: processes are there, and passwords were right a moment ago."""
    visits = Visits(port, size, password, count)
    while visits:
        for _ in visits.ended():
            pass


def sessions(port: int, seconds: float, size: int, password: str, count: int = 20) -> Mapping[str, float]:
    """``count`` `Visit`s at a time, and another one behind each that has ended."""
    start = time.perf_counter()
    end = start + seconds
    visits = Visits(port, size, password, count)
    units = 0
    while (now := time.perf_counter()) < end:
        for account in visits.ended():
            units += 1
            visits.begin(account)
    return {"units": units, "seconds": now - start}


def download(port: int, seconds: float, size: int, password: str) -> Mapping[str, float]:
    """A large message again and again by RETR 2; units are MB (10^6) as they come over the wire."""
    connection = socket.create_connection((HOST, port), GIVE_UP)
    for line in ("USER bench0", f"PASS {password}", ""):
        said = connection.recv(4096)
        if not said.startswith(b"+OK") or not said.endswith(b"\r\n"):
            raise Wrong(f"{said!r}")
        if line:
            connection.send(line.encode() + b"\r\n")
    room = bytearray(1 << 20)
    view = memoryview(room)
    start = time.perf_counter()
    end = start + seconds
    octets = 0
    while time.perf_counter() < end or not octets:
        connection.send(b"RETR 2\r\n")
        got, tail = 0, b""
        while not tail.endswith(b"\r\n.\r\n"):
            more = connection.recv_into(room)
            if not more:
                raise Wrong("the end")
            got += more
            tail = (tail + bytes(view[max(0, more - 5) : more]))[-5:]
        if got < size:
            raise Wrong(f"{got} octets")
        octets += got
    return {"units": octets / 1e6, "seconds": time.perf_counter() - start}


KINDS: Mapping[str, Callable[..., Mapping[str, float]]] = {"sessions": sessions, "download": download}


def main() -> None:
    kind, arguments = sys.argv[1:]
    asked: dict[str, Any] = json.loads(arguments)
    print(json.dumps(KINDS[kind](**asked)))


if __name__ == "__main__":
    main()
