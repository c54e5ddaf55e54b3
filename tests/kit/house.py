"""A house of stand-ins: what a protocol's unit tests hand to its factory.

made = house(documents=Tree(settings))
factory = http.factory(settings, made)
made.clock.advance(10)
self.assertEqual(made.measure.commands["http", "GET", "200"], 1)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet import task
from twisted.internet.interfaces import IAddress
from zope.interface import implementer

from netdaemon.config.settings import ServiceSettings
from netdaemon.interfaces import (
    ITLS,
    IAccessLog,
    ICounter,
    IDocuments,
    IHouse,
    ILogins,
    IMeasure,
    Login,
    LoginFailed,
    NotFound,
    ScramVerifier,
)
from netdaemon.wire.deadlines import Wheel


@implementer(ICounter)
class CountedBy:
    """Adds to one entry of a `Counter`."""

    def __init__(self, counts: Counter[Any], key: Any) -> None:
        self.counts = counts
        self.key = key

    def inc(self, amount: float = 1) -> None:
        self.counts[self.key] += amount


@implementer(IAccessLog)
class Lines:
    """An access log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)


@implementer(IMeasure)
class Tally:
    """Counts that a test can look at: ``commands["http", "GET", "200"]``, ``auths["smtp", "ok"]``, ``errors``."""

    def __init__(self) -> None:
        self.commands: Counter[tuple[str, str, str]] = Counter()
        self.auths: Counter[tuple[str, str]] = Counter()
        self.deliveries: Counter[str] = Counter()
        self._unhandled: Counter[str] = Counter()
        self.access_logs: dict[str, Lines] = {}

    @property
    def errors(self) -> int:
        return self._unhandled["errors"]

    def command(self, protocol: str, command: str, result: str) -> ICounter:
        return CountedBy(self.commands, (protocol, command, result))

    def auth(self, protocol: str, result: str) -> ICounter:
        return CountedBy(self.auths, (protocol, result))

    def delivery(self, result: str) -> ICounter:
        return CountedBy(self.deliveries, result)

    def unhandled(self) -> ICounter:
        return CountedBy(self._unhandled, "errors")

    def access(self, settings: ServiceSettings) -> IAccessLog | None:
        """Kept in ``access_logs[section]`` for every section, whether it has an access log or not."""
        return self.access_logs.setdefault(settings.section, Lines())

    def samples(self) -> Iterator[tuple[str, Mapping[str, str], float]]:
        """The counts, as the daemon's own have them."""
        for (protocol, command, result), count in self.commands.items():
            labels = {"protocol": protocol, "command": command, "result": result}
            yield "netdaemon_commands_total", labels, count
        for (protocol, result), count in self.auths.items():
            yield "netdaemon_auth_total", {"protocol": protocol, "result": result}, count

    def text(self, openmetrics: bool = False) -> bytes:
        """Nothing but an end, which only OpenMetrics has."""
        return b"# EOF\n" if openmetrics else b"\n"


@implementer(IDocuments)
class NoDocuments:
    """An empty tree: nothing is found, and nothing can be made."""

    sealed = ()

    def entry(self, path: bytes) -> Any:
        raise NotFound(path)

    open = list = listing = write = remove = make_folder = entry
    resume = rename = change = may_write = space = digest = within = entry

    def close(self) -> None:
        pass


@implementer(ILogins)
class NoLogins:
    """Nobody may log in."""

    has_verifiers = True

    def __init__(self) -> None:
        self.portal = Portal(None)
        self.tried: list[object] = []

    async def login(
        self, credentials: object, peer: IAddress, settings: ServiceSettings, *interfaces: type[Any]
    ) -> Login:
        self.tried.append(credentials)
        raise LoginFailed

    def scram_verifier(self, name: str) -> ScramVerifier:
        return ScramVerifier(b"salt" + name.encode(), 4096, bytes(32), bytes(32))


@implementer(ITLS)
class NoTLS:
    """A daemon that can't speak TLS; tests of TLS pass `Certificates`."""

    def server(self, alpn: Sequence[bytes] = ()) -> Any:
        raise AssertionError("this test has no TLS: pass house(tls=...)")

    def client(self, hostname: str, alpn: Sequence[bytes] = (), verify: bool = True) -> Any:
        raise AssertionError("this test has no TLS: pass house(tls=...)")

    def binding(self, connection: Any) -> tuple[str, bytes] | None:
        return None


@implementer(IHouse)
@dataclass(frozen=True, kw_only=True)
class StandInHouse:
    """An `IHouse` of stand-ins; what a test needs real, it passes."""

    clock: Any
    deadlines: Any
    reactor: Any = None
    hostname: str = "spam.egg"
    wall: Callable[[], float] = lambda: 1_000_000_000.0
    documents: Any = field(default_factory=NoDocuments)
    logins: Any = field(default_factory=NoLogins)
    tls: Any = field(default_factory=NoTLS)
    measure: Any = field(default_factory=Tally)
    messages: Any = None
    delivery: Any = None
    resolver: Any = None
    data: Path = Path("nowhere")

    async def in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """At once: a test of a unit has no threads."""
        return work(*arguments)


def house(clock: Any = None, **parts: Any) -> StandInHouse:
    """A house on ``clock`` (a fresh `task.Clock` unless given); ``parts`` replace its stand-ins by name."""
    clock = task.Clock() if clock is None else clock
    parts.setdefault("reactor", clock)
    return StandInHouse(clock=clock, deadlines=parts.pop("deadlines", None) or Wheel(clock), **parts)
