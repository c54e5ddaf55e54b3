"""The client's connections as Twisted's transports make them."""

from __future__ import annotations

import os
import time
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectingCancelledError,
    ConnectionDone,
    DNSLookupError,
)
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IAddress, IHandshakeListener, IPushProducer, ISSLTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import IDeadline, IDeadlines
from netdaemon.protocols.ftp.client.errors import Broken, ConnectFailed, EndlessLine, TLSFailed
from netdaemon.protocols.ftp.client.links import MAX_REPLY_LINE, Data, Listening, Timeouts, end_by_reset
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.address import HostPort
from netdaemon.protocols.ftp.grammar.replies import Reply, ReplyReader
from netdaemon.wire import lineclient
from netdaemon.wire.framing import FlawedLine, LineTooLong
from netdaemon.wire.inflow import Inflow
from netdaemon.wire.lineclient import LineClient, ProtocolError
from netdaemon.wire.tlsclient import why_no_tls
from netdaemon.wire.transcript import Transcript

FOREVER = 365 * 86400.0
"""Seconds that the control connection may be silent while data flows."""


class ControlStream(LineClient[Reply]):
    """Provides `links.Control`."""

    max_line = MAX_REPLY_LINE
    greeting: Reply

    def __init__(
        self,
        deadlines: IDeadlines,
        timeouts: Timeouts,
        *,
        keep_alive: float | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        """``keep_alive`` is how many seconds nothing may be asked before NOOP is; None: it may be for ever."""
        super().__init__(deadlines, timeout=timeouts.reply, stall=timeouts.stall, transcript=transcript)
        self._final_seconds = timeouts.final
        self._keep_alive = keep_alive
        self._idle: IDeadline | None = None
        self._patient = False
        self._outcome: Reply | Exception | None = None
        self._waiting: Deferred[None] | None = None

    @property
    def peer_host(self) -> str:
        host: str = self.transport.getPeer().host
        return host

    @property
    def local_host(self) -> str:
        host: str = self.transport.getHost().host
        return host

    def session(self) -> Any:
        return self.transport.getHandle().get_session() if self.secure else None

    def connectionMade(self) -> None:
        super().connectionMade()
        # Long transfers leave this connection idle: whoever keeps a table of connections on the way is reminded of it.
        self.transport.setTcpKeepAlive(True)
        if self._keep_alive is not None:
            self._idle = self._deadlines.after(self._keep_alive, self._still_here)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._idle is not None:
            self._idle.cancel()
        super().connectionLost(reason)

    def say(self, line: bytes, *, secret: int | None = None) -> None:
        super().say(line, secret=secret)
        if self._idle is not None and self._keep_alive is not None:
            self._idle.postpone(self._keep_alive)

    def _still_here(self) -> None:
        assert self._idle is not None and self._keep_alive is not None
        self._idle.postpone(self._keep_alive)
        # Within a transfer no NOOP is sent: many servers would answer it behind the data only, or take it for ABOR.
        if not self._alone and self._last is None and not self.gone:
            Deferred.fromCoroutine(self.ask(b"NOOP")).addErrback(lambda failure: None)  # who asks next hears of it

    def endless_line(self) -> None:
        self.abort(EndlessLine("a line without an end"))

    async def greet(self) -> None:
        self.greeting = await self.reply()
        if self.greeting.preliminary:  # RFC 959 5.4: 120, ready in so many minutes
            self.greeting = await self.reply()

    async def read_reply(self) -> Reply:
        reader = ReplyReader()
        while True:
            line = await self.line(FOREVER if self._patient and not reader.within else None)
            try:
                reply = reader.feed(line)
            except Malformed as error:
                raise ProtocolError(str(error)) from None
            if reply is not None:
                return reply

    async def quit(self) -> None:
        self.say(b"QUIT")
        await self.reply()

    # --- the reply that ends a transfer ----------------------------------------------------------------------

    def watch(self, data: Data) -> None:
        self._patient = True
        self._outcome = None
        Deferred.fromCoroutine(self._watch(data))

    async def _watch(self, data: Data) -> None:
        try:
            outcome: Reply | Exception = await self.read_reply()
        except (LineTooLong, FlawedLine) as error:
            outcome = ProtocolError(str(error))
        except (ProtocolError, lineclient.ConnectionLost) as error:
            outcome = error
        self._patient = False
        self._outcome = outcome
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
        if isinstance(outcome, Exception):
            data.abort(Broken("the server closed the control connection within the transfer"))
        elif not outcome.ok:
            data.abort(Broken("the server broke off the transfer", outcome))

    async def final(self, seconds: float | None = None) -> Reply:
        if self._outcome is None:
            late = self._deadlines.after(self._final_seconds if seconds is None else seconds, self._late)
            self._waiting = Deferred()
            try:
                await self._waiting
            finally:
                self._waiting = None
                late.cancel()
        outcome, self._outcome = self._outcome, None
        assert outcome is not None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def reach(
    reactor: Any, host: str, port: int, control: ControlStream, tls: Any | None, timeouts: Timeouts
) -> ControlStream:
    """``control``, connected to ``host``, with ``tls`` (a connection creator) from the first octet on, and greeted.

    Raises ConnectFailed, TLSFailed and what the line client raises.
    """
    where = f"{host} port {port}"
    try:
        endpoint: Any = HostnameEndpoint(reactor, host, port, timeout=timeouts.connect)
        if tls is not None:
            endpoint = wrapClientTLS(tls, endpoint)
        return await lineclient.connect(endpoint, control)
    except lineclient.ConnectFailed as error:
        raise _unreachable(error.__cause__, where) from None
    except lineclient.ConnectionLost as error:
        cause = error.__cause__
        if tls is not None and cause is not None and not isinstance(cause, ConnectionDone):
            raise TLSFailed(f"{where}: {why_no_tls(cause)}") from None
        raise


def _unreachable(error: BaseException | None, where: str) -> Exception:
    if isinstance(error, ConnectingCancelledError):
        return CancelledError()
    if isinstance(error, DNSLookupError):
        return ConnectFailed(f"{where.partition(' port ')[0]}: no such host")
    if isinstance(error, ConnectTimeout):
        return ConnectFailed(f"{where}: no answer")
    if isinstance(error, ConnectError) and isinstance(error.osError, int):
        return ConnectFailed(f"{where}: {os.strerror(error.osError).lower()}")
    return ConnectFailed(f"{where}: {error}")


# --- data connections ----------------------------------------------------------------------------------------


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
            raise _unreachable(error, f"data connection to port {address.port}") from None
        return data

    async def listen(self, host: str, peer: str) -> Listening:
        port = Port(self._reactor, self._timeouts, peer)
        try:
            port.listening = self._reactor.listenTCP(0, port, backlog=5, interface=host)
        except CannotListenError as error:
            raise ConnectFailed(f"no port for the data connection: {error.socketError}") from None
        return port
