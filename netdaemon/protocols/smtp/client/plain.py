"""The SMTP client for programs without a reactor: the same client, on a socket that blocks.

    settings = Settings(tls=TLS.EXPLICIT)
    with connect("mail.example.org", 587, user="mulder", password="trustno1", settings=settings) as mail:
        mail.sendmail("mulder@example.org", ["scully@example.org"], b"Subject: ...")

Each method runs the coroutine of that name (`session.SMTP`), which on a blocking socket never waits, to its end.
"""

from __future__ import annotations

import select
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from twisted.internet.address import IPv4Address

from netdaemon.mail.addresses import Address
from netdaemon.mail.interfaces import Envelope
from netdaemon.protocols.smtp.client import session
from netdaemon.protocols.smtp.client.errors import told
from netdaemon.protocols.smtp.client.extensions import Extensions
from netdaemon.protocols.smtp.client.link import MAX_LINE
from netdaemon.protocols.smtp.client.settings import TLS, Settings
from netdaemon.protocols.smtp.client.source import Source
from netdaemon.protocols.smtp.client.url import PORTS
from netdaemon.protocols.smtp.grammar import Malformed
from netdaemon.protocols.smtp.grammar.replies import Reply, ReplyReader
from netdaemon.wire.blocking import Closed, Late, Stream, reach, run
from netdaemon.wire.dot import DotEncoder
from netdaemon.wire.framing import CRLF, flaw_in
from netdaemon.wire.lineclient import ConnectionLost, ProtocolError, Timeout, check
from netdaemon.wire.outgoing import Chunks, each
from netdaemon.wire.plaintext import on_loopback
from netdaemon.wire.reaching import Timeouts
from netdaemon.wire.tlsbinding import bindings
from netdaemon.wire.transcript import Transcript, masked

__all__ = ["SMTP", "TLS", "Settings", "connect"]


def connect(
    host: str,
    port: int | None = None,
    *,
    user: str | None = None,
    password: str = "",
    settings: Settings | None = None,
) -> SMTP:
    """A session at ``host``; as the awaitable `connect`. Raises Failed."""
    settings = settings or Settings()
    implicit = settings.tls is TLS.IMPLICIT
    timeouts = settings.timeouts
    port = port or PORTS["smtps" if implicit else "smtp"]
    stream = reach(host, port, timeouts.connect, f"{host} port {port}")
    link = SocketLink(stream, timeouts, settings.transcript)
    try:
        if implicit:
            stream.start_tls(settings.trust.client(host, (), settings.verify), timeouts.connect)
        with told():
            run(link.greet())
        made = session.SMTP(link, host, settings)
        run(made.begin(user, password))
    except BaseException:
        link.abort()
        raise
    return SMTP(made)


class SocketLink:
    """Provides `link.Link`."""

    greeting: Reply

    def __init__(self, stream: Stream, timeouts: Timeouts, transcript: Transcript | None = None) -> None:
        self._stream = stream
        self._timeouts = timeouts
        self._transcript = transcript
        self._unread = b""

    async def greet(self) -> None:
        """Read the greeting; it comes before anything else."""
        self.greeting = await self.reply()

    @property
    def secure(self) -> bool:
        return self._stream.tls is not None

    @property
    def local(self) -> bool:
        try:
            ends = (self._stream.socket.getsockname(), self._stream.socket.getpeername())
        except OSError:
            return False
        return on_loopback(*[IPv4Address("TCP", *end[:2]) for end in ends])  # of either kind: it looks at the text

    @property
    def address(self) -> str:
        try:
            address: str = self._stream.socket.getsockname()[0]
        except OSError:
            return ""
        return address

    @property
    def gone(self) -> bool:
        return self._stream.gone

    @property
    def over(self) -> bool:
        """Nothing may come between two commands: what can be read is the end, or the server's farewell."""
        try:
            return self.gone or bool(self._stream.wait(select.POLLIN, time.monotonic()))
        except Late:
            return False

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

    def say_all(self, lines: Sequence[bytes], *, secret: int | None = None) -> None:
        for line in lines:
            check(line)
        if self._transcript is not None:
            for line in lines:
                self._transcript.client(line if secret is None else masked(line, secret))
        self._write(CRLF.join(lines) + CRLF, self._timeouts.answer)

    async def reply(self, seconds: float | None = None) -> Reply:
        until = time.monotonic() + (self._timeouts.answer if seconds is None else seconds)
        reader = ReplyReader()
        while True:
            try:
                reply = reader.feed(self._line(until))
            except Malformed as error:
                raise ProtocolError(str(error)) from None
            if reply is not None:
                return reply

    def _line(self, until: float) -> bytes:
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
        return line

    async def send_body(self, chunks: Chunks, *, refuse: bool = True) -> None:
        encoder = DotEncoder(refuse=refuse)
        try:
            async for chunk in each(chunks):
                self._write(encoder.feed(chunk), self._timeouts.stall)
            self._write(encoder.finish(), self._timeouts.stall)
        except BaseException:
            self.abort()
            raise
        if self._transcript is not None:
            self._transcript.client(b"[body]")

    async def send_chunk(self, line: bytes, data: bytes) -> None:
        self.say_all([line])
        if self._transcript is not None:
            self._transcript.client(b"[chunk of %d octets]" % len(data))
        self._write(data, self._timeouts.stall)

    async def start_tls(self, context: Any) -> None:
        if self._unread:
            raise ProtocolError("bytes in clear behind the server's go-ahead for TLS")
        self._stream.start_tls(context, self._timeouts.connect)

    def abort(self) -> None:
        self._stream.abort()

    async def close(self) -> None:
        self._stream.close()

    def _write(self, data: bytes, seconds: float) -> None:
        try:
            self._stream.write(data, seconds)
        except Late:
            raise Timeout("the server takes nothing") from None
        except Closed:
            raise ConnectionLost("the server closed the connection") from None

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


class SMTP:
    """One session; ``session`` is the client that does the work."""

    def __init__(self, made: session.SMTP) -> None:
        self.session = made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run(self.session.__aexit__(kind, error, trace))

    @property
    def extensions(self) -> Extensions:
        return self.session.extensions

    @property
    def secure(self) -> bool:
        return self.session.secure

    @property
    def usable(self) -> bool:
        return self.session.usable

    def start_tls(self) -> None:
        run(self.session.start_tls())

    def login(self, user: str, password: str) -> None:
        run(self.session.login(user, password))

    def send(self, envelope: Envelope, source: Source, *, size: int | None = None) -> list[Reply]:
        return run(self.session.send(envelope, source, size=size))

    def sendmail(
        self, sender: str | Address | None, recipients: str | Address | Sequence[str | Address], message: bytes | str
    ) -> dict[Address, Reply]:
        return run(self.session.sendmail(sender, recipients, message))

    def reset(self) -> None:
        run(self.session.reset())

    def noop(self) -> None:
        run(self.session.noop())

    def verify(self, address: str) -> Reply:
        return run(self.session.verify(address))

    def expand(self, address: str) -> Reply:
        return run(self.session.expand(address))

    def quit(self) -> None:
        run(self.session.quit())

    def abort(self) -> None:
        self.session.abort()
