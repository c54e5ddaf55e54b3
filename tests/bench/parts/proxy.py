"""The forward proxy."""

from __future__ import annotations

from tests.bench import through
from tests.bench.figures import CPU, RATE, Goal
from tests.bench.part import Part, Variant, work_columns
from tests.bench.peers import netdaemon, proxies

small = Part(
    name="proxy.small",
    title="Proxy, 1 KiB, keep-alive",
    about="A document of 1 KiB through the proxy, 64 connections that stay open, one request in flight on each (wrk); "
    "the origin is nginx, on the load's core. squid is without its cache and its log. tinyproxy closes each "
    "connection, which wrk counts as an error.",
    columns=work_columns("requests"),
    variants=(
        Variant("netdaemon", netdaemon.proxy(), through.small()),
        Variant("squid", proxies.squid(), through.small()),
        Variant("tinyproxy", proxies.tinyproxy(), through.small(tolerant=True)),
    ),
    against="squid",
    goals=(
        Goal("netdaemon", RATE, "squid", least=1.0),
        Goal("netdaemon", RATE, "tinyproxy", least=1.0),
    ),
)

tunnel = Part(
    name="proxy.tunnel",
    title="Proxy, a file of 100 MiB by CONNECT",
    about="One tunnel, whose reader has the kernel throw the octets away: the proxy sets the pace. MB are millions of "
    "octets.",
    columns=work_columns("MB"),
    variants=(
        Variant("netdaemon", netdaemon.proxy(), through.tunnelled()),
        Variant("squid", proxies.squid(), through.tunnelled()),
        Variant("tinyproxy", proxies.tinyproxy(), through.tunnelled()),
    ),
    against="tinyproxy",
    goals=(
        Goal("netdaemon", RATE, "tinyproxy", least=1.0),
        Goal("netdaemon", CPU, "tinyproxy", most=1.0),
    ),
)

PARTS = (small, tunnel)
