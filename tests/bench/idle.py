"""What an idle connection costs in memory: python -m tests.bench.idle [CONNECTIONS [SECTION...]]

The daemon runs in a process of its own; this one opens the connections, from several loopback addresses so that
neither ports nor the limit per address run out.
"""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.start import LIMIT, environment

SOURCES = 20
"""127.0.0.2 and so on: 500 connections from each."""

INI = """\
[netdaemon]
hostname = localhost
data = data
ready-file = ready.json
grace = 0s
[http]
listen = tcp:0:interface=127.0.0.1
max-connections = 100000
max-connections-per-address = 100000
[echo]
kind = tests.kit.kinds:echo
listen = tcp:0:interface=127.0.0.1
max-connections = 100000
max-connections-per-address = 100000
"""


def resident(pid: int) -> int:
    """Bytes of memory that a process has for itself."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Rss")


def descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def wait_for(true: object, what: str) -> None:
    end = time.monotonic() + LIMIT
    while not true():  # type: ignore[operator]  # a callable
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not after {LIMIT:.0f} s")
        time.sleep(0.01)


def measure(section: str, count: int) -> None:
    """Start a daemon, open ``count`` connections to one of its services, print a row."""
    with tempfile.TemporaryDirectory(prefix="netdaemon-bench-") as name:
        folder = Path(name)
        ready = folder / "ready.json"
        (folder / "bench.ini").write_text(INI)
        command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
        command += ["-n", "--pidfile=", "netdaemon", "-c", str(folder / "bench.ini")]
        daemon = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL)
        connections: list[socket.socket] = []
        try:
            wait_for(lambda: ready.exists() or daemon.poll() is not None, "ready")
            if daemon.poll() is not None:
                raise SystemExit(f"the daemon ended with {daemon.returncode}")
            port = int(json.loads(ready.read_text())["services"][section][0].rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)):
                time.sleep(0.2)  # whatever is loaded with the first session
            open_before, before = descriptors(daemon.pid), resident(daemon.pid)
            begin = time.monotonic()
            for number in range(count):
                source = (f"127.0.0.{2 + number % SOURCES}", 0)
                connections.append(socket.create_connection(("127.0.0.1", port), source_address=source))
            wait_for(lambda: descriptors(daemon.pid) >= open_before + count - 1, "all connections taken")
            took = time.monotonic() - begin
            grown = resident(daemon.pid) - before
            each = grown / count / 1024
            print(f"{section:<10}{count:>12}{grown / 1e6:>12.1f}{each:>12.2f}{took:>12.1f}{'<= 40':>10}")
        finally:
            for connection in connections:
                connection.close()
            daemon.send_signal(signal.SIGTERM)
            daemon.wait()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < count + 100:
        raise SystemExit(f"{count} connections need {count + 100} open files, the limit is {hard} (ulimit -Hn)")
    print(f"{'idle':<10}{'connections':>12}{'MB more':>12}{'KiB each':>12}{'s to open':>12}{'goal MB':>10}")
    for section in sys.argv[2:] or ["echo", "http"]:
        measure(section, count)


if __name__ == "__main__":
    main()
