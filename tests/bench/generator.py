"""Load generators on epoll: python -m tests.bench.generator KIND '{"port": 40001, "seconds": 1, ...}'

Each works one loopback port for so many seconds and prints what it did as JSON: ``units``, ``seconds`` and what else
its kind counts. An answer that is not the expected one ends it: a wrong answer given quickly is no result.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

HOST = "127.0.0.1"
GIVE_UP = 10.0
"""Seconds without an answer after which a load ends with an error."""


class Wrong(Exception):
    """The server's answer is not what it should be."""


def poll(epoll: select.epoll) -> list[tuple[int, int]]:
    """Wait for events. Raises Wrong when none come."""
    events: list[tuple[int, int]] = epoll.poll(GIVE_UP)
    if not events:
        raise Wrong("no answer")
    return events


# --- RFC 868 -------------------------------------------------------------------------------------------------


def connections(port: int, seconds: float, count: int = 64) -> Mapping[str, float]:
    """Connect, read four octets and the end, close; ``count`` under way, the oldest of which is waited for.

    The server closes first, so that the state TIME_WAIT is its own and our ports don't run out. A poller would cost
    more than the connection: four calls of the kernel are all there is to one.
    """
    under_way: deque[socket.socket] = deque()
    address = (HOST, port)
    start = time.perf_counter()
    end = start + seconds
    units = 0
    while (now := time.perf_counter()) < end:
        while len(under_way) < count:
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.connect(address)
            under_way.append(connection)
        connection = under_way.popleft()
        data = connection.recv(16, socket.MSG_WAITALL)  # returns at the end, or with more than a time
        if len(data) != 4:
            raise Wrong(f"{data!r} is no time")
        connection.close()
        units += 1
    return {"units": units, "seconds": now - start}


def selectors(port: int, seconds: float, selector: str, holds: str, count: int = 16) -> Mapping[str, float]:
    """Connect, send ``selector``, read up to the end, which comes behind an answer that ``holds`` something; close."""
    under_way: deque[socket.socket] = deque()
    address = (HOST, port)
    line, wanted = selector.encode() + b"\r\n", holds.encode()
    start = time.perf_counter()
    end = start + seconds
    units = 0
    while (now := time.perf_counter()) < end:
        while len(under_way) < count:
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.connect(address)
            connection.send(line)
            under_way.append(connection)
        connection = under_way.popleft()
        data = connection.recv(65536, socket.MSG_WAITALL)  # returns at the end
        if wanted not in data:
            raise Wrong(f"{data!r}")
        connection.close()
        units += 1
    return {"units": units, "seconds": now - start}


def datagrams(port: int, seconds: float, window: int = 1, again: float = 0.005) -> Mapping[str, float]:
    """One datagram out, one answer of four octets in, with ``window`` under way.

    When nothing comes for ``again`` seconds, what was under way counts as lost and is sent anew.
    """
    channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    channel.connect((HOST, port))
    # the kernel's own time limit: Python's would cost a call of poll for each answer
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(again * 1e6)))
    start = time.perf_counter()
    end = start + seconds
    units = lost = under_way = silent = 0
    while (now := time.perf_counter()) < end:
        while under_way < window:
            channel.send(b"\n")
            under_way += 1
        try:
            if len(channel.recv(16)) != 4:
                raise Wrong("no time")
        except BlockingIOError:
            lost += under_way
            under_way = 0
            silent += 1
            if silent * again > GIVE_UP:
                raise Wrong("no answer") from None
            continue
        units += 1
        under_way -= 1
        silent = 0
    return {"units": units, "seconds": now - start, "lost": 100 * lost / (units + lost)}


# --- line protocols ------------------------------------------------------------------------------------------


def _greeted(port: int) -> socket.socket:
    connection = socket.create_connection((HOST, port), GIVE_UP)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not connection.recv(4096).endswith(b"\r\n"):
        raise Wrong("no greeting")
    return connection


def commands(port: int, seconds: float, line: str, answer: str, count: int = 64) -> Mapping[str, float]:
    """``line`` on each of ``count`` connections, one in flight; its answer begins with ``answer``."""
    epoll = select.epoll()
    alive = {}
    sent = line.encode() + b"\r\n"
    begun = answer.encode()
    for _ in range(count):
        connection = _greeted(port)
        epoll.register(connection.fileno(), select.EPOLLIN)
        alive[connection.fileno()] = (connection.recv, connection.send)
    start = time.perf_counter()
    end = start + seconds
    for _, send in alive.values():
        send(sent)
    units = 0
    while (now := time.perf_counter()) < end:
        for number, _ in poll(epoll):
            receive, send = alive[number]
            data = receive(4096)
            if not data.startswith(begun) or not data.endswith(b"\r\n"):
                raise Wrong(f"{data!r}")
            units += 1
            send(sent)
    return {"units": units, "seconds": now - start}


def bodies(port: int, seconds: float, size: int = 50 * 1024, count: int = 8) -> Mapping[str, float]:
    """DATA, 354, a dot-stuffed body of about ``size`` octets in lines of 50, 250 with its size unstuffed."""
    ordinary = b"The quick brown fox jumps over the lazy dog 12345\r\n"[-50:]
    plain = b"".join(b"." + ordinary[1:] if number % 20 == 0 else ordinary for number in range(size // 50))
    stuffed = plain.replace(b"\r\n.", b"\r\n..")
    body = (b"." + stuffed if plain.startswith(b".") else stuffed) + b".\r\n"
    taken = b"250 %d\r\n" % len(plain)
    epoll = select.epoll()
    alive = {}
    for _ in range(count):
        connection = _greeted(port)
        epoll.register(connection.fileno(), select.EPOLLIN)
        alive[connection.fileno()] = connection
    start = time.perf_counter()
    end = start + seconds
    for connection in alive.values():
        connection.sendall(b"DATA\r\n")
    units = 0
    while (now := time.perf_counter()) < end:
        for number, _ in poll(epoll):
            connection = alive[number]
            data = connection.recv(4096)
            if data.startswith(b"354") and data.endswith(b"\r\n"):
                connection.sendall(body)
            elif data == taken:
                units += 1
                connection.sendall(b"DATA\r\n")
            else:
                raise Wrong(f"{data!r} instead of {taken!r}")
    return {"units": units, "seconds": now - start}


# --- TLS -----------------------------------------------------------------------------------------------------


def tls_context() -> ssl.SSLContext:
    """TLS 1.3; certificates are not verified: they are the bench's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


class Handshake:
    """One connection: a TLS handshake, a HEAD request, the answer, the end."""

    def __init__(self, context: ssl.SSLContext, port: int, request: bytes, session: ssl.SSLSession | None) -> None:
        plain = socket.create_connection((HOST, port), GIVE_UP)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setblocking(False)
        self.tls = context.wrap_socket(plain, do_handshake_on_connect=False, session=session)
        self._request = request
        self._shaken = False
        self._answer = b""

    def step(self) -> bool:
        """Go on as far as it goes; True when it is over. Raises Wrong."""
        try:
            if not self._shaken:
                self.tls.do_handshake()
                self._shaken = True
                self.tls.send(self._request)
            while data := self.tls.recv(4096):
                self._answer += data
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError):
            pass  # the end, said politely or not
        if not self._answer.startswith(b"HTTP/1.1 200"):
            raise Wrong(f"{self._answer[:40]!r} is no answer")
        return True


def handshakes(port: int, seconds: float, path: str, resume: bool = False, count: int = 8) -> Mapping[str, float]:
    """TLS 1.3 handshakes, each with one HEAD of ``path``, which shows that the server's side is finished too.

    With ``resume`` each offers the session of the first connection. ``resumed`` is the percentage that were.
    """
    context = tls_context()
    request = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    session = _first_session(context, port, request) if resume else None
    epoll = select.epoll()
    alive: dict[int, Handshake] = {}

    def begin() -> None:
        handshake = Handshake(context, port, request, session)
        alive[handshake.tls.fileno()] = handshake
        epoll.register(handshake.tls.fileno(), select.EPOLLIN)
        handshake.step()

    start = time.perf_counter()
    end = start + seconds
    for _ in range(count):
        begin()
    units = resumed = 0
    while (now := time.perf_counter()) < end:
        for number, _ in poll(epoll):
            handshake = alive[number]
            if handshake.step():
                units += 1
                resumed += bool(handshake.tls.session_reused)
                del alive[number]
                handshake.tls.close()
                begin()
    return {"units": units, "seconds": now - start, "resumed": 100 * resumed / (units or 1)}


def _first_session(context: ssl.SSLContext, port: int, request: bytes) -> ssl.SSLSession | None:
    handshake = Handshake(context, port, request, None)
    while not handshake.step():
        if not select.select([handshake.tls], [], [], GIVE_UP)[0]:
            raise Wrong("no answer")
    session = handshake.tls.session  # the tickets came with the answer
    handshake.tls.close()
    return session


# --- large bodies --------------------------------------------------------------------------------------------


class Download:
    """One connection that asks for a document again and again; ``octets`` counts what came of it."""

    def __init__(self, port: int, path: str, size: int, tls: bool, discard: bool) -> None:
        self.connection = socket.create_connection((HOST, port), GIVE_UP)
        if tls:
            self.connection = tls_context().wrap_socket(self.connection)
        self.connection.setblocking(False)
        self.octets = 0
        self._request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self._size = size
        self._flags = socket.MSG_TRUNC if discard else 0
        self._room = bytearray(1 << 20)
        self._ask()

    def _ask(self) -> None:
        self._head = b""
        self._left: int | None = None  # while the head is to come
        self.connection.send(self._request)

    def step(self) -> None:
        """Read what is there. Raises Wrong."""
        try:
            while True:
                if self._left is None:
                    data = self.connection.recv(4096)
                    self._left = self._take_head(data)
                    got = len(data)
                else:
                    got = self.connection.recv_into(self._room, 0, self._flags)
                    self._left -= got
                self.octets += got
                if not got:
                    raise Wrong("the end, within an answer")
                if self._left == 0:
                    self._ask()
                elif self._left is not None and self._left < 0:
                    raise Wrong("more than the body")
        except (BlockingIOError, ssl.SSLWantReadError):
            pass

    def _take_head(self, data: bytes) -> int | None:
        """How many octets of the body are still to come; None while the head isn't whole."""
        self._head += data
        head, end, body = self._head.partition(b"\r\n\r\n")
        if not end:
            return None
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
            raise Wrong(f"{head[:60]!r}")
        return self._size - len(body)


def download(
    port: int, seconds: float, path: str, size: int, tls: bool = False, count: int = 1, discard: bool = False
) -> Mapping[str, float]:
    """The document ``path`` of ``size`` octets again and again, over ``count`` connections; units are MB (10^6).

    With ``discard`` the kernel throws the octets away instead of copying them to us (never under TLS), so that the
    server sets the pace.
    """
    epoll = select.epoll()
    alive: dict[int, Download] = {}
    start = time.perf_counter()
    end = start + seconds
    for _ in range(count):
        one = Download(port, path, size, tls, discard)
        alive[one.connection.fileno()] = one
        epoll.register(one.connection.fileno(), select.EPOLLIN)
    while (now := time.perf_counter()) < end:
        for number, _ in poll(epoll):
            alive[number].step()
    return {"units": sum(one.octets for one in alive.values()) / 1e6, "seconds": now - start}


KINDS: Mapping[str, Callable[..., Mapping[str, float]]] = {
    "connections": connections,
    "selectors": selectors,
    "datagrams": datagrams,
    "commands": commands,
    "bodies": bodies,
    "handshakes": handshakes,
    "download": download,
}


def main() -> None:
    kind, arguments = sys.argv[1:]
    asked: dict[str, Any] = json.loads(arguments)
    print(json.dumps(KINDS[kind](**asked)))


if __name__ == "__main__":
    main()
