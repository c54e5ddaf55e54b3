"""CGI scripts."""

from __future__ import annotations

from pathlib import Path

from tests.bench.figures import RATE, Goal
from tests.bench.loads import wrk
from tests.bench.part import Part, Start, Variant, work_columns
from tests.bench.peers import netdaemon, web
from tests.bench.peers.scripts import PROGRAM, SHELL, compiled
from tests.bench.processes import Server

REQUESTS = work_columns("requests")
BALLAST = 500
"""MiB."""
HEAVY = f"netdaemon, {BALLAST} MB"


def with_program(start: Start) -> Start:
    """The same server, once the compiled program is there."""

    def started(folder: Path) -> Server:
        compiled(folder)
        return start(folder)

    return started


shell = Part(
    name="cgi.shell",
    title="CGI, a shell script",
    about="A script for sh that prints a line, 32 connections that stay open, one request in flight on each (wrk). "
    "Scripts share their server's core. *500 MB* is a daemon that holds so much memory: it starts its scripts without "
    "a fork.",
    columns=REQUESTS,
    variants=(
        Variant("netdaemon", netdaemon.cgi(), wrk(SHELL, connections=32)),
        Variant(HEAVY, netdaemon.cgi(BALLAST), wrk(SHELL, connections=32)),
        Variant("lighttpd", web.lighttpd(cgi=True), wrk(SHELL, connections=32)),
        Variant("Apache", web.apache(), wrk(SHELL, connections=32)),
    ),
    against="lighttpd",
    goals=(
        Goal("netdaemon", RATE, "lighttpd", least=1.0),
        Goal("netdaemon", RATE, "Apache", least=2.0),
        Goal(HEAVY, RATE, "netdaemon", least=0.9),
    ),
)

program = Part(
    name="cgi.program",
    title="CGI, a compiled program",
    about="The same with a program of C that writes the same once: the least that a script can cost.",
    columns=REQUESTS,
    variants=(
        Variant("netdaemon", with_program(netdaemon.cgi()), wrk(PROGRAM, connections=32)),
        Variant(HEAVY, with_program(netdaemon.cgi(BALLAST)), wrk(PROGRAM, connections=32)),
        Variant("lighttpd", with_program(web.lighttpd(cgi=True)), wrk(PROGRAM, connections=32)),
        Variant("Apache", with_program(web.apache()), wrk(PROGRAM, connections=32)),
    ),
    against="lighttpd",
    goals=(
        Goal("netdaemon", RATE, "lighttpd", least=1.0),
        Goal("netdaemon", RATE, "Apache", least=2.0),
    ),
)

PARTS = (shell, program)
