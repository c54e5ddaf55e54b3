"""What one request for a small file costs without any socket: `python -m tests.bench.http_memory`.

A session is fed its requests one read at a time and writes to a transport that costs nothing; the document tree, the
counters and the access log are the real ones. Medians of alternating runs; read the ratios, the machine's noise is in
the figures. With an argument, the profile of that variant instead.
"""

from __future__ import annotations

import cProfile
import gc
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet import task
from twisted.internet.address import IPv4Address

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.protocols.http import HTTPSettings, http
from netdaemon.run.measure import Measure
from tests.kit.house import house

RUNS = 7
REQUESTS = 20_000

BARE = b"GET /small.html HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"
BROWSER = (
    b"GET /small.html HTTP/1.1\r\nHost: localhost:8080\r\nConnection: keep-alive\r\n"
    b'sec-ch-ua: "Chromium";v="124", "Not-A.Brand";v="99"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\n'
    b"Upgrade-Insecure-Requests: 1\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Safari/537.36\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    b"Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nAccept-Encoding: gzip, deflate, br\r\n"
    b"Accept-Language: en-GB,en;q=0.9\r\n\r\n"
)


class Clock(task.Clock):
    """Real time; the timers never run."""

    def seconds(self) -> float:
        return time.monotonic()


class Sink:
    """A transport that costs nothing."""

    def write(self, data: bytes) -> None:
        pass

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.7", 4711)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        pass


class Variant:
    """One session to which the same reads are given again and again."""

    def __init__(self, top: Path, reads: Sequence[bytes], log: bool = False, **settings: Any) -> None:
        clock = Clock()
        self.tree = Tree(DocumentsSettings(root=top), clock)
        made = house(clock, documents=self.tree, measure=Measure(clock), wall=time.time)
        path = top.parent / "access.log" if log else None
        factory: Any = http.factory(HTTPSettings(section="http", listen=(), access_log=path, **settings), made)
        self.session = factory.buildProtocol(None)
        self.session.makeConnection(Sink())
        self.reads = reads

    def run(self) -> float:
        """Microseconds per request."""
        received, reads = self.session.dataReceived, self.reads
        start = time.perf_counter()
        for read in reads:
            received(read)
        return (time.perf_counter() - start) / len(reads) * 1e6


def distinct(request: bytes) -> list[bytes]:
    """The request with a head of its own each time; fresh bytes, as a transport gives them."""
    return [request[:-2] + b"X-Number: %06d\r\n\r\n" % number for number in range(REQUESTS)]


def same(request: bytes) -> list[bytes]:
    return [bytes(bytearray(request)) for _ in range(REQUESTS)]


def variants(top: Path) -> dict[str, Variant]:
    off: dict[str, Any] = {"cache_size": 0} if "cache_size" in HTTPSettings.__dataclass_fields__ else {}
    return {
        "plain": Variant(top, same(BARE)),
        "plain, distinct heads": Variant(top, distinct(BARE)),
        "plain, no file cache": Variant(top, same(BARE), **off),
        "plain, access log": Variant(top, same(BARE), log=True),
        "12 fields": Variant(top, same(BROWSER)),
        "12 fields, distinct heads": Variant(top, distinct(BROWSER)),
        "12 fields, no file cache": Variant(top, same(BROWSER), **off),
        "12 fields, access log": Variant(top, same(BROWSER), log=True),
        "12 fields, access log, distinct heads": Variant(top, distinct(BROWSER), log=True),
    }


def main(arguments: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder) / "top"
        top.mkdir()
        (top / "small.html").write_bytes(b"x" * 1024)
        # as old as what a server usually shows: a file fresh from the writer is looked at more often
        os.utime(top / "small.html", (1_700_000_000, 1_700_000_000))
        made = variants(top)
        if arguments:
            profile = cProfile.Profile()
            profile.runcall(made[arguments[0]].run)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
            return
        times: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(RUNS):
            for name, variant in made.items():
                gc.collect()
                times[name].append(variant.run())
        print("us per request for a file of 1 KiB, in memory")
        for name, took in times.items():
            print(f"  {name:40}{statistics.median(took):7.2f}  (least {min(took):.2f})")


if __name__ == "__main__":
    main(sys.argv[1:])
