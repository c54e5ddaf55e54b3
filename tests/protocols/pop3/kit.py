"""What tests of the POP3 server have in common: sessions in memory, on a store in memory.

class SomeTests(POP3TestCase):
    async def test_it(self) -> None:
        self.store.put("mulder", HELLO)
        peer = await self.logged_in()
        await peer.dialog("C: STAT", "S: +OK 1 31")
"""

from __future__ import annotations

from typing import Any

from twisted.cred.credentials import IUsernamePassword
from twisted.internet import task
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from netdaemon.interfaces import Account, ILogins, Login, LoginFailed, ScramVerifier
from netdaemon.protocols.pop3 import POP3Settings
from netdaemon.protocols.pop3 import pop3 as kind
from netdaemon.wire.sasl.credentials import IProven
from netdaemon.wire.sasl.scram import scram_verifier_of
from tests.kit.dialog import Peer
from tests.kit.house import NoTLS, StandInHouse, house
from tests.kit.messages import MemoryMessages
from tests.kit.pump import HERE, THERE

HELLO = b"Subject: hello\r\n\r\nHello\r\n"
DOTS = b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\nno end"
OUTSIDE = IPv4Address("TCP", "192.0.2.1", 110)
FAR = IPv4Address("TCP", "192.0.2.7", 40000)
"""Of a connection that is not this machine's alone."""

VERIFIER = scram_verifier_of("trustno1", 4096, b"salt of mulder's")


@implementer(ILogins)
class Two:
    """mulder with trustno1, scully with starbuck. ``fails`` is raised instead."""

    portal: Any = None
    has_verifiers = True

    def __init__(self) -> None:
        self.fails: Exception | None = None
        self.sessions = 0
        self.tried = 0

    async def login(self, credentials: Any, peer: Any, settings: Any, *interfaces: Any) -> Login:
        self.tried += 1
        if self.fails is not None:
            raise self.fails
        if IProven.providedBy(credentials):
            name = credentials.username
        elif IUsernamePassword.providedBy(credentials):
            name = credentials.username.decode("utf-8", "replace")
            wanted = {"mulder": b"trustno1", "scully": b"starbuck"}.get(name)
            if wanted is None or credentials.password != wanted:
                raise LoginFailed("wrong")
        self.sessions += 1
        return Login(Account(name), (), self._logout)

    def _logout(self) -> None:
        self.sessions -= 1

    def scram_verifier(self, name: str) -> ScramVerifier:
        return VERIFIER


class NoServerTLS(NoTLS):
    """A context is made with the factory, and asked for by nobody."""

    def server(self, alpn: Any = ()) -> Any:
        return None


class POP3TestCase(TestCase):
    """A store, a house and sessions on them."""

    tls: Any = None
    unhandled = 0
    """How many defects a test wants to see."""

    def setUp(self) -> None:
        self.clock = task.Clock()
        self.store = MemoryMessages()
        self.logins = Two()
        self.house: StandInHouse = house(
            self.clock, messages=self.store, logins=self.logins, tls=self.tls or NoServerTLS()
        )
        self.addCleanup(self.check_nothing_failed)
        self.peers: list[Peer] = []
        self.addCleanup(self.hang_up)
        self._factories: dict[tuple[tuple[str, Any], ...], Any] = {}

    def check_nothing_failed(self) -> None:
        self.assertEqual(self.house.measure.errors, self.unhandled)

    def hang_up(self) -> None:
        for peer in self.peers:
            peer.transport.lose()
        self.assertEqual(self.logins.sessions, 0, "somebody is still logged in")
        self.assertEqual(self.store.leases, {}, "a lease was not given back")

    def peer(
        self, *, host: IPv4Address = HERE, client: IPv4Address = THERE, piece: int | None = None, **settings: Any
    ) -> Peer:
        """A new session's client. Sessions with the same settings have the same factory."""
        key = tuple(sorted(settings.items()))
        if key not in self._factories:
            settings = {"bad_commands": 1000, "bad_commands_before_login": 1000, **settings}
            self._factories[key] = kind.factory(POP3Settings(section="pop3", listen=(), **settings), self.house)
        session = self._factories[key].buildProtocol(client)
        peer = Peer(session, clock=self.clock, host=host, peer=client, piece=piece)
        self.peers.append(peer)
        return peer

    async def greeted(self, **settings: Any) -> Peer:
        """One that has been greeted."""
        peer = self.peer(**settings)
        await peer.dialog("S: +OK spam.egg POP3 server ready.")
        return peer

    async def logged_in(self, name: str = "mulder", password: str = "trustno1", **settings: Any) -> Peer:
        """One that has logged in."""
        peer = await self.greeted(**settings)
        await peer.dialog(f"C: USER {name}", "S: +OK Send the password.", f"C: PASS {password}", "S: +OK ...")
        return peer
