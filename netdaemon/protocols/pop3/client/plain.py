"""The POP3 client for programs without a reactor: the same client, on a socket that blocks.

    with connect("pop.example.org", user="mulder", password="trustno1", settings=Settings(tls=TLS.IMPLICIT)) as pop:
        for number in pop.list():
            message = pop.message(number)
            pop.delete(number)

Each method runs the coroutine of that name (`session.POP3`), which on a blocking socket never waits, to its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import TracebackType
from typing import Self

from netdaemon.protocols.pop3 import ALPN
from netdaemon.protocols.pop3.client import session
from netdaemon.protocols.pop3.client.errors import told
from netdaemon.protocols.pop3.client.link import MAX_LINE
from netdaemon.protocols.pop3.client.session import MESSAGE
from netdaemon.protocols.pop3.client.settings import TLS, Settings
from netdaemon.protocols.pop3.client.url import PORTS
from netdaemon.protocols.pop3.grammar import Malformed, Status, parse_status
from netdaemon.wire.blocking import run
from netdaemon.wire.blockinglink import BlockingLink, reach
from netdaemon.wire.dot import DotDecoder
from netdaemon.wire.lineclient import ProtocolError
from netdaemon.wire.linestream import Sink

__all__ = ["POP3", "TLS", "Settings", "connect"]


def connect(
    host: str,
    port: int | None = None,
    *,
    user: str | None = None,
    password: str = "",
    settings: Settings | None = None,
) -> POP3:
    """A session at ``host``; as the awaitable `connect`. Raises Failed."""
    settings = settings or Settings()
    implicit = settings.tls is TLS.IMPLICIT
    port = port or PORTS["pop3s" if implicit else "pop3"]
    tls = partial(settings.context, host, ALPN) if implicit else None
    with told():
        link = reach(SocketLink, host, port, tls, settings.timeouts, settings.transcript)
    made = session.POP3(link, host, settings)
    try:
        run(made.begin(user, password))
    except BaseException:
        made.abort()
        raise
    return POP3(made)


class SocketLink(BlockingLink[Status]):
    """Provides `link.Link`."""

    max_line = MAX_LINE

    def read_reply(self, until: float) -> Status:
        try:
            return parse_status(self.line(until))
        except Malformed as error:
            raise ProtocolError(str(error)) from None

    async def body(self, write: Sink, limit: int | None = None) -> DotDecoder:
        decoder = DotDecoder(limit)
        failure: Exception | None = None
        while not decoder.finished:
            data = bytes(self._unread)
            self._unread.clear()
            data = decoder.feed(data or self.read(time.monotonic() + self._timeouts.stall))
            if data and failure is None:
                try:
                    write(data)
                except Exception as error:  # noqa: BLE001  # raised at the body's end
                    failure = error
        self._unread += decoder.leftover
        self.heard(b"[body of %d octets]" % decoder.size)
        if failure is not None:
            raise failure
        return decoder


class POP3:
    """One session; ``session`` is the client that does the work."""

    def __init__(self, made: session.POP3) -> None:
        self.session = made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run(self.session.__aexit__(kind, error, trace))

    def capabilities(self) -> Mapping[str, tuple[str, ...]]:
        return run(self.session.capabilities())

    def start_tls(self) -> None:
        run(self.session.start_tls())

    def login(self, user: str, password: str) -> None:
        run(self.session.login(user, password))

    def apop(self, user: str, secret: str) -> None:
        run(self.session.apop(user, secret))

    def stat(self) -> tuple[int, int]:
        return run(self.session.stat())

    def list(self) -> dict[int, int]:
        return run(self.session.list())

    def octets(self, number: int) -> int:
        return run(self.session.octets(number))

    def uidl(self) -> dict[int, str]:
        return run(self.session.uidl())

    def uid(self, number: int) -> str:
        return run(self.session.uid(number))

    def retrieve(self, number: int, write: Callable[[bytes], object], limit: int | None = None) -> int:
        return run(self.session.retrieve(number, lambda data: _nothing(write(data)), limit))

    def message(self, number: int, limit: int = MESSAGE) -> bytes:
        return run(self.session.message(number, limit))

    def top(self, number: int, lines: int = 0, limit: int = MESSAGE) -> bytes:
        return run(self.session.top(number, lines, limit))

    def tops(self, numbers: Iterable[int], lines: int = 0) -> Iterator[tuple[int, bytes | None]]:
        coming = self.session.tops(numbers, lines)
        while True:
            try:
                found = run(anext(coming))
            except StopAsyncIteration:
                return
            yield found

    def delete(self, *numbers: int) -> None:
        run(self.session.delete(*numbers))

    def reset(self) -> None:
        run(self.session.reset())

    def noop(self) -> None:
        run(self.session.noop())

    def utf8(self) -> None:
        run(self.session.utf8())

    def languages(self) -> dict[str, str]:
        return run(self.session.languages())

    def language(self, tag: str) -> None:
        run(self.session.language(tag))

    def quit(self) -> None:
        run(self.session.quit())

    def abort(self) -> None:
        self.session.abort()


def _nothing(ignored: object) -> None:
    """What a blocking ``write`` returns is nothing to wait for."""
