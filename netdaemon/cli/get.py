"""`netdaemon get`: fetch what URLs stand for, to standard output or into files."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdaemon.cli.time import seconds

if TYPE_CHECKING:
    from netdaemon.cli.schemes import Fetched, Fetcher, Wishes

EPILOG = """\
exit status: 0 all of it is done, 2 wrong usage, 3 no such host or no connection, 4 TLS, 5 not allowed, 6 refused,
7 may work later, 8 broken off, 9 trouble with a file here; with several URLs the first failure's.
"""


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = groups.add_parser(
        "get",
        help="fetch URLs to standard output or into files",
        description="Fetch URLs (http, https, ftp, ftps, gopher, gophers) to standard output or into files; an FTP "
        "folder is listed.",
        epilog=EPILOG,
    )
    parser.add_argument("urls", metavar="URL", nargs="+", help="user:password@ in it logs in")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write there; a folder keeps the URLs' own names; - is standard output"
    )
    parser.add_argument(
        "-C", "--resume", action="store_true", help="go on with FILE.part of an earlier get, if the file is the same"
    )
    add_wishes(parser)
    parser.set_defaults(run=run)


def add_wishes(parser: argparse.ArgumentParser) -> None:
    """The options of every command that goes to a URL: `wishes` reads them."""
    parser.add_argument("--starttls", action="store_true", help="ftp: go over to TLS before the login, or fail")
    parser.add_argument("--compress", action="store_true", help="ftp: have data deflated on the way, if the server can")
    parser.add_argument("-k", "--insecure", action="store_true", help="accept any certificate")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar, no remarks; errors only")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what is said, without secrets")
    parser.add_argument(
        "--timeout", metavar="TIME", type=seconds, default=30.0, help="give up after so long without progress (30s)"
    )


def run(args: argparse.Namespace) -> int:
    from netdaemon.cli.schemes import fetcher
    from netdaemon.cli.terminal import run_async

    try:
        places = destinations(args.urls, args.output)
        kinds = [fetcher(url) for url in args.urls]
        names = [kind.shown(url) for kind, url in zip(kinds, args.urls, strict=True)]
    except (Unusable, ValueError) as error:
        complain(str(error))
        return 2
    if args.resume and None in places:
        complain("--resume wants -o FILE: what went to standard output can't be gone on with")
        return 2

    async def get_all(reactor: Any) -> int:
        wanted = replace(wishes(args), readable=args.output is None)
        fetchers = {kind: kind(reactor, wanted) for kind in dict.fromkeys(kinds)}
        status = 0
        for kind, url, name, place in zip(kinds, args.urls, names, places, strict=True):
            got = await Fetch(fetchers[kind], url, name, place, args).run()
            status = status or got
        for one in fetchers.values():
            await one.close()
        return status

    return run_async(get_all)


def wishes(args: argparse.Namespace) -> Wishes:
    """What the options say to whatever scheme it is."""
    from netdaemon.cli.schemes import Wishes

    return Wishes(
        verify=not args.insecure,
        timeout=args.timeout,
        starttls=args.starttls,
        compress=args.compress,
        say=(lambda line: print(line, file=sys.stderr, flush=True)) if args.verbose else None,
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
    last = parts.path.rpartition("/")[2]
    if parts.scheme in ("ftp", "ftps"):
        last = re.sub(r";type=[aid]$", "", last, flags=re.IGNORECASE)  # RFC 1738 3.2.2: no part of the name
    name = re.sub(rb"[/\x00-\x1f\x7f]", b"_", unquote_to_bytes(last))
    return os.fsdecode(name) if name not in (b"", b".", b"..") else "index.html"


def complain(message: str) -> None:
    """One line on standard error, whatever the message holds."""
    from netdaemon.wire.escape import escape

    print(f"netdaemon: {escape(message)}", file=sys.stderr)


class Fetch:
    """One URL on its way to its place."""

    def __init__(self, fetcher: Fetcher, url: str, name: str, place: Path | None, args: argparse.Namespace) -> None:
        self._fetcher = fetcher
        self._url = url
        self._name = name
        self._place = place
        self._resume: bool = args.resume
        self._quiet: bool = args.quiet
        # Not beside the transcript, and not in the middle of a body that goes to the same terminal.
        self._wants_bar = (
            not args.quiet
            and not args.verbose
            and sys.stderr.isatty()
            and (place is not None or not sys.stdout.isatty())
        )

    async def run(self) -> int:
        """The exit status; what went wrong has been said."""
        from netdaemon.cli.schemes import TransferFailed
        from netdaemon.wire.category import Category

        try:
            if self._place is None:
                await self._to_output()
            else:
                await self._to_file(self._place)
        except TransferFailed as error:
            complain(str(error))
            return error.category
        except BrokenPipeError:
            raise  # whoever reads our output has seen enough
        except OSError as error:
            complain(f"{error.filename or self._place or 'standard output'}: {error.strerror or error}")
            return Category.LOCAL
        return 0

    async def _to_output(self) -> None:
        from netdaemon.wire.partfile import write_whole

        fetched = await self._fetcher.fetch(self._url, None)
        sys.stdout.flush()
        await self._copy(fetched, lambda data: write_whole(1, data))

    async def _to_file(self, place: Path) -> None:
        from netdaemon.wire.partfile import PartFile

        file = PartFile(place)
        fetched = await self._fetcher.fetch(self._url, file.begun(self._name) if self._resume else None)
        if fetched.remark:
            self._remark(fetched.remark)
        try:
            if fetched.start:
                file.go_on()
            else:
                file.open(self._name, fetched.validator, fetched.total)
            await self._copy(fetched, file.write)
        except BaseException:
            fetched.close()
            if kept := file.leave():
                self._remark(f"{kept} octets are in {file.part}, --resume goes on with them")
            raise
        file.finish()

    async def _copy(self, fetched: Fetched, write: Callable[[bytes], object]) -> None:
        from netdaemon.cli.progress import Bar

        label = self._place.name if self._place is not None else self._name
        with Bar(label, self._wants_bar) as bar:
            bar.begin(fetched.start, fetched.total)
            try:
                async for octets in fetched.chunks:
                    write(octets)
                    bar.advance(len(octets))
            finally:
                fetched.close()

    def _remark(self, text: str) -> None:
        if not self._quiet:
            complain(f"{self._name}: {text}")
