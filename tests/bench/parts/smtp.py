"""SMTP in clear: mail that is taken and durable."""

from __future__ import annotations

import time

from tests.bench.figures import CPU, RATE, Goal, Run
from tests.bench.loads import Done, measured, run
from tests.bench.part import Load, Part, Variant, work_columns
from tests.bench.peers import smtp
from tests.bench.processes import Server, program

SIZE = 10240
BATCH = 300
"""Messages of one run of smtp-source, which counts messages and no seconds."""


def source(connections: int, *, kept: bool = False) -> Load:
    """Postfix' smtp-source with messages of `SIZE` octets, each by a connection of its own unless they are ``kept``."""

    def load(server: Server, seconds: float) -> Run:
        command = [program("smtp-source"), "-s", str(connections), "-m", str(BATCH), "-l", str(SIZE)]
        command += ["-f", "sender@example.org", "-t", smtp.RECIPIENT, *(["-d"] if kept else [])]
        command.append(f"127.0.0.1:{server.ports['tcp']}")

        def work() -> Done:
            begin, count = time.monotonic(), 0
            while time.monotonic() - begin < seconds:
                run(command, seconds)
                count += BATCH
            return Done(count, time.monotonic() - begin)

        return measured(server, work)

    return load


def deliveries(name: str, title: str, about: str, load: Load, *goals: Goal) -> Part:
    return Part(
        name=name,
        title=title,
        about=f"{about} netdaemon has a message in its mailbox, durably, when it says so, and writes a line about it; "
        "Postfix has it in its queue, and delivers it to a Maildir beside that, or, in the last row, to nobody.",
        columns=work_columns("messages"),
        variants=(
            Variant("netdaemon", smtp.netdaemon_smtp(), load),
            Variant("Postfix", smtp.postfix(), load),
            Variant("Postfix, no delivery", smtp.postfix(discard=True), load),
        ),
        against="Postfix",
        goals=goals,
    )


PARTS = (
    deliveries(
        "smtp.many",
        "SMTP, messages of 10 KiB on 20 connections",
        "smtp-source, each message by a connection of its own, 20 at a time.",
        source(20),
        Goal("netdaemon", RATE, "Postfix", least=2.0),
        Goal("netdaemon", CPU, "Postfix", most=0.5),
        Goal("netdaemon", RATE, "Postfix, no delivery", least=1.0),
    ),
    deliveries(
        "smtp.kept",
        "SMTP, messages of 10 KiB on 20 connections that are kept",
        "smtp-source, 20 connections with message after message.",
        source(20, kept=True),
        Goal("netdaemon", RATE, "Postfix", least=2.0),
    ),
    deliveries(
        "smtp.one",
        "SMTP, messages of 10 KiB on one connection",
        "smtp-source, one message after the other.",
        source(1, kept=True),
        Goal("netdaemon", RATE, "Postfix", least=1.0),
    ),
)
