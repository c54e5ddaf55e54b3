"""The Gopher session: one line comes, one answer goes, and that is all (RFC 1436 section 2).

It is no LineSession: with a connection for each request, what that builds for many commands would cost more than the
answer.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableDescriptor,
    IHalfCloseableProtocol,
    IPushProducer,
    ISSLTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import ICounter, IDeadline, IHouse, ISession
from netdaemon.protocols.gopher.access import access_line
from netdaemon.protocols.gopher.grammar.request import MAX_LINE, is_http
from netdaemon.protocols.gopher.pages import to_browsers
from netdaemon.protocols.gopher.reply import Chunks, FileBody, Reply, refusal
from netdaemon.protocols.gopher.settings import GopherSettings
from netdaemon.protocols.gopher.site import Site
from netdaemon.wire.moment import log_moment
from netdaemon.wire.program import ProgramFailed
from netdaemon.wire.transport import FileShrank, file_sender

LINGER = 5.0
"""Seconds a connection that we ended is still read: closed at once, the peer would be reset and lose our answer."""
CHUNK = 64 * 1024
"""Octets of a document that are read and written at once, where the transport does not read it itself."""

# What a session does: it waits for its line, for its answer to be made and sent, for the end.
_LINE, _ANSWER, _CLOSING = range(3)


class Shrunk(Exception):
    """A document became shorter while it was sent."""

    def __str__(self) -> str:
        return "the document became shorter"


class GopherFactory(Factory):
    """Sessions of one [gopher] section, and what they share."""

    noisy = False

    def __init__(self, settings: GopherSettings, house: IHouse) -> None:
        self.settings = settings
        self.deadlines = house.deadlines
        self.site = Site(settings, house)
        self.access = house.measure.access(settings)
        self.unhandled = house.measure.unhandled()
        self._wall = house.wall
        self._measure = house.measure
        self._counters: dict[tuple[str, str], ICounter] = {}

    def buildProtocol(self, addr: IAddress | None) -> Session:
        return Session(self)

    def count(self, name: str, result: str) -> None:
        """One more answered request."""
        counter = self._counters.get((name, result))
        if counter is None:
            counter = self._counters[name, result] = self._measure.command("gopher", name, result)
        counter.inc()

    def moment(self) -> str:
        """Now, for the access log."""
        try:
            return log_moment(int(self._wall()))
        except OSError:
            return "-"


@implementer(ISession, IPushProducer, IHalfCloseableProtocol)
class Session(Protocol):
    """One connection, and the one request that comes by it. What comes behind the request is not looked at."""

    _log = Logger()
    transport: Any
    _deadline: IDeadline

    def __init__(self, factory: GopherFactory) -> None:
        self._factory = factory
        self._phase = _LINE
        self._buffer = b""
        self._ended = False  # the peer has sent its last
        self._unread = False  # the peer may be sending what nobody will read
        self._full = False  # the transport can't write
        self._room: Deferred[None] | None = None
        self._task: Deferred[None] | None = None
        self._reply: Reply | None = None
        self._sent = 0

    # --- what the site asks ----------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        port: int = getattr(self.transport.getHost(), "port", 70)
        return port

    @property
    def peer_host(self) -> str:
        host: str = getattr(self.transport.getPeer(), "host", "unix:")
        return host

    @property
    def secure(self) -> bool:
        return bool(ISSLTransport.providedBy(self.transport))

    @property
    def server_name(self) -> str:
        transport = self.transport
        if not self._factory.settings.hosts or not self.secure:
            return ""
        name: bytes | None = transport.getHandle().get_servername()
        return (name or b"").decode("ascii", "replace").lower()

    # --- the transport's calls -------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._deadline = self._factory.deadlines.after(self._factory.settings.request_timeout, self._expired)

    def dataReceived(self, data: bytes) -> None:
        if self._phase != _LINE:
            self._unread = True
            return
        self._buffer = buffer = self._buffer + data if self._buffer else data
        line, end, rest = buffer.partition(b"\n")
        if end or len(buffer) > MAX_LINE + 1:
            self._unread = bool(rest) or not end
            self._take(line.removesuffix(b"\r"))

    def readConnectionLost(self) -> None:
        """The peer has sent its last and may still read (or is gone, which writing will show)."""
        self._ended = True
        if self._phase == _CLOSING:
            self.transport.loseConnection()
        elif self._phase == _LINE and self._buffer:
            self._take(self._buffer)  # `printf /spam | nc` is a request as well
        elif self._phase == _LINE:
            self._close()

    def writeConnectionLost(self) -> None:
        """All that we wrote is out, and the peer was told that no more comes."""
        self._deadline.postpone(LINGER)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._phase == _ANSWER and self._reply is not None:
            self._record(self._reply)
        self._phase = _CLOSING
        self._deadline.cancel()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    def pauseProducing(self) -> None:
        self._full = True
        self._deadline.postpone(self._factory.settings.stall_timeout)

    def resumeProducing(self) -> None:
        self._full = False
        if self._phase == _ANSWER:
            self._deadline.cancel()
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def stopProducing(self) -> None:
        """The connection is going; connectionLost says so too."""

    def drain(self) -> None:
        if self._phase == _LINE:
            self._close()

    def _expired(self) -> None:
        if self._phase == _LINE and self._buffer:
            self._begin(b"")
            self._answer(refusal("The request took too long", "other"))
        elif self._phase == _LINE:
            self._close()
        else:
            self.transport.abortConnection()

    # --- the answer ------------------------------------------------------------------------------------------

    def _begin(self, line: bytes) -> None:
        self._phase = _ANSWER
        self._buffer = line  # for the access log
        self._deadline.cancel()

    def _take(self, line: bytes) -> None:
        """The request is here: answer it, now or when the answer is made."""
        self._begin(line)
        if is_http(line):
            self._unread = True
            place = self._factory.site.place("", "", self.port)
            self._answer(Reply(to_browsers(place.host, place.port), "http", "refused"))
            return
        try:
            reply = self._factory.site.respond(line, self)
        except Exception:  # noqa: BLE001  # a defect of ours: logged with its traceback, answered, and life goes on
            reply = self._defect()
        if isinstance(reply, Reply) and isinstance(reply.body, bytes):
            self._answer(reply)
            return
        self._task = task = Deferred.fromCoroutine(self._deliver(reply))
        task.addErrback(self._fail)

    def _answer(self, reply: Reply) -> None:
        """Send an answer that is whole."""
        assert isinstance(reply.body, bytes)
        self._reply = reply
        self._sent = len(reply.body)
        self.transport.write(reply.body)
        self._done(reply)

    async def _deliver(self, coming: Reply | Awaitable[Reply]) -> None:
        try:
            reply = coming if isinstance(coming, Reply) else await coming
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001  # as in _take
            reply = self._defect()
        body = reply.body
        if isinstance(body, bytes):
            self._answer(reply)
            return
        self._reply = reply
        self.transport.registerProducer(self, True)
        if isinstance(body, FileBody):
            await self._send_file(body)
        else:
            await self._send_chunks(body)
        self._done(reply)

    def _defect(self) -> Reply:
        self._log.failure("a request could not be answered")
        self._factory.unhandled.inc()
        return refusal("Something went wrong here", "other", result="failed")

    async def _send_chunks(self, chunks: Chunks) -> None:
        try:
            async for chunk in chunks:
                if chunk:
                    self._sent += len(chunk)
                    self.transport.write(chunk)
                if self._phase != _ANSWER:
                    raise CancelledError  # the peer went within that very write, where nothing waits to be cancelled
                if self._full:
                    await self._until_room()
        finally:
            await chunks.aclose()

    async def _send_file(self, body: FileBody) -> None:
        with body.document as document:
            size, position = document.entry.size, 0
            self.transport.write(body.header)
            native = file_sender(self.transport)
            if native is not None:
                self._moved(0)
                await native(document.fd, 0, size, self._moved)
                return
            while position < size:
                if self._full:
                    await self._until_room()
                data = os.pread(document.fd, min(CHUNK, size - position), position)
                if not data:
                    raise Shrunk
                position += len(data)
                self._sent += len(data)
                self.transport.write(data)

    def _moved(self, count: int) -> None:
        """The transport, which reads the document itself, has taken some of it: more must go in time."""
        before, self._sent = self._sent, self._sent + count
        if not count or before // CHUNK != self._sent // CHUNK:
            self._deadline.postpone(self._factory.settings.stall_timeout)

    def _until_room(self) -> Deferred[None]:
        self._room = room = Deferred[None]()
        return room

    def _fail(self, failure: Failure) -> None:
        """An answer can't be finished: only cutting it off tells the peer so."""
        if isinstance(failure.value, CancelledError) and self._phase == _CLOSING:
            return
        if isinstance(failure.value, (Shrunk, FileShrank, OSError, ProgramFailed)):
            self._log.warn("an answer was cut off: {reason}", reason=failure.value)
        else:
            self._log.failure("an answer was cut off", failure)
            self._factory.unhandled.inc()
        self.transport.abortConnection()

    def _done(self, reply: Reply) -> None:
        self._record(reply)
        self._close()

    def _record(self, reply: Reply) -> None:
        factory = self._factory
        factory.count(reply.name, reply.result)
        if factory.access is not None:
            factory.access.write(access_line(self.peer_host, factory.moment(), self._buffer, reply.result, self._sent))

    def _close(self) -> None:
        """Close behind what was written; where the peer may still be sending, only our direction at first."""
        transport = self.transport
        self._phase = _CLOSING
        self._deadline.postpone(self._factory.settings.stall_timeout)
        transport.unregisterProducer()
        if self._unread and not self._ended and _closes_by_halves(transport):
            transport.loseWriteConnection()
        else:
            transport.loseConnection()


def _closes_by_halves(transport: Any) -> bool:
    # A transport under TLS claims what the one beneath it provides; half a close there would skip the alert.
    return IHalfCloseableDescriptor.providedBy(transport) and not ISSLTransport.providedBy(transport)
