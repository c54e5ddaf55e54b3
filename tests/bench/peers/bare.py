"""The ceiling: loops on epoll that do nothing but the system calls, without Twisted, sessions, limits or time-outs.

python -m tests.bench.peers.bare KIND PORT, and what starts them. What they take is the kernel's share and the least
that Python can do between two calls; nobody could run them as servers.
"""

from __future__ import annotations

import select
import socket
import sys
from pathlib import Path

from tests.bench.part import Start
from tests.bench.peers.site import SMALL_SIZE
from tests.bench.processes import Server, free_port, launch


def bare(kind: str) -> Start:
    """One of the kinds below, on a free port."""

    def start(folder: Path) -> Server:
        ports = {"tcp": free_port()}
        command = [sys.executable, "-m", "tests.bench.peers.bare", kind, str(ports["tcp"])]
        return launch(f"bare {kind}", command, folder, ports)

    return start


# --- in the server's process ---------------------------------------------------------------------------------


def answering(listening: socket.socket, greeting: bytes, answer: bytes) -> None:
    """Any read is answered, on connections that stay."""
    epoll = select.epoll()
    epoll.register(listening.fileno(), select.EPOLLIN)
    alive = {}
    while True:
        for number, _ in epoll.poll(-1, 256):
            if number == listening.fileno():
                connection, _ = listening.accept()
                connection.setblocking(False)
                connection.send(greeting)
                alive[connection.fileno()] = (connection.recv, connection.send, connection)
                epoll.register(connection.fileno(), select.EPOLLIN)
                continue
            receive, send, connection = alive[number]
            try:
                data = receive(65536)
            except ConnectionError:
                data = b""
            if data:
                send(answer)
            else:
                del alive[number]
                connection.close()


def closing(listening: socket.socket, answer: bytes) -> None:
    """One read, one answer, and the end, in one packet with it."""
    epoll = select.epoll()
    epoll.register(listening.fileno(), select.EPOLLIN)
    waiting = {}
    while True:
        for number, _ in epoll.poll(-1, 256):
            if number == listening.fileno():
                connection, _ = listening.accept()
                connection.setblocking(False)
            else:
                connection = waiting.pop(number)
            try:
                if connection.recv(65536):
                    connection.send(answer, socket.MSG_MORE)
            except BlockingIOError:
                waiting[connection.fileno()] = connection
                epoll.register(connection.fileno(), select.EPOLLIN)
                continue
            except ConnectionError:
                pass
            connection.close()


def main() -> None:
    kind, port = sys.argv[1:]
    listening = socket.create_server(("127.0.0.1", int(port)), backlog=4096)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if kind == "lines":
        answering(listening, b"220 ready\r\n", b"250 OK\r\n")
    else:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % SMALL_SIZE
        closing(listening, head.ljust(len(head) + SMALL_SIZE, b"."))


if __name__ == "__main__":
    main()
