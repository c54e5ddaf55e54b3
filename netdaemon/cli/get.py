"""`netdaemon get`: fetch what URLs stand for, to standard output or into files."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdaemon.cli.time import seconds

if TYPE_CHECKING:
    from netdaemon.cli.partfile import Begun, PartFile
    from netdaemon.protocols.http.client import Client, Response

EPILOG = """\
exit status: 0 all of it came, 2 wrong usage, 3 no such host or no connection, 4 TLS, 5 not allowed (401, 403, 407),
6 refused, 7 may work later (5xx, 408, 429), 8 broken off, 9 trouble with a file here; with several URLs the first
failure's.
"""


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = groups.add_parser(
        "get",
        help="fetch URLs to standard output or into files",
        description="Fetch URLs (http, https) to standard output or into files.",
        epilog=EPILOG,
    )
    parser.add_argument("urls", metavar="URL", nargs="+", help="user:password@ in it logs in")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write there; a folder keeps the URLs' own names; - is standard output"
    )
    parser.add_argument(
        "-C", "--resume", action="store_true", help="go on with FILE.part of an earlier get, if the file is the same"
    )
    parser.add_argument("-k", "--insecure", action="store_true", help="accept any certificate")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar, no remarks; errors only")
    parser.add_argument("-v", "--verbose", action="store_true", help="show requests and responses, without secrets")
    parser.add_argument(
        "--timeout", metavar="TIME", type=seconds, default=30.0, help="give up after so long without progress (30s)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from netdaemon.cli.terminal import run_async
    from netdaemon.protocols.http.client import Client, RequestFailed, Timeouts, parse_url

    try:
        places = destinations(args.urls, args.output)
        for url in args.urls:
            parse_url(url)
    except (Unusable, RequestFailed) as error:
        complain(str(error))
        return 2
    if args.resume and None in places:
        complain("--resume wants -o FILE: what went to standard output can't be gone on with")
        return 2

    async def get_all(reactor: Any) -> int:
        client = Client(
            reactor,
            verify=not args.insecure,
            timeouts=Timeouts(args.timeout, args.timeout, args.timeout),
            trace=show_head if args.verbose else lambda direction, head: None,
        )
        status = 0
        for url, place in zip(args.urls, places, strict=True):
            got = await Fetch(client, url, place, args).run()
            status = status or got
        await client.close()
        return status

    return run_async(get_all)


IDENTITY = ("Accept-Encoding", "identity")
"""The octets as they are: what is compressed on the way could not be gone on with later."""


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

    last = urlsplit(url).path.rpartition("/")[2]
    name = re.sub(rb"[/\x00-\x1f\x7f]", b"_", unquote_to_bytes(last))
    return os.fsdecode(name) if name not in (b"", b".", b"..") else "index.html"


def complain(message: str) -> None:
    """One line on standard error, whatever the message holds."""
    from netdaemon.wire.escape import escape

    print(f"netdaemon: {escape(message)}", file=sys.stderr)


def show_head(direction: str, head: bytes) -> None:
    from netdaemon.protocols.http.client.fields import transcript
    from netdaemon.wire.escape import escape

    for line in transcript(head):
        print(f"{direction} {escape(line)}", file=sys.stderr)
    print(direction, file=sys.stderr, flush=True)


class Fetch:
    """One URL on its way to its place."""

    def __init__(self, client: Client, url: str, place: Path | None, args: argparse.Namespace) -> None:
        from netdaemon.protocols.http.client import parse_url

        self._client = client
        self._url = url
        self._name = str(parse_url(url))
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
        from netdaemon.protocols.http.client import Category, RequestFailed

        try:
            if self._place is None:
                await self._to_output()
            else:
                await self._to_file(self._place)
        except RequestFailed as error:
            complain(str(error))
            return error.category
        except StatusFailed as error:
            complain(str(error))
            return error.status
        except BrokenPipeError:
            raise  # whoever reads our output has seen enough
        except OSError as error:
            complain(f"{error.filename or self._place or 'standard output'}: {error.strerror or error}")
            return Category.LOCAL
        return 0

    # --- to standard output ----------------------------------------------------------------------------------

    async def _to_output(self) -> None:
        from netdaemon.cli.partfile import write_whole
        from netdaemon.protocols.http.client.resume import length_of

        response = await self._client.get(self._url, [IDENTITY])
        sys.stdout.flush()
        with_body(response, self._name)
        await self._copy(response, lambda data: write_whole(1, data), 0, length_of(response.fields))

    # --- to a file -------------------------------------------------------------------------------------------

    async def _to_file(self, place: Path) -> None:
        from netdaemon.cli.partfile import PartFile

        file = PartFile(place)
        begun = file.begun(self._name) if self._resume else None
        if begun is None or not await self._rest(file, begun):
            response = await self._client.get(self._url, [IDENTITY])
            with_body(response, self._name)
            await self._whole(file, response)

    async def _whole(self, file: PartFile, response: Response) -> None:
        from netdaemon.protocols.http.client.resume import length_of, validator

        total = length_of(response.fields)
        await self._into(file, response, lambda: file.open(self._name, validator(response.fields), total), 0, total)

    async def _rest(self, file: PartFile, begun: Begun) -> bool:
        """Go on behind what is there; False when that can't be, and the whole must be asked for."""
        from netdaemon.protocols.http.client.resume import continues, ends_at

        fields = [IDENTITY, ("Range", f"bytes={begun.size}-"), ("If-Range", begun.validator)]
        response = await self._client.get(self._url, fields)
        if response.status == 206:
            total = continues(response.fields, begun.size, begun.validator, begun.total)
            if total is not None:
                await self._into(file, response, file.go_on, begun.size, total)
                return True
            why = "the server's file is another one by now"
        elif response.status == 416 and begun.total == begun.size and ends_at(response.fields, begun.size):
            response.close()
            file.finish()
            return True
        elif response.status == 416:
            why = "the server's file is shorter by now"
        else:
            # 200 (RFC 9110 13.1.5: the file has changed, or the server gives no ranges) or an error
            with_body(response, self._name)
            self._remark("the file has changed, or can't be had in parts: from the beginning")
            await self._whole(file, response)
            return True
        response.close()
        self._remark(f"{why}: from the beginning")
        return False

    async def _into(
        self, file: PartFile, response: Response, begin: Callable[[], None], done: int, total: int | None
    ) -> None:
        try:
            begin()
            await self._copy(response, file.write, done, total)
        except BaseException:
            response.close()
            if kept := file.leave():
                self._remark(f"{kept} octets are in {file.part}, --resume goes on with them")
            raise
        file.finish()

    # --- both ------------------------------------------------------------------------------------------------

    async def _copy(self, response: Response, write: Callable[[bytes], object], done: int, total: int | None) -> None:
        from netdaemon.cli.progress import Bar
        from netdaemon.protocols.http.client import IncompleteBody

        label = self._place.name if self._place is not None else self._name
        with Bar(label, self._wants_bar) as bar:
            bar.begin(done, total)
            try:
                async for octets in response.body:
                    write(octets)
                    bar.advance(len(octets))
            except IncompleteBody as error:
                raise IncompleteBody(f"{self._name}: {error}") from None
            finally:
                response.close()

    def _remark(self, text: str) -> None:
        if not self._quiet:
            complain(f"{self._name}: {text}")


class StatusFailed(Exception):
    """A response that is no success; ``status`` is the exit status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def with_body(response: Response, name: str) -> None:
    """Pass a response that brings what was asked for. Raises StatusFailed for every other."""
    from netdaemon.protocols.http.client import Category, category_of_status

    category = category_of_status(response.status)
    if category is None and response.status in (206, 304):  # of what nobody asked for
        category = Category.REFUSED
    if category is None:
        return
    response.close()
    name = name if response.url == name else f"{name} -> {response.url}"
    raise StatusFailed(f"{name}: {response.status} {response.reason}".rstrip(), category)
