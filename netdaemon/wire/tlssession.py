"""Implicit TLS in front of a factory, with a deadline for the handshake: Twisted itself never ends a silent one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    INegotiated,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    ISSLTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import IDeadlines


@implementer(ISSLTransport, INegotiated)
class TLSSession(TLSMemoryBIOProtocol):
    """One connection under TLS, the transport of the protocol in it.

    Not Twisted's buffering one, which puts off every write to the reactor's next turn: our sessions join what they
    write themselves.
    """

    def seat(self, protocol: IProtocol) -> None:
        """Connect ``protocol`` in the place of the one that saw to the handshake."""
        self.wrappedProtocol = protocol
        protocol.makeConnection(self)


@implementer(IHandshakeListener)
class Handshake(Protocol):
    """Stands in for the protocol until the handshake is done; only then is that built.

    So a session begins with a peer that speaks TLS: its greeting, its log line and its own time-outs wait for it, and
    the ALPN and the certificate are known when it is made. Whoever does not get so far leaves a line at debug level.
    """

    _log = Logger()
    transport: Any

    def __init__(self, inner: IProtocolFactory, peer: Any, deadlines: IDeadlines, seconds: float) -> None:
        self._inner = inner
        self._peer = peer
        self._deadlines = deadlines
        self._seconds = seconds

    def connectionMade(self) -> None:
        self._deadline = self._deadlines.after(self._seconds, self._too_late)

    def handshakeCompleted(self) -> None:
        self._deadline.cancel()
        protocol = self._inner.buildProtocol(self._peer)
        if protocol is None:
            self.transport.loseConnection()
            return
        self.transport.seat(protocol)
        if IHandshakeListener.providedBy(protocol):
            protocol.handshakeCompleted()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._deadline.cancel()
        self._log.debug("{peer}: no TLS handshake: {why}", peer=self._peer, why=_why(reason.value))

    def _too_late(self) -> None:
        self._log.debug("{peer}: no TLS handshake in {seconds:g} s", peer=self._peer, seconds=self._seconds)
        self.transport.abortConnection()


class TLSFactory(TLSMemoryBIOFactory):
    """Wraps connections into `TLSSession`; `tls_factory` makes it."""

    protocol = TLSSession
    noisy = False

    def __init__(
        self,
        creator: IOpenSSLServerConnectionCreator,
        inner: IProtocolFactory,
        deadlines: IDeadlines,
        seconds: float,
    ) -> None:
        # The clock is for the buffering that TLSSession does not do; without one Twisted imports the reactor.
        super().__init__(creator, False, inner, Clock())
        self.deadlines = deadlines
        self.seconds = seconds

    def buildProtocol(self, addr: IAddress | None) -> TLSSession:
        handshake = Handshake(self.wrappedFactory, addr, self.deadlines, self.seconds)
        return TLSSession(self, handshake)  # type: ignore[no-untyped-call]  # Twisted's


@implementer(IProtocolFactory)
class DirectTLS:
    """The entrance of a door whose transports speak TLS themselves (`TLSTransport`): the same, without a layer."""

    def __init__(
        self, connect: Callable[[Any], SSL.Connection], inner: IProtocolFactory, deadlines: IDeadlines, seconds: float
    ) -> None:
        """``connect`` makes the TLS connection of a socket, with whatever certificates are the newest."""
        self.connect = connect
        self._inner = inner
        self._deadlines = deadlines
        self._seconds = seconds

    def doStart(self) -> None:
        """The inner factory is started by whoever owns it."""

    def doStop(self) -> None:
        """And stopped."""

    def buildProtocol(self, addr: IAddress | None) -> Handshake:
        return Handshake(self._inner, addr, self._deadlines, self._seconds)


def tls_factory(
    creator: IOpenSSLServerConnectionCreator, inner: IProtocolFactory, deadlines: IDeadlines, seconds: float
) -> IProtocolFactory:
    """``inner`` behind implicit TLS; a connection whose handshake takes longer than ``seconds`` is aborted.

    The inner protocol is built and connected when the handshake is done, and hears of nothing before.
    """
    return cast(IProtocolFactory, TLSFactory(creator, inner, deadlines, seconds))


def _why(error: BaseException | None) -> str:
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1])
    return str(error)
