"""The `netdaemon` command: its options, and one module for each group of subcommands."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from pathlib import Path

from netdaemon import version
from netdaemon.cli import (
    backup,
    ban,
    browse,
    completion,
    config,
    daemon,
    get,
    mail,
    mirror,
    open,
    put,
    store,
    time,
    user,
)
from netdaemon.cli.terminal import INTERRUPTED, fail

GROUPS = (config, user, ban, store, mail, backup, time, get, put, mirror, browse, open, daemon, completion)
BROKEN_PIPE = 141
"""What a shell reports of a command that SIGPIPE ended."""


def parser() -> argparse.ArgumentParser:
    """The whole command line. Every command sets ``run``: Namespace -> exit status."""
    top = argparse.ArgumentParser(
        prog="netdaemon",
        description="Runs and asks every classic Internet service. The daemon itself: twistd -n netdaemon -c FILE.ini",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"netdaemon {version}")
    top.add_argument("-c", "--config", metavar="FILE", type=Path, help="the daemon's INI file")
    groups = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in GROUPS:
        group.add(groups)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns (or, for wrong usage, raises SystemExit with) its exit status."""
    args = parser().parse_args(argv)
    try:
        status: int = args.run(args)
        print(end="", flush=True)
    except BrokenPipeError:
        _drop_output()  # `| head` has seen enough
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _drop_output()
        fail(f"what was to be written is lost: {error.strerror}")
    return status


def _drop_output() -> None:
    """Python flushes standard output once more at its exit: it is not to stumble there again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
