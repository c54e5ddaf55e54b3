"""`netdaemon user`: the accounts in the daemon's own store, changed while it runs or not."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from netdaemon.cli.terminal import MISUSED, fail, load

if TYPE_CHECKING:
    from netdaemon.accounts.store import Store

NO_LIMIT = "none"


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = groups.add_parser("user", help="add, change, list and remove accounts")
    commands = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        parser.set_defaults(run=run)
        return parser

    adding = command("add", run_add, "add an account that reads and writes the whole tree")
    _takes_name(adding)
    _takes_password(adding)
    adding.add_argument("--home", metavar="PATH", default="/", help="the folder of the tree where it begins (/)")
    adding.add_argument("--quota", metavar="SIZE", type=_quota, help="how much it may keep: 500M, 2G (no limit)")

    passwd = command("passwd", run_passwd, "give an account another password")
    _takes_name(passwd)
    _takes_password(passwd)

    listing = command("list", run_list, "list the accounts")
    listing.add_argument("--json", action="store_true", help="as one JSON array")

    _takes_name(command("remove", run_remove, "remove an account with its mail; its documents stay"))

    rights = command("rights", run_rights, "show or change what an account may do beneath a path")
    _takes_name(rights)
    rights.add_argument("path", metavar="PATH", nargs="?", help="a path of the document tree")
    rights.add_argument(
        "mode", metavar="rw|r|-", nargs="?", choices=("rw", "r", "-"), help="read and write, read, nothing at all"
    )
    rights.add_argument("--remove", metavar="PATH", help="take back what was said of that very path")

    quota = command("quota", run_quota, "change how much an account may keep")
    _takes_name(quota)
    quota.add_argument("quota", metavar=f"SIZE|{NO_LIMIT}", type=_quota, help="500M, 2G; none is no limit")

    _takes_name(command("enable", run_enable, "let an account log in again"))
    _takes_name(command("disable", run_disable, "let an account log in no more"))


def run_add(args: argparse.Namespace) -> int:
    from netdaemon.accounts.hashing import Hasher
    from netdaemon.accounts.names import account_name, tree_path

    with open_store(args) as store:
        name = account_name(args.name)
        tree_path(args.home)  # before anybody types a password in vain
        if store.find(name) is None:
            _forget_mail(args, name)  # of one of that name whose removal broke off
        store.add(args.name, Hasher().keep(_password(args)), quota=args.quota, home=args.home)
    return 0


def run_passwd(args: argparse.Namespace) -> int:
    from netdaemon.accounts.hashing import Hasher

    with open_store(args) as store:
        store.get(args.name)
        store.passwd(args.name, Hasher().keep(_password(args)))
    return 0


def run_list(args: argparse.Namespace) -> int:
    from netdaemon.config.values import size

    with open_store(args) as store:
        stored = store.accounts()
    if args.json:
        print(
            json.dumps(
                [
                    {
                        "name": each.account.name,
                        "enabled": each.account.enabled,
                        "quota": each.account.quota,
                        "home": each.account.home,
                        "rights": [{"path": right.path, "mode": right.mode} for right in each.account.rights],
                        "created": each.created,
                    }
                    for each in stored
                ],
                indent=2,
            )
        )
        return 0
    rows = [("NAME", "LOGIN", "QUOTA", "HOME", "RIGHTS")]
    for account in (each.account for each in stored):
        rights = " ".join(f"{right.path}={right.mode}" for right in account.rights) or "/=rw"
        quota = NO_LIMIT if account.quota is None else size.show(account.quota)
        rows.append((account.name, "yes" if account.enabled else "no", quota, account.home, rights))
    print_table(rows)
    return 0


def run_remove(args: argparse.Namespace) -> int:
    with open_store(args) as store:
        name = store.get(args.name).name
        store.remove(name)
        _forget_mail(args, name)
    return 0


def _forget_mail(args: argparse.Namespace, name: str) -> None:
    """Delete an account's mail, which a later account of that name would find otherwise."""
    from netdaemon.cli.offline import failing
    from netdaemon.messages.database import BLOBS_FILE
    from netdaemon.messages.store import Store as Messages
    from netdaemon.messages.store import done

    data = load(args).netdaemon.data
    if not (data / BLOBS_FILE).exists():
        return  # no service ever kept mail here
    with failing():
        messages = Messages(data)
        try:
            done(messages.delete_account(name))
        finally:
            messages.close()


def run_rights(args: argparse.Namespace) -> int:
    if args.path is not None and args.mode is None:
        fail("rights: say rw, r or - after the path", MISUSED)
    if args.path is not None and args.remove is not None:
        fail("rights: either PATH and rw|r|-, or --remove PATH", MISUSED)
    with open_store(args) as store:
        if args.remove is not None:
            store.remove_right(args.name, args.remove)
        elif args.path is not None:
            store.set_right(args.name, args.path, args.mode)
        else:
            for right in store.get(args.name).rights:
                print(f"{right.mode:<2} {right.path}")
    return 0


def run_quota(args: argparse.Namespace) -> int:
    with open_store(args) as store:
        store.set_quota(args.name, args.quota)
    return 0


def run_enable(args: argparse.Namespace) -> int:
    with open_store(args) as store:
        store.set_enabled(args.name, True)
    return 0


def run_disable(args: argparse.Namespace) -> int:
    with open_store(args) as store:
        store.set_enabled(args.name, False)
    return 0


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Rows in columns as wide as they must be; the last is as long as it is."""
    wide = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, wide, strict=False)]
        print("  ".join([*cells, row[-1]]).rstrip())


@contextmanager
def open_store(args: argparse.Namespace) -> Iterator[Store]:
    """The store of the configuration's data directory; what goes wrong with it ends the command (1)."""
    from netdaemon.accounts.names import AccountError
    from netdaemon.accounts.offline import store_in
    from netdaemon.wire.escape import escape

    config = load(args)
    try:
        with store_in(config.netdaemon.data, config.netdaemon.user) as store:
            yield store
    except AccountError as error:
        fail(escape(str(error)))


def _takes_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the account")


def _takes_password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password-stdin", action="store_true", help="the password is the first line of stdin")


def _quota(text: str) -> int | None:
    from netdaemon.config.values import size

    if text == NO_LIMIT:
        return None
    try:
        return size.parse(text, Path())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _password(args: argparse.Namespace) -> bytes:
    from netdaemon.accounts.hashing import LONGEST_PASSWORD

    if args.password_stdin:
        # one more than may be, and the line's end: too long a password is refused and not cut
        line = sys.stdin.buffer.readline(LONGEST_PASSWORD + 3)
        return line.removesuffix(b"\n").removesuffix(b"\r")
    if not sys.stdin.isatty():
        fail("no terminal to ask for the password: give it in the first line of stdin, with --password-stdin", MISUSED)
    from getpass import getpass

    password = getpass(f"Password of {args.name}: ")
    if getpass("The same again: ") != password:
        fail("the two are not the same")
    return password.encode("utf-8", "surrogateescape")
