"""`netdaemon time`: ask a server for the time (RFC 868)."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from netdaemon.config.values import duration


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = groups.add_parser(
        "time", help="ask a server for the time", description="Ask a server of RFC 868 for the time."
    )
    parser.add_argument("host", metavar="HOST", help="a name, an IPv4 or an IPv6 address")
    parser.add_argument("port", metavar="PORT", nargs="?", type=port_number, default=37, help="37 unless given")
    parser.add_argument("--udp", action="store_true", help="ask by datagram")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--timeout", metavar="TIME", type=seconds, default=5.0, help="how long to wait at most (5s)")
    parser.set_defaults(run=run)


def port_number(text: str) -> int:
    """An argument that is a port."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """An argument that is a duration as in the INI, or a bare number of seconds."""
    try:
        value = duration.parse(text if text[-1:].isalpha() else f"{text}s", Path())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not value:
        raise argparse.ArgumentTypeError("no time at all is too short")
    return value


def run(args: argparse.Namespace) -> int:
    from netdaemon.cli.terminal import fail, run_async
    from netdaemon.protocols.time.client import TimeError, TimeReply, fetch_time
    from netdaemon.wire.escape import escape

    async def ask(reactor: Any) -> int:
        host = args.host
        if host.startswith("[") and host.endswith("]"):  # an IPv6 address as URLs and ready-files have it
            host = host[1:-1]
        reply = await fetch_time(reactor, host, args.port, args.udp, args.timeout)
        print(as_json(reply) if args.json else as_text(reply))
        return 0

    def as_json(reply: TimeReply) -> str:
        return json.dumps(
            {
                "time": reply.time,
                "ctime": time.ctime(reply.time),
                "offset": round(reply.offset, 6),
                "round_trip": round(reply.round_trip, 6),
                "address": reply.address,
                "port": args.port,
                "transport": "udp" if args.udp else "tcp",
            }
        )

    def as_text(reply: TimeReply) -> str:
        return (
            f"{time.ctime(reply.time)}\n"
            f"offset {reply.offset:+.1f} s, round trip {reply.round_trip * 1000:.1f} ms, from {reply.address}"
        )

    try:
        return run_async(ask)
    except TimeError as error:
        fail(escape(str(error)))
