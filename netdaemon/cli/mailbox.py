"""`netdaemon mail import` and `export`: Maildir and mbox into an account's folders, and back."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from netdaemon.cli.offline import open_messages
from netdaemon.cli.terminal import fail

MAILDIR, MBOX = FORMATS = ("maildir", "mbox")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    taking = commands.add_parser(
        "import",
        help="take mail from a Maildir or mbox files into an account",
        description="Take mail into an account's folders, with dates and flags. Done again, or gone on with after it "
        "was broken off, it takes nothing twice. One mbox file is INBOX; of a folder, each a/b.mbox is the folder a/b.",
    )
    taking.set_defaults(run=run_import)
    giving = commands.add_parser(
        "export",
        help="write an account's mail as a Maildir or mbox files",
        description="Write an account's folders, with dates and flags: a Maildir with subfolders, or a folder with "
        "one mbox file for each.",
    )
    giving.set_defaults(run=run_export)
    for command, text in ((taking, "where the mail is"), (giving, "where it is to be written")):
        command.add_argument("name", metavar="NAME", help="the account")
        command.add_argument("path", metavar="FILE", type=Path, help=text)
    taking.add_argument("--format", choices=FORMATS, help="what it is (told by looking)")
    giving.add_argument("--format", choices=FORMATS, default=MAILDIR, help="what to write (maildir)")
    taking.add_argument("--folder", metavar="FOLDER", help="put all that comes into this folder, or beneath it")
    giving.add_argument("--folder", metavar="FOLDER", help="only this folder and those beneath it")


def run_import(args: argparse.Namespace) -> int:
    from netdaemon.cli.progress import Bars
    from netdaemon.mail.summary import summarise
    from netdaemon.messages.importing import Import, kind_of, sources
    from netdaemon.messages.names import INBOX, folder_name
    from netdaemon.wire.escape import escape

    with open_messages(args, args.name) as (store, account):
        if not args.path.exists():
            fail(f"{escape(str(args.path))} is not there")
        bringing = Import(store, account, summarise)
        for name, messages in sources(args.path, args.format or kind_of(args.path)):
            if args.folder is not None:
                name = args.folder if name == INBOX else f"{args.folder}/{name}"
            name = folder_name(name)
            with Bars(sys.stderr.isatty()) as bars:
                taken = bringing.folder(name, messages(), bars.add(name, 0, None).advance)
            for line in taken.complaints:
                print(f"netdaemon: {escape(line)}", file=sys.stderr)
            print(f"{escape(name)}: {taken.new} new, {taken.known} known")
    return 0


def run_export(args: argparse.Namespace) -> int:
    from netdaemon.cli.progress import Bars
    from netdaemon.messages.exporting import to_maildir, to_mbox
    from netdaemon.messages.names import folder_name
    from netdaemon.wire.escape import escape

    with open_messages(args, args.name) as (store, account):
        patterns = ["*"]
        if args.folder is not None:
            name = store.folder(account, args.folder).name
            patterns = [name, f"{folder_name(name)}/*"]
        for folder in store.folders(account, patterns):
            if not folder.selectable:
                continue
            unsaid: set[str] = set()
            with Bars(sys.stderr.isatty()) as bars:
                bar = bars.add(folder.name, 0, folder.octets)
                if args.format == MAILDIR:
                    count, unsaid = to_maildir(store, folder, args.path, bar.advance)
                else:
                    count = to_mbox(store, folder, args.path, bar.advance)
            if unsaid:
                words = escape(" ".join(sorted(unsaid)))
                print(f"netdaemon: {escape(folder.name)}: a Maildir has no room for: {words}", file=sys.stderr)
            print(f"{escape(folder.name)}: {count} written")
    return 0
