"""Transports in memory: one for a protocol that the test itself talks to, and a pair that joins two protocols.

They behave as Twisted's TCP transports do where protocols can tell: nothing is delivered to who has paused, a
streaming producer is paused at 64 KiB unsent and resumed when all is gone, a connection is closed behind what was
written, `abortConnection` comes true in the reactor's next turn, and each direction can be closed alone.

    pump = connect(server, client)
    reply = await pump.run(client.ask(b"NOOP"))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IHalfCloseableDescriptor,
    IHalfCloseableProtocol,
    IProtocol,
    IPushProducer,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

T = TypeVar("T")

HERE = IPv4Address("TCP", "127.0.0.1", 1025)
THERE = IPv4Address("TCP", "127.0.0.1", 40000)


@implementer(ITransport, IConsumer, IPushProducer, IHalfCloseableDescriptor)
class Transport:
    """What a protocol under test writes to. The test is its peer: `deliver`, `taken`, `finish` and `lose`."""

    bufferSize = 64 * 1024

    def __init__(self, protocol: IProtocol, host: IAddress = HERE, peer: IAddress = THERE) -> None:
        self.protocol: Any = protocol
        self.unsent = bytearray()
        """What was written and the peer has not read."""
        self.reading = True
        """False while the protocol has paused us."""
        self.connected = True
        self.disconnecting = False
        self.aborted = False
        self.finished = False
        """Our direction is closed, behind what is unsent."""
        self.told_finished = False
        """The peer has seen that."""
        self.peer_finished = False
        self.producer: Any = None
        self.producer_paused = False
        self.on_write: Callable[[], object] = lambda: None
        """Called when there is something new for the peer: bytes, or the end."""
        self._host = host
        self._peer = peer
        self._undelivered = bytearray()
        self._later: list[Callable[[], object]] = []

    def begin(self) -> None:
        """Hand ourselves to the protocol."""
        self.protocol.makeConnection(self)

    # --- the protocol's side ---------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise TypeError(f"only bytes can be written, not {type(data).__name__}")
        if not self.connected or self.finished:
            return
        self.unsent += data
        if self.producer is not None and len(self.unsent) > self.bufferSize:
            self.producer_paused = True
            self.producer.pauseProducing()
        self.on_write()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self.reading = False
            self._later.append(self._sent)
            self.on_write()

    def abortConnection(self) -> None:
        if self.connected and not self.aborted:
            self.aborted = self.disconnecting = True
            self.reading = False
            self.unsent.clear()
            self._later.append(lambda: self.lose(error.ConnectionAborted()))
            self.on_write()

    def readConnectionLost(self, reason: Failure) -> None:
        """The reactor's call: `finish` stands for it."""

    def writeConnectionLost(self, reason: Failure) -> None:
        """The reactor's call, too."""

    def loseWriteConnection(self) -> None:
        self.finished = True
        self._later.append(self._sent)
        self.on_write()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self.producer is not None:
            raise RuntimeError("there is a producer already")
        assert streaming, "this kit knows push producers only"
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None
        self.producer_paused = False
        if self.disconnecting:
            self._later.append(self._sent)

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        if self.connected and not self.disconnecting:
            self.reading = True
            self._later.append(lambda: self.deliver(b""))

    def stopProducing(self) -> None:
        self.loseConnection()

    def getPeer(self) -> IAddress:
        return self._peer

    def getHost(self) -> IAddress:
        return self._host

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing to do here."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Nor here."""

    # --- the peer's side -------------------------------------------------------------------------------------

    def deliver(self, data: bytes) -> None:
        """Bytes of the peer's; they wait as long as the protocol has paused us."""
        self._undelivered += data
        while self._undelivered and self.reading and self.connected:
            read, self._undelivered = bytes(self._undelivered[:65536]), self._undelivered[65536:]
            self.protocol.dataReceived(read)
        if self.peer_finished and not self._undelivered:
            self._peer_has_finished()

    def taken(self, most: int | None = None) -> bytes:
        """The peer reads what was written, or ``most`` octets of it."""
        data = bytes(self.unsent[:most])
        del self.unsent[: len(data)]
        self.turn()
        self._sent()
        return data

    def finish(self) -> None:
        """The peer has closed its direction."""
        self.peer_finished = True
        self.deliver(b"")

    def lose(self, why: Exception | None = None) -> None:
        """The connection is gone."""
        if self.connected:
            self.connected = False
            self.reading = False
            if self.producer is not None:
                self.producer.stopProducing()
                self.producer = None
            reason = Failure(why or error.ConnectionDone())  # type: ignore[no-untyped-call]  # Twisted's has no types
            self.protocol.connectionLost(reason)
            self.on_write()

    def turn(self) -> bool:
        """What the reactor's next turn would bring; False when that is nothing."""
        later, self._later = self._later, []
        for run in later:
            run()
        return bool(later)

    def _sent(self) -> None:
        if self.unsent or not self.connected:
            return
        if self.producer_paused and self.producer is not None:
            self.producer_paused = False
            self.producer.resumeProducing()
        elif self.disconnecting and self.producer is None and not self.aborted:
            self.lose()
        elif self.finished and not self.told_finished:
            self.told_finished = True
            if IHalfCloseableProtocol.providedBy(self.protocol):
                self.protocol.writeConnectionLost()

    def _peer_has_finished(self) -> None:
        if not self.connected or not self.reading:
            return
        self.reading = False
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.readConnectionLost()
        else:
            self.lose()


class Pump:
    """Two protocols, joined. Nothing moves but by `flush`."""

    def __init__(self, server: Transport, client: Transport) -> None:
        self.server = server
        self.client = client
        self.said: list[tuple[str, bytes]] = []
        """All that moved, as ("C" or "S", bytes)."""

    def flush(self, piece: int | None = None) -> None:
        """Carry bytes to and fro (``piece`` at a time) until nothing moves any more."""
        while self.step(piece):
            pass

    def step(self, piece: int | None = None) -> bool:
        """Carry one piece in each direction; False when there was nothing to do."""
        moved = False
        for who, here, there in (("C", self.client, self.server), ("S", self.server, self.client)):
            if here.unsent and (there.reading or not there.connected):
                data = here.taken(piece)
                self.said.append((who, data))
                there.deliver(data)
                moved = True
            moved = here.turn() or moved
            if here.aborted and not here.connected and there.connected:
                there.lose(error.ConnectionLost())
                moved = True
            ended = (not here.connected or here.told_finished) and not here.unsent
            if ended and there.connected and there.reading and not there.peer_finished:
                there.finish()
                moved = True
        return moved

    async def run(self, work: Awaitable[T], piece: int | None = None) -> T:
        """The result of ``work``, carrying bytes meanwhile. AssertionError when it waits for what can't come."""

        async def wait() -> T:
            return await work

        task: Deferred[T] = Deferred.fromCoroutine(wait())
        while not task.called and self.step(piece):
            pass
        if not task.called:
            task.addErrback(lambda failure: None)
            task.cancel()
            raise AssertionError(f"nothing moves any more; so far: {self.said}")
        return await task


def connect(server: IProtocol, client: IProtocol) -> Pump:
    """Join two protocols. Both have their transport when this returns, and nothing has moved."""
    pump = Pump(Transport(server, HERE, THERE), Transport(client, THERE, HERE))
    pump.server.begin()
    pump.client.begin()
    return pump
