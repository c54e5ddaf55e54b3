"""`netdaemon ban`: who failed too often to log in, and forgiving them; a running daemon hears of it in a second."""

from __future__ import annotations

import argparse
import ipaddress
import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from netdaemon.cli.terminal import fail
from netdaemon.cli.user import open_store, print_table

if TYPE_CHECKING:
    from netdaemon.accounts.store import Ban

ALL = "all"


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = groups.add_parser("ban", help="list and lift bans of addresses and accounts")
    commands = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="list the bans", description="List the bans in force.")
    listing.add_argument("--json", action="store_true", help="as one JSON array")
    listing.set_defaults(run=run_list)

    lift = commands.add_parser("lift", help="lift bans", description="Lift every ban that holds for this one.")
    lift.add_argument("subject", metavar="ADDRESS|NETWORK|NAME|all", help="an address lifts wider networks' bans too")
    lift.set_defaults(run=run_lift)


def run_list(args: argparse.Namespace) -> int:
    with open_store(args) as store:
        bans = store.bans()
    if args.json:
        print(
            json.dumps(
                [
                    {
                        "subject": shown(ban.subject),
                        "kind": "network" if "/" in ban.subject else "account",
                        "since": ban.since,
                        "until": ban.until,
                        "failures": ban.failures,
                    }
                    for ban in bans
                ],
                indent=2,
            )
        )
        return 0
    rows = [("BANNED", "FAILURES", "SINCE", "UNTIL")]
    rows += [(shown(ban.subject), str(ban.failures), _when(ban.since), _when(ban.until)) for ban in bans]
    print_table(rows)
    return 0


def run_lift(args: argparse.Namespace) -> int:
    from netdaemon.wire.escape import escape

    with open_store(args) as store:
        meant = list(held_by(args.subject, store.bans()))
        lifted = store.lift(meant)
    if args.subject != ALL and not lifted:
        fail(f"no ban holds for {escape(args.subject)}")
    for subject in meant:
        print(shown(subject))
    return 0


def held_by(wanted: str, bans: list[Ban]) -> Iterator[str]:
    """The subjects of those bans that somebody means by an address, a network, an account's name, or ``all``."""
    from netdaemon.accounts.names import normal_name
    from netdaemon.accounts.origin import parse_address

    address, name = parse_address(wanted), normal_name(wanted)
    try:
        network = str(ipaddress.ip_network(wanted))
    except ValueError:
        network = None
    for subject in (ban.subject for ban in bans):
        if "/" not in subject:
            found = subject == name
        elif address is None:
            found = subject == network
        else:
            found = address in ipaddress.ip_network(subject)
        if found or wanted == ALL:
            yield subject


def shown(subject: str) -> str:
    """A subject as people write it: one IPv4 address without its /32."""
    return subject.removesuffix("/32") if "." in subject else subject


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")
