"""`netdaemon put` and `netdaemon post`: send a document, or standard input."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdaemon.cli.wishes import EPILOG, add_http, add_wishes, wants_bar, wishes

if TYPE_CHECKING:
    from netdaemon.protocols.http.client.form import Part
    from netdaemon.url.source import Source


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
    add_http(parser)
    parser.set_defaults(run=put)
    parser = groups.add_parser(
        "post",
        help="send standard input, or a form, to a URL and print the answer",
        description="POST standard input, or a form's fields, to an http or https URL, and print what is answered.",
        epilog=EPILOG,
    )
    parser.add_argument("url", metavar="URL", help="user:password@ in it logs in")
    parser.add_argument(
        "-t", "--type", metavar="TYPE", default="application/octet-stream", help="the Content-Type of what is sent"
    )
    parser.add_argument(
        "-d",
        "--data",
        metavar="NAME=VALUE",
        type=field,
        action="append",
        default=[],
        help="a field of a form",
    )
    parser.add_argument(
        "-F",
        "--form",
        metavar="NAME=VALUE",
        type=field,
        action="append",
        default=[],
        help="a field of a form in several parts; NAME=@FILE sends a file",
    )
    add_wishes(parser)
    add_http(parser)
    parser.set_defaults(run=post)


def put(args: argparse.Namespace) -> int:
    from netdaemon.url.opener import shown_url

    async def send(reactor: Any, source: Source, name: str) -> int:
        from netdaemon.cli.progress import Bars
        from netdaemon.cli.terminal import complain
        from netdaemon.url import Opener

        async with Opener(reactor, wishes(args)) as opener:
            with Bars(wants_bar(args)) as bars:
                bar = bars.add(source.name, 0, source.size)
                remark = await opener.send(
                    source, args.url, resume=args.resume, headers=args.header, progress=bar.advance
                )
        if remark and not args.quiet:
            complain(f"{name}: {remark}")
        return 0

    return _with_source(args.file, lambda: shown_url(args.url), send)


def post(args: argparse.Namespace) -> int:
    def named() -> str:
        from netdaemon.protocols.http.client import parse_url

        return str(parse_url(args.url))

    async def send(reactor: Any, source: Source, name: str) -> int:
        from netdaemon.url import Opener
        from netdaemon.wire.partfile import write_whole

        kind, body = _posted(args, source)
        headers = [*([] if _has_type(args.header) else [("Content-Type", kind)]), *args.header]
        async with Opener(reactor, wishes(args)) as opener:
            answer = await opener.open(args.url, method="POST", headers=headers, body=body)
            sys.stdout.flush()
            async for chunk in answer:
                write_whole(1, chunk)
        return 0

    if args.data and args.form:
        from netdaemon.cli.terminal import complain

        complain("--data makes one kind of form, and --form another")
        return 2
    return _with_source("-", named, send)


def _posted(args: argparse.Namespace, source: Source) -> tuple[str, Any]:
    """Content-Type and body: a form, or standard input."""
    from netdaemon.protocols.http.client.form import URLENCODED, multipart, urlencoded
    from netdaemon.url.overhttp import upload

    if args.data:
        return URLENCODED.decode("ascii"), urlencoded(args.data)
    if args.form:
        kind, body = multipart([_part(name, value) for name, value in args.form])
        return kind.decode("latin-1"), body
    return args.type, upload(source, lambda octets: None)


def _part(name: str, value: str) -> Part:
    from netdaemon.protocols.http.client.form import Part, file_part

    return file_part(name, Path(value[1:])) if value.startswith("@") else Part(name, value)


def _has_type(headers: list[tuple[str, str]]) -> bool:
    return any(name.lower() == "content-type" for name, _ in headers)


def field(text: str) -> tuple[str, str]:
    """An argument that is a form's field."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _with_source(name: str, url: Callable[[], str], work: Callable[[Any, Source, str], Any]) -> int:
    from netdaemon.cli.terminal import complain, run_async
    from netdaemon.url.source import Source
    from netdaemon.wire.category import Category
    from netdaemon.wire.failures import Failed

    try:
        shown = url()
        source = Source(name)
        try:
            return run_async(lambda reactor: work(reactor, source, shown))
        finally:
            source.close()
    except Failed as error:
        complain(str(error))
        return error.category
    except BrokenPipeError:
        raise  # whoever reads our output has seen enough
    except OSError as error:
        complain(f"{error.filename or name}: {error.strerror or error}")
        return Category.LOCAL
