"""`netdaemon backup` and `netdaemon restore`: accounts, messages and certificates as they were at one instant."""

from __future__ import annotations

import argparse
from pathlib import Path

from netdaemon.cli.offline import data_of, failing, in_its_place
from netdaemon.cli.terminal import load


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    backup = groups.add_parser(
        "backup",
        help="copy accounts, messages and certificates, while the daemon runs",
        description="Copy accounts, messages and certificates as they are at this instant. The daemon may run on.",
    )
    backup.add_argument("folder", metavar="DIR", type=Path, help="a new or empty folder")
    backup.set_defaults(run=run_backup)
    restore = groups.add_parser(
        "restore",
        help="put a backup back",
        description="Put a backup back. The daemon must not run. Mail programs will load all folders anew.",
    )
    restore.add_argument("folder", metavar="DIR", type=Path, help="what `netdaemon backup` wrote")
    restore.add_argument("--replace", action="store_true", help="put aside what is there now")
    restore.set_defaults(run=run_restore)


def run_backup(args: argparse.Namespace) -> int:
    from netdaemon.config.values import size
    from netdaemon.messages.backup import backup

    data = data_of(args)
    with failing():
        octets = backup(data, args.folder)
    print(f"{size.show(octets)} in {args.folder}")
    return 0


def run_restore(args: argparse.Namespace) -> int:
    from netdaemon.messages.backup import restore

    data = load(args).netdaemon.data
    with in_its_place(data):
        for line in restore(args.folder, data, replace=args.replace):
            print(line)
    return 0
