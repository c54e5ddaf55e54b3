"""The SMTP client for programs without a reactor: the same client, on a socket that blocks.

    settings = Settings(tls=TLS.EXPLICIT)
    with connect("mail.example.org", 587, user="mulder", password="trustno1", settings=settings) as mail:
        mail.sendmail("mulder@example.org", ["scully@example.org"], b"Subject: ...")

Each method runs the coroutine of that name (`session.SMTP`), which on a blocking socket never waits, to its end.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Self

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
from netdaemon.wire.blocking import Late, run
from netdaemon.wire.blockinglink import BlockingLink, reach
from netdaemon.wire.dot import DotEncoder
from netdaemon.wire.lineclient import ProtocolError
from netdaemon.wire.outgoing import Chunks, each
from netdaemon.wire.plaintext import on_loopback

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
    port = port or PORTS["smtps" if implicit else "smtp"]
    tls = partial(settings.context, host) if implicit else None
    with told():
        link = reach(SocketLink, host, port, tls, settings.timeouts, settings.transcript)
    made = session.SMTP(link, host, settings)
    try:
        run(made.begin(user, password))
    except BaseException:
        made.abort()
        raise
    return SMTP(made)


class SocketLink(BlockingLink[Reply]):
    """Provides `link.Link`."""

    max_line = MAX_LINE

    @property
    def local(self) -> bool:
        try:
            ends = (self.stream.socket.getsockname(), self.stream.socket.getpeername())
        except OSError:
            return False
        return on_loopback(*[IPv4Address("TCP", *end[:2]) for end in ends])  # of either kind: it looks at the text

    @property
    def address(self) -> str:
        try:
            address: str = self.stream.socket.getsockname()[0]
        except OSError:
            return ""
        return address

    @property
    def over(self) -> bool:
        """Nothing may come between two commands: what can be read is the end, or the server's farewell."""
        try:
            return self.gone or bool(self.stream.wait(select.POLLIN, time.monotonic()))
        except Late:
            return False

    def read_reply(self, until: float) -> Reply:
        reader = ReplyReader()
        while True:
            try:
                reply = reader.feed(self.line(until))
            except Malformed as error:
                raise ProtocolError(str(error)) from None
            if reply is not None:
                return reply

    async def send_body(self, chunks: Chunks, *, refuse: bool = True) -> None:
        encoder = DotEncoder(refuse=refuse)
        try:
            async for chunk in each(chunks):
                self.write(encoder.feed(chunk), self._timeouts.stall)
            self.write(encoder.finish(), self._timeouts.stall)
        except BaseException:
            self.abort()
            raise
        self.said(b"[body]")

    async def send_chunk(self, line: bytes, data: bytes) -> None:
        self.say(line)
        self.said(b"[chunk of %d octets]" % len(data))
        self.write(data, self._timeouts.stall)


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
