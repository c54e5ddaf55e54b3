"""The stream transport under every server session: Twisted's own, with fewer trips to the kernel.

What it adds to `twisted.internet.tcp.Server`, and what each buys (figures in docs/performance.md):

- *Cork*: what a protocol writes while it handles a read is sent in one call at the read's end, not by way of
  the poller. A write outside of a read goes out at once when nothing waits before it.
- *send_file*: a document leaves by ``os.sendfile``, in order with what is written before and after it.
- *Lean begin*: little is built for a new connection; it is read from at once and meets the poller only if it is
  still there afterwards.

Everything else (producers, half-close, abort, TLS upgrade, logging) is Twisted's and keeps Twisted's promises:
`tests/wire/test_transport_model.py` compares the two operation by operation.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's transports have no types.

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from twisted.internet import _newtls, error, main, tcp
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()

_AGAIN = (errno.EAGAIN, errno.ENOBUFS, errno.EINTR)
_DONE = Failure(main.CONNECTION_DONE)


FILE_TURN = 1 << 20
"""Bytes of a file sent in one turn, so that one fast reader can't hold the loop."""

UNSENT = 128 * 1024
"""Bytes of a file that may wait in the kernel besides those that are under way to the peer. Without a bound the kernel
takes megabytes, whose pages have left the processor's cache when their turn comes: that costs twice as much."""

CHUNK = 65536
"""Bytes read of a file at a time where they must pass through our hands (TLS)."""


Progress = Callable[[int], object]
"""Told how many bytes of a file the kernel has just taken."""


class FileShrank(Exception):
    """A file ended before the bytes that `send_file` promised of it; the connection was aborted."""


class FileJob:
    """A stretch of a file on its way out, and the Deferred that waits for its end."""

    __slots__ = ("count", "done", "fd", "offset", "progress")

    def __init__(self, fd: int, offset: int, count: int, progress: Progress | None) -> None:
        self.fd = fd
        self.offset = offset
        self.count = count
        self.progress = progress
        self.done: Deferred[None] = Deferred()

    def went(self, sent: int) -> None:
        """So many more bytes are sent."""
        self.offset += sent
        self.count -= sent
        if self.progress is not None:
            self.progress(sent)


class Corked(tcp.Connection):
    """The clear-text half: corked writes and `send_file`. TLS sends its records through these very methods."""

    _corked = False
    _aborting = False
    _bounded = False  # `UNSENT` is set
    _file: FileJob | None = None
    """The file that is being sent, after what is in the stock buffers."""
    _behind: deque[bytes | FileJob] | None = None
    """What was written after `_file`, in order."""
    _behind_size = 0

    # --- writing --------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if data.__class__ is not bytes:
            FileDescriptor.write(self, data)  # says what is wrong with it
            return
        if not self.connected or self._writeDisconnected or not data:
            return
        if self._file is not None:
            self._behind_size += len(data)
            cast("deque[bytes | FileJob]", self._behind).append(data)
        else:
            self._tempDataBuffer.append(data)
            self._tempDataLen += len(data)
        if self.producer is not None and self._isSendBufferFull():
            self._maybePauseProducer()
        if self._corked or self._file is not None or self._aborting:
            return
        # Behind other data, or with the end near, the poller keeps the order of things.
        if self.dataBuffer or self.disconnecting or self._writeDisconnecting or not self._send_now():
            self.startWriting()

    def writeSequence(self, iovec: Any) -> None:
        self.write(b"".join(iovec))

    def loseConnection(self, *arguments: Any) -> None:
        if self._corked and self.connected and not self.disconnecting and not self._writeDisconnected:
            self.disconnecting = 1  # `_uncork` does the rest, mostly without the poller
        else:
            FileDescriptor.loseConnection(self, *arguments)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        FileDescriptor.registerProducer(self, producer, streaming)

    def unregisterProducer(self) -> None:
        FileDescriptor.unregisterProducer(self)
        if self.connected and self._writeDisconnecting:
            self.startWriting()  # what a producer held up is not forgotten, as it is by Twisted's

    def send_file(self, fd: int, offset: int, count: int, progress: Progress | None = None) -> Deferred[None]:
        """Send ``count`` bytes of an open file from ``offset``, in order with what is written before and after.

        The Deferred fires when the kernel has them all and fails with the reason when the connection is lost or
        with `FileShrank` (the connection is aborted then: its framing can't be kept). ``fd`` must stay open until
        one of the two. What is written meanwhile waits behind and counts for a producer's back-pressure; ``progress``
        hears of every part that is sent, for the file itself never fills a buffer and so never pauses a producer.
        """
        job = FileJob(fd, offset, count, progress)
        if not self.connected or self._writeDisconnected or self._aborting:
            job.done.errback(Failure(error.ConnectionDone()))
        elif count <= 0:
            job.done.callback(None)
        else:
            if count > UNSENT and not self._bounded:
                self._bound_unsent()
            if self._file is not None:
                cast("deque[bytes | FileJob]", self._behind).append(job)
            else:
                self._file = job
                self._behind = deque()
                if not self._corked:
                    self.startWriting()
        return job.done

    def _bound_unsent(self) -> None:
        self._bounded = True
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        except OSError:
            pass  # a UNIX socket has no such thing

    def _isSendBufferFull(self) -> bool:
        return len(self.dataBuffer) + self._tempDataLen + self._behind_size > self.bufferSize

    def _send_now(self) -> bool:
        """Try to send what was written just now; True when all of it went. Needs an empty ``dataBuffer``."""
        waiting = self._tempDataBuffer
        data = waiting[0] if len(waiting) == 1 else b"".join(waiting)
        # The end comes right behind (see `_uncork`): a packet less, when it may share one with the last words.
        flags = socket.MSG_MORE if self.disconnecting and not self._owes_a_turn() else 0
        try:
            sent = self.socket.send(data, flags)
        except OSError:
            return False  # the poller's turn will meet the error again and say it as Twisted does
        self._tempDataBuffer = []
        self._tempDataLen = 0
        if sent == len(data):
            return self.producer is None or not self._owes_a_turn()  # doWrite asks for more
        self.dataBuffer = data
        self.offset = sent
        return False

    def _owes_a_turn(self) -> bool:
        """Is there a producer that waits to be asked for more?"""
        return self.producer is not None and (not self.streamingProducer or self.producerPaused)

    def _is_settled(self) -> bool:
        """Lost, or nothing left to send: `doWrite` has seen to producers and to the end."""
        return bool(self.disconnected) or (self._file is None and not self.dataBuffer and not self._tempDataBuffer)

    def _uncork(self) -> Any:
        """The end of a read: send what it wrote, close if it said so. Returns a reason when the connection is lost."""
        self._corked = False
        if not self.connected or self._aborting:
            return None
        if self._file is not None:
            why = self.doWrite()
            if why is main.CONNECTION_DONE:
                self.connectionLost(_DONE)  # here, for a half-closeable protocol must not take it for the peer's end
                return None
            if why is not None or self._is_settled():
                return why
            self.startWriting()
        elif self._tempDataBuffer and (self.dataBuffer or not self._send_now()):
            self.startWriting()
        elif self.disconnecting:
            if not self.dataBuffer and not self._owes_a_turn():
                self.connectionLost(_DONE)
                return None
            self.startWriting()
        if self.disconnecting:
            self.stopReading()
        return None

    def doWrite(self) -> Any:
        if self.disconnected or self._writeDisconnected:
            self.stopWriting()  # done by the read of this very event, which the loop serves first
            return None
        turn = 0
        while (job := self._file) is not None:
            if turn >= FILE_TURN:
                return None
            if (self.dataBuffer or self._tempDataBuffer) and (why := self._send_head()) is not True:
                return why
            sent = self._send_part(job)
            if not isinstance(sent, int):
                return sent
            if sent == 0:
                self._file = None
                self.abortConnection()
                job.done.errback(Failure(FileShrank(f"{job.count} bytes are missing")))
                return None
            job.went(sent)
            if job.count:
                return None
            turn += sent
            self._next_after_file()
            job.done.callback(None)  # may write, close or abort: everything above is settled
            if not self.connected or self._aborting:
                return None
        if turn and self.disconnecting and not (self.dataBuffer or self._tempDataBuffer or self._owes_a_turn()):
            return main.CONNECTION_DONE  # the stock way would first send nothing
        return FileDescriptor.doWrite(self)

    def _send_head(self) -> Any:
        """Send what comes before a file: True when all of it went, None for not yet, or a reason."""
        head = b"".join([memoryview(self.dataBuffer)[self.offset :], *self._tempDataBuffer])
        self._tempDataBuffer = []
        self._tempDataLen = 0
        sent = self._send_more(head)
        if not isinstance(sent, int):
            return sent
        if sent < len(head):
            self.dataBuffer = head
            self.offset = sent
            return None
        self.dataBuffer = b""
        self.offset = 0
        return True

    def _send_more(self, data: bytes) -> Any:
        """The number of bytes sent of what comes before a file, or a reason when the connection is lost."""
        try:
            return self.socket.send(data, socket.MSG_MORE)  # share a packet with the file's beginning
        except OSError as problem:
            return 0 if problem.errno in _AGAIN else main.CONNECTION_LOST

    def _send_part(self, job: FileJob) -> Any:
        """Send some of a file: the number of bytes, 0 at its end, None for not now, or a reason."""
        try:
            return os.sendfile(self.socket.fileno(), job.fd, job.offset, min(job.count, FILE_TURN))
        except OSError as problem:
            return None if problem.errno in _AGAIN else main.CONNECTION_LOST

    def _next_after_file(self) -> None:
        """Bring what was written behind the file forward, up to the next file."""
        self._file = None
        behind = cast("deque[bytes | FileJob]", self._behind)
        while behind:
            item = behind.popleft()
            if isinstance(item, FileJob):
                self._file = item
                return
            self._behind_size -= len(item)
            self._tempDataBuffer.append(item)
            self._tempDataLen += len(item)
        self._behind = None

    def connectionLost(self, reason: Failure) -> None:
        # Twisted's, of three classes, in one: the end is a good part of a short connection.
        if self.disconnected:
            return
        job, self._file = self._file, None
        behind, self._behind = self._behind, None
        self.disconnected = 1
        self.connected = 0
        if self.producer is not None:
            self.producer.stopProducing()
            self.producer = None
        self.stopReading()
        self.stopWriting()
        self._closeSocket(orderly=reason is _DONE or not reason.check(error.ConnectionAborted))
        protocol = self.protocol
        del self.protocol, self.socket, self.fileno
        protocol.connectionLost(reason)
        for item in (job, *(behind or ())):
            if isinstance(item, FileJob):
                item.done.errback(reason)


class StreamTransport(Corked, tcp.Server):
    """A connection that a `StreamPort` accepted. Under TLS everything but the sending itself is Twisted's."""

    _wants_read = True
    _in_poller = False
    _shouldShutdown = False  # nobody else has the socket (it isn't inherited), so its close is the connection's end

    def __init__(
        self,
        sock: socket.socket,
        protocol: IProtocol,
        client: Any,
        server: Any,
        sessionno: int,
        reactor: Any,
    ) -> None:
        # Server.__init__ without the log strings (made when asked for) and without startReading (see `StreamPort`).
        self.reactor = reactor
        self._tempDataBuffer = []
        self._tempDataLen = 0
        sock.setblocking(False)
        self.socket = sock
        self.fileno = sock.fileno
        self.protocol = protocol
        self.server = server
        self.client = client
        self.sessionno = sessionno
        if isinstance(client, tuple):
            self.hostname = client[0]
            if len(client) != 2:
                self._addressType = IPv6Address
        else:
            self.hostname = client  # a UNIX socket's path, mostly empty
        self.connected = 1

    @property
    def logstr(self) -> str:  # type: ignore[override]  # Twisted's attribute, made only when a log line wants it
        return f"{self._getLogPrefix(self.protocol)},{self.sessionno},{self.hostname}"

    @property
    def repstr(self) -> str:  # type: ignore[override]
        return f"<{type(self.protocol).__name__} #{self.sessionno} from {self.hostname}>"

    def connectionLost(self, reason: Failure) -> None:
        if self.disconnected:
            return
        try:
            super().connectionLost(reason)
        finally:
            if self.server is not None:
                cast(Any, self.server.factory).closed(self)

    # --- reading --------------------------------------------------------------------------------------------

    def doRead(self) -> Any:
        try:
            data = self.socket.recv(self.bufferSize)
        except OSError as problem:
            return None if problem.errno == errno.EAGAIN else main.CONNECTION_LOST
        if not data:
            return main.CONNECTION_DONE
        self._corked = True
        try:
            self.protocol.dataReceived(data)
        finally:
            self._corked = False
        return self._uncork()

    def begin(self) -> None:
        """Connect the protocol and try the first read; meet the poller only if there is more to come.

        Never raises: a protocol that does is logged and costs its connection.
        """
        why: Any = None
        self._corked = True
        try:
            self.protocol.makeConnection(self)
            why = self._uncork()
            if why is None and self._wants_read and self.connected and not self._aborting:
                why = self.doRead()
        except Exception:  # noqa: BLE001  # a session's defect costs its connection, not the port
            log.failure("a new session failed")
            self.abortConnection()
        self._corked = False
        self._in_poller = True
        if not self.connected or self._aborting:
            return
        if why is main.CONNECTION_DONE:
            self.readConnectionLost(_DONE)
            self._wants_read = False
        elif why is not None:
            self.connectionLost(Failure(why))
        elif self._wants_read:
            self.reactor.addReader(self)

    def startReading(self) -> None:
        self._wants_read = True
        if self._in_poller:
            self.reactor.addReader(self)

    def stopReading(self) -> None:
        self._wants_read = False
        if self._in_poller:
            self.reactor.removeReader(self)

    # --- under TLS (startTLS) -------------------------------------------------------------------------------

    def startTLS(self, ctx: Any, normal: bool = True) -> None:
        _newtls.startTLS(self, ctx, normal, Corked)

    def write(self, data: bytes) -> None:
        if self.TLS:
            tcp.Server.write(self, data)
        else:
            Corked.write(self, data)

    def writeSequence(self, iovec: Any) -> None:
        if self.TLS:
            tcp.Server.writeSequence(self, iovec)
        else:
            Corked.writeSequence(self, iovec)

    def loseConnection(self, *arguments: Any) -> None:
        if self.TLS:
            tcp.Server.loseConnection(self)
        else:
            Corked.loseConnection(self, *arguments)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self.TLS:
            tcp.Server.registerProducer(self, producer, streaming)
        else:
            Corked.registerProducer(self, producer, streaming)

    def unregisterProducer(self) -> None:
        if self.TLS:
            tcp.Server.unregisterProducer(self)
        else:
            Corked.unregisterProducer(self)


class UnixTransport(StreamTransport):
    """A connection to a UNIX socket of ours. Descriptors are not passed over it."""

    def getHost(self) -> UNIXAddress:
        return UNIXAddress(self.socket.getsockname())

    def getPeer(self) -> UNIXAddress:
        return UNIXAddress(cast("str | bytes | None", self.client or None))

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is nothing to delay."""


def file_sender(transport: Any) -> Callable[[int, int, int, Progress | None], Deferred[None]] | None:
    """`Corked.send_file` of a transport that has it; None for others: after STARTTLS, in tests.

    A wrapper's ``__getattr__`` is not trusted to say what its transport can do: a file sent past TLS would be clear
    text in the middle of it.
    """
    if isinstance(transport, Corked) and not transport.TLS:
        return transport.send_file
    return None
