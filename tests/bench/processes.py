"""Servers as processes of their own, on a core of their own, and what the kernel says about them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

SERVER_CORE, LOAD_CORE = 0, 1
"""Which core the servers get, and which the load generators."""

LIMIT = 30.0
"""Seconds that a server may take to listen, and to end."""

TICK = os.sysconf("SC_CLK_TCK")


class Missing(Exception):
    """A peer isn't there, or doesn't start here; the text says so, and the variant is skipped by name."""


def core(wanted: int) -> set[int]:
    """That core, of those we may use; with only one, everybody gets it."""
    allowed = sorted(os.sched_getaffinity(0))
    return {allowed[wanted % len(allowed)]}


def program(name: str) -> str:
    """The path of a program. Raises Missing."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if path is None:
        raise Missing(f"{name} is not installed")
    return path


def environment() -> dict[str, str]:
    """Ours, with this checkout in front of Python's path."""
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def free_port() -> int:
    """A loopback port, free for TCP and UDP a moment ago."""
    for _ in range(100):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
        ):
            stream.bind(("127.0.0.1", 0))
            port: int = stream.getsockname()[1]
            try:
                datagram.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")


@dataclass
class Server:
    """A server that runs. ``ports`` are by transport: tcp, tls, udp, those it has."""

    name: str
    process: subprocess.Popen[bytes]
    folder: Path
    ports: Mapping[str, int] = field(default_factory=dict)

    def tree(self) -> list[int]:
        """The process and all that came from it and lives."""
        children: dict[int, list[int]] = {}
        for pid in processes():
            try:
                children.setdefault(_stat(pid).parent, []).append(pid)
            except OSError:
                pass  # it ended meanwhile
        found = [self.process.pid]
        for pid in found:
            found += children.get(pid, ())
        return found

    def cpu(self) -> dict[int, float]:
        """Seconds of CPU by process of the tree, with those of its ended children, in user and kernel mode."""
        used = {}
        for pid in self.tree():
            try:
                used[pid] = _stat(pid).cpu
            except OSError:
                pass
        return used

    def resident(self) -> int:
        """Bytes of memory that the tree holds: the sum of what each process has, shared pages by their share."""
        return sum(_proportional(pid) for pid in self.tree())

    def check(self) -> None:
        """Raises RuntimeError if it has ended."""
        status = self.process.poll()
        if status is not None:
            raise RuntimeError(f"{self.name} ended with {status}: {last_words(self.folder)}")

    def stop(self) -> None:
        """End it, by its pid: with SIGTERM, and what is still there after `LIMIT`, or survives it, with SIGKILL."""
        children = self.tree()[1:]
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


@dataclass(frozen=True)
class _Stat:
    parent: int
    cpu: float


def processes() -> list[int]:
    """The pids of all processes."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> _Stat:
    """proc(5): the fields behind the command's name, which may hold anything, stand after its last parenthesis."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = map(int, fields[11:15])
    return _Stat(int(fields[1]), (user + system + children_user + children_system) / TICK)


def cores_busy(cores: set[int]) -> float:
    """Seconds that those cores have worked for whomever, since the machine's start."""
    names = {f"cpu{number}" for number in cores}
    busy = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in names:
            user, nice, system, _idle, _wait, interrupt, soft_interrupt, steal = map(int, fields[:8])
            busy += user + nice + system + interrupt + soft_interrupt + steal
    return busy / TICK


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it ended meanwhile
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def launch(
    name: str,
    command: Sequence[str],
    folder: Path,
    ports: Mapping[str, int] | None = None,
    ready: Callable[[], Mapping[str, int] | None] | None = None,
) -> Server:
    """Start a server on its core and wait until it listens on its streams' ports, or until ``ready`` tells its ports.

    What it says goes to the file `said` in its folder. Raises Missing when it does not come up.
    """
    pinned = core(SERVER_CORE)
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            preexec_fn=lambda: os.sched_setaffinity(0, pinned),
        )
    server = Server(name, process, folder, dict(ports or {}))
    end = time.monotonic() + LIMIT
    try:
        while True:
            if ready is not None and (told := ready()) is not None:
                server.ports = told
                return server
            if ready is None and _listening(server):
                return server
            if process.poll() is not None or time.monotonic() > end:
                raise Missing(f"{name} does not start: {last_words(folder)}")
            time.sleep(0.02)
    except BaseException:
        server.stop()
        raise


def _listening(server: Server) -> bool:
    for transport, port in server.ports.items():
        if transport == "udp":
            continue
        try:
            socket.create_connection(("127.0.0.1", port), LIMIT).close()
        except ConnectionRefusedError:
            return False
    return True


def last_words(folder: Path) -> str:
    """The last line that a server said, files in its folder by their names alone."""
    lines = (folder / "said").read_text("utf-8", "replace").replace(f"{folder}/", "").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
