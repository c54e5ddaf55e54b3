"""`netdaemon open`: hand a page to the web browser."""

from __future__ import annotations

import argparse

from netdaemon.cli.terminal import complain
from netdaemon.cli.wishes import EPILOG

WEB = ("http", "https", "ftp", "ftps", "gopher", "gophers", "file")


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = groups.add_parser(
        "open",
        help="show a URL in the web browser",
        description="Hand a URL to the web browser: the one that $BROWSER names, or the desktop's.",
        epilog=EPILOG,
    )
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--new", action="store_true", help="in a window of its own")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import webbrowser

    from netdaemon.url.opener import scheme_of
    from netdaemon.wire.category import Category
    from netdaemon.wire.failures import BadURL
    from netdaemon.wire.urlparts import holds_control, shown

    try:
        scheme_of(args.url, WEB)
        # The browser's command line is no place for what a shell, or it itself, would take for something else.
        if holds_control(args.url) or " " in args.url:
            raise BadURL(f"{shown(args.url)} holds a space or a control character")
    except BadURL as error:
        complain(str(error))
        return Category.USAGE
    if not webbrowser.open(args.url, new=1 if args.new else 0):
        complain("there is no web browser here: $BROWSER may name one")
        return Category.REFUSED
    return 0
