"""What tests of SMTP have in common: sessions in memory, and mail that goes nowhere.

class SomeTests(SMTPTestCase):
    async def test_it(self) -> None:
        peer = await self.greeted()
        await peer.dialog("C: MAIL FROM:<a@example.org>", "S: 250 ...")
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.internet import task
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IAddress
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from netdaemon.interfaces import Account, ILogins, Login, LoginFailed, ScramVerifier
from netdaemon.protocols import smtp
from netdaemon.protocols.smtp import TransferSettings
from netdaemon.wire.sasl.credentials import IProven
from netdaemon.wire.sasl.scram import scram_verifier_of
from tests.kit.delivery import MemoryDelivery, Taken
from tests.kit.dialog import Peer
from tests.kit.house import NoTLS, StandInHouse, house
from tests.kit.pump import HERE

STRANGER = IPv4Address("TCP", "192.0.2.7", 40000)
GREETING = "S: 220 spam.egg ESMTP netdaemon"
PLAIN = b64encode(b"\0mulder\0trustno1").decode()


@implementer(ILogins)
class Fox:
    """mulder with trustno1, by password and by SCRAM. ``fails`` is raised instead."""

    portal: Any = None
    has_verifiers = True

    def __init__(self) -> None:
        self.fails: Exception | None = None
        self.sessions = 0
        self._verifier = scram_verifier_of("trustno1", 4096)

    async def login(self, credentials: Any, peer: Any, settings: Any, *interfaces: Any) -> Login:
        if self.fails is not None:
            raise self.fails
        if IProven.providedBy(credentials):
            right = credentials.username == "mulder"
        else:
            right = (credentials.username, credentials.password) == (b"mulder", b"trustno1")
        if not right:
            raise LoginFailed("wrong")
        self.sessions += 1
        return Login(Account("mulder"), (), self._logout)

    def _logout(self) -> None:
        self.sessions -= 1

    def scram_verifier(self, name: str) -> ScramVerifier:
        return self._verifier


class NoServerTLS(NoTLS):
    """A context is made with the factory, and asked for by nobody."""

    def server(self, alpn: Any = ()) -> Any:
        return None


class SMTPTestCase(TestCase):
    """A house with mulder and scully in it."""

    kind = smtp.smtp

    def setUp(self) -> None:
        self.clock = task.Clock()
        self.logins = Fox()
        self.delivery = MemoryDelivery("spam.egg", ["mulder", "scully"])
        self.house: StandInHouse = house(self.clock, logins=self.logins, delivery=self.delivery, tls=NoServerTLS())
        self.peers: list[Peer] = []
        self.errors = 0
        """How many defects the test has provoked."""
        self.addCleanup(self.check_nothing_is_left)

    def check_nothing_is_left(self) -> None:
        for peer in self.peers:
            peer.transport.lose()
        self.assertEqual(self.house.measure.errors, self.errors)
        self.assertEqual(self.logins.sessions, 0, "somebody is still logged in")
        self.assertTrue(all(spool.aborted for spool in self.delivery.spools), "a spool is left")

    def factory(self, kind: Any = None, **settings: Any) -> Any:
        kind = kind or self.kind
        settings = {"bad_commands": 1000, "bad_commands_before_login": 1000, **settings}
        made: TransferSettings = kind.settings(section=kind.name, listen=(), **settings)
        return kind.factory(made, self.house)

    def peer(self, *, kind: Any = None, client: IAddress = STRANGER, piece: int | None = None, **settings: Any) -> Peer:
        """A new session's client: a stranger, unless it is on this host (``client=THERE``)."""
        session = self.factory(kind, **settings).buildProtocol(client)
        peer = Peer(session, clock=self.clock, host=HERE, peer=client, piece=piece)
        self.peers.append(peer)
        return peer

    async def greeted(self, **settings: Any) -> Peer:
        """One that has said EHLO."""
        peer = self.peer(**settings)
        await peer.dialog("S: 220 ...")
        await self.ehlo(peer)
        return peer

    async def ehlo(self, peer: Peer, verb: str = "EHLO") -> list[str]:
        """Say EHLO: the lines behind the first."""
        peer.send(f"{verb} client.example\r\n".encode())
        lines = [await peer.line()]
        while lines[-1][3:4] == b"-":
            lines.append(await peer.line())
        self.assertEqual([line[:3] for line in lines], [b"250"] * len(lines))
        return [line[4:].decode() for line in lines[1:]]

    async def addressed(
        self, *recipients: str, sender: str = "a@example.org", parameters: str = "", **settings: Any
    ) -> Peer:
        """One that has told the envelope."""
        peer = await self.greeted(**settings)
        await self.envelope(peer, *recipients, sender=sender, parameters=parameters)
        return peer

    async def envelope(self, peer: Peer, *recipients: str, sender: str = "a@example.org", parameters: str = "") -> None:
        await peer.dialog(f"C: MAIL FROM:<{sender}>{parameters}", "S: 250 2.1.0 ...")
        for recipient in recipients or ("mulder@spam.egg",):
            await peer.dialog(f"C: RCPT TO:<{recipient}>", "S: 250 2.1.5 ...")

    @property
    def taken(self) -> Taken:
        """The one message that was delivered."""
        self.assertEqual(len(self.delivery.messages), 1, "one message was to be taken")
        return self.delivery.messages[0]

    def check_none_taken(self) -> None:
        self.assertEqual(self.delivery.messages, [])
