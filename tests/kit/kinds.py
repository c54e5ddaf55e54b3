"""Tiny service kinds for tests of the frame: `[echo] kind = tests.kit.kinds:echo`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from twisted.cred.credentials import UsernamePassword
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.accounts.origin import origin
from netdaemon.config.keys import key
from netdaemon.config.settings import ServiceSettings
from netdaemon.config.values import duration, text
from netdaemon.interfaces import STREAMS, IHouse, ISession, LoginBanned, LoginFailed, ServiceKind

BLOCK = b"0123456789abcde\n" * 64


@dataclass(frozen=True)
class EchoSettings(ServiceSettings):
    greeting: str = key(text, "What a session hears first.", default="hello")
    idle: float = key(duration, "How long a session may be silent.", default="1h")


@implementer(ISession, IPullProducer)
class Echo(Protocol):
    """Greets, then gives back what it gets; `DOWNLOAD n` sends n blocks of 1 KiB instead, as they are taken."""

    def __init__(self, settings: EchoSettings, house: IHouse) -> None:
        self.settings = settings
        self.house = house
        self.blocks = 0
        self.draining = False

    def connectionMade(self) -> None:
        self.deadline = self.house.deadlines.after(self.settings.idle, self.transport.loseConnection)
        peer = getattr(self.transport.getPeer(), "host", "unix")
        self.transport.write(f"{self.settings.greeting} {peer}\n".encode())

    def dataReceived(self, data: bytes) -> None:
        self.deadline.postpone(self.settings.idle)
        if data.startswith(b"DOWNLOAD "):
            self.blocks = int(data.split()[1])
            self.transport.registerProducer(self, False)
        elif data.startswith(b"FAIL"):
            raise RuntimeError("the echo fails on demand")
        else:
            self.transport.write(data)

    def resumeProducing(self) -> None:
        if self.blocks:
            self.blocks -= 1
            self.transport.write(BLOCK)
        else:
            self.transport.unregisterProducer()
            if self.draining:
                self.transport.loseConnection()

    def stopProducing(self) -> None:
        self.blocks = 0

    def drain(self) -> None:
        self.draining = True
        if not self.blocks:
            self.transport.write(b"bye\n")
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.deadline.cancel()


class EchoFactory(Factory):
    noisy = False

    def __init__(self, settings: EchoSettings, house: IHouse) -> None:
        self.settings = settings
        self.house = house
        self.access = house.measure.access(settings)

    def buildProtocol(self, addr: Any) -> Protocol:
        return Echo(self.settings, self.house)


class Who(Protocol):
    """Answers with its process's number."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"%d\n" % os.getpid())
        self.transport.loseConnection()


class Turnstile(LineReceiver):
    """`mulder trustno1` -> `PID in`, `PID out` or `PID banned`; `mulder` tries nothing: `PID banned` or `PID free`."""

    delimiter = b"\n"

    def __init__(self, settings: ServiceSettings, house: IHouse) -> None:
        self.settings = settings
        self.house = house

    def lineReceived(self, line: bytes) -> None:
        words = line.split()
        if len(words) == 1:
            self.asked(words[0])
        else:
            Deferred.fromCoroutine(self.tried(*words))

    def asked(self, name: bytes) -> None:
        assert self.transport is not None
        where = origin(self.transport.getPeer())
        banned = self.house.accounts.throttle.banned(name.decode(), where)  # type: ignore[attr-defined]  # the House's
        self.transport.write(b"%d %b\n" % (os.getpid(), b"banned" if banned else b"free"))

    async def tried(self, name: bytes, password: bytes) -> None:
        assert self.transport is not None
        credentials = UsernamePassword(name, password)
        try:
            await self.house.logins.login(credentials, self.transport.getPeer(), self.settings)
            answer = b"in"
        except LoginBanned:
            answer = b"banned"
        except LoginFailed:
            answer = b"out"
        self.transport.write(b"%d %b\n" % (os.getpid(), answer))


class TurnstileFactory(Factory):
    noisy = False

    def __init__(self, settings: ServiceSettings, house: IHouse) -> None:
        self.settings = settings
        self.house = house

    def buildProtocol(self, addr: Any) -> Protocol:
        return Turnstile(self.settings, self.house)


class Stubborn(Protocol):
    """Provides no ISession and never stops sending."""

    def connectionMade(self) -> None:
        self.transport.write(b"never\n")
        self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        self.transport.write(BLOCK)

    def stopProducing(self) -> None:
        pass


class EchoDatagrams(DatagramProtocol):
    noisy = False

    def __init__(self, settings: EchoSettings) -> None:
        self.settings = settings

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        assert self.transport is not None
        self.transport.write(f"{self.settings.greeting} ".encode() + datagram, addr)


def broken_factory(settings: ServiceSettings, house: IHouse) -> Any:
    raise RuntimeError("this kind is broken")


echo = ServiceKind(
    name="echo",
    summary="Gives back what it gets.",
    settings=EchoSettings,
    factory=EchoFactory,
    datagrams=lambda settings, house: EchoDatagrams(settings),
    alpn=(b"echo",),
    transports=STREAMS | {"udp"},
)
who = ServiceKind(
    name="who",
    summary="Says which process answers, and hangs up.",
    settings=ServiceSettings,
    factory=lambda settings, house: Factory.forProtocol(Who),
)
turnstile = ServiceKind(name="turnstile", summary="Tries logins.", settings=ServiceSettings, factory=TurnstileFactory)
stubborn = ServiceKind(
    name="stubborn",
    summary="Never stops.",
    settings=ServiceSettings,
    factory=lambda settings, house: Factory.forProtocol(Stubborn),
)
broken = ServiceKind(name="broken", summary="Can't be built.", settings=ServiceSettings, factory=broken_factory)


class Changes(Protocol):
    """Tells its process's number, and then each change in mulder's mail that is heard of there."""

    def __init__(self, house: IHouse) -> None:
        self.house = house

    def connectionMade(self) -> None:
        transport: Any = self.transport
        self.subscription = self.house.messages.switchboard.subscribe_account(
            "mulder", lambda change: transport.write(f"{change.what} {change.name}\n".encode())
        )
        transport.write(f"{os.getpid()}\n".encode())

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.subscription.cancel()


class ChangesFactory(Factory):
    noisy = False

    def __init__(self, settings: ServiceSettings, house: IHouse) -> None:
        self.house = house
        self.messages = house.messages  # here, so that it is open before the first session

    def buildProtocol(self, addr: Any) -> Changes:
        return Changes(self.house)


changes = ServiceKind("changes", "Tells of changes in the message store.", ServiceSettings, ChangesFactory)
