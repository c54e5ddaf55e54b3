"""Time server, TCP and UDP (RFC 868)."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress, ISSLTransport, ITCPTransport
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from netdaemon.interfaces import IDeadline, IHouse
from netdaemon.protocols.time import TimeSettings
from netdaemon.protocols.time.grammar import encode
from netdaemon.protocols.time.rate import Allowance

GOODBYE = 10.0
"""Seconds a peer may take over the handshakes of TLS, its beginning and its end, before it is cut off."""


class Watch:
    """The time of day as a reply; tells the log when it can't be told, and when it can again."""

    _log = Logger()

    def __init__(self, house: IHouse) -> None:
        self._wall = house.wall
        self._stopped = False

    def reply(self) -> bytes | None:
        """The four octets of this moment, None when the time can't be told."""
        try:
            seconds = self._wall()
        except OSError as error:
            if not self._stopped:
                self._stopped = True
                self._log.error("the time can't be told, sessions close without it: {error}", error=error)
            return None
        if self._stopped:
            self._stopped = False
            self._log.info("the time can be told again")
        return encode(seconds)


class TimeFactory(Factory):
    """Makes the sessions of one service's streams."""

    noisy = False

    def __init__(self, house: IHouse) -> None:
        self.watch = Watch(house)
        self.deadlines = house.deadlines
        self.told = house.measure.command("time", "tcp", "ok")
        self.untold = house.measure.command("time", "tcp", "unavailable")

    def buildProtocol(self, addr: IAddress | None) -> TimeSession:
        return TimeSession(self)


class TimeSession(Protocol):
    """One connection: the time, and goodbye. Whatever the peer sends is ignored."""

    transport: ITCPTransport

    # An attribute of each session is memory for each connection: there is the factory, and under TLS a deadline.
    _deadline: IDeadline | None = None

    def __init__(self, factory: TimeFactory) -> None:
        self.factory = factory

    def connectionMade(self) -> None:
        transport, factory = self.transport, self.factory
        if ISSLTransport.providedBy(transport):
            # loseConnection waits for the peer's close_notify; without TLS four octets always fit, and nothing waits.
            self._deadline = factory.deadlines.after(GOODBYE, transport.abortConnection)
        reply = factory.watch.reply()
        if reply is None:
            # RFC 868: a server that can't determine the time refuses the connection or closes it without sending.
            factory.untold.inc()
        else:
            factory.told.inc()
            transport.write(reply)
        transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class TimeDatagrams(DatagramProtocol):
    """One UDP address: each datagram, empty or not, is answered with the time, unless that could do harm."""

    noisy = False

    def __init__(self, settings: TimeSettings, house: IHouse) -> None:
        self._watch = Watch(house)
        self._refused_ports = frozenset(port for ports in settings.refuse_ports for port in ports)
        self._allowance = Allowance(settings.rate, house.clock.seconds)
        count = house.measure.command
        self._told = count("time", "udp", "ok")
        self._refused = count("time", "udp", "refused")
        self._limited = count("time", "udp", "limited")
        self._untold = count("time", "udp", "unavailable")

    def startProtocol(self) -> None:
        transport: Any = self.transport
        # Our own number may be another time server's, whose reply would be taken for a request; and 0 is no address
        # to send to.
        self._refused_ports |= {0, transport.getHost().port}

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        host, port = addr[:2]
        if port in self._refused_ports:
            self._refused.inc()
            return
        if not self._allowance.take(host):
            self._limited.inc()
            return
        if not is_unicast(host):
            self._refused.inc()
            return
        reply = self._watch.reply()
        if reply is None:
            self._untold.inc()  # RFC 868: the datagram is discarded
            return
        self._told.inc()
        transport: Any = self.transport
        transport.write(reply, addr)


def is_unicast(host: str) -> bool:
    """Is it one host's address, and not one that a single reply would reach many through?"""
    if ":" in host:
        return not host.lower().startswith("ff")  # RFC 4291 2.7
    # RFC 1122 3.2.1.3: neither "this network" (0/8) nor multicast (224/4), reserved (240/4) and broadcast are a source
    return 0 < int(host.partition(".")[0]) < 224
