"""A relay that kills itself at a named point: python -m tests.protocols.smtp.relaycrashchild DATA POINT

The next host refuses everything for good, so that a report is due. Each attempt is a line in DATA/attempts.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from netdaemon.mail import books
from netdaemon.mail.bounces import Reporter
from netdaemon.messages.engine import Engine
from tests.protocols.smtp.relaying import NEVER, Answer, RelayCase

POINTS = ("claimed", "asked", "noted", "reporting", "reported", "settled")


def die(*ignored: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Crashing(RelayCase):
    """Not a test: what a test has, in another process."""

    data: Path

    def runTest(self) -> None: ...

    def attempt(self, to: str) -> Answer:
        with (self.data / "attempts").open("a") as file:
            file.write("x")
        return NEVER


def main(data: str, point: str) -> None:
    case = Crashing()
    case.data = Path(data)
    case.set_up_in(Path(data))
    case.host("far.example", case.attempt)
    if point == "claimed":
        durable(books, "claim")
    elif point == "asked":
        real = case.attempt

        def asked(to: str) -> Answer:
            real(to)
            die()
            return NEVER

        case.hosts["far.example"].says = asked
    elif point == "noted":
        durable(books, "note")
    elif point == "reporting":
        Reporter._compose = die  # type: ignore[method-assign, assignment]
    elif point == "reported":
        case.office.store.switchboard.subscribe_account("mulder", die)
    elif point == "settled":
        durable(books, "settle")
    case.relay(holder="alone")


def durable(owner: Any, name: str) -> None:
    """Once what ``owner.name`` writes is committed, the process is no more."""
    real, perform = getattr(owner, name), Engine.perform
    wrote = False

    def wrapped(*arguments: Any, **more: Any) -> Any:
        nonlocal wrote
        wrote = True
        return real(*arguments, **more)

    def performed(*arguments: Any) -> Any:
        done = perform(*arguments)
        if wrote:
            die()
        return done

    setattr(owner, name, wrapped)
    Engine.perform = performed  # type: ignore[method-assign]


if __name__ == "__main__":
    main(*sys.argv[1:])
