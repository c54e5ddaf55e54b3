"""A connection on which either version of HTTP may be spoken: TLS's handshake says which (RFC 7301)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.protocols.http.client.http2.line import Line2
from netdaemon.protocols.http.client.line import Line1
from netdaemon.wire.failures import TLSFailed
from netdaemon.wire.tlsclient import why_no_tls


@implementer(IHandshakeListener)
class Choice(Protocol):
    """Waits for the handshake; from then on it passes what comes to its ``line``, which has the transport.

    ``build`` makes that, given what ALPN agreed upon.
    """

    transport: Any
    free = False
    idle_since = 0.0

    def __init__(
        self,
        made: Callable[[Choice], object],
        gone: Callable[[Choice], object],
        build: Callable[[bytes], Line1 | Line2],
    ) -> None:
        self._made = made
        self._gone = gone
        self._build = build
        self.line: Line1 | Line2 | None = None
        self.ready: Deferred[None] = Deferred(lambda ready: self.abort())
        """Fires when the line may be used. Fails with TLSFailed."""

    def connectionMade(self) -> None:
        self._made(self)

    def handshakeCompleted(self) -> None:
        self.line = line = self._build(self.transport.getHandle().get_alpn_proto_negotiated())
        line.makeConnection(self.transport)  # type: ignore[no-untyped-call]  # Twisted's
        self._gone(self)  # the line is there in its place
        self.ready.callback(None)

    def dataReceived(self, data: bytes) -> None:
        assert self.line is not None, "nothing is decrypted before the handshake's end"
        self.line.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.line is not None:
            self.line.connectionLost(reason)
            return
        if not self.ready.called:
            self.ready.errback(TLSFailed(why_no_tls(reason.value)))
        self._gone(self)

    def abort(self) -> None:
        """Drop the connection."""
        if self.line is not None:
            self.line.abort()
        elif self.transport is not None:
            self.transport.abortConnection()
