"""`netdaemon mail`: a group whose commands stand in several modules, each with an ``add`` of its own."""

from __future__ import annotations

import argparse

from netdaemon.cli import mailbox, mailsend

PARTS = (mailsend, mailbox)


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = groups.add_parser("mail", help="send mail; bring mail in from other programs' files, and take it out")
    commands = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for part in PARTS:
        part.add(commands)
