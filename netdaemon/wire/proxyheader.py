"""PROXY protocol headers in front of connections from load balancers (HAProxy's proxy-protocol.txt, versions 1 and 2).

Only networks that are trusted may send one, and they must, within a few seconds. What is behind it, TLS or a session,
is built when the header is there, with the address that it tells.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.config.values import Network
from netdaemon.interfaces import IDeadlines
from netdaemon.wire.proxygrammar import End, Malformed, Unix, parse


@implementer(IProtocolFactory)
class ProxyHeaderFactory:
    """Wants a PROXY header from each connection before ``inner`` sees it.

    A peer outside of the ``trusted`` networks gets no protocol, so it is closed at once. UNIX sockets count as
    loopback: they are trusted where 127.0.0.1 or ::1 is. ``seconds`` is the total time that a header may take.
    """

    _log = Logger()

    def __init__(
        self, inner: IProtocolFactory, trusted: tuple[Network, ...], deadlines: IDeadlines, seconds: float = 3.0
    ) -> None:
        self.inner = inner
        self.deadlines = deadlines
        self.seconds = seconds
        self._trusted = trusted

    def doStart(self) -> None:
        self.inner.doStart()

    def doStop(self) -> None:
        self.inner.doStop()

    def buildProtocol(self, addr: IAddress) -> ProxyHeader | None:
        if not any(host in network for host in _hosts(addr) for network in self._trusted):
            self._log.info("{peer} may not send a PROXY header (proxy-protocol): refused", peer=addr)
            return None
        return ProxyHeader(self, addr)


class ProxyHeader(Protocol):
    """Waits for one connection's header, then hands the transport over to what stands behind it.

    Handed over it is as `startTLS` does it, by the transport's ``protocol`` attribute: so a header costs a connection
    nothing afterwards. The transport stays the real one (producers, startTLS, abortConnection...), but for its
    ``getPeer`` and ``getHost``, which from then on answer with the header's addresses. Transports that have no such
    attribute go on being read through here.
    """

    _log = Logger()
    transport: Any

    def __init__(self, factory: ProxyHeaderFactory, peer: IAddress) -> None:
        self._factory = factory
        self._peer = peer
        self._head = b""
        self.wrappedProtocol: IProtocol | None = None
        """What stands behind the header, once it is there."""

    def connectionMade(self) -> None:
        self._deadline = self._factory.deadlines.after(self._factory.seconds, self._too_late)

    def dataReceived(self, data: bytes) -> None:
        if self.wrappedProtocol is not None:
            self.wrappedProtocol.dataReceived(data)
            return
        if self.transport is None:
            return  # refused already; this came with what was refused
        self._head += data
        try:
            header = parse(self._head)
        except Malformed as error:
            self._refuse(str(error))
            return
        if header is not None:
            rest, self._head = self._head[header.length :], b""
            self._deadline.cancel()
            self._hand_over(header.source, header.destination, rest)

    def _hand_over(self, source: End | None, destination: End | None, rest: bytes) -> None:
        transport = self.transport
        peer = self._peer
        if source is not None and destination is not None:
            peer, host = _twisted(source), _twisted(destination)
            transport.getPeer = lambda: peer
            transport.getHost = lambda: host
        inner = self._factory.inner.buildProtocol(peer)
        if inner is None:
            self._drop()
            return
        self.wrappedProtocol = inner
        if getattr(transport, "protocol", None) is self:
            transport.protocol = inner
        inner.makeConnection(transport)
        if rest and not getattr(transport, "disconnecting", False):
            # Through the transport's protocol: the inner one may have begun TLS already.
            current = getattr(transport, "protocol", inner)
            (inner if current is self else current).dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._deadline.cancel()
        self.transport = None
        if self.wrappedProtocol is not None:
            self.wrappedProtocol.connectionLost(reason)

    def _too_late(self) -> None:
        # A health check often says nothing: no warning.
        self._log.info("{peer}: no PROXY header in {seconds:g} s", peer=self._peer, seconds=self._factory.seconds)
        self._drop()

    def _refuse(self, why: str) -> None:
        self._log.warn("{peer}: {why}: refused", peer=self._peer, why=why)
        self._drop()

    def _drop(self) -> None:
        self._deadline.cancel()
        self._head = b""
        transport, self.transport = self.transport, None
        transport.abortConnection()


def _hosts(peer: IAddress) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses as which a peer may be trusted."""
    if isinstance(peer, UNIXAddress):
        return [ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1")]
    try:
        host = ipaddress.ip_address(getattr(peer, "host", "").partition("%")[0])
    except ValueError:
        return []
    mapped = host.ipv4_mapped if isinstance(host, ipaddress.IPv6Address) else None
    return [mapped if mapped is not None else host]


def _twisted(end: End) -> IAddress:
    if isinstance(end, Unix):
        return UNIXAddress(end.path or None)
    kind = IPv4Address if end.host.version == 4 else IPv6Address
    return kind("TCP", str(end.host), end.port)
