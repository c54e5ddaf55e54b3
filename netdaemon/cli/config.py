"""`netdaemon config`: check, show and explain configurations."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from netdaemon.cli.terminal import FAILED, MISUSED, fail, load, load_file


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = groups.add_parser("config", help="check, show and explain configurations")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    check = commands.add_parser("check", help="list everything that is wrong with an INI file (exit status 2)")
    _add_file(check)
    check.set_defaults(run=run_check)

    show = commands.add_parser("show", help="print the settings in effect; secrets are masked")
    _add_file(show)
    show.add_argument("--all", action="store_true", help="those at their defaults too")
    show.set_defaults(run=run_show)

    explain = commands.add_parser("explain", help="say what a key or a section means")
    explain.add_argument("key", metavar="KEY", help="http.listen, listen or http")
    explain.set_defaults(run=run_explain)

    reference = commands.add_parser("reference", help="print every section and key there is")
    form = reference.add_mutually_exclusive_group()
    form.add_argument("--ini", action="store_true", help="as conf/netdaemon.ini (unless told otherwise)")
    form.add_argument("--markdown", action="store_true", help="as docs/reference.md")
    reference.set_defaults(run=run_reference)


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, nargs="?", help="an INI file; that of -c if left out")


def run_check(args: argparse.Namespace) -> int:
    config = load_file(args.file) if args.file is not None else load(args)
    if config.mail.aliases is not None:
        _check_aliases(config.mail.aliases)
    names = [service.settings.section for service in config.services]
    print(f"{config.file}: OK, {len(names)} service{'s' if len(names) > 1 else ''}: {', '.join(names)}")
    return 0


def _check_aliases(file: Path) -> None:
    """What is wrong with the aliases file is listed as the INI's own problems are, and ends the command (2)."""
    from netdaemon.config.problems import ConfigError
    from netdaemon.mail.aliases import read_aliases

    try:
        read_aliases(file)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(MISUSED) from None


def run_show(args: argparse.Namespace) -> int:
    from netdaemon.config.show import show

    config = load_file(args.file) if args.file is not None else load(args)
    print(show(config, args.all), end="")
    return 0


def run_explain(args: argparse.Namespace) -> int:
    from netdaemon.config.explain import explain
    from netdaemon.kinds import Kinds

    try:
        print(explain(args.key, Kinds().built_in()))
    except LookupError as error:
        fail(str(error.args[0]), FAILED)
    return 0


def run_reference(args: argparse.Namespace) -> int:
    from netdaemon.config.reference import markdown, sample
    from netdaemon.kinds import Kinds

    kinds = Kinds().built_in()
    print(markdown(kinds) if args.markdown else sample(kinds, serve="http"), end="")
    return 0
