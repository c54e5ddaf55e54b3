"""What framing costs, against Twisted's stock LineReceiver: `python -m tests.bench.framing`.

Medians of alternating runs; read the ratios, the machine's noise is in the figures.
"""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.protocols.basic import LineReceiver

from netdaemon.wire.dot import DotDecoder, DotEncoder
from netdaemon.wire.framing import Framing
from netdaemon.wire.line import ALWAYS, LineFactory, LineSession, LineSettings, Texts, Verb, VerbTable
from tests.kit.house import house

RUNS = 5


class Sink:
    """A transport that costs nothing."""

    disconnecting = False

    def write(self, data: bytes) -> None:
        pass

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        pass


class Stock(LineReceiver):
    def lineReceived(self, line: bytes) -> None:
        pass


class Ours(Framing):
    def lineReceived(self, line: bytes) -> None:
        pass


class Session(LineSession):
    max_line = 512
    texts = Texts(*[b"500 no"] * 8)

    def noop(self, arguments: bytes) -> None:
        self.send(b"250 OK")

    async def wait(self, arguments: bytes) -> None:
        self.send(b"250 OK")


Session.verbs = VerbTable(Verb(b"NOOP", ALWAYS, Session.noop), Verb(b"WAIT", ALWAYS, Session.wait))


class Factory(LineFactory):
    name = "bench"
    session = Session


def factory() -> Factory:
    return Factory(LineSettings(section="bench", listen=()), house())


def session() -> LineSession:
    return factory().buildProtocol(None)


def feed(make: Callable[[], Any], data: bytes, size: int) -> Callable[[], None]:
    """Gives ``data`` to a fresh protocol in reads of ``size``."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]

    def run() -> None:
        protocol = make()
        protocol.makeConnection(Sink())
        received = protocol.dataReceived
        for piece in pieces:
            received(piece)

    return run


def body_by_line(data: bytes, size: int) -> Callable[[], None]:
    """How twisted.mail and its kin take a message: a line at a time."""

    class Body(LineReceiver):
        def __init__(self) -> None:
            self.lines: list[bytes] = []

        def lineReceived(self, line: bytes) -> None:
            if line[:1] == b".":
                if line == b".":
                    self.body = b"\n".join(self.lines)
                    return
                line = line[1:]
            self.lines.append(line)

    return feed(Body, data, size)


def body_by_decoder(data: bytes, size: int) -> Callable[[], None]:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]

    def run() -> None:
        decoder = DotDecoder(1 << 20)
        body = b"".join([decoder.feed(piece) for piece in pieces])
        assert decoder.finished and body

    return run


def body_by_encoder(data: bytes) -> Callable[[], None]:
    def run() -> None:
        encoder = DotEncoder()
        assert encoder.feed(data) + encoder.finish()

    return run


def compare(title: str, unit: str, units: int, **variants: Callable[[], None]) -> None:
    """Run the variants in turn; print the median of each, and how much faster than the first it is."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    gc.collect()
    for _ in range(RUNS):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    print(f"\n{title}")
    first = statistics.median(next(iter(times.values())))
    for name, took in times.items():
        median = statistics.median(took)
        each = f"{median / units * 1e6:9.2f} us per {unit}"
        print(f"  {name.replace('_', ' '):34}{median * 1000:10.2f} ms {each:28}{first / median:8.1f} x")


def memory() -> None:
    count = 2000
    print(f"\nmemory of an idle session (tracemalloc, {count} of them, without the socket's transport)")

    def size(make: Callable[[], Any]) -> float:
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        kept = []
        for _ in range(count):
            protocol = make()
            protocol.makeConnection(SINK)
            kept.append(protocol)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return (after - before) / count

    shared = factory()
    print(f"  {'Protocol':34}{size(Protocol):10.0f} octets")
    print(f"  {'stock LineReceiver':34}{size(Stock):10.0f} octets")
    print(f"  {'LineSession, its deadline included':34}{size(lambda: shared.buildProtocol(None)):10.0f} octets")


SINK = Sink()


def main() -> None:
    crlf = b"\r\n" * (1 << 19)
    small = crlf[: 1 << 17]
    compare("1 MiB of CRLF in one read (stock: some 10 s)", "line", 1 << 19, ours=feed(Ours, crlf, 1 << 20))
    compare("1 MiB of CRLF in reads of 64 KiB", "line", 1 << 19, ours=feed(Ours, crlf, 1 << 16))
    compare(
        "128 KiB of CRLF in one read",
        "line",
        1 << 16,
        stock=feed(Stock, small, 1 << 20),
        ours=feed(Ours, small, 1 << 20),
    )
    compare(
        "1 MiB of CRLF in reads of 1460", "line", 1 << 19, stock=feed(Stock, crlf, 1460), ours=feed(Ours, crlf, 1460)
    )
    lines = b"NOOP abcdef\r\n" * 20_000
    compare(
        "lines of 13 octets, pipelined, in reads of 64 KiB",
        "line",
        20_000,
        stock_LineReceiver=feed(Stock, lines, 65536),
        framing=feed(Ours, lines, 65536),
        LineSession_with_its_table=feed(session, lines, 65536),
    )
    compare(
        "the same, a line in each read",
        "line",
        20_000,
        stock_LineReceiver=feed(Stock, lines, 13),
        framing=feed(Ours, lines, 13),
        LineSession_with_its_table=feed(session, lines, 13),
        LineSession_coroutines=feed(session, lines.replace(b"NOOP", b"WAIT"), 13),
    )
    text = (b"x" * 70 + b"\r\n") * 680 + b"..stuffed\r\n" * 20 + b".\r\n"
    for size in (65536, 1460):
        compare(
            f"a body of 50 KiB in reads of {size}",
            "body",
            1,
            stock_LineReceiver_by_line=body_by_line(text, size),
            DotDecoder=body_by_decoder(text, size),
        )
    compare("50 KiB stuffed", "body", 1, DotEncoder=body_by_encoder(text[:-3]))
    memory()


if __name__ == "__main__":
    main()
