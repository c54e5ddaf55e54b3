"""Several workers."""

from __future__ import annotations

from tests.bench.figures import CPU, Goal
from tests.bench.loads import SHARE, wrk
from tests.bench.part import Column, Part, Variant, work_columns
from tests.bench.peers import netdaemon
from tests.bench.peers.site import SMALL

REQUESTS = wrk(SMALL, connections=256)

PARTS = (
    Part(
        name="workers",
        title="Two workers",
        about="HTTP, 1 KiB, keep-alive, 256 connections. The load generator takes the other core, so that both workers "
        "stand on one, and only how they share the work and what it costs can be seen, not what they gain.",
        columns=work_columns("requests", Column(SHARE, "the busier's share %")),
        variants=(
            Variant("one", netdaemon.http("tcp"), REQUESTS),
            Variant("two", netdaemon.http("tcp", daemon="workers = 2"), REQUESTS),
        ),
        against="one",
        goals=(Goal("two", CPU, "one", most=1.1), Goal("two", SHARE, most=60.0)),
    ),
)
