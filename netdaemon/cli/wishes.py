"""The options of every command that goes to a URL, and the `Wishes` that they make."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from netdaemon.cli.time import seconds

if TYPE_CHECKING:
    from netdaemon.protocols.http.client.cookies import Jar
    from netdaemon.url.wishes import Wishes

EPILOG = """\
exit status: 0 all of it is done, 2 wrong usage, 3 no such host or no connection, 4 TLS, 5 not allowed, 6 refused,
7 may work later, 8 broken off, 9 trouble with a file here; with several URLs the first failure's.
"""


def add_wishes(parser: argparse.ArgumentParser) -> None:
    """What every scheme knows of."""
    parser.add_argument("--starttls", action="store_true", help="ftp: go over to TLS before the login, or fail")
    parser.add_argument("--compress", action="store_true", help="ftp: have data deflated on the way, if the server can")
    parser.add_argument("-k", "--insecure", action="store_true", help="accept any certificate")
    parser.add_argument("--cacert", metavar="FILE", type=Path, help="believe these authorities too (PEM)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar, no remarks; errors only")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what is said, without secrets")
    parser.add_argument(
        "--timeout", metavar="TIME", type=seconds, default=30.0, help="give up after so long without progress (30s)"
    )
    proxy = parser.add_mutually_exclusive_group()
    proxy.add_argument(
        "-x",
        "--proxy",
        metavar="URL",
        help="by way of this proxy, http://[user:password@]host:port; else http_proxy, "
        "https_proxy, ftp_proxy, all_proxy and no_proxy of the environment say which",
    )
    proxy.add_argument("--no-proxy", action="store_true", help="straight there, whatever the environment says")


def add_http(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """What http and https know of besides."""
    group = parser.add_argument_group("http and https")
    group.add_argument(
        "-H", "--header", metavar="'NAME: VALUE'", type=header, action="append", default=[], help="send this header too"
    )
    group.add_argument(
        "-b", "--cookies", metavar="FILE", type=Path, help="send the cookies in there, and keep in there what is set"
    )
    group.add_argument("--basic", action="store_true", help="send user and password at once, before they are asked for")
    group.add_argument("--retry", metavar="N", type=number, default=0, help="try so often again what may work later")
    group.add_argument("--max-redirects", metavar="N", type=number, default=10, help="follow so many (10)")
    version = group.add_mutually_exclusive_group()
    version.add_argument("--http1.1", dest="http1", action="store_true", help="offer no HTTP/2")
    version.add_argument(
        "--http2-prior-knowledge", dest="prior", action="store_true", help="HTTP/2 in clear, without asking first"
    )
    return group


def header(text: str) -> tuple[str, str]:
    """An argument that is a header."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not 'NAME: VALUE'")
    return name.strip(), value.strip()


def number(text: str) -> int:
    """An argument that is a count."""
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 9999")
    return int(text)


def wishes(args: argparse.Namespace) -> Wishes:
    """What the options say. Raises Failed for files and proxies that won't do."""
    from netdaemon.cli.prompt import ask_login
    from netdaemon.protocols.http.client.proxies import Proxies
    from netdaemon.url.wishes import Wishes

    return Wishes(
        verify=not args.insecure,
        timeout=args.timeout,
        starttls=args.starttls,
        compress=args.compress,
        authorities=args.cacert,
        ask=ask_login,
        proxies=Proxies("" if args.no_proxy else args.proxy, environment=os.environ),
        basic=getattr(args, "basic", False),
        jar=_jar(getattr(args, "cookies", None)),
        compressed=getattr(args, "compressed", False),
        max_redirects=getattr(args, "max_redirects", 10),
        retries=getattr(args, "retry", 0),
        http2="prior" if getattr(args, "prior", False) else not getattr(args, "http1", False),
        robots=getattr(args, "robots", False),
        say=(lambda line: print(line, file=sys.stderr, flush=True)) if args.verbose else None,
    )


def _jar(path: Path | None) -> Jar | None:
    """The cookies in a file, one that is not there yet among them."""
    if path is None:
        return None
    from netdaemon.protocols.http.client.cookies import Jar
    from netdaemon.wire.failures import LocalTrouble

    jar = Jar(path, session_too=True)
    try:
        jar.load()
    except OSError as error:
        raise LocalTrouble(f"{path}: {error.strerror}") from None
    return jar


def wants_bar(args: argparse.Namespace) -> bool:
    """Is there somebody who wants to see progress, and nothing else on that terminal?"""
    return not args.quiet and not args.verbose and sys.stderr.isatty()
