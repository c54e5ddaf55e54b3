"""The POP3 client for programs without a reactor: the same client, on a socket that blocks.

    with connect("pop.example.org", user="mulder", password="trustno1", settings=Settings(tls=TLS.IMPLICIT)) as pop:
        for number in pop.list():
            message = pop.message(number)
            pop.delete(number)

Each method runs the coroutine of that name (`session.POP3`), which on a blocking socket never waits, to its end.
"""

from __future__ import annotations

import select
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from netdaemon.protocols.pop3 import ALPN
from netdaemon.protocols.pop3.client import session
from netdaemon.protocols.pop3.client.errors import told
from netdaemon.protocols.pop3.client.link import MAX_LINE
from netdaemon.protocols.pop3.client.session import MESSAGE, TLS, Settings
from netdaemon.protocols.pop3.client.url import PORTS
from netdaemon.protocols.pop3.grammar import Malformed, Status, parse_status
from netdaemon.wire.blocking import Closed, Late, Stream, reach, run
from netdaemon.wire.dot import DotDecoder
from netdaemon.wire.framing import CRLF, flaw_in
from netdaemon.wire.lineclient import ConnectionLost, ProtocolError, Timeout, check
from netdaemon.wire.linestream import Sink
from netdaemon.wire.reaching import Timeouts
from netdaemon.wire.tlsbinding import bindings
from netdaemon.wire.transcript import Transcript, masked

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
    timeouts = settings.timeouts
    port = port or PORTS["pop3s" if implicit else "pop3"]
    stream = reach(host, port, timeouts.connect, f"{host} port {port}")
    link = SocketLink(stream, timeouts, settings.transcript)
    try:
        if implicit:
            stream.start_tls(settings.trust.client(host, ALPN, settings.verify), timeouts.connect)
        with told():
            run(link.greet())
        made = session.POP3(link, host, settings)
        run(made.begin(user, password))
    except BaseException:
        link.abort()
        raise
    return POP3(made)


class SocketLink:
    """Provides `link.Link`."""

    def __init__(self, stream: Stream, timeouts: Timeouts, transcript: Transcript | None = None) -> None:
        self._stream = stream
        self._timeouts = timeouts
        self._transcript = transcript
        self._unread = b""
        self.greeting: Status

    async def greet(self) -> None:
        """Read the greeting; it comes before anything else."""
        self.greeting = await self.reply()

    @property
    def secure(self) -> bool:
        return self._stream.tls is not None

    @property
    def gone(self) -> bool:
        return self._stream.gone

    def bindings(self) -> Mapping[str, bytes]:
        return {} if self._stream.tls is None else bindings(self._stream.tls)

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None, None]:
        if self.gone:
            raise ConnectionLost("the connection is closed")
        try:
            yield
        except (ConnectionLost, ProtocolError, KeyboardInterrupt, GeneratorExit):
            self.abort()
            raise

    def say(self, line: bytes, *, secret: int | None = None) -> None:
        check(line)
        if self._transcript is not None:
            self._transcript.client(line if secret is None else masked(line, secret))
        try:
            self._stream.write(line + CRLF, self._timeouts.answer)
        except Late:
            raise Timeout("the server takes nothing") from None
        except Closed:
            raise ConnectionLost("the server closed the connection") from None

    async def reply(self) -> Status:
        until = time.monotonic() + self._timeouts.answer
        while (end := self._unread.find(CRLF)) < 0:
            if len(self._unread) > MAX_LINE:
                raise ProtocolError("a line without an end")
            self._unread += self._read(until)
        line, self._unread = self._unread[:end], self._unread[end + 2 :]
        reason = "too many octets" if end + 2 > MAX_LINE else flaw_in(line, True)
        if reason is not None:
            raise ProtocolError(f"a line with {reason}")
        if self._transcript is not None:
            self._transcript.server(line)
        try:
            return parse_status(line)
        except Malformed as error:
            raise ProtocolError(str(error)) from None

    async def body(self, write: Sink, limit: int | None = None) -> DotDecoder:
        decoder = DotDecoder(limit)
        failure: Exception | None = None
        while not decoder.finished:
            data, self._unread = self._unread, b""
            data = decoder.feed(data or self._read(time.monotonic() + self._timeouts.stall))
            if data and failure is None:
                try:
                    write(data)
                except Exception as error:  # noqa: BLE001  # raised at the body's end
                    failure = error
        self._unread = decoder.leftover
        if self._transcript is not None:
            self._transcript.server(b"[body of %d octets]" % decoder.size)
        if failure is not None:
            raise failure
        return decoder

    async def start_tls(self, context: Any) -> None:
        if self._unread:
            raise ProtocolError("bytes in clear behind the server's go-ahead for TLS")
        self._stream.start_tls(context, self._timeouts.connect)

    def abort(self) -> None:
        self._stream.abort()

    async def close(self) -> None:
        self._stream.close()

    def _read(self, until: float) -> bytes:
        """At least one octet. Raises Timeout and ConnectionLost."""
        try:
            while not (data := self._stream.read()):
                self._stream.wait(select.POLLIN, until)
        except Late:
            raise Timeout("the server is too slow") from None
        except Closed:
            raise ConnectionLost("the server closed the connection") from None
        return data


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
