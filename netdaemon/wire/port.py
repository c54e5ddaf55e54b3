"""The doors' own ports, for TCP, TLS, UNIX stream sockets and UDP.

A port takes a socket that is bound already (the door did it, or systemd) and hands each connection to its gate.
It stands on Twisted's, with these differences: one bad connection or datagram never stops the taking of others;
running out of descriptors makes the port rest instead of spin; and the gate is told when a connection is gone.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's transports have no types.

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet import address, base, tcp, udp
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Attribute

from netdaemon.wire.tlstransport import TLSTransport
from netdaemon.wire.transport import StreamTransport, UnixTransport

ACCEPTS = 64
"""Connections taken in one turn of the reactor; the others' turns come in between."""

DATAGRAMS = 64
"""Datagrams taken in one turn."""

REST = 0.2
"""Seconds a port leaves its backlog alone after the system refused it a descriptor or memory."""

# accept(2): these are the system's troubles, and stay until something is given back. Every other error belongs to
# the one connection that was about to be taken.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def _zoned(client: Any) -> str:
    """The host of a socket address; a link-local IPv6 one with its zone, without which nothing can be sent there."""
    if len(client) == 4 and client[3]:
        return socket.getnameinfo(client, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
    host: str = client[0]
    return host


class IGate(IProtocolFactory):
    """What a port tells of its connections; `buildProtocol` may return None, then the connection is closed."""

    connect_tls: Callable[[socket.socket], SSL.Connection] | None = Attribute(
        "For connections that are TLS from their first byte: makes the TLS connection of a socket. Else None."
    )

    def opened(transport: Any) -> None:
        """A protocol of `buildProtocol` got its transport; `makeConnection` comes next."""

    def closed(transport: Any) -> None:
        """The connection is gone, its protocol has been told. Called once for each ``opened``."""

    def exhausted(error: OSError) -> None:
        """A connection could not be taken for want of descriptors or memory; the port rests for `REST` seconds."""


class StreamPort(tcp.Port):
    """Accepts TCP connections from a listening, non-blocking socket, for a gate."""

    transport: type[StreamTransport] = StreamTransport
    factory: Any
    reactor: Any
    _log = Logger()

    def __init__(self, listening: socket.socket, gate: Any, reactor: Any) -> None:
        super().__init__(0, gate, reactor=reactor)
        self.socket = listening
        self.addressFamily = listening.family
        if listening.family == socket.AF_INET6:
            self._addressType = address.IPv6Address
        if listening.family != socket.AF_UNIX:
            # Inherited by every accepted connection. Without it a reply in two writes waits for the peer's
            # delayed acknowledgement, some 40 ms.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def startListening(self) -> None:
        self._realPortNumber = self.getHost().port if self.addressFamily != socket.AF_UNIX else None
        self.fileno = self.socket.fileno  # type: ignore[method-assign]  # as Twisted's own port does
        self.connected = True
        self.factory.doStart()
        self.startReading()

    def doRead(self) -> None:
        listening: Any = self.socket
        family, kind = listening.family, listening.type
        for _ in range(ACCEPTS):
            try:
                # What socket.accept does, without asking for family and type again, and without the part of a socket
                # that is written in Python (makefile and its kin): two of the microseconds that a connection takes.
                descriptor, client = listening._accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self.factory.exhausted(error)
                    self._rest()
                    return
                continue  # the peer is gone again, or a packet filter forbade it
            self._welcome(socket.SocketType(family, kind, 0, descriptor), client)
            if not self.connected or self.disconnecting:
                return

    def _welcome(self, connection: Any, client: Any) -> None:
        try:
            protocol: IProtocol | None = self.factory.buildProtocol(self.peer(client))
        except Exception:  # noqa: BLE001  # a factory's defect costs this connection, not the port
            self._log.failure("no session for a new connection")
            protocol = None
        if protocol is None:
            connection.close()
            return
        kind = self.transport if self.factory.connect_tls is None else TLSTransport
        transport = kind(connection, protocol, client, self, self.sessionno, self.reactor)
        self.sessionno += 1
        self.factory.opened(transport)
        if isinstance(transport, TLSTransport):
            transport.secure(self.factory.connect_tls(connection))
        transport.begin()

    def peer(self, client: Any) -> IAddress:
        """The address of ``client`` as accept(2) gave it."""
        built: IAddress = self._addressType("TCP", _zoned(client), *client[1:])
        return built

    def _rest(self) -> None:
        # The backlog keeps the peers waiting. Reading on would wake us at once, for the same error.
        self.stopReading()
        self.reactor.callLater(REST, self._wake)

    def _wake(self) -> None:
        if self.connected and not self.disconnecting:
            self.startReading()

    def connectionLost(self, reason: Failure) -> None:
        # Closed, not shut down as Twisted does: systemd holds the same socket, and shutdown(2) would end its too.
        base.BasePort.connectionLost(self, reason)
        self.connected = False
        self.disconnecting = False
        self.socket.close()
        del self.socket
        del self.fileno
        self.factory.doStop()


class UnixPort(StreamPort):
    """The same for a UNIX stream socket. Removing its path is the door's business."""

    transport = UnixTransport

    def getHost(self) -> address.UNIXAddress:
        return address.UNIXAddress(self.socket.getsockname())

    def peer(self, client: Any) -> IAddress:
        return address.UNIXAddress(client or None)


class DatagramPort(udp.Port):
    """Takes datagrams from a bound, non-blocking socket; its protocol can be exchanged while it listens."""

    protocol: DatagramProtocol
    _log = Logger()

    def __init__(self, bound: socket.socket, protocol: DatagramProtocol, reactor: Any) -> None:
        super().__init__(0, protocol, reactor=reactor)
        self.socket = bound
        self.addressFamily = bound.family
        self._burst = 1  # datagrams to ask for in the next turn
        self._sender: tuple[tuple[str, int] | None, Any] = (None, None)  # of the last one, as told and as it came

    def startListening(self) -> None:
        self._realPortNumber = self.socket.getsockname()[1]
        self.fileno = self.socket.fileno  # type: ignore[method-assign]  # as Twisted's own port does
        self.connected = True
        self.protocol.makeConnection(self)
        self.startReading()

    def exchange(self, protocol: DatagramProtocol) -> None:
        """The next datagram is for ``protocol``; the one before is stopped."""
        before, self.protocol = self.protocol, protocol
        before.doStop()
        protocol.makeConnection(self)

    def doRead(self) -> None:
        # As many as there were the last time, or twice as many when there may have been more: to ask in vain costs half
        # as much as an answer.
        burst = self._burst
        for taken in range(burst):
            try:
                data, client = self.socket.recvfrom(self.maxPacketSize)
            except BlockingIOError:
                self._burst = taken or 1
                return
            except OSError:
                continue  # the news that an answer of ours could not be delivered
            sender = (_zoned(client), client[1])
            self._sender = (sender, client)
            try:
                self.protocol.datagramReceived(data, sender)
            except Exception:  # noqa: BLE001  # a protocol's defect costs this datagram, not the port
                self._log.failure("a datagram's handling failed")
            if not self.connected:
                return
        self._burst = min(2 * burst, DATAGRAMS)

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> None:
        try:
            told, came = self._sender
            if addr is told and addr is not None:
                self.socket.sendto(datagram, came)  # what it came from is an address, and need not be looked at again
            else:
                super().write(datagram, addr)
        except OSError as error:
            # No route, a firewall's verdict, source port 0, a full buffer: the datagram is lost, as datagrams are.
            self._log.debug("no answer to {peer}: {error}", peer=addr, error=error)
