"""A relay for tests: a real store, time that passes when the test says so, and hosts that are made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.mailsettings import MailSettings
from netdaemon.mail import books
from netdaemon.mail.interfaces import Envelope
from netdaemon.mail.letter import Letter
from netdaemon.mail.schedule import Schedule
from netdaemon.messages.store import done
from netdaemon.protocols.smtp.hops import Answer, HopFailed, Policy
from netdaemon.protocols.smtp.relay import Relay
from netdaemon.protocols.smtp.route import Destination, NoRoute
from tests.mail.postoffice import PostOffice, result

OK = Answer(250, "2.1.5", "fine")
LATER = Answer(450, "4.2.0", "come later")
NEVER = Answer(550, "5.1.1", "no such user")


class Host:
    """A host that takes mail: what it says of each recipient is up to ``says``."""

    def __init__(self, says: Callable[[str], Answer] = lambda to: OK, *, dsn: bool = False) -> None:
        self.says = says
        self.dsn = dsn
        self.down: HopFailed | None = None
        self.breaks: HopFailed | None = None
        self.waiting: list[Deferred[None]] | None = None
        """If a list, messages wait in it until the test fires them."""
        self.received: list[tuple[str, list[str], bytes]] = []
        self.envelopes: list[Envelope] = []
        self.connections: list[tuple[Destination, Policy]] = []
        self.open = 0

    @property
    def recipients(self) -> list[list[str]]:
        return [recipients for _, recipients, _ in self.received]


class Hop:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.usable = True
        self.gone = False
        self.dsn = host.dsn
        host.open += 1

    async def send(self, envelope: Envelope, octets: AsyncIterable[bytes], size: int) -> Sequence[Answer]:
        body = b"".join([piece async for piece in octets])
        assert len(body) == size
        host = self.host
        if host.breaks is not None:
            raise host.breaks
        if host.waiting is not None:
            waiting: Deferred[None] = Deferred()
            host.waiting.append(waiting)
            await waiting
        names = [str(one.address) for one in envelope.recipients]
        host.envelopes.append(envelope)
        answers = [host.says(name) for name in names]
        taken = [name for name, answer in zip(names, answers, strict=True) if answer.accepted]
        if taken:
            host.received.append(("" if envelope.sender is None else str(envelope.sender), taken, body))
        return answers

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self.gone:
            self.host.open -= 1
        self.gone, self.usable = True, False


class Map:
    """In place of `Routes`: the hosts of each domain, by name."""

    def __init__(self) -> None:
        self.smarthost: Any = None
        self.domains: dict[str, list[str] | NoRoute] = {}

    async def find(self, domain: str) -> list[Destination]:
        found = self.domains.get(domain, [domain])
        if isinstance(found, NoRoute):
            raise found
        return [Destination(name, name, 25) for name in found]


class RelayCase(SynchronousTestCase):
    aliases = "postmaster: skinner\nfwd: fox@far.example\nsales: mulder, fox@far.example\nowner-sales: scully"

    def setUp(self) -> None:
        self.set_up_in(None)

    def set_up_in(self, data: Path | None) -> None:
        """In a data directory that may have been used before."""
        self.office = PostOffice(self, self.aliases, schedule=Schedule(), data=data)
        self.clock = Clock()
        self.map = Map()
        self.hosts: dict[str, Host] = {}
        self.counted: Counter[str] = Counter()

    def host(self, name: str, says: Callable[[str], Answer] = lambda to: OK, **more: Any) -> Host:
        made = self.hosts[name] = Host(says, **more)
        return made

    def relay(self, *, holder: str = "", **settings: Any) -> Relay:
        """A relay that has begun."""
        relay = Relay(
            self.office.store,
            self.office.folder,
            self.office.delivery,
            self.office.addresses.is_local,
            self.map,  # type: ignore[arg-type]  # as far as it is used
            self.connect,
            MailSettings(**settings),
            "spam.egg",
            clock=self.clock,
            wall=lambda: self.office.now,
            count=lambda result: self.counted.update([result]),
            holder=holder,
        )
        relay.start()
        self.addCleanup(lambda: result(relay.stop()))
        return relay

    async def connect(self, destination: Destination, policy: Policy) -> Hop:
        host = self.hosts.get(destination.host)
        if host is None:
            raise HopFailed("4.4.1", "connection refused")
        host.connections.append((destination, policy))
        if host.down is not None:
            raise host.down
        return Hop(host)

    def send(self, *recipients: Any, sender: str = "mulder@spam.egg", **more: Any) -> None:
        self.assertEqual(self.office.deliver(sender, *recipients, account="mulder", **more), [""] * len(recipients))

    def pass_time(self, seconds: float, step: float = 60.0) -> None:
        while seconds > 0:
            part = min(seconds, step)
            self.office.now += part
            self.clock.advance(part)
            seconds -= part

    def letters(self) -> list[Letter]:
        return self.office.letters()

    def operate(self, run: Callable[..., Any], *arguments: Any) -> Any:
        """What a command does beside the daemon."""

        def work(transaction: Any) -> Any:
            answer = run(transaction, *arguments)
            books.tell(transaction, self.office.folder)
            return answer

        return done(self.office.store.write(work))
