"""A worker process's command line, and its first steps: signals, reactor, control channel.

Signals are the parent's business: a terminal and systemd send theirs to every process, and each is answered once,
over the control channel.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's reactors have no types.

from __future__ import annotations

import importlib
import json
import signal
import socket
import sys
from typing import Any

CONTROL = 3
"""The descriptor of the control channel."""

FIRST_SOCKET = 4
"""The descriptor of the first listening socket."""

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_ENTRY = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from netdaemon.run.entry import main; main()"


def command(reactor: Any, number: int) -> list[str]:
    """The command line of worker ``number``, on a reactor like the parent's."""
    lean = "lean" if "doIteration" in vars(reactor) else "stock"
    return [sys.executable, "-c", _ENTRY, json.dumps(sys.path), type(reactor).__module__, lean, f"worker-{number}"]


def main() -> None:
    """The process's whole life: `python -c ENTRY PATHS REACTOR lean|stock NAME`."""
    leave_signals()  # before the rooms are loaded, which takes a while
    importlib.import_module(sys.argv[2]).install()
    from twisted.internet import reactor as installed

    from netdaemon.run.clock import make_monotonic
    from netdaemon.run.control import attach
    from netdaemon.run.reactor import make_lean
    from netdaemon.run.worker import Worker

    reactor: Any = installed
    make_monotonic(reactor)
    if sys.argv[3] == "lean":
        make_lean(reactor)
    worker = Worker(reactor)
    attach(reactor, socket.socket(fileno=CONTROL), worker.control)
    # The reactor's own handlers come in this very phase, from a trigger that is older than ours.
    reactor.addSystemEventTrigger("during", "startup", leave_signals)
    reactor.run()
    sys.stdout.flush()
    sys.exit(worker.status)


def leave_signals() -> None:
    """Do nothing on the parent's signals. (SIG_IGN would be inherited by programs that we start.)"""
    for number in SIGNALS:
        signal.signal(number, lambda number, frame: None)
