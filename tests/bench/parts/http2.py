"""HTTP/2, in clear and under TLS."""

from __future__ import annotations

from tests.bench.loads import h2load
from tests.bench.part import Part, Variant, work_columns
from tests.bench.peers import netdaemon, web
from tests.bench.peers.site import SMALL

ABOUT = "16 connections that stay open, eight requests in flight on each (h2load)."


def _small(name: str, title: str, transport: str) -> Part:
    load = h2load(SMALL, transport=transport)
    return Part(
        name=name,
        title=title,
        about=ABOUT,
        columns=work_columns("requests"),
        variants=(
            Variant("netdaemon", netdaemon.http(transport), load),
            Variant("nginx", web.nginx(http2=True), load),
            Variant("nghttpd", web.nghttpd(transport), load),
        ),
        against="nginx",
    )


small = _small("http2.small", "HTTP/2, 1 KiB", "tcp")
tls = _small("http2.tls", "HTTP/2 under TLS, 1 KiB", "tls")

PARTS = (small, tls)
