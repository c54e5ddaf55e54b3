"""The loads that servers get: each a process of its own on the other core, measured together with its server."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.figures import BUSY, CPU, LOAD_BUSY, OTHERS, RATE, Run
from tests.bench.part import Load
from tests.bench.processes import LOAD_CORE, SERVER_CORE, Server, core, cores_busy, environment, program

SETTLE = 0.1
"""Seconds that a server has for the end of its work (closing what the load left open) before its CPU is read."""

SLACK = 60.0
"""Seconds beyond its own that a load may take before it is given up."""

SHARE = "share"
"""The column with the largest share (percent) that one process of the server had in its CPU time."""


@dataclass(frozen=True)
class Done:
    """What a load did."""

    units: float
    seconds: float
    more: Mapping[str, float] = field(default_factory=dict)


def measured(server: Server, work: Callable[[], Done]) -> Run:
    """Do ``work`` and account for it. Raises RuntimeError when nothing was done or the server is gone."""
    both = core(SERVER_CORE) | core(LOAD_CORE)
    before, load_before, busy_before = server.cpu(), _children_cpu(), cores_busy(both)
    begin = time.monotonic()
    done = work()
    took = time.monotonic() - begin
    load, busy = _children_cpu() - load_before, cores_busy(both) - busy_before
    time.sleep(SETTLE)
    server.check()
    used = [seconds - before.get(pid, 0.0) for pid, seconds in server.cpu().items()]
    if not done.units:
        raise RuntimeError(f"{server.name} did nothing of what was asked")
    return {
        RATE: done.units / done.seconds,
        CPU: sum(used) / done.units * 1e6,
        BUSY: sum(used) / done.seconds,
        LOAD_BUSY: load / took,
        OTHERS: max(0.0, busy - sum(used) - load) / took / len(both),
        SHARE: 100 * max(used) / (sum(used) or 1.0),
        **done.more,
    }


def _children_cpu() -> float:
    """Seconds of CPU of our ended children. A server that runs isn't among them."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(command: Sequence[str], seconds: float) -> str:
    pinned = core(LOAD_CORE)
    done = subprocess.run(
        command,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=seconds + SLACK,
        preexec_fn=lambda: os.sched_setaffinity(0, pinned),
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


# --- wrk -----------------------------------------------------------------------------------------------------

_REQUESTS = re.compile(r"(\d+) requests in ([0-9.]+)(ms|s|m)\b")
_WRONG = re.compile(r"Non-2xx or 3xx responses: \d+|Socket errors: .*[1-9].*")
_SCALE = {"ms": 1e-3, "s": 1.0, "m": 60.0}


def parse_wrk(output: str) -> Done:
    """What wrk says it did. Raises RuntimeError when some of it went wrong: that would be another measurement."""
    if wrong := _WRONG.search(output):
        raise RuntimeError(f"wrk: {wrong[0]}")
    if (match := _REQUESTS.search(output)) is None:
        raise RuntimeError(f"wrk said {output[-300:]!r}")
    return Done(int(match[1]), float(match[2]) * _SCALE[match[3]])


def wrk_done(command: Sequence[str], seconds: float, tolerant: bool = False) -> Done:
    """What a command of wrk's did. Raises RuntimeError."""
    output = run(command, seconds)
    if tolerant:
        output = re.sub("Socket errors: .*", "", output)
    return parse_wrk(output)


def wrk(path: str, *headers: str, connections: int = 64, transport: str = "tcp", tolerant: bool = False) -> Load:
    """Requests for ``path``, one in flight on each of the connections.

    A ``tolerant`` one counts no socket errors: some servers close a connection while wrk reads.
    """

    def load(server: Server, seconds: float) -> Run:
        scheme = "https" if transport == "tls" else "http"
        command = [program("wrk"), "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s"]
        for header in headers:
            command += ["-H", header]
        command.append(f"{scheme}://127.0.0.1:{server.ports[transport]}{path}")

        return measured(server, lambda: wrk_done(command, seconds, tolerant))

    return load


# --- h2load ----------------------------------------------------------------------------------------------------

_H2LOAD_DONE = re.compile(r"^requests: .* (\d+) done, .*? (\d+) failed, (\d+) errored, (\d+) timeout$", re.MULTILINE)
_H2LOAD_TIME = re.compile(r"^finished in ([0-9.]+)(ms|s|m)\b", re.MULTILINE)
_H2LOAD_GOOD = re.compile(r"^status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx$", re.MULTILINE)


def parse_h2load(output: str) -> Done:
    """What h2load says it did. Raises RuntimeError when some of it went wrong."""
    done, took, good = _H2LOAD_DONE.search(output), _H2LOAD_TIME.search(output), _H2LOAD_GOOD.search(output)
    if done is None or took is None or good is None:
        raise RuntimeError(f"h2load said {output[-300:]!r}")
    if any(map(int, done.groups()[1:])) or int(good[1]) < int(done[1]):  # more: of some only the header has come
        raise RuntimeError(f"h2load: {done[0]}")
    return Done(int(done[1]), float(took[1]) * _SCALE[took[2]])


def h2load(path: str, connections: int = 16, streams: int = 8, transport: str = "tcp") -> Load:
    """Requests for ``path`` by HTTP/2, so many in flight on each of the connections."""

    def load(server: Server, seconds: float) -> Run:
        scheme = "https" if transport == "tls" else "http"
        command = [program("h2load"), "-t", "1", "-c", str(connections), "-m", str(streams)]
        command += ["-D", str(max(1, round(seconds)))]
        command.append(f"{scheme}://127.0.0.1:{server.ports[transport]}{path}")
        return measured(server, lambda: parse_h2load(run(command, seconds)))

    return load


# --- our own -------------------------------------------------------------------------------------------------


def generator(kind: str, transport: str = "tcp", module: str = "tests.bench.generator", **arguments: object) -> Load:
    """One of `tests.bench.generator` (or of another ``module`` of its kind), with its arguments."""

    def load(server: Server, seconds: float) -> Run:
        command = [sys.executable, "-m", module, kind]
        asked = {**arguments, "port": server.ports[transport], "seconds": seconds}

        def work() -> Done:
            told = json.loads(run([*command, json.dumps(asked)], seconds))
            return Done(told.pop("units"), told.pop("seconds"), told)

        return measured(server, work)

    return load
