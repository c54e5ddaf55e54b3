"""Gate: the factory behind one door. It counts sessions, holds the limits, changes its tenant at reload, and drains.

A *tenant* is one service as one configuration wants it. At reload the gate lets new sessions in to the new tenant,
while those under way stay with theirs; when a retired tenant's last session is gone, it hears of that and may close
what nobody else uses.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from netdaemon.config.settings import ServiceSettings
from netdaemon.interfaces import IDeadlines, ISession
from netdaemon.run.rarely import Rarely
from netdaemon.wire.port import IGate
from netdaemon.wire.proxyheader import ProxyHeaderFactory
from netdaemon.wire.tls import DirectTLS


class Tenant:
    """One service as one configuration wants it: what its gates let sessions in to.

    ``vacated`` is called once, when the tenant is retired and its last session has gone.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        factory: IProtocolFactory,
        deadlines: IDeadlines,
        vacated: Callable[[], object] = lambda: None,
    ) -> None:
        self.settings = settings
        self.factory = factory
        self.deadlines = deadlines
        self.sessions = 0
        self._vacated = vacated
        self._retired = False

    def left(self) -> None:
        """One session is gone."""
        self.sessions -= 1
        if self._retired and not self.sessions:
            self._vacated()

    def retire(self) -> None:
        """No more sessions will come."""
        if not self._retired:
            self._retired = True
            if not self.sessions:
                self._vacated()


Refused = Callable[[str, str], object]
"""Counts one refused connection of a section, by why: `Measure.refused`."""


@lru_cache(1024)  # asked when a connection comes, when it is let in and when it goes
def crowd(host: object) -> bytes:
    """Whom a connection counts with under the limit per address: its IPv4 address, or its IPv6 /64.

    Empty for what has no address (UNIX sockets). An IPv4 address mapped into IPv6 counts as itself.
    """
    if not isinstance(host, str):
        return b""
    try:
        if ":" not in host:
            return socket.inet_pton(socket.AF_INET, host)
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except OSError:
        return b""
    return packed[12:] if packed.startswith(b"\0" * 10 + b"\xff\xff") else packed[:8]


def session_of(protocol: Any) -> Any:
    """The innermost protocol: beneath TLS and PROXY headers, which keep theirs as ``wrappedProtocol``."""
    while (inner := getattr(protocol, "wrappedProtocol", None)) is not None:
        protocol = inner
    return protocol


@implementer(IGate)
class Gate:
    """The factory behind one door's port. ``name`` is the door's, for the log."""

    _log = Logger()

    def __init__(
        self, name: str, section: str, clock: IReactorTime, refused: Refused = lambda section, why: None
    ) -> None:
        self.name = name
        self.section = section
        self.draining = False
        self.undivided = 1
        """By how much the limit per address is to be multiplied: it is one worker's portion, and here an address may
        be one worker's whole."""
        self.sessions: dict[Any, Tenant | Behind] = {}
        """The transport of each session under way, and whose it is."""
        self._tenant: Tenant | None = None
        self._entrance: IProtocolFactory | None = None
        self.connect_tls: Callable[[Any], SSL.Connection] | None = None
        self._crowds: dict[bytes, int] = {}
        self._arriving: Tenant | Behind | None = None
        self._empty: list[Deferred[None]] = []
        self._count_refused = refused
        self._refusals = Rarely(clock)

    def __repr__(self) -> str:
        return f"<gate of {self.name}, {len(self.sessions)} sessions>"

    def serve(self, tenant: Tenant, entrance: IProtocolFactory | None = None) -> None:
        """From now on new sessions are ``tenant``'s; its old one is not retired, it may have other gates.

        ``entrance`` is the factory that new connections meet, when it isn't the tenant's own (TLS stands before it).
        """
        self._tenant = tenant
        self.section = tenant.settings.section
        self._entrance = entrance if entrance is not None else tenant.factory
        self.connect_tls = entrance.connect if isinstance(entrance, DirectTLS) else None

    # --- what the port tells ---------------------------------------------------------------------------------

    def doStart(self) -> None:
        """The port listens."""

    def doStop(self) -> None:
        """The port is closed; sessions go on."""

    def buildProtocol(self, peer: IAddress) -> IProtocol | None:
        tenant, entrance = self._tenant, self._entrance
        if tenant is None or entrance is None or self.draining:
            return None
        settings = tenant.settings
        if len(self.sessions) >= settings.max_connections:
            self.refuse("max-connections")
            return None
        if settings.proxy_protocol:
            self._arriving = behind = Behind(self, tenant, entrance)
            header = ProxyHeaderFactory(behind, settings.proxy_protocol, tenant.deadlines)
            met: IProtocol | None = header.buildProtocol(peer)
            if met is None:
                self.refuse("proxy-protocol")
            return met
        if not self.has_room(crowd(getattr(peer, "host", None)), settings):
            return None
        self._arriving = tenant
        return entrance.buildProtocol(peer)

    def opened(self, transport: Any) -> None:
        visitor = self._arriving
        assert visitor is not None, "opened without buildProtocol"
        self._arriving = None
        self.sessions[transport] = visitor
        if isinstance(visitor, Behind):
            visitor.tenant.sessions += 1
        else:
            visitor.sessions += 1
            self.enter(crowd(transport.hostname))

    def closed(self, transport: Any) -> None:
        visitor = self.sessions.pop(transport)
        if isinstance(visitor, Behind):
            self.leave(visitor.crowd)
            tenant = visitor.tenant
        else:
            self.leave(crowd(transport.hostname))
            tenant = visitor
        tenant.left()
        if not self.sessions:
            waiting, self._empty = self._empty, []
            for deferred in waiting:
                deferred.callback(None)

    def exhausted(self, error: OSError) -> None:
        self.refuse(f"no connection can be taken: {error.strerror}", "exhausted")

    # --- limits ----------------------------------------------------------------------------------------------

    def has_room(self, crowd: bytes, settings: ServiceSettings) -> bool:
        """May one more of that crowd come in? A no is counted and logged."""
        if self._crowds.get(crowd, 0) < settings.max_connections_per_address * self.undivided:
            return True
        self.refuse("max-connections-per-address")
        return False

    def enter(self, crowd: bytes) -> None:
        if crowd:
            self._crowds[crowd] = self._crowds.get(crowd, 0) + 1

    def leave(self, crowd: bytes) -> None:
        if not crowd:
            return
        if self._crowds[crowd] == 1:
            del self._crowds[crowd]  # addresses come and go: only those that are here take memory
        else:
            self._crowds[crowd] -= 1

    def refuse(self, why: str, counted_as: str = "") -> None:
        """One connection is not let in: count it, and say so at most once a second."""
        self._count_refused(self.section, counted_as or why)
        if count := self._refusals.happened():
            self._log.warn("{door}: {count} refused, the last by {why}", door=self.name, count=count, why=why)

    # --- the end ---------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Let nobody in, and tell each session to finish; one that can't be told is closed behind what it wrote."""
        self.draining = True
        for transport in list(self.sessions):
            protocol = getattr(transport, "protocol", None)
            if protocol is None:
                continue  # it went while others were told
            session = session_of(protocol)
            try:
                if ISession.providedBy(session):
                    session.drain()
                else:
                    # The session's own transport, not the socket's: TLS says goodbye first.
                    (getattr(session, "transport", None) or transport).loseConnection()
            except Exception:  # noqa: BLE001  # one session's defect must not keep the others from hearing
                self._log.failure("{door}: a session failed to drain", door=self.name)
                transport.abortConnection()

    def when_empty(self) -> Deferred[None]:
        """Fires when no session is left."""
        deferred: Deferred[None] = Deferred()
        if self.sessions:
            self._empty.append(deferred)
        else:
            deferred.callback(None)
        return deferred

    def abort(self) -> int:
        """Cut off every session that is left; how many there were."""
        for transport in list(self.sessions):
            transport.abortConnection()
        return len(self.sessions)


@implementer(IProtocolFactory)
class Behind:
    """What one connection meets behind its PROXY header: the limit per address, on the address in the header."""

    __slots__ = ("crowd", "entrance", "gate", "tenant")

    def __init__(self, gate: Gate, tenant: Tenant, entrance: IProtocolFactory) -> None:
        self.gate = gate
        self.tenant = tenant
        self.entrance = entrance
        self.crowd = b""

    def doStart(self) -> None:
        """The tenant's factory was started with the door."""

    def doStop(self) -> None:
        """And is stopped with it."""

    def buildProtocol(self, peer: IAddress) -> IProtocol | None:
        one = crowd(getattr(peer, "host", None))
        if not self.gate.has_room(one, self.tenant.settings):
            return None
        protocol: IProtocol | None = self.entrance.buildProtocol(peer)
        if protocol is not None:
            self.crowd = one
            self.gate.enter(one)
        return protocol
