"""A daemon whose disk fails as long as a file says so: python -m tests.flows.failingdisk SWITCH TWISTD'S-ARGUMENTS...

SWITCH holds an errno and the system calls that fail with it, as JSON. They fail for whatever the message store writes,
by a filter of the kernel's in a thread of its own each time, so that all is well again when the file is gone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.scripts.twistd import run

from netdaemon.messages.engine import Engine
from netdaemon.messages.spool import Spool
from tests.messages.faults import failing_with


def let_fail(owner: type[Any], name: str, switch: Path) -> None:
    """Have that method work on a disk that fails."""
    real = getattr(owner, name)

    def wrapped(*arguments: Any) -> Any:
        try:
            code, calls = json.loads(switch.read_text())
        except FileNotFoundError:
            return real(*arguments)
        ended: list[Callable[[], Any]] = []

        def work() -> None:
            try:
                result = real(*arguments)
            except Exception as error:  # noqa: BLE001  # raised where it was called
                ended.append(lambda error=error: _raise(error))
            else:
                ended.append(lambda: result)

        failing_with(code, calls, work)
        return ended[0]()

    setattr(owner, name, wrapped)


def _raise(error: Exception) -> None:
    raise error


def main() -> None:
    switch = Path(sys.argv.pop(1))
    for owner, name in ((Engine, "perform"), (Engine, "advance"), (Spool, "_flush")):
        let_fail(owner, name, switch)
    run()


if __name__ == "__main__":
    main()
