"""A world in memory for proxies: names and addresses that the test makes up, origins that the test plays.

world = World({"origin.example": ["203.0.113.7"]})
browser = world.browser(allow_private=True)
browser.send(b"GET http://origin.example/ HTTP/1.1\r\nHost: origin.example\r\n\r\n")
origin = world.origin()
origin.say(b"HTTP/1.1 204 No Content\r\n\r\n")

What was dialled stands in ``world.dialled``; nothing else leads out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet import task
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import (
    IHostnameResolver,
    IReactorPluggableNameResolver,
    IReactorTime,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from netdaemon.proxy import ProxySettings
from netdaemon.proxy.server import ProxyFactory
from tests.kit.house import StandInHouse, house
from tests.kit.pump import Transport
from tests.protocols.http.peer import Reply, parse_reply

ORIGIN = "203.0.113.7"
"""Where origin.example is: a documentation network, private to the proxy. `ProxyTests` allow it."""
PUBLIC = "8.8.4.4"


class Line:
    """One connection, as the test sees it from its other end."""

    def __init__(self, world: World, protocol: Any, host: Any, peer: Any) -> None:
        self.world = world
        self.transport = Transport(protocol, host, peer)
        self.got = b""
        """All that came."""

    def begin(self) -> None:
        self.transport.begin()

    def say(self, data: bytes, step: int = 0) -> None:
        """Send, in pieces of ``step`` octets if that is given."""
        for start in range(0, len(data), step or len(data) or 1):
            self.transport.deliver(data[start : start + (step or len(data))])
            if step:
                self.world.settle()
        self.world.settle()

    def hear(self, most: int | None = None) -> bytes:
        """What has come since it was asked last."""
        self.world.settle()
        data = self.transport.taken(most)
        self.got += data
        self.world.settle()
        return data

    def finish(self) -> None:
        """Send no more."""
        self.transport.finish()
        self.world.settle()

    def reset(self) -> None:
        """Break the connection."""
        self.transport.lose(ConnectionLost())
        self.world.settle()

    def close(self) -> None:
        """Close it in good order."""
        self.transport.lose()
        self.world.settle()

    @property
    def aborted(self) -> bool:
        return self.transport.aborted

    @property
    def ended(self) -> bool:
        """Has the proxy closed it, or its direction?"""
        return not self.transport.connected or self.transport.finished or self.transport.disconnecting


class Browser(Line):
    """A client of the proxy."""

    send = Line.say

    def replies(self, *methods: bytes) -> list[Reply]:
        """What has come so far, taken apart strictly."""
        self.hear()
        found: list[Reply] = []
        rest = self.got
        while rest:
            method = methods[len(found)] if len(found) < len(methods) else b"GET"
            while rest.startswith(b"HTTP/1.1 1"):
                rest = rest.partition(b"\r\n\r\n")[2]
            reply, rest = parse_reply(rest, method, self.ended)
            found.append(reply)
        return found

    def reply(self, method: bytes = b"GET") -> Reply:
        """The one reply that has come."""
        (reply,) = self.replies(method)
        return reply


@implementer(IReactorTime, IReactorPluggableNameResolver, IHostnameResolver)
class World(task.Clock):
    """A reactor whose network is in the test's hands."""

    def __init__(self, names: dict[str, list[str]] | None = None) -> None:
        super().__init__()
        self.names = names if names is not None else {"origin.example": [ORIGIN]}
        self.asked: list[str] = []
        """Names that were looked up."""
        self.dialled: list[tuple[str, int]] = []
        """Addresses and ports that were connected to, or tried."""
        self.refusing: set[tuple[str, int]] = set()
        self.silent: set[tuple[str, int]] = set()
        self.mute: set[str] = set()
        """Names that nobody answers for, until `answer`."""
        self._unanswered: list[tuple[Any, str, int]] = []
        self.lines: list[Line] = []
        self.origins: list[Line] = []
        self.nameResolver = self

    # --- what the proxy sees ---------------------------------------------------------------------------------

    def resolveHostName(self, receiver: Any, hostName: str, portNumber: int = 0, *ignored: Any) -> Any:
        self.asked.append(hostName)
        receiver.resolutionBegan(None)
        if hostName in self.mute:
            self._unanswered.append((receiver, hostName, portNumber))
            return receiver
        self._answer(receiver, hostName, portNumber)
        return receiver

    def _answer(self, receiver: Any, hostName: str, portNumber: int) -> None:
        for address in self.names.get(hostName, []):
            kind = IPv6Address if ":" in address else IPv4Address
            receiver.addressResolved(kind("TCP", address, portNumber))
        receiver.resolutionComplete()

    def installNameResolver(self, resolver: Any) -> Any:
        raise AssertionError

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> Any:
        self.dialled.append((host, port))
        connector = Connector()
        factory.doStart()
        factory.startedConnecting(connector)
        if (host, port) in self.silent:
            return connector
        if (host, port) in self.refusing:
            factory.clientConnectionFailed(connector, Failure(ConnectionRefusedError()))
            return connector
        address = IPv4Address("TCP", host, port)
        line = Line(self, factory.buildProtocol(address), IPv4Address("TCP", "192.0.2.1", 50000), address)
        self.lines.append(line)
        self.origins.append(line)
        line.begin()
        return connector

    # --- what the test does ----------------------------------------------------------------------------------

    def answer(self) -> None:
        """Answer for the mute."""
        unanswered, self._unanswered = self._unanswered, []
        for one in unanswered:
            self._answer(*one)
        self.settle()

    def origin(self) -> Line:
        """The connection that was made last."""
        return self.origins[-1]

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(1000):
            moved = [line.transport.turn() for line in self.lines]
            due = [call for call in self.getDelayedCalls() if call.getTime() <= self.seconds()]
            if not any(moved) and not due:
                return
            self.advance(0)
        raise AssertionError("it does not settle")

    def wait(self, seconds: float) -> None:
        """Let time pass, in steps that the wheel notices."""
        end = self.seconds() + seconds
        while self.seconds() < end:
            self.advance(min(0.5, end - self.seconds()))
            self.settle()


class Connector:
    """What a factory gets as its connector."""

    def getDestination(self) -> Any:
        return IPv4Address("TCP", "0.0.0.0", 0)

    def stopConnecting(self) -> None: ...

    def disconnect(self) -> None: ...


class ProxyTests(SynchronousTestCase):
    """A proxy in a world; private networks are open to it unless a test says otherwise."""

    def setUp(self) -> None:
        self.world = World()
        self.house: StandInHouse = house(self.world)
        self.addCleanup(self._go_home)

    def _go_home(self) -> None:
        """Everybody leaves, and nobody waits for anything then."""
        for line in list(self.world.lines):
            line.reset()
        self.world.settle()
        self.assertEqual(self.flushLoggedErrors(), [])

    def parts(self) -> dict[str, Any]:
        """What the house has besides clocks, by name."""
        return {}

    def proxy(self, **settings: Any) -> ProxyFactory:
        given = {"section": "proxy", "listen": (), "allow_private": True, "via": "here", **settings}
        self.house = house(self.world, **self.parts())
        made = ProxySettings(**given)
        return ProxyFactory(made, self.house)

    def browser(self, factory: ProxyFactory | None = None, peer: str = "127.0.0.1", **settings: Any) -> Browser:
        factory = factory or self.proxy(**settings)
        there = IPv4Address("TCP", peer, 40000)
        browser = Browser(self.world, factory.buildProtocol(there), IPv4Address("TCP", "127.0.0.1", 8118), there)
        self.world.lines.append(browser)
        browser.begin()
        return browser

    def ask(self, request: bytes, **settings: Any) -> Browser:
        """A browser that has sent ``request``."""
        browser = self.browser(**settings)
        browser.send(request)
        return browser

    def get(self, url: bytes, *fields: bytes, method: bytes = b"GET", **settings: Any) -> Browser:
        """One that has asked for ``url``."""
        return self.ask(request(url, *fields, method=method), **settings)

    @property
    def log(self) -> list[str]:
        """The access log."""
        lines: list[str] = self.house.measure.access_logs["proxy"].lines
        return lines


def request(url: bytes, *fields: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    """A request as browsers send it."""
    lines = b"".join(b"%b\r\n" % field for field in (b"Host: whatever", *fields))
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, url, lines, body)


def heads(data: bytes) -> list[bytes]:
    """The lines of a request's head, in lower case where they are names."""
    head, blank, _ = data.partition(b"\r\n\r\n")
    assert blank, f"no whole head in {data[:200]!r}"
    return head.split(b"\r\n")


def names(data: bytes) -> Sequence[bytes]:
    """The names of a head's fields, in lower case."""
    return [line.partition(b":")[0].lower() for line in heads(data)[1:]]
