"""What the client stands on: a control connection and data connections.

`streams` and `datastreams` make them of Twisted's transports, `sockets` of blocking sockets: above this line there is
one client.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from netdaemon.protocols.ftp.grammar.address import HostPort
from netdaemon.protocols.ftp.grammar.replies import Reply
from netdaemon.wire import reaching

MAX_REPLY_LINE = 8192
"""Octets of one line of a reply; a reply has `replies.MAX_LINES` of them."""


@dataclass(frozen=True)
class Timeouts(reaching.Timeouts):
    """How long the server may take, in seconds; ``connect`` is for connections of both kinds."""

    final: float = 300.0
    """From the end of the data to the reply that says it is safe: servers look through what they were sent first."""


class Control(Protocol):
    """The control connection, greeted. What it raises is what `wire.lineclient.LineClient` raises."""

    greeting: Reply

    @property
    def peer_host(self) -> str:
        """The server's IP address."""

    @property
    def local_host(self) -> str:
        """Ours."""

    @property
    def gone(self) -> bool:
        """Is it closed, or closing?"""

    def session(self) -> Any:
        """The TLS session (an OpenSSL.SSL.Session), for the data connections to go on with; None without TLS."""

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Within it nobody else sends or reads, and `say` and `reply` are used in place of `ask`."""

    async def ask(self, line: bytes, *, secret: int | None = None) -> Reply:
        """Send a command, of which a transcript shows ``secret`` words, and wait for its reply."""

    def say(self, line: bytes, *, secret: int | None = None) -> None: ...

    async def reply(self) -> Reply: ...

    async def start_tls(self, context: Any) -> None:
        """Go over to TLS. Raises ConnectionLost, its ``__cause__`` saying why, and ProtocolError."""

    def watch(self, data: Data) -> None:
        """The reply that ends a transfer may come from now on, however late; a negative one breaks ``data`` off."""

    async def final(self, seconds: float | None = None) -> Reply:
        """The reply that was watched for, which may take ``seconds`` from now (None: `Timeouts.final`)."""

    def abort(self) -> None: ...

    async def close(self) -> None:
        """Take leave with QUIT, unless it is gone."""


class Data(Protocol):
    """A data connection. Every method raises Failed."""

    @property
    def cut(self) -> bool:
        """Did it end under TLS without the alert that says so? Then anybody may have ended it."""

    async def start_tls(self, context: Any) -> None:
        """Speak TLS, as its client. Raises TLSFailed."""

    async def read(self) -> bytes:
        """What comes next, b"" at the end. Raises Broken."""

    async def write(self, chunk: bytes) -> None:
        """Send; returns when more may be sent. Raises Broken."""

    async def turn(self) -> None:
        """Let others have theirs: called by who makes much of a little, or little of much, and so never waits."""

    async def finish(self) -> None:
        """All is written: close behind it."""

    def abort(self, why: Exception | None = None) -> None:
        """Drop it by a reset, which nobody takes for an end; who reads or writes raises ``why``."""


class Listening(Protocol):
    """An open port that waits for the server's data connection."""

    @property
    def address(self) -> HostPort: ...

    async def accept(self) -> Data:
        """The connection; those from elsewhere are closed. Raises ConnectFailed when it does not come in time."""

    def close(self) -> None: ...


class Links(Protocol):
    """Makes connections."""

    seconds: Callable[[], float]
    """Unix seconds, to date listings without a year."""

    async def connect(self, address: HostPort) -> Data:
        """Raises ConnectFailed."""

    async def listen(self, host: str, peer: str) -> Listening:
        """A port of ``host``, our own address, that takes a connection from ``peer`` only. Raises ConnectFailed."""
