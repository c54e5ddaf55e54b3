"""HTTP under TLS, and the handshakes alone. Everybody has the same certificate, on P-256."""

from __future__ import annotations

from tests.bench.figures import RATE, Goal
from tests.bench.loads import generator, wrk
from tests.bench.part import Column, Part, Variant, work_columns
from tests.bench.peers import netdaemon, stock, web
from tests.bench.peers.site import LARGE, LARGE_SIZE, SMALL

REQUESTS = wrk(SMALL, transport="tls")

small = Part(
    name="tls.small",
    title="HTTPS, 1 KiB, keep-alive",
    about="64 connections, one request in flight on each (wrk).",
    columns=work_columns("requests"),
    variants=(
        Variant("netdaemon", netdaemon.http("tls"), REQUESTS),
        Variant("nginx", web.nginx(), REQUESTS),
        Variant("twisted.web", stock.stock("web", "tls"), REQUESTS),
    ),
    against="nginx",
    goals=(Goal("netdaemon", RATE, "nginx", least=0.8),),
)

DOWNLOAD = generator("download", "tls", path=LARGE, size=LARGE_SIZE, tls=True)

file = Part(
    name="tls.file",
    title="HTTPS, a file of 100 MiB",
    about="One connection; the reader decrypts, and may well set the pace.",
    columns=work_columns("MB"),
    variants=(
        Variant("netdaemon", netdaemon.http("tls"), DOWNLOAD),
        Variant("nginx", web.nginx(), DOWNLOAD),
        Variant("twisted.web", stock.stock("web", "tls"), DOWNLOAD),
    ),
    against="nginx",
)


RESUMING = generator("handshakes", "tls", path=SMALL, resume=True)


def _handshakes(resume: bool) -> tuple[Variant, ...]:
    load = generator("handshakes", "tls", path=SMALL, resume=resume)
    return (
        Variant("netdaemon", netdaemon.http("tls"), load),
        Variant("nginx", web.nginx(), load),
        Variant("CertificateOptions", stock.stock("answer", "tls"), load),
    )


HANDSHAKES = work_columns("handshakes", Column("resumed", "resumed %"))
ABOUT = (
    "TLS 1.3, eight connections at a time, each with one HEAD request, which shows that the server is through with the "
    "handshake too. *CertificateOptions* is a stock Twisted server with the least behind it: any request, one answer."
)

new = Part("tls.new", "TLS handshakes, new sessions", ABOUT, HANDSHAKES, _handshakes(False), "nginx")

resumed = Part(
    name="tls.resumed",
    title="TLS handshakes, resumed sessions",
    about="The same, each connection offering the ticket of the first. Two workers (both on one core) have tickets of "
    "their own, and let a client come back to its worker; with `sticky = no` the kernel spreads its connections.",
    columns=HANDSHAKES,
    variants=(
        *_handshakes(True),
        Variant("netdaemon, two workers", netdaemon.http("tls", daemon="workers = 2"), RESUMING),
        Variant("two workers, not sticky", netdaemon.http("tls", daemon="workers = 2", tls="sticky = no"), RESUMING),
    ),
    against="nginx",
    goals=(
        Goal("netdaemon", RATE, "nginx", least=0.65),
        Goal("netdaemon", "resumed", least=99.0),
        Goal("netdaemon, two workers", "resumed", least=99.0),
    ),
)

PARTS = (small, file, new, resumed)
