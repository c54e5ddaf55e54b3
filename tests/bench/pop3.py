"""Loads for POP3 servers: python -m tests.bench.pop3 KIND '{"port": 40001, "seconds": 1, ...}' (see `generator`).

Sessions take turns: what one waits for the server does while the others are seen to. So one thread keeps a server busy
without a poller's help.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.bench.generator import GIVE_UP, HOST, Wrong


class Session:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.connection = socket.create_connection((HOST, port), GIVE_UP)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._came = b""

    def say(self, line: str) -> None:
        self.connection.send(line.encode() + b"\r\n")

    def reply(self) -> bytes:
        """The next line, which must be +OK. Raises Wrong."""
        while (end := self._came.find(b"\r\n")) < 0:
            self._read()
        line, self._came = self._came[:end], self._came[end + 2 :]
        if not line.startswith(b"+OK"):
            raise Wrong(f"{line!r}")
        return line

    def message(self) -> int:
        """A message: +OK, and all up to its dot. How many octets came of it, stuffed. Raises Wrong."""
        self.reply()
        while not self._came.endswith(b"\r\n.\r\n"):
            self._read()
        size, self._came = len(self._came) - 3, b""
        return size

    def _read(self) -> None:
        data = self.connection.recv(65536)
        if not data:
            raise Wrong("the end")
        self._came += data


def sessions(port: int, seconds: float, size: int, password: str, count: int = 20) -> Mapping[str, float]:
    """Connect, USER, PASS, STAT, RETR of ``size`` octets, QUIT; ``count`` at a time, each of an account of its own."""
    start = time.perf_counter()
    end = start + seconds
    units = 0
    while (now := time.perf_counter()) < end:
        under_way = [Session(port) for _ in range(count)]
        for number, session in enumerate(under_way):
            session.reply()
            session.say(f"USER bench{number}")
        for line in (f"PASS {password}", "STAT", "RETR 1"):
            for session in under_way:
                session.reply()
                session.say(line)
        for session in under_way:
            if (got := session.message()) != size:
                raise Wrong(f"{got} octets")
            session.say("QUIT")
        for session in under_way:
            session.reply()
            session.connection.close()
        units += count
    return {"units": units, "seconds": now - start}


def download(port: int, seconds: float, size: int, password: str) -> Mapping[str, float]:
    """A large message again and again by RETR 2; units are MB (10^6) as they come over the wire."""
    session = Session(port)
    session.reply()
    for line in ("USER bench0", f"PASS {password}"):
        session.say(line)
        session.reply()
    connection = session.connection
    room = bytearray(1 << 20)
    view = memoryview(room)
    start = time.perf_counter()
    end = start + seconds
    octets = 0
    while time.perf_counter() < end or not octets:
        session.say("RETR 2")
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
