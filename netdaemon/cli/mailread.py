"""`netdaemon mail list` and `read`: what is in a mailbox on a server, and a message of it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdaemon.cli.time import seconds

if TYPE_CHECKING:
    from netdaemon.cli.mailboxes import Mailbox
    from netdaemon.url.wishes import Wishes

MAILBOXES: Mapping[str, str] = {
    "pop3": "netdaemon.cli.over_pop3:POP3Mailbox",
    "pop3s": "netdaemon.cli.over_pop3:POP3Mailbox",
}
"""Scheme to "package.module:class" of its `mailboxes.Mailbox`; imported when a URL asks for it."""

EPILOG = """\
exit status: 0 done, 2 wrong usage, 3 no such host or no connection, 4 TLS, 5 not logged in, 6 refused, 7 may work
later, 8 broken off, 9 trouble with a file here.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    listing = commands.add_parser(
        "list",
        help="list a mailbox on a server",
        description="List a mailbox on a server (pop3, pop3s): a line for each message with its number, octets, date, "
        "sender and subject, tabs between them.",
        epilog=EPILOG,
    )
    listing.set_defaults(run=run_list)
    reading = commands.add_parser(
        "read",
        help="read a message on a server",
        description="Print a message of a mailbox on a server (pop3, pop3s) as text; it stays there as it is.",
        epilog=EPILOG,
    )
    reading.set_defaults(run=run_read)
    for command in (listing, reading):
        command.add_argument("url", metavar="URL", help="pop3://USER:PASSWORD@HOST[:PORT]; or ~/.netrc has the login")
    reading.add_argument("number", metavar="NUMBER", nargs="?", type=_number, help="the message's, as `list` has it")
    reading.add_argument("--raw", action="store_true", help="its octets, as they are on the server")
    for command in (listing, reading):
        command.add_argument("--starttls", action="store_true", help="go over to TLS before the login, or fail")
        command.add_argument("-k", "--insecure", action="store_true", help="accept any certificate")
        command.add_argument("--cacert", metavar="FILE", type=Path, help="believe these authorities too (PEM)")
        command.add_argument("-v", "--verbose", action="store_true", help="show what is said, without secrets")
        command.add_argument(
            "--timeout", metavar="TIME", type=seconds, default=30.0, help="give up after so long without progress (30s)"
        )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:12]) < 10**10):
        raise argparse.ArgumentTypeError(f"{text!r} is not a message's number")
    return int(text)


def run_list(args: argparse.Namespace) -> int:
    from netdaemon.cli.messagetext import heading

    async def show(box: Mailbox) -> None:
        async for number, octets, header in box.headers():
            print(number, octets, *(heading(header, _moment) if header is not None else "---"), sep="\t")

    return _with_mailbox(args, show)


def run_read(args: argparse.Namespace) -> int:
    from netdaemon.cli.messagetext import as_text
    from netdaemon.wire.partfile import write_whole

    async def show(box: Mailbox) -> None:
        if args.raw:
            sys.stdout.flush()
            await box.copy(args.number, lambda data: write_whole(1, data))
        else:
            message = await box.message(args.number)
            sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # it is a TextIOWrapper
            print(as_text(message), end="")

    return _with_mailbox(args, show)


def _moment(second: int) -> str:
    """Unix seconds as they are here: ``2026-11-25 21:17``."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(second))


def _with_mailbox(args: argparse.Namespace, show: Any) -> int:
    from netdaemon.cli.prompt import ask_login
    from netdaemon.cli.terminal import complain, run_async
    from netdaemon.url.wishes import Wishes
    from netdaemon.wire.category import Category
    from netdaemon.wire.failures import Failed

    wishes = Wishes(
        verify=not args.insecure,
        timeout=args.timeout,
        starttls=args.starttls,
        authorities=args.cacert,
        ask=ask_login,
        say=(lambda line: print(line, file=sys.stderr, flush=True)) if args.verbose else None,
    )

    async def work(reactor: Any) -> int:
        await box.open(reactor)
        try:
            await show(box)
            sys.stdout.flush()
        except BaseException:
            box.abort()
            raise
        await box.close()
        return 0

    try:
        box = _mailbox(args.url, wishes)
        if "number" in args and args.number is None:
            args.number = box.number
            if args.number is None:
                complain("which message? Put its number behind the URL")
                return Category.USAGE
        return run_async(work)
    except Failed as error:
        complain(str(error))
        return error.category


def _mailbox(url: str, wishes: Wishes) -> Mailbox:
    """The mailbox at ``url``. Raises BadURL."""
    from importlib import import_module

    from netdaemon.url.opener import scheme_of

    module, _, name = MAILBOXES[scheme_of(url, MAILBOXES)].partition(":")
    box: Mailbox = getattr(import_module(module), name)(url, wishes)
    return box
