"""What every command needs of the terminal: to fail in one line, to load the INI, to run in the reactor."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from netdaemon.config.read import Config

FAILED = 1
MISUSED = 2
"""Wrong words on the command line or in the INI; argparse's own status."""
INTERRUPTED = 130


def fail(message: str, status: int = FAILED) -> NoReturn:
    """Say `netdaemon: MESSAGE` on stderr and end. What a peer said is escaped by the caller."""
    print(f"netdaemon: {message}", file=sys.stderr)
    raise SystemExit(status)


def complain(message: str) -> None:
    """One line on standard error, whatever the message holds."""
    from netdaemon.wire.escape import escape

    print(f"netdaemon: {escape(message)}", file=sys.stderr)


def load(args: argparse.Namespace) -> Config:
    """The configuration of `-c FILE`; without one, or with a wrong one, that is said and the command ends (2)."""
    if args.config is None:
        fail("which configuration? Put -c FILE.ini before the command", MISUSED)
    return load_file(args.config)


def load_file(file: Path) -> Config:
    """The configuration in ``file``; its problems are listed on stderr, and then the command ends (2)."""
    from netdaemon.config.problems import ConfigError
    from netdaemon.config.read import read
    from netdaemon.kinds import Kinds

    try:
        return read(file, Kinds())
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(MISUSED) from None


def run_async(work: Callable[[Any], Coroutine[Any, Any, int]]) -> int:
    """Run ``work(reactor)`` in the reactor, once in a process, and return its exit status.

    What it raises is raised here. When the user interrupts it, it is cancelled, and the status is INTERRUPTED.
    """
    from twisted.internet import reactor as installed
    from twisted.internet.defer import Deferred
    from twisted.internet.error import ReactorNotRunning
    from twisted.python.failure import Failure

    reactor: Any = installed
    working: Deferred[Any] = Deferred()
    results: list[int | Failure] = []
    interrupted = False

    def begin() -> None:
        nonlocal working
        working = Deferred.fromCoroutine(work(reactor))
        working.addBoth(end)

    def end(result: int | Failure) -> None:
        results.append(result)
        if not interrupted:
            try:
                reactor.stop()
            except ReactorNotRunning:
                pass  # a signal came first

    def shut() -> None:
        nonlocal interrupted
        if not results:
            interrupted = True
            working.cancel()

    reactor.callWhenRunning(begin)
    reactor.addSystemEventTrigger("before", "shutdown", shut)
    reactor.run()
    if interrupted or not results:
        return INTERRUPTED
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]
