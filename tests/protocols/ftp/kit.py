"""What tests of the FTP server have in common: a session in memory, a tree on disk, data connections on loopback.

class SomeTests(FTPTestCase):
    async def test_it(self) -> None:
        peer = await self.logged_in()
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"hello")
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from twisted.cred.credentials import IAnonymous
from twisted.internet import reactor as _reactor
from twisted.internet import task
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from netdaemon.accounts.realm import DocumentsAvatar
from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.rights import Narrowed
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import Account, ILogins, Login, LoginFailed, Right
from netdaemon.protocols.ftp import FTPSettings
from netdaemon.protocols.ftp import ftp as kind
from netdaemon.protocols.ftp.commands import storing
from tests.kit.dialog import Peer
from tests.kit.house import NoTLS, StandInHouse, house
from tests.kit.pump import HERE, THERE

reactor: Any = _reactor

PATIENCE = 10.0


@implementer(ILogins)
class OneAccount:
    """mulder with trustno1, and anybody as anonymous. ``fails`` is raised instead of all that."""

    portal: Any = None
    has_verifiers = False

    def __init__(self, tree: Tree, account: Account) -> None:
        self._tree = tree
        self.account = account
        self.fails: Exception | None = None
        self.sessions = 0

    async def login(self, credentials: Any, peer: Any, settings: Any, *interfaces: Any) -> Login:
        if self.fails is not None:
            raise self.fails
        if IAnonymous.providedBy(credentials):
            account = Account("anonymous", rights=(Right("/", "r"),))
        elif (credentials.username, credentials.password) == (b"mulder", b"trustno1"):
            account = self.account
        else:
            raise LoginFailed("wrong")
        self.sessions += 1
        return Login(account, (DocumentsAvatar(Narrowed(self._tree, account)),), self._logout)

    def _logout(self) -> None:
        self.sessions -= 1

    def scram_verifier(self, name: str) -> Any:
        raise NotImplementedError


class NoServerTLS(NoTLS):
    """A context is made with the factory, and asked for by nobody."""

    def server(self, alpn: Any = ()) -> Any:
        return None


class FTPPeer(Peer):
    """A client that hears of what the session says in the reactor's next turn, as over a socket: a transfer's end is
    told from within the reactor's calls, and must be over when the client goes on.
    """

    def _tell(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            reactor.callLater(0, news.callback, None)


class Data(Protocol):
    """The client's end of a data connection: what came, and when it ended."""

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.ended: Deferred[Exception | None] = Deferred()
        """Fires with None at an orderly end, else with what ended it."""

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        orderly = reason.check("twisted.internet.error.ConnectionDone")
        self.ended.callback(None if orderly else reason.value)  # type: ignore[arg-type]

    async def all(self) -> bytes:
        """All that comes until the end."""
        await self.ended.addTimeout(PATIENCE, reactor)
        return self.received


class FTPTestCase(TestCase):
    """A tree, a house and sessions on it; ``account`` is mulder's."""

    account = Account("mulder")
    hidden = False

    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir(parents=True)
        (self.root / "hello.txt").write_bytes(b"hello\n")
        (self.root / "sub").mkdir()
        self.clock = task.Clock()
        # what is waited for on the reactor's clock goes by real time; see `storing.SETTLE`
        self.patch(storing, "deferLater", lambda clock, seconds: task.deferLater(reactor, seconds))
        self.tree = Tree(DocumentsSettings(root=self.root, hidden=self.hidden))
        self.addCleanup(self.tree.close)
        self.logins = OneAccount(self.tree, self.account)
        self.house: StandInHouse = house(
            self.clock, reactor=reactor, documents=self.tree, logins=self.logins, tls=NoServerTLS()
        )
        self.addCleanup(self.check_nothing_failed)
        self.peers: list[FTPPeer] = []
        self.addCleanup(self.hang_up)

    def check_nothing_failed(self) -> None:
        self.assertEqual(self.house.measure.errors, 0)

    def hang_up(self) -> None:
        for peer in self.peers:
            peer.transport.lose()
        self.assertEqual(self.logins.sessions, 0, "somebody is still logged in")

    def peer(
        self, *, host: IPv4Address = HERE, client: IPv4Address = THERE, piece: int | None = None, **settings: Any
    ) -> FTPPeer:
        """A new session's client."""
        settings = {"bad_commands": 1000, "bad_commands_before_login": 1000, "anonymous": True, **settings}
        factory = kind.factory(FTPSettings(section="ftp", listen=(), **settings), self.house)
        session = factory.buildProtocol(client)
        assert session is not None
        peer = FTPPeer(session, clock=self.clock, host=host, peer=client, piece=piece)
        self.peers.append(peer)
        return peer

    async def logged_in(self, user: str = "mulder", **settings: Any) -> FTPPeer:
        """One that has logged in, and asked for octets as they are."""
        peer = self.peer(**settings)
        await peer.dialog(
            "S: 220 spam.egg FTP server ready.",
            f"C: USER {user}",
            "S: 331 ...",
            "C: PASS trustno1",
            "S: 230 Logged in.",
            "C: TYPE I",
            "S: 200 ...",
        )
        return peer

    # --- data connections ------------------------------------------------------------------------------------

    async def passive(self, peer: Peer) -> int:
        """EPSV: the port."""
        peer.send(b"EPSV\r\n")
        reply = await peer.line()
        self.assertTrue(reply.startswith(b"229 "), reply)
        return int(reply.rpartition(b"|||")[2].partition(b"|")[0])

    async def connect(self, port: int, source: str = "127.0.0.1") -> Data:
        """A data connection to ``port`` of ours."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port, bindAddress=(source, 0))
        data: Data = await connectProtocol(endpoint, Data())
        return data

    async def begin(self, peer: Peer, command: str) -> Data:
        """Open a data connection and give ``command``, whose 150 is awaited."""
        data = await self.connect(await self.passive(peer))
        await peer.dialog(f"C: {command}", "S: 150 ...")
        return data

    async def fetch(self, peer: Peer, command: str, last: str = "S: 226 ...") -> bytes:
        """What comes over the data connection of ``command``."""
        data = await self.begin(peer, command)
        received = await data.all()
        await peer.dialog(last)
        return received

    async def store(self, peer: Peer, command: str, content: bytes, last: str = "S: 226 ...") -> None:
        """Upload ``content``."""
        data = await self.begin(peer, command)
        data.transport.write(content)
        data.transport.loseConnection()
        await data.ended
        await peer.dialog(last)

    def listening(self) -> tuple[socket.socket, int]:
        """A listening socket of the client's, and its port."""
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        return listening, listening.getsockname()[1]

    async def until(self, true: Any) -> None:
        """Wait until ``true()``, giving the reactor its turns."""
        end = reactor.seconds() + PATIENCE
        await task.deferLater(reactor, 0)
        while not true():
            self.assertLess(reactor.seconds(), end, "it never came true")
            await task.deferLater(reactor, 0.001)
