"""`netdaemon store`: is the message store whole, and if not, make it so."""

from __future__ import annotations

import argparse

from netdaemon.cli.offline import data_of, failing, in_its_place
from netdaemon.cli.terminal import FAILED


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = groups.add_parser("store", help="check and repair the message store")
    commands = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    check = commands.add_parser(
        "check",
        help="say what is wrong with the store",
        description="Say what is wrong with the store, a line each; 1 if anything is. The daemon may run meanwhile.",
    )
    check.set_defaults(run=run_check)
    repair = commands.add_parser(
        "repair",
        help="put right what is wrong, and say what it was",
        description="Put right what is wrong with the store, and say what it was, a line each. The daemon must not "
        "run. Files that can't be read are kept as NAME.broken-TIME, and what could be read of them is in new ones.",
    )
    repair.set_defaults(run=run_repair)
    for command in (check, repair):
        command.add_argument("--quick", action="store_true", help="don't compare every message with its digest")


def run_check(args: argparse.Namespace) -> int:
    from netdaemon.messages.checking import check
    from netdaemon.wire.escape import escape

    data = data_of(args)
    status = 0
    with failing():
        for line in check(data, octets=not args.quick):
            print(escape(line))
            status = FAILED
    return status


def run_repair(args: argparse.Namespace) -> int:
    from netdaemon.messages.mending import mend
    from netdaemon.wire.escape import escape

    data = data_of(args)
    with in_its_place(data):
        for line in mend(data, octets=not args.quick):
            print(escape(line))
    return 0
