"""`netdaemon get`: fetch what URLs stand for, to standard output or into files."""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdaemon.cli.wishes import EPILOG, add_http, add_wishes, wants_bar, wishes

if TYPE_CHECKING:
    from netdaemon.cli.fetch import Manner

MOST = 32
"""URLs fetched at once."""


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = groups.add_parser(
        "get",
        help="fetch URLs to standard output or into files",
        description="Fetch URLs (http, https, ftp, ftps, gopher, gophers, file, data) to standard output or into "
        "files; an FTP folder is listed.",
        epilog=EPILOG,
    )
    parser.add_argument("urls", metavar="URL", nargs="+", help="user:password@ in it logs in; ~/.netrc has logins, too")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write there; a folder keeps the URLs' own names; - is standard output"
    )
    parser.add_argument(
        "-C", "--resume", action="store_true", help="go on with FILE.part of an earlier get, if the file is the same"
    )
    parser.add_argument(
        "-P",
        "--parallel",
        metavar="N",
        type=parallel,
        default=1,
        help=f"fetch so many at once into a folder, up to {MOST}",
    )
    parser.add_argument(
        "--checksum", metavar="ALGORITHM:HEX", type=checksum, help="keep it only if that is its digest: sha256:..."
    )
    parser.add_argument(
        "--mirror",
        action="store_true",
        help="fetch all that is linked beneath the URL into -o FOLDER",
    )
    parser.add_argument("-I", "--head", action="store_true", help="print the headers in place of the document")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each URL; wants -o FILE or -I")
    add_wishes(parser)
    group = add_http(parser)
    group.add_argument("--compressed", action="store_true", help="ask for gzip, br and zstd, and unpack what comes")
    group.add_argument("--robots", action="store_true", help="fetch nothing that the site's robots.txt asks to leave")
    parser.set_defaults(run=run)


def parallel(text: str) -> int:
    """An argument that is a number of transfers at once."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST}")
    return int(text)


def checksum(text: str) -> tuple[str, bytes]:
    """An argument that is a digest."""
    import hashlib

    name, _, digits = text.partition(":")
    name = name.lower().replace("sha-", "sha")
    try:
        digest = bytes.fromhex(digits)
    except ValueError:
        digest = b""
    if name not in hashlib.algorithms_guaranteed or len(digest) != hashlib.new(name).digest_size or not digest:
        raise argparse.ArgumentTypeError(f"{text!r} is no digest as sha256:HEX")
    return name, digest


def run(args: argparse.Namespace) -> int:
    from netdaemon.cli.terminal import complain, run_async
    from netdaemon.url.opener import shown_url
    from netdaemon.wire.failures import Failed

    if args.mirror:
        from netdaemon.cli.crawl import crawl

        return crawl(args)
    try:
        places = destinations(args.urls, args.output)
        names = [shown_url(url) for url in args.urls]
        manner = _manner(args, places)
        wanted = replace(wishes(args), readable=args.output is None)
    except (Unusable, Failed) as error:
        complain(str(error))
        return int(error.category) if isinstance(error, Failed) else 2

    async def get_all(reactor: Any) -> int:
        from twisted.internet.defer import Deferred, FirstError, gatherResults

        from netdaemon.cli.fetch import Fetch
        from netdaemon.cli.progress import Bars
        from netdaemon.url import Opener

        # Not in the middle of a body that goes to the same terminal.
        shows = wants_bar(args) and not (None in places and sys.stdout.isatty())
        statuses = [0] * len(places)
        waiting = list(enumerate(zip(args.urls, names, places, strict=True)))
        waiting.reverse()
        with Bars(shows) as bars:
            async with Opener(reactor, wanted) as opener:

                async def work() -> None:
                    while waiting:
                        number, one = waiting.pop()
                        statuses[number] = await Fetch(opener, *one, manner, bars).run()

                # What goes to standard output goes there one by one.
                several = 1 if None in places else args.parallel
                try:
                    await gatherResults([Deferred.fromCoroutine(work()) for _ in range(several)], consumeErrors=True)
                except FirstError as error:
                    error.subFailure.raiseException()
        return next(filter(None, statuses), 0)

    try:
        return run_async(get_all)
    except Failed as error:  # at the end: the cookies can't be kept
        complain(str(error))
        return int(error.category)


def _manner(args: argparse.Namespace, places: list[Path | None]) -> Manner:
    """How it is done. Raises Unusable."""
    from netdaemon.cli.fetch import Manner

    if args.resume and None in places:
        raise Unusable("--resume wants -o FILE: what went to standard output can't be gone on with")
    if args.head and args.output is not None:
        raise Unusable("--head prints, and keeps nothing in a file")
    if args.json and None in places and not args.head:
        raise Unusable("--json wants -o FILE or --head: it goes to standard output itself")
    if args.checksum is not None and (len(places) > 1 or args.head):
        raise Unusable("--checksum is one document's")
    return Manner(
        method="HEAD" if args.head else "GET",
        headers=tuple(args.header),
        resume=args.resume,
        quiet=args.quiet,
        checksum=args.checksum,
        heads=args.head,
        as_json=args.json,
    )


class Unusable(Exception):
    """Arguments that can't be done together."""


def destinations(urls: list[str], output: str | None) -> list[Path | None]:
    """Where each URL's body goes, None for standard output. Raises Unusable."""
    if output is None or output == "-":
        return [None] * len(urls)
    target = Path(output)
    if not target.is_dir():
        if len(urls) > 1 or output.endswith("/"):
            raise Unusable(f"{output} is not a folder, which several URLs and a final / want")
        return [target]
    places: list[Path | None] = [target / name_of(url) for url in urls]
    for place in places:
        if places.count(place) > 1:
            raise Unusable(f"more than one of the URLs would be written to {place}")
    return places


def name_of(url: str) -> str:
    """A file's name for a URL: the last part of its path, decoded; never one that leads elsewhere."""
    from urllib.parse import unquote_to_bytes, urlsplit

    parts = urlsplit(url)
    if parts.scheme == "data":
        return "data"
    last = parts.path.rpartition("/")[2]
    if parts.scheme in ("ftp", "ftps"):
        last = re.sub(r";type=[aid]$", "", last, flags=re.IGNORECASE)  # RFC 1738 3.2.2: no part of the name
    name = re.sub(rb"[/\x00-\x1f\x7f]", b"_", unquote_to_bytes(last))
    return os.fsdecode(name) if name not in (b"", b".", b"..") else "index.html"
