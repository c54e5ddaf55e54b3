"""`netdaemon put` and `netdaemon post`: send a document, or standard input."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from netdaemon.cli.get import EPILOG, add_wishes, complain, wishes

if TYPE_CHECKING:
    from netdaemon.cli.source import Source


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = groups.add_parser(
        "put",
        help="send a file to a URL",
        description="Send a file, or standard input, to a URL: HTTP PUT, FTP STOR.",
        epilog=EPILOG,
    )
    parser.add_argument("file", metavar="FILE", help="- is standard input")
    parser.add_argument("url", metavar="URL", help="behind a final / goes the file's own name; user:password@ logs in")
    parser.add_argument(
        "-C", "--resume", action="store_true", help="ftp: send only what the server does not have of it yet"
    )
    add_wishes(parser)
    parser.set_defaults(run=put)
    parser = groups.add_parser(
        "post",
        help="send standard input to a URL and print the answer",
        description="POST standard input to an http or https URL, and print what is answered.",
        epilog=EPILOG,
    )
    parser.add_argument("url", metavar="URL", help="user:password@ in it logs in")
    parser.add_argument(
        "-t", "--type", metavar="TYPE", default="application/octet-stream", help="the Content-Type of what is sent"
    )
    add_wishes(parser)
    parser.set_defaults(run=post)


def put(args: argparse.Namespace) -> int:
    from netdaemon.cli.progress import Bar
    from netdaemon.cli.schemes import TransferFailed, sender
    from netdaemon.cli.terminal import run_async

    try:
        kind = sender(args.url)
        name = kind.shown(args.url)
    except ValueError as error:
        complain(str(error))
        return 2

    async def send(reactor: Any, source: Source) -> int:
        one = kind(reactor, wishes(args))
        try:
            with Bar(source.name, _wants_bar(args)) as bar:
                bar.begin(0, source.size)
                remark = await one.send(source, args.url, args.resume, bar.advance)
        except TransferFailed as error:
            complain(str(error))
            return error.category
        finally:
            await one.close()
        if remark and not args.quiet:
            complain(f"{name}: {remark}")
        return 0

    return _with_source(args.file, lambda source: run_async(lambda reactor: send(reactor, source)))


def post(args: argparse.Namespace) -> int:
    from netdaemon.cli.terminal import run_async
    from netdaemon.protocols.http.client import Failed, parse_url

    try:
        name = str(parse_url(args.url))
    except Failed as error:
        complain(str(error))
        return 2

    async def send(reactor: Any, source: Source) -> int:
        from netdaemon.cli.over_http import client, octets, upload, with_body
        from netdaemon.cli.schemes import TransferFailed
        from netdaemon.wire.partfile import write_whole

        one = client(reactor, wishes(args))
        try:
            body = upload(source, lambda octets: None)
            response = await one.request("POST", args.url, [("Content-Type", args.type)], body)
            with_body(response, name)
            sys.stdout.flush()
            async for chunk in octets(response, name):
                write_whole(1, chunk)
        except (Failed, TransferFailed) as error:
            complain(str(error))
            return error.category
        finally:
            await one.close()
        return 0

    return _with_source("-", lambda source: run_async(lambda reactor: send(reactor, source)))


def _with_source(name: str, work: Any) -> int:
    from netdaemon.cli.source import Source
    from netdaemon.wire.category import Category

    try:
        source = Source(name)
        try:
            status: int = work(source)
        finally:
            source.close()
    except BrokenPipeError:
        raise  # whoever reads our output has seen enough
    except OSError as error:
        complain(f"{error.filename or name}: {error.strerror or error}")
        return Category.LOCAL
    return status


def _wants_bar(args: argparse.Namespace) -> bool:
    return not args.quiet and not args.verbose and sys.stderr.isatty()
