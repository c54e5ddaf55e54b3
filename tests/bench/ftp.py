"""Loads for FTP servers: python -m tests.bench.ftp KIND '{"port": 40001, "seconds": 1, ...}' (see `generator`).

Sessions take turns: what one waits for the server does while the others are seen to. So one thread keeps a server busy
without a poller's help.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.bench.generator import GIVE_UP, HOST, Wrong

ANONYMOUS = ("anonymous", "bench@")


class Session:
    """One control connection."""

    def __init__(self, port: int) -> None:
        self.control = socket.create_connection((HOST, port), GIVE_UP)
        self.control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._came = b""

    def say(self, line: str) -> None:
        self.control.send(line.encode() + b"\r\n")

    def reply(self, *codes: bytes) -> bytes:
        """The next reply, which begins with one of ``codes``. Raises Wrong."""
        while (end := self._came.find(b"\r\n")) < 0 or self._came[3:4] == b"-":
            if end >= 0:
                self._came = self._came[end + 2 :]
                continue
            data = self.control.recv(4096)
            if not data:
                raise Wrong("the end")
            self._came += data
        line, self._came = self._came[:end], self._came[end + 2 :]
        if not line.startswith(codes):
            raise Wrong(f"{line!r}")
        return line

    def ask(self, line: str, *codes: bytes) -> bytes:
        self.say(line)
        return self.reply(*codes)

    def log_in(self, user: str, password: str) -> None:
        self.reply(b"220")
        self.ask(f"USER {user}", b"331")
        self.ask(f"PASS {password}", b"230")
        self.ask("TYPE I", b"200")

    def connect(self, reply: bytes) -> socket.socket:
        """The data connection to the port in a reply to EPSV."""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.connect((HOST, int(reply.rpartition(b"|||")[2].partition(b"|")[0])))
        return connection


def retrieve(
    port: int, seconds: float, path: str, size: int, count: int = 16, user: tuple[str, str] = ANONYMOUS
) -> Mapping[str, float]:
    """A small document, each over a data connection of its own, in ``count`` sessions."""
    sessions = [Session(port) for _ in range(count)]
    for session in sessions:
        session.log_in(*user)
        session.say("EPSV")
    start = time.perf_counter()
    end = start + seconds
    units = 0
    while (now := time.perf_counter()) < end:
        under_way = []
        for session in sessions:
            under_way.append(session.connect(session.reply(b"229")))
            session.say(f"RETR {path}")
        for session, connection in zip(sessions, under_way, strict=True):
            got = 0
            while data := connection.recv(65536):
                got += len(data)
            connection.close()
            session.reply(b"150", b"125")
            session.reply(b"226")
            if got != size:
                raise Wrong(f"{got} octets")
            session.say("EPSV")
        units += count
    return {"units": units, "seconds": now - start}


def download(
    port: int, seconds: float, path: str, size: int, user: tuple[str, str] = ANONYMOUS, discard: bool = True
) -> Mapping[str, float]:
    """A large document again and again, the kernel throwing the octets away; units are MB (10^6)."""
    session = Session(port)
    session.log_in(*user)
    room = bytearray(1 << 20)
    flags = socket.MSG_TRUNC if discard else 0
    start = time.perf_counter()
    end = start + seconds
    octets = 0
    while time.perf_counter() < end or not octets:
        connection = session.connect(session.ask("EPSV", b"229"))
        session.ask(f"RETR {path}", b"150", b"125")
        got = 0
        while more := connection.recv_into(room, 0, flags):
            got += more
        connection.close()
        session.reply(b"226")
        if got != size:
            raise Wrong(f"{got} octets")
        octets += got
    return {"units": octets / 1e6, "seconds": time.perf_counter() - start}


def upload(
    port: int, seconds: float, path: str, size: int, user: tuple[str, str] = ANONYMOUS, sync: str = ""
) -> Mapping[str, float]:
    """A large document again and again, under one name; units are MB (10^6). 226 is part of it.

    ``sync`` is where the document lies: there it is synced to the disk behind 226, by us, for a server that does not.
    """
    session = Session(port)
    session.log_in(*user)
    block = bytes(1 << 20)
    start = time.perf_counter()
    end = start + seconds
    octets = 0
    while time.perf_counter() < end or not octets:
        connection = session.connect(session.ask("EPSV", b"229"))
        session.ask(f"STOR {path}", b"150", b"125")
        for _ in range(size // len(block)):
            connection.sendall(block)
        connection.close()
        session.reply(b"226")
        if sync:
            descriptor = os.open(sync, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        octets += size
    return {"units": octets / 1e6, "seconds": time.perf_counter() - start}


def logins(port: int, seconds: float, count: int = 16, user: tuple[str, str] = ANONYMOUS) -> Mapping[str, float]:
    """Connect, log in, leave; ``count`` at a time."""
    name, password = user
    start = time.perf_counter()
    end = start + seconds
    units = 0
    while (now := time.perf_counter()) < end:
        sessions = [Session(port) for _ in range(count)]
        for code, line in ((b"220", f"USER {name}"), (b"331", f"PASS {password}"), (b"230", "QUIT")):
            for session in sessions:
                session.reply(code)
                session.say(line)
        for session in sessions:
            session.reply(b"221")
            session.control.close()
        units += count
    return {"units": units, "seconds": now - start}


def listing(
    port: int, seconds: float, path: str, count: int, command: str = "LIST", user: tuple[str, str] = ANONYMOUS
) -> Mapping[str, float]:
    """A folder of ``count`` entries again and again; ``stall`` is the longest that another's NOOP took, in ms."""
    sessions = [Session(port), Session(port)]
    for session in sessions:
        session.log_in(*user)
    session, other = sessions
    start = time.perf_counter()
    end = start + seconds
    units, stall, asked = 0, 0.0, 0.0
    while time.perf_counter() < end or not units:
        connection = session.connect(session.ask("EPSV", b"229"))
        connection.setblocking(False)
        session.say(f"{command} {path}")
        lines = 0
        while True:
            if not asked:
                other.say("NOOP")
                asked = time.perf_counter()
            readable = select.select([connection, other.control], [], [], GIVE_UP)[0]
            if other.control in readable:
                other.reply(b"200")
                stall, asked = max(stall, time.perf_counter() - asked), 0.0
            if connection in readable:
                data = connection.recv(1 << 20)
                if not data:
                    break
                lines += data.count(b"\n")
        connection.close()
        session.reply(b"150", b"125")
        session.reply(b"226")
        if lines < count:
            raise Wrong(f"{lines} lines")
        units += lines
    return {"units": units, "seconds": time.perf_counter() - start, "stall": 1000 * stall}


KINDS: Mapping[str, Callable[..., Mapping[str, float]]] = {
    "retrieve": retrieve,
    "download": download,
    "upload": upload,
    "logins": logins,
    "listing": listing,
}


def main() -> None:
    kind, arguments = sys.argv[1:]
    asked: dict[str, Any] = json.loads(arguments)
    print(json.dumps(KINDS[kind](**asked)))


if __name__ == "__main__":
    main()
