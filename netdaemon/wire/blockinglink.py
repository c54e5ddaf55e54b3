"""A client's connection on a blocking socket, line by line: what `LineClient` is on Twisted's transports.

class PageLink(BlockingLink[bytes]):
    max_line = 512

    def read_reply(self, until: float) -> bytes:
        return self.line(until)

Its methods that are to be awaited never wait: they are over when they return (`blocking.run`).
"""

from __future__ import annotations

import select
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from netdaemon.wire import blocking
from netdaemon.wire.blocking import Closed, Late, Stream, run
from netdaemon.wire.framing import CRLF, flaw_in
from netdaemon.wire.lineclient import ConnectionLost, ProtocolError, Timeout, check
from netdaemon.wire.reaching import Timeouts
from netdaemon.wire.tlsbinding import bindings
from netdaemon.wire.transcript import Transcript, masked

R = TypeVar("R")
T = TypeVar("T", bound=Timeouts)
L = TypeVar("L", bound="BlockingLink[Any]")


class BlockingLink(Generic[R]):
    """One connection to a server; ``R`` is what `read_reply` gives.

    What waits raises ConnectionLost, Timeout or ProtocolError, as `LineClient` does. Moments are of `time.monotonic`.
    """

    max_line = 64 * 1024
    """Octets of a line, its end among them."""
    greeting: R

    def __init__(self, stream: Stream, timeouts: Timeouts, transcript: Transcript | None = None) -> None:
        self.stream = stream
        self._timeouts = timeouts
        self._transcript = transcript
        self._unread = bytearray()

    # --- for protocols ---------------------------------------------------------------------------------------

    async def greet(self) -> None:
        """Read the greeting; it comes before anything else."""
        self.greeting = await self.reply()

    def read_reply(self, until: float) -> R:
        """Read one reply, by `line`, until a moment. Raises ProtocolError for what is none. Here: one line."""
        line: Any = self.line(until)
        return line  # type: ignore[no-any-return]  # an heir whose R is not bytes has its own

    # --- requests --------------------------------------------------------------------------------------------

    @property
    def secure(self) -> bool:
        """Is it under TLS?"""
        return self.stream.tls is not None

    @property
    def gone(self) -> bool:
        """Is it closed?"""
        return self.stream.gone

    def bindings(self) -> Mapping[str, bytes]:
        """Its channel bindings for SCRAM; none without TLS."""
        return {} if self.stream.tls is None else bindings(self.stream.tls)

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None, None]:
        """Around a request and its replies: when they fail the connection is dropped."""
        if self.gone:
            raise ConnectionLost("the connection is closed")
        try:
            yield
        except (ConnectionLost, ProtocolError, KeyboardInterrupt, GeneratorExit):
            self.abort()
            raise

    def say(self, line: bytes, *, secret: int | None = None) -> None:
        """Send a command, of which a transcript shows ``secret`` words. Raises ValueError for CR, LF or NUL."""
        self.say_all([line], secret=secret)

    def say_all(self, lines: Sequence[bytes], *, secret: int | None = None) -> None:
        """Send commands at once."""
        for line in lines:
            check(line)
        if self._transcript is not None:
            for line in lines:
                self.said(line if secret is None else masked(line, secret))
        self.write(CRLF.join(lines) + CRLF, self._timeouts.answer)

    async def reply(self, seconds: float | None = None) -> R:
        """The next reply, within so many seconds (None: `Timeouts.answer`)."""
        return self.read_reply(time.monotonic() + (self._timeouts.answer if seconds is None else seconds))

    async def start_tls(self, context: Any) -> None:
        """Behind the server's go-ahead. Raises TLSFailed."""
        if self._unread:
            self.abort()
            raise ProtocolError("bytes in clear behind the server's go-ahead for TLS")
        self.stream.start_tls(context, self._timeouts.connect)

    def abort(self) -> None:
        """Drop it."""
        self.stream.abort()

    async def close(self) -> None:
        """Close it, with nothing said."""
        self.stream.close()

    # --- octets ----------------------------------------------------------------------------------------------

    def line(self, until: float) -> bytes:
        """The server's next line, without its end."""
        while (line := self.next_line()) is None:
            self._unread += self.read(until)
        return line

    def next_line(self) -> bytes | None:
        """The next line out of what has come, None when it isn't whole. Raises ProtocolError."""
        end = self._unread.find(CRLF)
        if end < 0:
            if len(self._unread) > self.max_line:
                raise ProtocolError("a line without an end")
            return None
        line = bytes(self._unread[:end])
        del self._unread[: end + 2]
        reason = "too many octets" if end + 2 > self.max_line else flaw_in(line, True)
        if reason is not None:
            raise ProtocolError(f"a line with {reason}")
        self.heard(line)
        return line

    def read(self, until: float | None = None) -> bytes:
        """At least one octet; without a moment what is there now, which may be nothing."""
        try:
            while not (data := self.stream.read()) and until is not None:
                self.stream.wait(select.POLLIN, until)
        except Late:
            raise Timeout("the server is too slow") from None
        except Closed:
            raise ConnectionLost("the server closed the connection") from None
        return data

    def write(self, data: bytes, seconds: float) -> None:
        """All of ``data``, ``seconds`` at most from one piece to the next."""
        try:
            self.stream.write(data, seconds)
        except Late:
            raise Timeout("the server takes nothing") from None
        except Closed:
            raise ConnectionLost("the server closed the connection") from None

    def said(self, line: bytes) -> None:
        """Have the transcript show what we said."""
        if self._transcript is not None:
            self._transcript.client(line)

    def heard(self, line: bytes) -> None:
        """Have it show what the server said."""
        if self._transcript is not None:
            self._transcript.server(line)


def reach(
    build: Callable[[Stream, T, Transcript | None], L],
    host: str,
    port: int,
    tls: Callable[[], Any] | None,
    timeouts: T,
    transcript: Transcript | None = None,
) -> L:
    """What ``build`` makes of a connection to ``host``, greeted.

    ``tls`` gives what creates connections (`ClientSettings.context`) where TLS begins with the first octet. Raises the
    ConnectFailed and TLSFailed of `wire.failures`, and what the link raises.
    """
    stream = blocking.reach(host, port, timeouts.connect, f"{host} port {port}")
    try:
        if tls is not None:
            stream.start_tls(tls(), timeouts.connect)
        link = build(stream, timeouts, transcript)
        run(link.greet())
    except BaseException:
        stream.abort()
        raise
    return link
