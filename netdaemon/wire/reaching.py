"""Getting a connection to a host by its name, for every client alike."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from netdaemon.wire.failures import ConnectFailed, Failed


@dataclass(frozen=True)
class Timeouts:
    """How long a server may take over the parts of an answer, in seconds."""

    connect: float = 30.0
    """From the name's look-up to the end of the TLS handshake."""
    answer: float = 60.0
    """From the question to the answer; of one that has a head or a reply in front of a body, to its end."""
    stall: float = 60.0
    """From one piece of a body to the next."""


class Reached(Protocol):
    """A protocol that tells when it may be used."""

    ready: Deferred[None]
    """Fires when the connection stands, its TLS handshake included. Fails with TLSFailed."""

    def abort(self) -> None:
        """Drop the connection."""


P = TypeVar("P", bound=Reached)


def endpoint(reactor: Any, host: str, port: int, seconds: float, tls: Any | None = None) -> Any:
    """What connects to whichever of the host's addresses answers first (RFC 8305); ``tls`` is a connection creator."""
    found: Any = HostnameEndpoint(reactor, host, port, timeout=seconds)
    return found if tls is None else wrapClientTLS(tls, found)


async def reach(
    reactor: Any, host: str, port: int, build: Callable[[], P], seconds: float, tls: Any | None = None
) -> P:
    """A connection that is ready, all within ``seconds``. Raises ConnectFailed, and what ``ready`` fails with."""
    connecting = Deferred.fromCoroutine(_ready(reactor, host, port, build, seconds, tls))
    connecting.addTimeout(seconds, reactor, onTimeoutCancel=_late)
    try:
        return await connecting
    except Failed as error:
        raise error.at(f"{host} port {port}") from None
    except (DNSLookupError, ConnectingCancelledError, ConnectError, ValueError) as error:
        raise unreachable(error, host, f"{host} port {port}") from None


def unreachable(error: BaseException | None, host: str, where: str) -> Exception:
    """What Twisted says of a connection that did not come about, as ConnectFailed (or CancelledError)."""
    if isinstance(error, ConnectingCancelledError):
        return CancelledError()
    if isinstance(error, DNSLookupError):
        return ConnectFailed(f"{host}: no such host")
    if isinstance(error, ConnectTimeout):
        return ConnectFailed(f"{where}: no answer")
    if isinstance(error, ConnectError) and isinstance(error.osError, int):
        return ConnectFailed(f"{where}: {os.strerror(error.osError).lower()}")
    if isinstance(error, ValueError):  # a name that can't be one of a host's
        return ConnectFailed(f"{host!r}: no such host ({error})")
    return ConnectFailed(f"{where}: {error}")


async def _ready(reactor: Any, host: str, port: int, build: Callable[[], P], seconds: float, tls: Any | None) -> P:
    factory: Any = Factory()
    factory.noisy = False
    factory.buildProtocol = lambda address: build()
    connection: P = await endpoint(reactor, host, port, seconds, tls).connect(factory)
    try:
        await connection.ready
    except BaseException:
        connection.abort()
        raise
    return connection


def _late(result: object, timeout: float) -> object:
    if isinstance(result, Failure):
        raise ConnectFailed(f"no connection within {timeout:g} s")
    return result
