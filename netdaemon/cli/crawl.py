"""`netdaemon get --mirror`: all that is linked beneath a URL, into a folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from netdaemon.cli.terminal import complain, run_async
from netdaemon.cli.wishes import wants_bar, wishes
from netdaemon.url.crawl import SCHEMES, Crawl
from netdaemon.url.opener import Opener, scheme_of, shown_url
from netdaemon.wire.failures import Failed


def crawl(args: argparse.Namespace) -> int:
    """What `get --mirror` does; the exit status."""
    if args.output in (None, "-") or (Path(args.output).exists() and not Path(args.output).is_dir()):
        complain("--mirror wants -o FOLDER")
        return 2
    if len(args.urls) > 1 or args.head or args.json or args.checksum or args.resume:
        complain("--mirror takes one URL, and none of --head, --json, --checksum and --resume")
        return 2
    (url,) = args.urls
    try:
        if scheme_of(url, (*SCHEMES, "ftp", "ftps")).startswith("ftp"):
            complain(f"netdaemon mirror {shown_url(url)} {args.output} does that for FTP, both ways")
            return 2
        shown_url(url)
        wanted = wishes(args)
    except Failed as error:
        complain(str(error))
        return int(error.category)

    async def run(reactor: Any) -> int:
        from netdaemon.cli.progress import Bars

        with Bars(wants_bar(args)) as bars:
            bar = bars.add(args.output, 0, None)
            async with Opener(reactor, wanted) as opener:
                work = Crawl(
                    opener,
                    url,
                    Path(args.output),
                    jobs=args.parallel,
                    headers=tuple(args.header),
                    progress=bar.advance,
                )
                report = await work.run()
        for problem in report.problems:
            complain(problem.why)
        if not args.quiet:
            complain(
                f"{report.copied} copied ({report.octets} octets), {report.same} the same, "
                f"{len(report.problems)} not done"
            )
        return report.category or 0

    try:
        return run_async(run)
    except Failed as error:  # at the end: the cookies can't be kept
        complain(str(error))
        return int(error.category)
