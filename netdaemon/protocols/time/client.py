"""Time client, TCP and UDP (RFC 868).

reply = await fetch_time(reactor, "time.example.org")
print(time.ctime(reply.time), reply.offset)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.abstract import isIPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import CannotListenError, ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from twisted.internet.protocol import ConnectedDatagramProtocol, Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.protocols.time.grammar import LENGTH, Malformed, decode
from netdaemon.wire.failures import ConnectFailed
from netdaemon.wire.reaching import unreachable

PORT = 37
"""RFC 868: the port of the Time service, TCP and UDP."""

FIRST_WAIT = 0.5
"""Seconds until a datagram is sent again; each further wait is twice as long."""

CLOSE_WAIT = 1.0
"""Seconds a server that has told the time may take to close; RFC 868 lets either side be the first."""


class TimeError(Exception):
    """The time was not told; the text says by whom and why not."""


@dataclass(frozen=True)
class TimeReply:
    """What a server told."""

    time: int
    """Unix seconds, whole ones as the protocol has no others, in the era nearest to the local clock."""
    offset: float
    """Seconds to add to the local clock: from its reading halfway between question and answer to the middle of the
    second that the server told. Right within half a second and half the round trip."""
    round_trip: float
    """Seconds from the question (TCP: from the connection's being made) to the answer."""
    address: str
    """The IP address that answered."""


async def fetch_time(
    reactor: Any,
    host: str,
    port: int = PORT,
    udp: bool = False,
    timeout: float = 10.0,
    wall: Callable[[], float] = time.time,
) -> TimeReply:
    """Ask ``host`` (a name, an IPv4 or an IPv6 address) for the time, at most ``timeout`` seconds long.

    Raises TimeError.
    """
    where = f"{host} port {port}"
    asking = Deferred.fromCoroutine((_by_datagram if udp else _by_stream)(reactor, host, port, wall))
    asking.addTimeout(timeout, reactor, onTimeoutCancel=_too_late)
    try:
        return await asking
    except (TimeError, Malformed, _TooLate) as error:
        raise TimeError(f"{where}: {error}") from None
    except (DNSLookupError, ConnectingCancelledError, ConnectError) as error:
        why = unreachable(error, host, where)
        raise TimeError(str(why)) if isinstance(why, ConnectFailed) else why from None
    except OSError as error:
        raise TimeError(f"{where}: {error.strerror or error}") from None
    except ValueError:
        raise TimeError(f"{host!r} is no name of a host") from None


class _TooLate(Exception):
    """The whole of it took too long."""


def _too_late(result: object, timeout: float) -> object:
    if isinstance(result, Failure):
        raise _TooLate(f"no answer within {timeout:g} s")
    return result


def _made(data: bytes, asked: float, round_trip: float, address: str) -> TimeReply:
    """The reply out of its octets; ``asked`` is what the local clock said at the question."""
    middle = asked + round_trip / 2
    told = decode(data, middle)
    return TimeReply(told, told + 0.5 - middle, round_trip, address)


# --- TCP -----------------------------------------------------------------------------------------------------


class _Listener(Protocol):
    """Reads four octets and the server's close."""

    def __init__(self, reactor: Any, wall: Callable[[], float]) -> None:
        self._reactor = reactor
        self._wall = wall
        self._data = b""
        self._answered = 0.0
        self._closing: Any = None
        self.reply: Deferred[TimeReply] = Deferred(lambda reply: self._abort())

    def connectionMade(self) -> None:
        self._asked, self._began = self._wall(), self._reactor.seconds()

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        self._answered = self._reactor.seconds()
        if len(self._data) > LENGTH:
            self._fail("the server sent more than a time")
            self._abort()
        elif len(self._data) == LENGTH and self._closing is None:
            self._closing = self._reactor.callLater(CLOSE_WAIT, self._abort)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        if len(self._data) < LENGTH:
            self._fail("the server closed without telling the time")
        elif not self.reply.called:
            transport: Any = self.transport
            host = transport.getPeer().host
            self.reply.callback(_made(self._data, self._asked, self._answered - self._began, host))

    def _fail(self, why: str) -> None:
        if not self.reply.called:
            self.reply.errback(TimeError(why))

    def _abort(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


async def _by_stream(reactor: Any, host: str, port: int, wall: Callable[[], float]) -> TimeReply:
    factory = Factory.forProtocol(lambda: _Listener(reactor, wall))
    factory.noisy = False
    listener: Any = await HostnameEndpoint(reactor, host, port).connect(factory)
    reply: TimeReply = await listener.reply
    return reply


# --- UDP -----------------------------------------------------------------------------------------------------


class _Asker(ConnectedDatagramProtocol):
    """Asks one address; the socket is connected, so that nobody else's datagram is taken for its reply."""

    noisy = False

    def __init__(self, host: str, port: int, asking: _Asking) -> None:
        self.host = host
        self.port = port
        self._asking = asking
        self._first = True

    def ask(self) -> None:
        """Send the question, an empty datagram."""
        if self._first:
            # RFC 868 gives no way to tell which question a reply answers: a late first answer would make the time
            # since the second question look like the round trip. Counted from the first, it is too long at worst.
            self._asked, self._began = self._asking.wall(), self._asking.reactor.seconds()
            self._first = False
        transport: Any = self.transport
        try:
            transport.write(b"")
        except OSError as error:
            self._asking.failed(self, error)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int] | None = None) -> None:
        self._asking.answered(self, datagram, self._asked, self._asking.reactor.seconds() - self._began)

    def connectionRefused(self) -> None:
        self._asking.failed(self, TimeError("connection refused"))

    def stopProtocol(self) -> None:
        # The epoll reactor takes the news of a closed port for the end of our own, and tells nothing but this.
        self.connectionRefused()


class _Asking:
    """Asks a host's addresses: the first at once, with each repetition one more."""

    def __init__(self, reactor: Any, addresses: list[Any], wall: Callable[[], float]) -> None:
        self.reactor = reactor
        self.wall = wall
        self.reply: Deferred[TimeReply] = Deferred()
        self._waiting = list(addresses)
        self._ports: dict[_Asker, Any] = {}
        self._closed: list[Any] = []
        self._again: Any = None
        self._wait = FIRST_WAIT

    def start(self) -> None:
        self._next_address()
        if not self.reply.called:
            self._again = self.reactor.callLater(self._wait, self._repeat)

    async def stop(self) -> None:
        """Give every socket back."""
        if self._again is not None and self._again.active():
            self._again.cancel()
        for asker in list(self._ports):
            self._close(asker)
        for closed in self._closed:
            await closed

    def answered(self, asker: _Asker, datagram: bytes, asked: float, round_trip: float) -> None:
        if self.reply.called:
            return
        try:
            reply = _made(datagram, asked, round_trip, asker.host)
        except Malformed as error:
            self.failed(asker, TimeError(str(error)))
        else:
            self.reply.callback(reply)

    def failed(self, asker: _Asker, error: Exception) -> None:
        """This address gives no time; with no other left, nobody does."""
        if asker in self._ports:
            self._close(asker)
            self._go_on(error)

    def _go_on(self, error: Exception) -> None:
        if self._waiting:
            self._next_address()
        elif not self._ports and not self.reply.called:
            self.reply.errback(error)

    def _next_address(self) -> None:
        address = self._waiting.pop(0)
        asker = _Asker(address.host, address.port, self)
        try:
            self._ports[asker] = port = self.reactor.listenUDP(0, asker, interface="::" if ":" in address.host else "")
        except (OSError, CannotListenError) as error:  # no IPv6 here
            self._go_on(error)
            return
        try:
            port.connect(address.host, address.port)
        except OSError as error:  # no route
            self.failed(asker, error)
        else:
            asker.ask()

    def _repeat(self) -> None:
        self._wait *= 2
        self._again = self.reactor.callLater(self._wait, self._repeat)
        for asker in list(self._ports):
            asker.ask()
        if self._waiting:
            self._next_address()

    def _close(self, asker: _Asker) -> None:
        self._closed.append(maybeDeferred(self._ports.pop(asker).stopListening))


async def _by_datagram(reactor: Any, host: str, port: int, wall: Callable[[], float]) -> TimeReply:
    addresses = await _addresses(reactor, host, port)
    if not addresses:
        raise DNSLookupError(host)
    asking = _Asking(reactor, addresses, wall)
    try:
        asking.start()
        return await asking.reply
    finally:
        await asking.stop()


def _addresses(reactor: Any, host: str, port: int) -> Deferred[list[Any]]:
    """The host's addresses, in the resolver's order of preference."""
    found: list[IAddress] = []
    done: Deferred[list[Any]] = Deferred()
    if not isIPv6Address(host):
        host.encode("idna")  # ValueError here, for what would be a traceback in the resolver's thread

    @implementer(IResolutionReceiver)
    class Receiver:
        def resolutionBegan(self, resolution: IHostResolution) -> None:
            pass

        def addressResolved(self, address: IAddress) -> None:
            found.append(address)

        def resolutionComplete(self) -> None:
            if not done.called:
                done.callback(found)

    reactor.nameResolver.resolveHostName(Receiver(), host, port, transportSemantics="UDP")
    return done
