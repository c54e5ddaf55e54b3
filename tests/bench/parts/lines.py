"""Line protocols: commands and bodies."""

from __future__ import annotations

from tests.bench.figures import RATE, Goal
from tests.bench.loads import generator
from tests.bench.part import Part, Variant, work_columns
from tests.bench.peers import bare, netdaemon, stock

NOOP = generator("commands", line="NOOP", answer="250 ")
IMAP_NOOP = generator("commands", line="a1 NOOP", answer="a1 OK")
SMTP_RSET = generator("commands", line="RSET", answer="250 ")

commands = Part(
    name="lines.commands",
    title="Commands of a line protocol",
    about="64 connections, one command in flight on each: NOOP; RSET for twisted.mail's SMTP, which has no NOOP and "
    "nothing cheaper. netdaemon's is a table of two verbs on `LineSession`, with counting, limits and deadlines on. "
    "*Bare loop* is the ceiling: an epoll loop that makes the system calls and nothing else, any read being answered.",
    columns=work_columns("commands"),
    variants=(
        Variant("netdaemon", netdaemon.lines(), NOOP),
        Variant("IMAP4Server", stock.stock("imap", "tcp"), IMAP_NOOP),
        Variant("SMTP", stock.stock("smtp", "tcp"), SMTP_RSET),
        Variant("LineReceiver", stock.stock("lines", "tcp"), NOOP),
        Variant("bare loop", bare.bare("lines"), NOOP),
    ),
    against="IMAP4Server",
    goals=(
        Goal("netdaemon", RATE, "IMAP4Server", least=2.5),
        Goal("netdaemon", RATE, "SMTP", least=2.5),
    ),
)

BODIES = generator("bodies")

data = Part(
    name="lines.data",
    title="Bodies of 50 KiB, dot-stuffed",
    about="DATA, 354, lines of 50 octets of which every twentieth begins with a dot, 250 with the size unstuffed; "
    "eight connections.",
    columns=work_columns("bodies"),
    variants=(
        Variant("netdaemon", netdaemon.lines(), BODIES),
        Variant("LineReceiver", stock.stock("lines", "tcp"), BODIES),
    ),
    against="LineReceiver",
    goals=(Goal("netdaemon", RATE, "LineReceiver", least=5.0),),
)

PARTS = (commands, data)
