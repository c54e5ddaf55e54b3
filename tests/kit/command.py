"""The `netdaemon` command in a process of its own.

done = await command("get", url)
self.assertEqual((done.status, done.out), (0, b"hello"))
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet import reactor as _reactor
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.utils import getProcessOutputAndValue

reactor: Any = _reactor

CHECKOUT = Path(__file__).resolve().parents[2]


class Done(NamedTuple):
    """How it ended and what it said."""

    status: int
    out: bytes
    err: str


async def command(*arguments: str | Path, cwd: Path | None = None, input: bytes = b"", **environment: str) -> Done:
    """Run `python -m netdaemon ARGUMENTS` without a terminal, with ``input`` as its standard input."""
    out, err, status = await getProcessOutputAndValue(
        sys.executable,
        _words(arguments),
        env=_variables(environment),
        path=None if cwd is None else str(cwd),
        stdinBytes=input,
    )
    return Done(status, out, err.decode())


def start(watched: ProcessProtocol, *arguments: str | Path, **environment: str) -> None:
    """Start `python -m netdaemon ARGUMENTS`; its transport takes what it is to read, and signals."""
    reactor.spawnProcess(watched, sys.executable, [sys.executable, *_words(arguments)], env=_variables(environment))


def _words(arguments: tuple[str | Path, ...]) -> list[str]:
    return ["-m", "netdaemon", *map(str, arguments)]


def _variables(environment: dict[str, str]) -> dict[str, str]:
    paths = [str(CHECKOUT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "TZ": "UTC", **environment}
