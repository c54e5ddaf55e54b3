"""`netdaemon mail send`: hand a message over to a mail server."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdaemon.cli.time import seconds

if TYPE_CHECKING:
    from netdaemon.protocols.smtp.client import SMTP, URL, Settings

MOST = 256 << 20
"""Octets of a message that is read from standard input."""

EPILOG = """\
exit status: 0 everybody's message was taken, 2 wrong usage, 3 no such host or no connection, 4 TLS, 5 not logged in,
6 refused, 7 may work later, 8 refused for some recipients.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "send",
        help="send a message from standard input",
        description="Send a message by way of a mail server (smtp, smtps, submission, lmtp). Standard input is its "
        "text, or without --subject a whole message that begins with its header.",
        epilog=EPILOG,
    )
    parser.add_argument("url", metavar="URL", help="smtp://[USER:PASSWORD@]HOST[:PORT]; ~/.netrc has logins, too")
    parser.add_argument("--from", dest="sender", metavar="ADDRESS", required=True, help="whom it is from; '' is nobody")
    parser.add_argument(
        "--to", metavar="ADDRESS", nargs="+", action="extend", required=True, help="whom it goes to, one or more"
    )
    parser.add_argument("--subject", metavar="TEXT", help="its subject: standard input is the text alone")
    parser.add_argument("--starttls", action="store_true", help="go over to TLS first, or fail")
    parser.add_argument("-k", "--insecure", action="store_true", help="accept any certificate")
    parser.add_argument("--cacert", metavar="FILE", type=Path, help="believe these authorities too (PEM)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no remarks; errors only")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what is said, without secrets")
    parser.add_argument(
        "--timeout", metavar="TIME", type=seconds, default=60.0, help="give up after so long without an answer (60s)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from netdaemon.cli.lettertext import letter
    from netdaemon.cli.terminal import complain, run_async
    from netdaemon.mail import Malformed
    from netdaemon.protocols.smtp.client import parse_url
    from netdaemon.wire.failures import Failed

    try:
        url = parse_url(args.url)
        settings = _settings(args, url)
        text = sys.stdin.buffer.read(MOST + 1)
        if len(text) > MOST:
            raise Malformed(f"standard input has more than {MOST} octets")
        octets, sender, recipients = letter(text, args.sender, args.to, args.subject)
    except Malformed as error:
        complain(str(error))
        return 2
    except Failed as error:
        complain(str(error))
        return error.category

    async def send(reactor: Any) -> int:
        from netdaemon.protocols.smtp.client.errors import in_words

        try:
            client = await _connected(reactor, url, settings)
            async with client:
                refused = await client.sendmail(sender, recipients, octets)
        except Failed as error:
            complain(str(error.at(url)))
            return error.category
        for address, reply in refused.items():
            complain(f"{address}: {in_words(reply)}")
        return 8 if refused else 0

    return run_async(send)


def _settings(args: argparse.Namespace, url: URL) -> Settings:
    from netdaemon.protocols.smtp.client import TLS, Settings, Timeouts
    from netdaemon.wire.tlsclient import Trust
    from netdaemon.wire.transcript import Transcript

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    tls = TLS.IMPLICIT if url.scheme == "smtps" else TLS.EXPLICIT if args.starttls else TLS.NONE
    return Settings(
        tls=tls,
        verify=not args.insecure,
        trust=Trust(args.cacert),
        lmtp=url.scheme == "lmtp",
        timeouts=Timeouts(args.timeout, args.timeout, args.timeout),
        final=max(600.0, args.timeout),
        transcript=Transcript(say) if args.verbose else None,
    )


async def _connected(reactor: Any, url: URL, settings: Settings) -> SMTP:
    """A session, logged in if somebody says who we are. What ~/.netrc has is for servers that ask for it only."""
    from netdaemon.cli.prompt import ask_login
    from netdaemon.protocols.smtp.client import connect
    from netdaemon.url.logins import login_for

    login = login_for(ask_login, url.host, url.user, url.password)
    client = await connect(reactor, url.host, url.port, settings=settings)
    try:
        if login is not None and (url.user is not None or client.extensions.mechanisms):
            await client.login(login.user, login.password)
    except BaseException:
        client.abort()
        raise
    return client
