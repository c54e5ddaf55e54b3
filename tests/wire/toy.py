"""A line protocol for the tests of this room: small, and with everything in it that LineSession offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from netdaemon.wire.line import (
    ALWAYS,
    LineFactory,
    LineSession,
    LineSettings,
    LineTooLong,
    Refused,
    Texts,
    Verb,
    VerbTable,
)
from netdaemon.wire.transcript import Transcript
from tests.kit.dialog import Peer
from tests.kit.house import StandInHouse, house

OUT, IN = 1, 2


@dataclass(frozen=True)
class ToySettings(LineSettings):
    """The toy's section."""

    section: str = "toy"
    listen: Any = ()
    command_timeout: float = 60.0


class ToySession(LineSession):
    max_line = 80
    texts = Texts(
        unknown=b"500 unknown",
        state=b"503 not now",
        syntax=b"501 syntax",
        too_long=b"500 too long",
        failure=b"451 our fault",
        too_many=b"421 too many",
        timeout=b"421 too slow",
        stopping=b"421 stopping",
    )

    def __init__(self, factory: ToyFactory) -> None:
        super().__init__(factory)
        self.seen: list[Any] = []
        self.gates: list[Deferred[Any]] = []
        self.name = b""

    def greet(self) -> None:
        self.send(b"220 toy")

    def forget(self) -> None:
        self.name = b""
        self.state = OUT

    def noop(self, arguments: bytes) -> None:
        self.seen.append(b"NOOP " + arguments if arguments else b"NOOP")
        self.send(b"250 " + (arguments or b"OK"))

    def user(self, arguments: bytes) -> None:
        self.name = arguments
        self.send(b"331 more")

    def password(self, arguments: bytes) -> None:
        if arguments != b"sesame":
            raise Refused(b"535 no")
        self.state = IN
        self.logged_in = True
        self.send(b"230 in")

    async def sasl(self, arguments: bytes) -> None:
        self.send(b"334 ")
        answer = await self.line(secret=True)
        self.send(b"235 %d" % len(answer))

    async def forgiving(self, arguments: bytes) -> None:
        """Reads a line that may be too long, and then takes its time."""
        try:
            await self.line()
        except LineTooLong:
            self.send(b"250 never mind " + await self.gate())

    async def literal_verb(self, arguments: bytes) -> None:
        size = int(arguments.split()[0])
        if size > 1000:
            await self.swallow(size)
            raise Refused(b"552 too big")
        data = await self.literal(size)
        self.seen.append(data)
        self.send(b"250 %d" % len(data))

    async def data(self, arguments: bytes) -> None:
        self.send(b"354 go on")
        parts: list[bytes] = []
        body = await self.body(parts.append, limit=int(arguments) if arguments else None)
        self.seen.append(b"".join(parts))
        if body.over_limit:
            raise Refused(b"552 %d are too many" % body.size)
        if body.bare_cr or body.bare_lf or body.nul:
            raise Refused(b"550 bare")
        self.send(b"250 %d" % body.size)

    async def full(self, arguments: bytes) -> None:
        """A body whose sink fails at once."""

        def fail(data: bytes) -> None:
            raise Refused(b"452 no room") if arguments else OSError("the disk is gone")

        await self.body(fail)

    async def sink(self, arguments: bytes) -> None:
        """A body whose sink takes its time over each piece."""

        def wait(data: bytes) -> Deferred[Any]:
            self.seen.append(data)
            return self.gate()

        await self.body(wait)
        self.send(b"250 sunk")

    async def slow(self, arguments: bytes) -> None:
        self.seen.append(b"SLOW")
        self.send(b"250 slow " + await self.gate())

    async def busy(self, arguments: bytes) -> None:
        """Runs on while the peer may say ABOR."""

        def hear(line: bytes) -> bool:
            if line.upper() != b"ABOR":
                return False
            self.gates.pop().callback(b"aborted")
            return True

        gate = self.gate()
        self.overhear(hear)
        self.send(b"226 " + await gate)

    async def idle(self, arguments: bytes) -> None:
        self.send(b"+ idling")
        if await self.line(seconds=1800.0) != b"DONE":
            raise Refused(b"501 DONE was wanted", bad=True)
        self.send(b"250 idled")

    async def list(self, arguments: bytes) -> None:
        await self.send_listing(b".%d" % number for number in range(int(arguments)))

    async def broken_list(self, arguments: bytes) -> None:
        await self.send_listing(b"%d" % (1 // number) for number in (1, 0))

    async def get(self, arguments: bytes) -> None:
        await self.send_body([b".one\r\n.", b"two\n", b"three"])

    def boom(self, arguments: bytes) -> None:
        raise RuntimeError("boom")

    async def late_boom(self, arguments: bytes) -> None:
        await self.gate()
        raise RuntimeError("boom")

    def echo_twice(self, arguments: bytes) -> None:
        self.send(b"250 one\r\n250 two")

    def starttls(self, arguments: bytes) -> None:
        self.start_tls(self.factory.context, b"220 go ahead")

    def quit(self, arguments: bytes) -> None:
        self.close(b"221 bye")

    def gate(self) -> Deferred[Any]:
        """Something to wait for that the test lets happen."""
        gate: Deferred[Any] = Deferred()
        self.gates.append(gate)
        return gate


ToySession.verbs = VerbTable(
    Verb(b"NOOP", ALWAYS, ToySession.noop),
    Verb(b"USER", OUT, ToySession.user, words=(1, 1)),
    Verb(b"PASS", OUT, ToySession.password, secret=0),
    Verb(b"AUTH", OUT, ToySession.sasl, secret=1),
    Verb(b"FORGIVE", ALWAYS, ToySession.forgiving),
    Verb(b"LIT", ALWAYS, ToySession.literal_verb, words=(1, 1)),
    Verb(b"DATA", ALWAYS, ToySession.data),
    Verb(b"FULL", ALWAYS, ToySession.full),
    Verb(b"SINK", ALWAYS, ToySession.sink),
    Verb(b"SLOW", ALWAYS, ToySession.slow),
    Verb(b"BUSY", ALWAYS, ToySession.busy),
    Verb(b"IDLE", IN | OUT, ToySession.idle),
    Verb(b"SECRET", IN, ToySession.noop),
    Verb(b"LIST", ALWAYS, ToySession.list, words=(1, 1)),
    Verb(b"BROKENLIST", ALWAYS, ToySession.broken_list),
    Verb(b"GET", ALWAYS, ToySession.get),
    Verb(b"BOOM", ALWAYS, ToySession.boom),
    Verb(b"LATEBOOM", ALWAYS, ToySession.late_boom),
    Verb(b"TWICE", ALWAYS, ToySession.echo_twice),
    Verb(b"SHORT", ALWAYS, ToySession.noop, limit=20),
    Verb(b"MODE", ALWAYS, VerbTable(Verb(b"READER", ALWAYS, ToySession.noop), unknown=b"501 no such mode")),
    Verb(b"STARTTLS", ALWAYS, ToySession.starttls, words=(0, 0)),
    Verb(b"QUIT", ALWAYS, ToySession.quit),
)


class ToyFactory(LineFactory):
    name = "toy"
    session = ToySession
    context: Any = None

    def __init__(self, settings: ToySettings, made: StandInHouse) -> None:
        super().__init__(settings, made)
        self.traces: list[str] | None = None

    def transcript(self, session: LineSession) -> Transcript | None:
        return None if self.traces is None else Transcript(self.traces.append)


@dataclass
class Toy:
    """A toy session, its peer, and the house it stands in."""

    house: StandInHouse
    factory: ToyFactory
    session: ToySession
    peer: Peer


def toy(*, piece: int | None = None, traced: bool = False, session: type[ToySession] = ToySession, **keys: Any) -> Toy:
    """A toy session that has not been talked to; ``keys`` are settings."""
    made = house()
    factory = ToyFactory(ToySettings(**keys), made)
    factory.session = session
    factory.traces = [] if traced else None
    protocol: Any = factory.buildProtocol(None)
    peer = Peer(protocol, clock=made.clock, piece=piece)
    return Toy(made, factory, protocol, peer)
