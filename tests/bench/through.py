"""Loads that go through a proxy, to an nginx that shares the load's core."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tests.bench import loads
from tests.bench.figures import Run
from tests.bench.part import Load
from tests.bench.peers.site import LARGE, LARGE_SIZE, SMALL, documents
from tests.bench.processes import LOAD_CORE, Missing, Server, core, free_port, program

HOST = "127.0.0.1"
SECONDS = 10.0
"""Until the origin must listen."""

NGINX = """\
daemon off;
user root;
pid {folder}/origin.pid;
error_log {folder}/origin.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  open_file_cache max=100;
  sendfile on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxied;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=4096; root {site}; }}
}}
"""

LUA = 'local ask = "GET {url} HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n"\nrequest = function() return ask end\n'
"""wrk asks for paths only; this has it ask for whole URLs."""


@contextmanager
def origin(server: Server) -> Iterator[int]:
    """The port of an nginx with the documents, for as long as the block lasts."""
    path, port, folder = program("nginx"), free_port(), server.folder
    text = NGINX.format(folder=folder, port=port, site=documents(folder))
    if os.getuid():
        text = text.replace("user root;\n", "")
    (folder / "origin.conf").write_text(text)
    pinned = core(LOAD_CORE)
    process = subprocess.Popen(
        [path, "-e", f"{folder}/origin.log", "-c", f"{folder}/origin.conf"],
        preexec_fn=lambda: os.sched_setaffinity(0, pinned),
    )
    try:
        end = time.monotonic() + SECONDS
        while True:
            try:
                socket.create_connection((HOST, port), 1).close()
                break
            except OSError:
                if time.monotonic() > end:
                    raise Missing("the origin does not start") from None
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


def small(connections: int = 64, tolerant: bool = False) -> Load:
    """Requests for the small document, one in flight on each of the connections (wrk)."""

    def load(server: Server, seconds: float) -> Run:
        def work() -> loads.Done:
            with origin(server) as port:
                script = server.folder / "through.lua"
                script.write_text(LUA.format(url=f"http://{HOST}:{port}{SMALL}", host=f"{HOST}:{port}"))
                command = [program("wrk"), "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s"]
                command += ["-s", str(script), f"http://{HOST}:{server.ports['tcp']}/"]
                return loads.wrk_done(command, seconds, tolerant)

        return loads.measured(server, work)

    return load


def tunnelled(count: int = 1) -> Load:
    """The large document by CONNECT, again and again, over ``count`` tunnels; units are MB (10^6)."""

    def load(server: Server, seconds: float) -> Run:
        def work() -> loads.Done:
            with origin(server) as port:
                asked = {"proxy": server.ports["tcp"], "port": port, "seconds": seconds, "count": count}
                told = json.loads(
                    loads.run([sys.executable, "-m", "tests.bench.through", "tunnel", json.dumps(asked)], seconds)
                )
                return loads.Done(told["units"], told["seconds"])

        return loads.measured(server, work)

    return load


# --- the tunnels' other end, in a process of its own ---------------------------------------------------------


def tunnel(proxy: int, port: int, seconds: float, count: int) -> Mapping[str, float]:
    """Open tunnels and fetch; the kernel throws the octets away (MSG_TRUNC), so that the proxy sets the pace."""
    ask = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % LARGE.encode()
    lines = []
    for _ in range(count):
        sock = socket.create_connection((HOST, proxy), SECONDS)
        sock.sendall(b"CONNECT %b:%d HTTP/1.1\r\nHost: a\r\n\r\n" % (HOST.encode(), port))
        said = _head(sock)
        if not said.startswith(b"HTTP/1.") or b" 200 " not in said.partition(b"\r\n")[0] + b" ":
            raise SystemExit(f"no tunnel: {said[:100]!r}")
        lines.append([sock, 0])
    octets = 0
    start = time.perf_counter()
    while (now := time.perf_counter()) < start + seconds:
        for line in lines:
            sock, left = line
            if not left:
                sock.sendall(ask)
                head = _head(sock)
                if b" 200 " not in head or b"Content-Length: %d\r\n" % LARGE_SIZE not in head:
                    raise SystemExit(f"wrong answer: {head[:100]!r}")
                left = LARGE_SIZE
            got = sock.recv(min(1 << 20, left), socket.MSG_TRUNC)
            if not got:
                raise SystemExit("the tunnel has ended")
            line[1] = left - len(got)
            octets += len(got)
    return {"units": octets / 1e6, "seconds": now - start}


def _head(sock: socket.socket) -> bytes:
    """A head, and nothing of what is behind it."""
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        octet = sock.recv(1)
        if not octet:
            break
        said += octet
    return said


KINDS: Mapping[str, Callable[..., Mapping[str, float]]] = {"tunnel": tunnel}


def main() -> None:
    kind, arguments = sys.argv[1:]
    print(json.dumps(KINDS[kind](**json.loads(arguments))))


if __name__ == "__main__":
    main()
