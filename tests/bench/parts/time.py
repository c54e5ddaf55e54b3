"""RFC 868."""

from __future__ import annotations

from tests.bench.figures import RATE, Goal
from tests.bench.loads import generator
from tests.bench.part import Column, Load, Part, Variant, work_columns
from tests.bench.peers import inetd, netdaemon, stock


def _variants(load: Load) -> tuple[Variant, ...]:
    return (
        Variant("netdaemon", netdaemon.time(), load),
        Variant("xinetd", inetd.xinetd(), load),
        Variant("xinetd, no host tables", inetd.xinetd(tables=False), load),
        Variant("Twisted", stock.stock("time", "tcp", "udp"), load),
    )


LOST = Column("lost", "lost %", 1)

tcp = Part(
    name="time.tcp",
    title="Time over TCP",
    about="Connect, read four octets and the end, close; 64 at a time. xinetd answers by itself, without a process; as "
    "it is installed it reads hosts.allow and hosts.deny for each request.",
    columns=work_columns("connections"),
    variants=_variants(generator("connections")),
    against="xinetd",
    goals=(
        Goal("netdaemon", RATE, "xinetd", least=1.1),
        Goal("netdaemon", RATE, "xinetd, no host tables", least=1.1),
    ),
)

udp = Part(
    name="time.udp",
    title="Time over UDP, one in flight",
    about="A datagram out, an answer in; sent anew when none came within 5 ms. xinetd empties its socket behind each "
    "answer and loses what has come meanwhile.",
    columns=work_columns("answers", LOST),
    variants=_variants(generator("datagrams", "udp")),
    against="xinetd",
    goals=(
        Goal("netdaemon", RATE, "xinetd", least=4.0),
        Goal("netdaemon", RATE, "xinetd, no host tables", least=4.0),
    ),
)

window = Part(
    name="time.window",
    title="Time over UDP, 32 in flight",
    about="The same with 32 datagrams under way.",
    columns=work_columns("answers", LOST),
    variants=_variants(generator("datagrams", "udp", window=32)),
    against="Twisted",
)

PARTS = (tcp, udp, window)
