"""`netdaemon mirror`: make a folder here and one at an FTP server the same, in either direction."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdaemon.cli.terminal import complain
from netdaemon.cli.wishes import EPILOG, add_wishes, wants_bar, wishes

if TYPE_CHECKING:
    from netdaemon.cli.progress import Bar
    from netdaemon.protocols.ftp.client.mirror import Mirror
    from netdaemon.protocols.ftp.client.plan import Plan
    from netdaemon.protocols.ftp.client.url import URL

SCHEMES = ("ftp", "ftps")
MOST = 32
"""Connections at once; servers let in five or ten from one address."""


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = groups.add_parser(
        "mirror",
        help="make a folder and one at an FTP server the same",
        description="Make DST what SRC is: one of them is an ftp or ftps URL, the other a folder here. Only what "
        "differs in size or time is copied, and times are kept. What broke off is gone on with.",
        epilog=EPILOG,
    )
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("target", metavar="DST")
    parser.add_argument(
        "-j", "--jobs", metavar="N", type=count, default=4, help=f"connections at once, up to {MOST} (4)"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="print what would be done, and do nothing")
    parser.add_argument("--delete", action="store_true", help="delete in DST what is not in SRC")
    parser.add_argument(
        "--include", metavar="GLOB", action="append", default=[], help="only documents that match one of these"
    )
    parser.add_argument(
        "--exclude",
        metavar="GLOB",
        action="append",
        default=[],
        help="leave out what matches; without a slash, a name anywhere; folders with all that is in them",
    )
    parser.add_argument(
        "-C",
        "--resume",
        action="store_true",
        help="go on with uploads that broke off also where the server has no HASH to prove the beginning",
    )
    add_wishes(parser)
    parser.set_defaults(run=run)


def count(text: str) -> int:
    """An argument that is a number of connections."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    from netdaemon.cli.terminal import run_async
    from netdaemon.protocols.ftp.client import Failed, parse_url

    remote = [word.partition(":")[0].lower() in SCHEMES and "://" in word for word in (args.source, args.target)]
    if sum(remote) != 1:
        complain("one of SRC and DST is an ftp:// or ftps:// URL, and the other a folder")
        return 2
    downloads = remote[0]
    try:
        url = parse_url(args.source if downloads else args.target)
    except Failed as error:
        complain(str(error))
        return 2
    here = Path(args.target if downloads else args.source)
    if (here.exists() and not here.is_dir()) or (not downloads and not here.exists()):
        complain(f"{here} is no folder")
        return 2

    return run_async(lambda reactor: _mirror(reactor, args, url, here, downloads))


async def _mirror(reactor: Any, args: argparse.Namespace, url: URL, here: Path, downloads: bool) -> int:
    from netdaemon.cli.progress import Bars
    from netdaemon.protocols.ftp.client import Failed
    from netdaemon.protocols.ftp.client.mirror import Mirror, Wishes
    from netdaemon.protocols.ftp.client.plan import Choice
    from netdaemon.url.overftp import session
    from netdaemon.wire.category import Category

    options = wishes(args)
    choice = Choice(tuple(args.include), tuple(args.exclude))
    there = url.path.decode("utf-8", "surrogateescape")
    bar: Bar | None = None
    with Bars(wants_bar(args) and not args.dry_run) as bars:
        mirror = Mirror(
            lambda: session(reactor, url, options),
            here,
            there,
            Wishes(choice, args.delete, args.resume, args.jobs),
            progress=lambda octets: None if bar is None else bar.advance(octets),
            told=_tell if args.verbose else lambda what, path: None,
        )
        try:
            plan = await (mirror.plan_download() if downloads else mirror.plan_upload())
            if args.dry_run:
                _print(plan)
            else:
                bar = bars.add(str(here), 0, plan.octets)
                await (mirror.download(plan) if downloads else mirror.upload(plan))
            await mirror.close()
        except Failed as error:
            mirror.report.add(str(url), str(error), error.category)
        except OSError as error:
            mirror.report.add(str(error.filename or here), error.strerror or str(error), Category.LOCAL)
        finally:
            mirror.drop()
    return _say(mirror, args)


def _say(mirror: Mirror, args: argparse.Namespace) -> int:
    report = mirror.report
    for path, why in report.problems:
        complain(f"{path}: {why}")
    if not args.quiet and not args.dry_run:
        complain(
            f"{report.copied} copied ({report.octets} octets), {report.same} the same, {report.deleted} deleted, "
            f"{len(report.problems)} not done"
        )
    return report.category or 0


def _tell(what: str, path: str) -> None:
    from netdaemon.wire.escape import escape

    print(f"{what:6} {escape(path)}", flush=True)


def _print(plan: Plan) -> None:
    """What would be done, in its order."""
    for path in plan.delete:
        _tell("delete", path)
    for path in plan.remove:
        _tell("remove", f"{path}/")
    for path in plan.make:
        _tell("make", f"{path}/")
    for copy in plan.copy:
        _tell("copy", copy.path)
