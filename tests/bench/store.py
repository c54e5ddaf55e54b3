"""The message store: durable deliveries of 10 KiB at several concurrencies, rows read, a folder of 100,000 opened."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from netdaemon.messages.interfaces import Delivery, Folder, Summary, Target
from netdaemon.messages.store import Store, done
from netdaemon.messages.terms import Holds
from tests.bench.documents import best, row

CONCURRENCIES = (1, 8, 20, 64)
OCTETS = 10 << 10
MESSAGES = 100_000
AT_ONCE = 1000


def summary(number: int) -> Summary:
    return Summary(
        msgid=f"<{number}.abcdefgh@example.org>",
        subject=f"Subject number {number}",
        from_="Fox Mulder <mulder@spam.egg>",
        to="scully@spam.egg",
        date=1_700_000_000 + number,
        references=(),
        lines=200,
        headers_size=600,
        envelope=b"e" * 300,
        bodystructure=b"s" * 200,
        preview="p" * 200,
    )


async def deliveries(reactor: Any, data: Path) -> None:
    """Each deliverer sends its next message when the last one is durable."""
    store = Store(data, reactor.callFromThread)
    folder = await store.ensure("mulder", "INBOX")
    number = 0
    for concurrency in CONCURRENCIES:
        end = number + max(1000, 200 * concurrency)

        async def deliver(end: int = end) -> None:
            nonlocal number
            while number < end:
                number += 1
                with store.spool() as spool:
                    spool.write(os.urandom(OCTETS))
                    await store.deliver(spool.finish(), summary(number), [Target(folder.id)])

        begin, count = time.perf_counter(), end - number
        await gatherResults([Deferred.fromCoroutine(deliver()) for _ in range(concurrency)])
        row(f"durable deliveries of 10 KiB, {concurrency} at a time", count / (time.perf_counter() - begin), "/s")
    store.close()


def fill(data: Path) -> Folder:
    store = Store(data)
    folder = done(store.ensure("mulder", "INBOX"))
    for begin in range(0, MESSAGES, AT_ONCE):
        waiting = []
        for number in range(begin, begin + AT_ONCE):
            spool = store.spool()
            spool.write(b"%d" % number * 200)
            waiting.append(Delivery(spool.finish(), summary(number), [Target(folder.id)]))
        done(store.deliver_all(waiting))
    store.close()
    return folder


def once(call: Callable[[], object]) -> float:
    """Milliseconds."""
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1e3


def reads(data: Path) -> None:
    folder = fill(data)

    def opened() -> None:
        store = Store(data)
        store.folder("mulder", "INBOX")
        store.close()

    row("open a store of 100,000 messages, and its folder", min(once(opened) for _ in range(5)), "ms")
    store = Store(data)
    some = ((50_000, 50_049),)
    row("entries, 50 (FETCH FLAGS)", best(lambda: store.entries(folder.id, some), 500), "us")
    row("rows, 50 (FETCH ENVELOPE)", best(lambda: store.rows(folder.id, some), 500), "us")
    row("overview, rows a second", 500e6 / best(lambda: store.overview(folder.id, 1, 500), 50), "/s")
    row("a body of 1 KiB", best(lambda: store.body(50_000).read_now(0, 1024), 2000), "us")
    row("every UID", once(lambda: done(store.uids(folder.id))), "ms")
    row("search a subject", once(lambda: done(store.search(folder.id, Holds("subject", "number 99999")))), "ms")
    store.close()


def main(reactor: Any) -> Deferred[None]:
    async def run() -> None:
        with tempfile.TemporaryDirectory(prefix="netdaemon-bench-") as name:
            await deliveries(reactor, _folder(name, "deliveries"))
            reads(_folder(name, "reads"))

    return Deferred.fromCoroutine(run())


def _folder(top: str, name: str) -> Path:
    folder = Path(top) / name
    folder.mkdir()
    return folder


if __name__ == "__main__":
    react(main)
