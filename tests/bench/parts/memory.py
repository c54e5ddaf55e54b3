"""What connections cost in memory: the proportional set size of a server's processes, without the kernel's buffers."""

from __future__ import annotations

import resource
import socket
import time

from tests.bench.figures import Goal, Run
from tests.bench.generator import tls_context
from tests.bench.part import Column, Load, Part, Variant
from tests.bench.peers import netdaemon, stock, web
from tests.bench.peers.site import LARGE, SMALL
from tests.bench.processes import Server

COLUMNS = (Column("memory", "KiB each", 2, "less"), Column("connections", "connections"))
WARM = 200
"""Connections that come and go first, so that what is loaded and reserved with the first ones doesn't count."""
STEADY = 0.5
"""Seconds between two looks at a server's memory that are to agree."""
PATIENCE = 10.0


def _connect(server: Server, transport: str, path: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.ports[transport]), PATIENCE)
    if transport == "tls":
        connection = tls_context().wrap_socket(connection)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


def _finish(connection: socket.socket) -> None:
    """Read one answer to its end."""
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
        more = connection.recv(65536)
        if not more:
            raise RuntimeError(f"the end within an answer: {data[:60]!r}")
        data += more


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n\r\n")[0].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _settled(server: Server) -> int:
    """The server's memory, once it stays."""
    end = time.monotonic() + PATIENCE
    last = server.resident()
    while time.monotonic() < end:
        time.sleep(STEADY)
        now = server.resident()
        if abs(now - last) < 64 * 1024:
            break
        last = now
    return now


def idle(count: int, transport: str = "tcp") -> Load:
    """``count`` connections (fewer if open files don't suffice), each with one request behind it."""

    def load(server: Server, seconds: float) -> Run:
        possible = min(count, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500)
        for _ in range(2):
            warm = [_connect(server, transport, SMALL) for _ in range(WARM)]
            for connection in warm:
                _finish(connection)
                connection.close()
        before = _settled(server)
        connections = []
        try:
            for _ in range(possible):
                connection = _connect(server, transport, SMALL)
                _finish(connection)
                connections.append(connection)
            grown = _settled(server) - before
            server.check()
        finally:
            for connection in connections:
                connection.close()
        return {"memory": grown / possible / 1024, "connections": possible}

    return load


def slow(count: int, transport: str = "tcp") -> Load:
    """``count`` readers of the large document that read its beginning and nothing more."""

    def load(server: Server, seconds: float) -> Run:
        first = _connect(server, transport, SMALL)
        _finish(first)
        before = _settled(server)
        connections = []
        try:
            for _ in range(count):
                connection = _connect(server, transport, LARGE)
                if not connection.recv(1024).startswith(b"HTTP/1."):
                    raise RuntimeError(f"{server.name} does not answer")
                connections.append(connection)
            grown = _settled(server) - before
            server.check()
        finally:
            for connection in [first, *connections]:
                connection.close()
        return {"memory": grown / count / 1024, "connections": count}

    return load


ABOUT = (
    "Connections that have had one answer and stay. Each run has a server of its own. nginx has reserved a table for "
    "all connections it may ever have, which isn't counted; *Twisted* has the least behind it: any request, one answer."
)


def _idle(name: str, title: str, transport: str, count: int, most: float) -> Part:
    load = idle(count, transport)
    return Part(
        name=name,
        title=title,
        about=ABOUT,
        columns=COLUMNS,
        variants=(
            Variant("netdaemon", netdaemon.http(transport), load),
            Variant("nginx", web.nginx(), load),
            Variant("Twisted", stock.stock("answer", transport), load),
            Variant("twisted.web", stock.stock("web", transport), load),
        ),
        against="nginx",
        goals=(Goal("netdaemon", "memory", most=most),),
        fresh=True,
    )


def _slow(name: str, title: str, transport: str) -> Part:
    load = slow(50, transport)
    return Part(
        name=name,
        title=title,
        about="50 connections ask for the file of 100 MiB, read its beginning and stop.",
        columns=COLUMNS,
        variants=(
            Variant("netdaemon", netdaemon.http(transport), load),
            Variant("nginx", web.nginx(), load),
            Variant("twisted.web", stock.stock("web", transport), load),
        ),
        against="nginx",
        fresh=True,
    )


PARTS = (
    _idle("memory.idle", "Memory of idle connections", "tcp", 8000, 2.0),
    _idle("memory.tls", "Memory of idle TLS connections", "tls", 1500, 28.0),
    _slow("memory.slow", "Memory of slow readers", "tcp"),
    _slow("memory.slowtls", "Memory of slow readers under TLS", "tls"),
)
