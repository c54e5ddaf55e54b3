"""The way out: names are looked up once, every address is checked, and only what was checked is dialled.

Clients of every protocol get a `Passage` in place of the reactor: whatever they are told by whoever answers, the
addresses of the one host that was asked for are all that they can reach.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's endpoints and resolvers have no types.

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import (
    IDelayedCall,
    IHostnameResolver,
    IHostResolution,
    IReactorFDSet,
    IReactorPluggableNameResolver,
    IReactorTime,
    IResolutionReceiver,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.proxy.rules import OTHERS_PORTS, Denied
from netdaemon.wire.connecting import connect_tcp
from netdaemon.wire.places import is_address, plain

P = TypeVar("P", bound=Protocol)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, in the order in which they are to be tried; none where it has none."""
Check = Callable[[str], object]
"""Raises Denied for an address that may not be dialled."""


LOOK_UPS = 8
"""Names looked up at one time: each holds one of the reactor's few threads for as long as its servers are silent."""


class Unreachable(Exception):
    """There is no such host, or nobody answers there; ``status`` is what a gateway says of it (502, 504)."""

    def __init__(self, reason: str, status: int = 502) -> None:
        super().__init__(reason)
        self.status = status


@implementer(IHostResolution)
class _Resolved:
    """A resolution that is over before anybody could stop it."""

    name = ""

    def cancel(self) -> None: ...


@implementer(IReactorPluggableNameResolver, IReactorTime, IHostnameResolver)
class Passage:
    """A reactor that knows one host, and reaches nothing but its addresses."""

    def __init__(self, reactor: Any, port: int, addresses: Sequence[str]) -> None:
        self._reactor = reactor
        self._dial = partial(connect_tcp, reactor) if IReactorFDSet.providedBy(reactor) else reactor.connectTCP
        self._port = port
        self._addresses = addresses
        self.nameResolver = self
        self.callLater = reactor.callLater
        self.seconds = reactor.seconds

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        calls: Sequence[IDelayedCall] = self._reactor.getDelayedCalls()
        return calls

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """The addresses that the host was found to have, whichever name is asked for."""
        resolution = _Resolved()
        resolutionReceiver.resolutionBegan(resolution)
        for address in self._addresses:
            kind = IPv6Address if ":" in address else IPv4Address
            resolutionReceiver.addressResolved(kind("TCP", address, portNumber))
        resolutionReceiver.resolutionComplete()
        return resolution

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """There is no other."""
        return self

    def endpoint(self, host: str, port: int, seconds: float) -> Any:
        """What connects there: to whichever of several addresses answers first (RFC 8305)."""
        if len(self._addresses) > 1:
            return HostnameEndpoint(self, host.encode("ascii"), port, timeout=seconds)
        kind = TCP6ClientEndpoint if ":" in self._addresses[0] else TCP4ClientEndpoint
        return kind(self, self._addresses[0], port, seconds)

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30,
        bindAddress: Any = None,
    ) -> Any:
        """Connect; to another's address, or to a port that may be another protocol's, there is no way."""
        if host not in self._addresses or (port != self._port and (port < 1024 or port in OTHERS_PORTS)):
            raise ConnectError(string="that is not what was asked for")
        return self._dial(host, port, factory, timeout, bindAddress)


class Dialler:
    """Makes the connections of one section. ``resolve`` is the reactor's unless another is given."""

    def __init__(self, reactor: Any, check: Check, seconds: float, resolve: Resolve | None = None) -> None:
        self._reactor = reactor
        self._check = check
        self._seconds = seconds
        self._resolve = resolve or self._by_reactor
        self._lookups = DeferredSemaphore(LOOK_UPS)

    async def passage(self, host: str, port: int, check: Check | None = None) -> Passage:
        """The way to a host, looked up and checked. Raises Denied, when none of its addresses is allowed, and
        Unreachable."""
        if is_address(host):
            found: Sequence[str] = (host,)
        else:
            looking = Deferred.fromCoroutine(_awaited(self._resolve(host, port)))
            looking.addTimeout(self._seconds, self._reactor, onTimeoutCancel=_too_late)
            found = await looking
        addresses = []
        denied: Denied | None = None
        for address in dict.fromkeys(map(plain, found)):
            try:
                (check or self._check)(address)
            except Denied as error:
                denied = error
            else:
                addresses.append(address)
        if not addresses:
            raise denied or Unreachable("There is no such host.")
        return Passage(self._reactor, port, addresses)

    async def connect(
        self, passage: Passage, host: str, port: int, build: Callable[[], P], tls: Any | None = None
    ) -> P:
        """A connection to the host that ``passage`` leads to; ``tls`` is a connection creator. Raises Unreachable."""
        factory = Factory.forProtocol(build)
        factory.noisy = False
        endpoint = passage.endpoint(host, port, self._seconds)
        if tls is not None:
            endpoint = wrapClientTLS(tls, endpoint)
        with_limit: Deferred[P] = endpoint.connect(factory)
        with_limit.addTimeout(self._seconds, self._reactor, onTimeoutCancel=_too_late)
        try:
            return await with_limit
        except (ConnectTimeout, ConnectError, DNSLookupError) as error:
            raise unreachable(error) from None
        except ConnectingCancelledError:
            raise CancelledError from None

    async def _by_reactor(self, host: str, port: int) -> Sequence[str]:
        await self._lookups.acquire()
        found = _Found(self._lookups.release)
        self._reactor.nameResolver.resolveHostName(found, host, port)
        await found.complete
        return found.addresses


def unreachable(error: Exception) -> Unreachable:
    """What an error of connecting comes to."""
    if isinstance(error, ConnectTimeout):
        return Unreachable("The host does not answer.", 504)
    if isinstance(error, DNSLookupError):
        return Unreachable("There is no such host.")
    return Unreachable("The host cannot be reached, or does not want to be asked at that port.")


@implementer(IResolutionReceiver)
class _Found:
    """Gathers addresses. ``ended`` is called when the look-up is over, whether or not anybody waits for it still."""

    def __init__(self, ended: Callable[[], object]) -> None:
        self.addresses: list[str] = []
        self.complete: Deferred[None] = Deferred()
        self._ended = ended

    def resolutionBegan(self, resolutionInProgress: Any) -> None:
        """Nobody can stop it: it is a thread's call of getaddrinfo(3)."""

    def addressResolved(self, address: Any) -> None:
        self.addresses.append(address.host)

    def resolutionComplete(self) -> None:
        self._ended()
        if not self.complete.called:
            self.complete.callback(None)


async def _awaited(coming: Awaitable[Sequence[str]]) -> Sequence[str]:
    return await coming


def _too_late(result: object, timeout: float) -> object:
    if isinstance(result, Failure):
        raise Unreachable("The host does not answer in time.", 504)
    return result
