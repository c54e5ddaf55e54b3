"""A process that delivers one message and kills itself at a named point: python -m tests.mail.crashchild DATA POINT

It prints 250 once it would have said so to the peer.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.handover import Handover
from netdaemon.messages.engine import Engine
from netdaemon.messages.store import done
from tests.mail.postoffice import PostOffice, result

ALIASES = "sales: mulder, partner@example.net\nowner-sales: scully"
POINTS = ("spooled", "octets", "written", "committed", "published", "answered", "replied", "never")


def die(*ignored: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def then_die(owner: type[Any], name: str) -> None:
    """Once ``owner.name`` has done its work, the process is no more."""
    real = getattr(owner, name)

    def wrapped(*arguments: Any) -> Any:
        real(*arguments)
        die()

    setattr(owner, name, wrapped)


def main(data: str, point: str) -> None:
    office = PostOffice(SynchronousTestCase(), ALIASES, data=Path(data))
    done(office.store.ensure("mulder", "INBOX"))  # a transaction of its own, before those that count
    spool = office.spool()
    envelope = office.envelope(
        "scully@spam.egg", "mulder@spam.egg", "sales@spam.egg", "x@example.com", transfer="T", account="scully"
    )
    if point == "spooled":
        die()
    elif point == "octets":
        then_die(Engine, "_store")
    elif point == "written":
        then_die(Handover, "run")
    elif point == "committed":
        then_die(Engine, "perform")
    elif point == "published":
        office.store.switchboard.subscribe_account("mulder", die)
    answers = result(office.delivery.deliver(envelope, spool))
    if point == "answered":
        die()
    if not any(answers):
        print("250", flush=True)
    if point == "replied":
        die()


if __name__ == "__main__":
    main(*sys.argv[1:])
