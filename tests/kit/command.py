"""The `netdaemon` command in a process of its own.

done = await command("get", url)
self.assertEqual((done.status, done.out), (0, b"hello"))
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

from twisted.internet.utils import getProcessOutputAndValue

CHECKOUT = Path(__file__).resolve().parents[2]


class Done(NamedTuple):
    """How it ended and what it said."""

    status: int
    out: bytes
    err: str


async def command(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Done:
    """Run `python -m netdaemon ARGUMENTS` without a terminal."""
    paths = [str(CHECKOUT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "TZ": "UTC", **environment}
    words = ["-m", "netdaemon", *map(str, arguments)]
    out, err, status = await getProcessOutputAndValue(
        sys.executable, words, env=variables, path=None if cwd is None else str(cwd)
    )
    return Done(status, out, err.decode())
