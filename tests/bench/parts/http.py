"""HTTP in clear."""

from __future__ import annotations

from tests.bench.figures import CPU, RATE, Goal
from tests.bench.loads import generator, wrk
from tests.bench.part import Part, Variant, work_columns
from tests.bench.peers import bare, netdaemon, stock, web
from tests.bench.peers.site import LARGE, LARGE_SIZE, SMALL

BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
    "DNT: 1",
    "Cookie: theme=dark; session=4f2a9c31d0b84e7fa3c5d6e7f8091a2b",
    "Referer: http://localhost/index.html",
    "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Priority: u=0, i",
)
"""With Host a dozen. No Accept-Encoding: nobody compresses here."""

CLOSE = "Connection: close"
REQUESTS = work_columns("requests")

small = Part(
    name="http.small",
    title="HTTP, 1 KiB, keep-alive",
    about="A document of 1 KiB, 64 connections that stay open, one request in flight on each (wrk). nginx keeps files "
    "open and looks at them again after a second, as netdaemon does; *nginx, no cache* opens them for each request; "
    "*nginx, no sendfile* reads instead, which is cheaper for what is small.",
    columns=REQUESTS,
    variants=(
        Variant("netdaemon", netdaemon.http("tcp"), wrk(SMALL)),
        Variant("nginx", web.nginx(), wrk(SMALL)),
        Variant("nginx, no sendfile", web.nginx(sendfile=False), wrk(SMALL)),
        Variant("nginx, no cache", web.nginx(cache=False), wrk(SMALL)),
        Variant("lighttpd", web.lighttpd(), wrk(SMALL)),
        Variant("twisted.web", stock.stock("web", "tcp"), wrk(SMALL)),
        Variant("http.server", web.http_server(), wrk(SMALL)),
    ),
    against="nginx",
    goals=(
        Goal("netdaemon", RATE, "nginx", least=1.0),
        Goal("netdaemon", RATE, "nginx, no sendfile", least=1.0),
        Goal("netdaemon", RATE, "twisted.web", least=10.0),
    ),
)

headers = Part(
    name="http.headers",
    title="HTTP, 1 KiB, keep-alive, a browser's dozen of header lines",
    about="The same with what a browser sends along.",
    columns=REQUESTS,
    variants=(
        Variant("netdaemon", netdaemon.http("tcp"), wrk(SMALL, *BROWSER)),
        Variant("nginx", web.nginx(), wrk(SMALL, *BROWSER)),
        Variant("nginx, no sendfile", web.nginx(sendfile=False), wrk(SMALL, *BROWSER)),
        Variant("lighttpd", web.lighttpd(), wrk(SMALL, *BROWSER)),
        Variant("twisted.web", stock.stock("web", "tcp"), wrk(SMALL, *BROWSER)),
    ),
    against="nginx",
)

log = Part(
    name="http.log",
    title="HTTP, 1 KiB, keep-alive, with an access log",
    about="The combined format, buffered by both.",
    columns=REQUESTS,
    variants=(
        Variant("netdaemon", netdaemon.http("tcp"), wrk(SMALL)),
        Variant("netdaemon, log", netdaemon.http("tcp", access_log=True), wrk(SMALL)),
        Variant("nginx", web.nginx(), wrk(SMALL)),
        Variant("nginx, log", web.nginx(access_log=True), wrk(SMALL)),
    ),
    against="netdaemon",
    goals=(Goal("netdaemon, log", CPU, "netdaemon", most=1.15),),
)

connections = Part(
    name="http.connections",
    title="HTTP, 1 KiB, a connection per request",
    about="64 at a time, `Connection: close`. *Bare loop* is the ceiling: accept, one read, a prepared answer and the "
    "end, without Twisted, HTTP, limits or deadlines.",
    columns=REQUESTS,
    variants=(
        Variant("netdaemon", netdaemon.http("tcp"), wrk(SMALL, CLOSE)),
        Variant("nginx", web.nginx(), wrk(SMALL, CLOSE)),
        Variant("nginx, no sendfile", web.nginx(sendfile=False), wrk(SMALL, CLOSE)),
        Variant("lighttpd", web.lighttpd(), wrk(SMALL, CLOSE, tolerant=True)),
        Variant("twisted.web", stock.stock("web", "tcp"), wrk(SMALL, CLOSE)),
        Variant("http.server", web.http_server(), wrk(SMALL, CLOSE, tolerant=True)),
        Variant("bare loop", bare.bare("connections"), wrk(SMALL, CLOSE)),
    ),
    against="nginx",
    goals=(Goal("netdaemon", RATE, "nginx", least=1.1),),
)

DOWNLOAD = generator("download", path=LARGE, size=LARGE_SIZE)

file = Part(
    name="http.file",
    title="HTTP, a file of 100 MiB",
    about="One connection, whose reader takes a MiB at a time, and may well set the pace. MB are millions of octets.",
    columns=work_columns("MB"),
    variants=(
        Variant("netdaemon", netdaemon.http("tcp"), DOWNLOAD),
        Variant("nginx", web.nginx(), DOWNLOAD),
        Variant("lighttpd", web.lighttpd(), DOWNLOAD),
        Variant("twisted.web", stock.stock("web", "tcp"), DOWNLOAD),
        Variant("http.server", web.http_server(), DOWNLOAD),
    ),
    against="nginx",
    goals=(
        Goal("netdaemon", RATE, "nginx", least=1.0, as_it_is=True),
        Goal("netdaemon", CPU, "nginx", most=1.2),
    ),
)

DOWNLOADS = generator("download", path=LARGE, size=LARGE_SIZE, count=4, discard=True)

files = Part(
    name="http.files",
    title="HTTP, a file of 100 MiB, four times at once",
    about="Four connections, whose reader has the kernel throw the octets away (MSG_TRUNC): the server sets the pace.",
    columns=work_columns("MB"),
    variants=(
        Variant("netdaemon", netdaemon.http("tcp"), DOWNLOADS),
        Variant("nginx", web.nginx(), DOWNLOADS),
        Variant("lighttpd", web.lighttpd(), DOWNLOADS),
        Variant("twisted.web", stock.stock("web", "tcp"), DOWNLOADS),
    ),
    against="nginx",
)

PARTS = (small, headers, log, connections, file, files)
