"""The client's data connections as Twisted's transports make them."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, connectProtocol
from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectingCancelledError,
    ConnectionDone,
)
from twisted.internet.interfaces import IAddress, IHandshakeListener, IPushProducer, ISSLTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.protocols.ftp.client.errors import Broken
from netdaemon.protocols.ftp.client.links import Data, Listening, Timeouts
from netdaemon.protocols.ftp.grammar.address import HostPort
from netdaemon.wire.blocking import end_by_reset
from netdaemon.wire.failures import ConnectFailed, TLSFailed
from netdaemon.wire.inflow import Inflow
from netdaemon.wire.reaching import unreachable
from netdaemon.wire.tlsclient import why_no_tls


class Arriving(Inflow):
    """The octets of a data connection."""

    broken = Broken


@implementer(IHandshakeListener, IPushProducer)
class DataStream(Protocol):
    """Provides `links.Data`. Nothing is read before somebody asks: the server may begin at once."""

    transport: Any

    _calling = True
    """Did we make the connection?"""

    def __init__(self, clock: Any, timeouts: Timeouts) -> None:
        self._clock = clock
        self._timeouts = timeouts
        self._arriving = Arriving(self, clock, timeouts.stall)
        self._handshake: Deferred[None] | None = None
        self._drained: Deferred[None] | None = None
        self._full = False
        self._begun = False
        self._lost = False
        self._sending = False
        self._why: Exception | None = None
        self.cut = False

    # --- the transport's side --------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self.transport.pauseProducing()

    def handshakeCompleted(self) -> None:
        if self._handshake is not None and not self._handshake.called:
            self._handshake.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self._arriving.feed(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        clean = isinstance(reason.value, ConnectionDone)
        secure = ISSLTransport.providedBy(self.transport)
        if self._handshake is not None and not self._handshake.called:
            self._handshake.errback(TLSFailed(f"data connection: {why_no_tls(reason.value)}"))
        if clean or secure:
            self.cut = not clean
            self._arriving.end()
        else:
            self._arriving.end(self._why or Broken("the data connection broke off"))
        self._wake()

    # --- Inflow's source -------------------------------------------------------------------------------------

    def pause(self) -> None:
        self.transport.pauseProducing()

    def resume(self) -> None:
        if not self._lost:
            self.transport.resumeProducing()

    # --- links.Data ------------------------------------------------------------------------------------------

    async def start_tls(self, context: Any) -> None:
        if self._lost:
            raise self._why or TLSFailed("data connection: the server closed it")
        self._handshake = handshake = Deferred[None]()
        handshake.addTimeout(self._timeouts.connect, self._clock, onTimeoutCancel=self._silent)
        self.transport.startTLS(context, self._calling)
        self._begin()
        await handshake

    def _silent(self, result: object, timeout: float) -> object:
        if isinstance(result, Failure):
            self.abort()
            raise TLSFailed(f"data connection: no TLS handshake within {timeout:g} s")
        return result

    async def read(self) -> bytes:
        self._begin()
        return await anext(self._arriving, b"")

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self.resume()

    async def write(self, chunk: bytes) -> None:
        if not self._sending:
            self._sending = True
            self._end_by_reset(True)
            self._begin()  # else nobody would see the server go away
            self.transport.registerProducer(self, True)
        if not self._lost:
            self.transport.write(chunk)
        if self._full and not self._lost:
            self._drained = drained = Deferred[None]()
            drained.addTimeout(self._timeouts.stall, self._clock, onTimeoutCancel=self._stalled)
            try:
                await drained
            finally:
                self._drained = None
        if self._lost:
            raise self._why or Broken("the server closed the data connection")

    def _stalled(self, result: object, timeout: float) -> object:
        if isinstance(result, Failure):
            why = Broken(f"the server took nothing for {timeout:g} s")
            self.abort(why)
            raise why
        return result

    async def turn(self) -> None:
        await deferLater(self._clock, 0)

    async def finish(self) -> None:
        if self._lost:
            raise self._why or Broken("the server closed the data connection")
        self._begin()
        if self._sending:
            self.transport.unregisterProducer()
            self._end_by_reset(False)
        # Under TLS its alert goes out, and the server's is awaited; `abort` comes in any case, behind the reply.
        self.transport.loseConnection()

    def _end_by_reset(self, wanted: bool) -> None:
        sock = getattr(self.transport, "socket", None)  # what stands in for a transport has none
        if sock is not None:
            end_by_reset(sock, wanted)

    def abort(self, why: Exception | None = None) -> None:
        self._why = self._why or why
        if self._lost or self.transport is None:
            return
        if why is not None:
            self._arriving.end(why)
        self.transport.abortConnection()
        self._wake()

    # --- the push producer -----------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        self._full = True

    def resumeProducing(self) -> None:
        self._full = False
        self._wake()

    def stopProducing(self) -> None:
        """connectionLost says so too."""

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.called:
            self._drained.callback(None)


class Port(Factory):
    """Provides `links.Listening`: one connection from ``peer``."""

    noisy = False

    def __init__(self, clock: Any, timeouts: Timeouts, peer: str) -> None:
        self._clock = clock
        self._timeouts = timeouts
        self._peer = peer
        self._come: Deferred[DataStream] = Deferred()
        self._taken = False
        self.listening: Any = None

    @property
    def address(self) -> HostPort:
        here = self.listening.getHost()
        return HostPort(here.host, here.port)

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        # From anywhere else it is somebody who guesses ports (RFC 2577 section 4): closed, and waiting goes on.
        if self._taken or addr is None or addr.host != self._peer:  # type: ignore[attr-defined]  # IAddress says less
            return None
        self._taken = True
        data = Accepted(self._clock, self._timeouts, self._come)
        data.factory = self
        return data

    async def accept(self) -> DataStream:
        self._come.addTimeout(self._timeouts.connect, self._clock, onTimeoutCancel=self._late)
        return await self._come

    def _late(self, result: object, timeout: float) -> object:
        if isinstance(result, Failure):
            raise ConnectFailed(f"the server made no data connection within {timeout:g} s")
        return result

    def close(self) -> None:
        self.listening.stopListening()


class Accepted(DataStream):
    """A data connection that the server makes; in its TLS we are the client all the same (RFC 4217 section 7)."""

    _calling = False

    def __init__(self, clock: Any, timeouts: Timeouts, come: Deferred[DataStream]) -> None:
        super().__init__(clock, timeouts)
        self._come = come

    def connectionMade(self) -> None:
        super().connectionMade()
        if not self._come.called:
            self._come.callback(self)
        else:
            self.transport.abortConnection()


class StreamLinks:
    """Provides `links.Links` by a reactor."""

    def __init__(self, reactor: Any, timeouts: Timeouts) -> None:
        self._reactor = reactor
        self._timeouts = timeouts
        self.seconds = time.time

    async def connect(self, address: HostPort) -> Data:
        kind = TCP6ClientEndpoint if ":" in address.host else TCP4ClientEndpoint
        endpoint = kind(self._reactor, address.host, address.port, timeout=self._timeouts.connect)
        data = DataStream(self._reactor, self._timeouts)
        try:
            await connectProtocol(endpoint, data)  # type: ignore[no-untyped-call]  # Twisted's has no types
        except (ConnectError, ConnectingCancelledError) as error:
            raise unreachable(error, address.host, f"data connection to port {address.port}") from None
        return data

    async def listen(self, host: str, peer: str) -> Listening:
        port = Port(self._reactor, self._timeouts, peer)
        try:
            port.listening = self._reactor.listenTCP(0, port, backlog=5, interface=host)
        except CannotListenError as error:
            raise ConnectFailed(f"no port for the data connection: {error.socketError}") from None
        return port
