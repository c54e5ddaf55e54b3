"""An FTP server in memory, of which the test says every word, with its data connections:

server = Server()
work = server.begin(server.ftp.size("name"))
server.talk("C: TYPE I", "S: 200 ok", "C: SIZE name", "S: 213 12")
self.assertEqual(self.successResultOf(work), 12)

"C: ..." the client's next line        "S: ..." a line of the server's
"D: ..." octets on the newest data connection, with Python's escapes       "D. " its end
"-- 30 s" time passes
"""

from __future__ import annotations

import errno
from collections.abc import Coroutine
from typing import Any

from twisted.internet import error, task
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from netdaemon.protocols.ftp.client import FTP, Settings
from netdaemon.protocols.ftp.client.datastreams import StreamLinks
from netdaemon.protocols.ftp.client.streams import ControlStream
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.transcript import Transcript
from tests.kit.clock import pass_time
from tests.kit.pump import Transport

CLIENT, PEER = "192.0.2.1", "192.0.2.21"


def address(host: str, port: int) -> Any:
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)


class ListeningPort:
    """A port the client has opened for the server."""

    def __init__(self, factory: Any, host: str) -> None:
        self.factory = factory
        self.host = host
        self.open = True

    def getHost(self) -> Any:
        return address(self.host, 50000)

    def stopListening(self) -> None:
        self.open = False


class Network(task.Clock):
    """A reactor that connects to nobody: what is dialled is written down, and is a transport of the test's."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self.dialled: list[tuple[str, int]] = []
        self.refuses: set[int] = set()
        self.silent: set[int] = set()
        self.ports: list[ListeningPort] = []

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> Any:
        self.dialled.append((host, port))
        factory.startedConnecting(self)
        if port in self.refuses:
            refused = Failure(error.ConnectionRefusedError(errno.ECONNREFUSED))  # type: ignore[no-untyped-call]
            factory.clientConnectionFailed(self, refused)
        elif port in self.silent:
            late = Failure(error.TimeoutError())  # type: ignore[no-untyped-call]
            self.callLater(timeout, factory.clientConnectionFailed, self, late)
        else:
            self.server.add_data(factory.buildProtocol(address(host, port)), host)
        return self

    def stopConnecting(self) -> None:
        """The connector's."""

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> ListeningPort:
        self.ports.append(ListeningPort(factory, interface))
        return self.ports[-1]

    def call_back(self, host: str = PEER) -> bool:
        """The server, or somebody at ``host``, connects to the client's newest port; is it let in?"""
        protocol = self.ports[-1].factory.buildProtocol(address(host, 20))
        if protocol is not None:
            self.server.add_data(protocol, host)
        return protocol is not None


class Server:
    """See the module."""

    def __init__(self, settings: Settings | None = None, *, peer: str = PEER, host: str = CLIENT, **more: Any) -> None:
        settings = settings or Settings(**more)
        self.network = Network(self)
        self.wheel = Wheel(self.network)
        self.lines: list[str] = []
        self.control = ControlStream(
            self.wheel,
            settings.timeouts,
            keep_alive=settings.keep_alive,
            transcript=settings.transcript or Transcript(self.lines.append),
        )
        self.ftp = FTP(self.control, StreamLinks(self.network, settings.timeouts), "ftp.example.org", settings)
        self.transport = Transport(self.control, address(host, 1025), address(peer, 21))
        self.transport.begin()
        self.datas: list[Transport] = []
        self.said = bytearray()
        self.piece: int | None = None
        self.peer = peer
        self.host = host

    def add_data(self, protocol: Any, peer: str) -> None:
        self.datas.append(Transport(protocol, address(self.host, 1026), address(peer, 20)))
        self.datas[-1].begin()

    @property
    def data(self) -> Transport:
        """The newest data connection."""
        return self.datas[-1]

    def begin(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        return Deferred.fromCoroutine(work)

    def log_in(self, *features: str) -> None:
        """Through the greeting and the login, as anonymous."""
        told = ["S: 211-Features", *(f"S:  {feature}" for feature in features), "S: 211 End"]
        work = self.begin(self.greeted())
        self.talk("S: 220 ready", "C: USER anonymous", "S: 331 password?", "C: PASS x@", "S: 230 in")
        self.talk("C: FEAT", *(told if features else ["S: 500 what?"]))
        failures: list[Any] = []
        work.addErrback(failures.append)
        assert work.called and not failures, failures

    async def greeted(self) -> FTP:
        async with self.control.alone():
            await self.control.greet()
        return await self.ftp.begin("anonymous", "x@")

    def talk(self, *script: str) -> None:
        for entry in script:
            who, text = entry[:3], entry[3:]
            if who == "C: ":
                line = self.line()
                assert line == text.encode(), f"{line!r} came in place of {entry!r}"
            elif who == "S: ":
                self.send(self.transport, text.encode() + b"\r\n")
            elif who == "S* ":
                self.send(self.transport, text.encode().decode("unicode-escape").encode("latin-1"))
            elif who == "D: ":
                self.send(self.data, text.encode().decode("unicode-escape").encode("latin-1"))
            elif who == "D. ":
                self.data.finish()
            elif who == "-- ":
                assert text.endswith(" s")
                pass_time(self.network, float(text[:-2]))
            else:
                raise ValueError(entry)
            self.turn()

    def send(self, transport: Transport, data: bytes) -> None:
        piece = self.piece or max(1, len(data))
        for start in range(0, len(data), piece):
            transport.deliver(data[start : start + piece])
            self.turn()

    def turn(self) -> None:
        moved = True
        while moved:
            moved = False
            for transport in (self.transport, *self.datas):
                moved = transport.turn() or moved

    def line(self) -> bytes | None:
        """The client's next line; None when it has said nothing more."""
        self.said += self.transport.taken()
        line, end, rest = bytes(self.said).partition(b"\r\n")
        if not end:
            return None
        self.said[:] = rest
        return line

    @property
    def dropped(self) -> bool:
        """Has the client dropped the control connection?"""
        self.turn()
        return self.transport.aborted or not self.transport.connected
