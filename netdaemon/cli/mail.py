"""`netdaemon mail`: a group whose commands stand in several modules, each with an ``add`` of its own."""

from __future__ import annotations

import argparse

from netdaemon.cli import mailbox, mailread, mailsend

PARTS = (mailsend, mailread, mailbox)


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = groups.add_parser(
        "mail", help="send mail and read it; bring it in from other programs' files, and take it out"
    )
    commands = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for part in PARTS:
        part.add(commands)
