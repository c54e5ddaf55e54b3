"""`netdaemon demo` and `netdaemon reload`: start a daemon to play with; have a running one read its INI again."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netdaemon.cli.terminal import fail, load

START_LIMIT = 30.0
"""Seconds a daemon may take until its ready-file stands; it takes under one."""


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = groups.add_parser("demo", help="start the daemon in the foreground and print what to try")
    demo.set_defaults(run=run_demo)
    reload = groups.add_parser("reload", help="have the running daemon read its INI again (SIGHUP)")
    reload.set_defaults(run=run_reload)


def run_demo(args: argparse.Namespace) -> int:
    """Start the daemon as a child, print its table once it is ready, and stay until it ends."""
    config = load(args)
    ready_file = config.netdaemon.ready_file
    if ready_file is None:
        fail(f"{config.file}: the demo wants [netdaemon] ready-file, to know when to print its table")
    ready_file.unlink(missing_ok=True)
    command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
    command += ["-n", "--pidfile=", "netdaemon", "-c", str(config.file)]
    daemon = subprocess.Popen(command)

    def relay(number: int, frame: object) -> None:
        daemon.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, relay)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to the child as well
    deadline = time.monotonic() + START_LIMIT
    while not ready_file.exists():
        if daemon.poll() is not None:
            return daemon.returncode  # it has said why
        if time.monotonic() > deadline:
            daemon.kill()
            fail(f"the daemon was not ready after {START_LIMIT:.0f} seconds")
        time.sleep(0.02)
    ready = json.loads(ready_file.read_text())
    tries = {service.settings.section: service.kind.tries for service in config.services}
    print("\n".join(table(ready["services"], tries, demo="demo" in config.accounts.auth)), flush=True)
    return daemon.wait()


def table(services: dict[str, list[str]], tries: dict[str, Any], *, demo: bool) -> list[str]:
    """The lines that tell what listens where and what to paste into a terminal.

    ``services`` is the ready-file's, "http": ["tcp:127.0.0.1:8080", ...]; ``tries`` has a kind's by service name.
    """
    lines = ["", "netdaemon is up; Ctrl-C stops it.", ""]
    rows = [(name, address, hint) for name in services for address, hint in hints(services[name], tries[name])]
    wide = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    lines += [f"  {name:<{wide[0]}}  {address:<{wide[1]}}  {hint}".rstrip() for name, address, hint in rows]
    if demo:
        lines += ["", "  account  mulder / trustno1  (from this machine only)"]
    return [*lines, ""]


def hints(addresses: list[str], tries: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """(address, a URL or command to try there) for each address and each of its kind's, "" where there is none."""
    for address in addresses:
        transport, _, where = address.partition(":")
        host, _, port = where.rpartition(":")
        for hint in tries.get(transport, ()) or ("",):
            yield address, re.sub(r"(^|\| )netdaemon(?= )", rf"\1{own_name()}", hint.format(host=host, port=port))


def own_name() -> str:
    """How this command is called from here: by its name, or by its path where the name alone won't do."""
    program = Path(sys.argv[0]).absolute()
    found = shutil.which(program.name)
    if program.name != "netdaemon" or (found is not None and Path(found).samefile(program)):
        return "netdaemon"
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)


def run_reload(args: argparse.Namespace) -> int:
    """Check the INI here first, where its problems can be seen, then send SIGHUP to the holder of the data lock."""
    config = load(args)
    lock: Path = config.netdaemon.data / "lock"
    try:
        with lock.open() as held:
            if not is_locked(held.fileno()):  # left behind by a crash: its number may be anybody's now
                raise ProcessLookupError
            pid = int(held.read().split()[0])
        os.kill(pid, signal.SIGHUP)
    except (FileNotFoundError, IndexError, ValueError, ProcessLookupError):
        fail(f"no daemon runs on {config.netdaemon.data}")
    except PermissionError:
        fail(f"the daemon on {config.netdaemon.data} belongs to another user")
    print(f"netdaemon {pid} reads {config.file} again; its log says how that went")
    return 0


def is_locked(descriptor: int) -> bool:
    """Does some process hold the lock of this file?"""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
