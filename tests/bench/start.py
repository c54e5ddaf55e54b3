"""How long the daemon takes from its start to its ready-file, and `config check`: python -m tests.bench.start"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
ROUNDS = 7
LIMIT = 60.0

INI = """\
[netdaemon]
hostname = localhost
data = data
ready-file = ready.json
[time]
listen = tcp:0:interface=127.0.0.1 udp:0:interface=127.0.0.1
[http]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
"""


def environment() -> dict[str, str]:
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def start_to_ready(folder: Path) -> float:
    """Seconds until the ready-file stands."""
    ready = folder / "ready.json"
    command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
    command += ["-n", "--pidfile=", "netdaemon", "-c", str(folder / "bench.ini")]
    begin = time.perf_counter()
    daemon = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL)
    try:
        while not ready.exists():
            if daemon.poll() is not None:
                raise SystemExit(f"the daemon ended with {daemon.returncode}")
            if time.perf_counter() - begin > LIMIT:
                raise SystemExit(f"not ready after {LIMIT:.0f} s")
            time.sleep(0.002)
        return time.perf_counter() - begin
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()


def config_check(folder: Path) -> float:
    """Seconds that `netdaemon config check` takes."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "netdaemon", "config", "check", str(folder / "bench.ini")]
    subprocess.run(command, env=environment(), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def bare_python(folder: Path) -> float:
    """Seconds that an interpreter takes which does nothing: nobody can be quicker."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - begin


def main() -> None:
    measured: list[tuple[str, Callable[[Path], float], str]] = [
        ("start to ready", start_to_ready, "< 1000"),
        ("config check", config_check, "< 300"),
        ("bare python", bare_python, ""),
    ]
    with tempfile.TemporaryDirectory(prefix="netdaemon-bench-") as name:
        folder = Path(name)
        (folder / "bench.ini").write_text(INI)
        first = start_to_ready(folder)  # makes the certificate
        print(f"{'ms, ' + str(ROUNDS) + ' rounds':<22}{'median':>10}{'least':>10}{'most':>10}{'goal':>10}")
        print(f"{'first start':<22}{first * 1000:>10.0f}{'':>20}{'< 1000':>10}")
        times: dict[str, list[float]] = {what: [] for what, _, _ in measured}
        for _ in range(ROUNDS):
            for what, run, _ in measured:
                times[what].append(run(folder) * 1000)
        for what, _, goal in measured:
            row = times[what]
            print(f"{what:<22}{statistics.median(row):>10.0f}{min(row):>10.0f}{max(row):>10.0f}{goal:>10}")


if __name__ == "__main__":
    main()
