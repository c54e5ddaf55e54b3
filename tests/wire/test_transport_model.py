"""The corked transport against Twisted's own: for the same operations a peer receives the same.

Both run side by side over socket pairs on a private reactor that the test steps by hand; a `send_file` here is a
`write` of the same bytes there.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from twisted.internet import tcp
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from netdaemon.wire.transport import StreamTransport

EXAMPLES = settings(max_examples=200, stateful_step_count=25, deadline=None)
CONTENT = bytes(range(256)) * 3000
Operation = tuple[str, Any]


class Recorder(Protocol):
    """Writes down what the transport tells it, and does what the test planned for the next read."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.received = b""
        self.plan: list[Operation] = []
        self.perform: Callable[[Operation], None]

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        plan, self.plan = self.plan, []
        for operation in plan:
            self.perform(operation)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.events.append(f"lost {reason.type.__name__}")


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Recorder):
    def readConnectionLost(self) -> None:
        self.events.append("read lost")

    def writeConnectionLost(self) -> None:
        self.events.append("write lost")


class PushProducer:
    """Writes a chunk whenever it is told to go on, and counts what it was told."""

    def __init__(self, transport: Any, chunks: list[bytes]) -> None:
        self.transport, self.chunks, self.paused = transport, chunks, False

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        if self.chunks:
            self.transport.write(self.chunks.pop(0))
        else:
            self.transport.unregisterProducer()

    def stopProducing(self) -> None:
        self.chunks.clear()


class Side:
    """One transport with its protocol, and the peer's end of the wire."""

    def __init__(self, make: Any, protocol: type[Recorder], reactor: Any, fd: int) -> None:
        ours, self.peer = socket.socketpair()
        for end in (ours, self.peer):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        self.peer.setblocking(False)
        self.fd = fd
        self.native = make is StreamTransport
        self.protocol = protocol()
        self.protocol.perform = self.perform
        self.transport = make(ours, self.protocol, ("127.0.0.1", 1), None, 1, reactor)
        self.producing = self.closing = False
        self.files: list[Any] = []
        self.got = b""
        if self.native:
            self.transport.begin()
        else:
            self.protocol.makeConnection(self.transport)

    def perform(self, operation: Operation) -> None:
        name, argument = operation
        transport = self.transport
        if self.producing and name in ("write", "sequence", "file"):
            return  # when a producer gets its turn is not promised, so nothing else is written beside it
        if self.closing and name in ("write", "sequence", "file", "produce"):
            return  # nor is it promised how long a connection takes what comes after loseConnection
        if self.closing and name == "loseWriteConnection":
            return  # a second one ends Twisted's whole connection
        if self.producing and name == "loseWriteConnection":
            return  # Twisted's own forgets it when the producer has no more
        self.closing = self.closing or name in ("loseConnection", "loseWriteConnection")
        if name == "write":
            transport.write(argument)
        elif name == "sequence":
            transport.writeSequence(argument)
        elif name == "file":
            offset, count = argument
            if self.native:
                done = transport.send_file(self.fd, offset, count)
                done.addErrback(lambda failure: None)
                self.files.append(done)
            else:
                transport.write(CONTENT[offset : offset + count])
        elif name == "produce":
            if not self.producing and transport.connected and not transport.disconnecting:
                self.producing = True
                transport.registerProducer(PushProducer(transport, list(argument[1])), argument[0])
        elif name != "loseWriteConnection" or transport.connected:  # Twisted's own raises once it is lost
            getattr(transport, name)()

    def drain(self, limit: int) -> None:
        try:
            self.got += self.peer.recv(limit)
        except (BlockingIOError, ConnectionError):
            pass


chunks = st.binary(max_size=40) | st.integers(1, 120_000).map(lambda size: b"x" * size)
operations = st.one_of(
    st.tuples(st.just("write"), chunks),
    st.tuples(st.just("sequence"), st.lists(chunks, max_size=3)),
    st.tuples(st.just("file"), st.tuples(st.integers(0, 1000), st.integers(0, 300_000))),
    # A producer that is asked for more and writes nothing is forgotten, by Twisted's own too.
    st.tuples(st.just("produce"), st.tuples(st.booleans(), st.lists(chunks.filter(bool), max_size=4))),
    st.sampled_from([("pauseProducing", None), ("resumeProducing", None), ("loseWriteConnection", None)]),
    st.sampled_from([("loseConnection", None), ("abortConnection", None)]),
)


class TransportMachine(RuleBasedStateMachine):
    half_closeable = False

    def __init__(self) -> None:
        super().__init__()
        self.reactor = EPollReactor()
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end
        self.file.write(CONTENT)
        self.file.flush()
        protocol = HalfCloseable if self.half_closeable else Recorder
        self.sides = [Side(make, protocol, self.reactor, self.file.fileno()) for make in (StreamTransport, tcp.Server)]
        self.aborted = self.cut_short = False

    def note(self, planned: list[Operation]) -> None:
        self.aborted = self.aborted or ("abortConnection", None) in planned

    @rule(operation=operations)
    def outside_a_read(self, operation: Operation) -> None:
        self.note([operation])
        for side in self.sides:
            side.perform(operation)

    @rule(data=st.binary(min_size=1, max_size=50), plan=st.lists(operations, max_size=5))
    def inside_a_read(self, data: bytes, plan: list[Operation]) -> None:
        self.note(plan)
        for side in self.sides:
            side.protocol.plan += plan
            try:
                side.peer.send(data)
            except OSError:
                pass
        self.turn()

    @rule(limit=st.integers(1, 200_000))
    def the_peer_reads(self, limit: int) -> None:
        for side in self.sides:
            side.drain(limit)
        self.turn()

    @rule()
    def the_peer_half_closes(self) -> None:
        # Twisted's own forgets what it has not sent yet when the peer's end is the connection's end.
        self.cut_short = self.cut_short or not self.half_closeable
        for side in self.sides:
            try:
                side.peer.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        self.turn()

    @rule()
    def turn(self) -> None:
        for _ in range(3):
            self.reactor.runUntilCurrent()
            self.reactor.doIteration(0)

    def teardown(self) -> None:
        quiet = 0
        while quiet < 10:
            before = [len(side.got) for side in self.sides]
            self.turn()
            for side in self.sides:
                side.drain(1 << 20)
            quiet = quiet + 1 if before == [len(side.got) for side in self.sides] else 0
        lean, stock = self.sides
        try:
            # How much of a file fits into a full socket is the kernel's affair: it counts pages, not octets.
            if self.aborted or (self.cut_short and lean.files):
                short, long = sorted((lean.got, stock.got), key=len)
                assert long.startswith(short)
            elif self.cut_short:
                assert lean.got.startswith(stock.got)
            else:
                assert lean.got == stock.got
                assert lean.protocol.received == stock.protocol.received
            if not self.aborted:
                # In which order the two directions end is not promised.
                assert sorted(lean.protocol.events) == sorted(stock.protocol.events)
            if lean.transport.disconnected:
                assert all(done.called for done in lean.files)
        finally:
            for side in self.sides:
                side.peer.close()
                if side.transport.connected:
                    side.transport.connectionLost(Failure(ConnectionError()))
            self.reactor.removeAll()
            self.reactor.disconnectAll()
            self.reactor._poller.close()
            self.file.close()


class HalfCloseableMachine(TransportMachine):
    half_closeable = True


class TransportModelTests(SynchronousTestCase):
    def test_a_peer_receives_the_same(self) -> None:
        run_state_machine_as_test(TransportMachine, settings=EXAMPLES)

    def test_a_peer_of_a_half_closeable_protocol_receives_the_same(self) -> None:
        run_state_machine_as_test(HalfCloseableMachine, settings=EXAMPLES)
