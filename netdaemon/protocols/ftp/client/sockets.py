"""The client's connections as blocking sockets make them: every call is over when it returns.

So what awaits them never waits, and `run` takes it from its beginning to its end without a reactor.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from netdaemon.protocols.ftp.client.errors import Broken
from netdaemon.protocols.ftp.client.links import MAX_REPLY_LINE, Data, Listening, Timeouts
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.address import HostPort
from netdaemon.protocols.ftp.grammar.replies import Reply, ReplyReader, with_crlf
from netdaemon.wire.blocking import Closed, Late, Stream, end_by_reset, reach
from netdaemon.wire.blockinglink import BlockingLink
from netdaemon.wire.failures import ConnectFailed, Failed, TLSFailed
from netdaemon.wire.lineclient import ConnectionLost, ProtocolError
from netdaemon.wire.transcript import Transcript


class SocketControl(BlockingLink[Reply]):
    """Provides `links.Control`."""

    max_line = MAX_REPLY_LINE

    def __init__(self, stream: Stream, timeouts: Timeouts, transcript: Transcript | None = None) -> None:
        super().__init__(stream, timeouts, transcript)
        self._final_seconds = timeouts.final
        self._reader = ReplyReader()
        self._busy = False
        self._outcome: Reply | None = None
        self._why: ConnectionLost | None = None

    async def greet(self) -> None:
        await super().greet()
        if self.greeting.preliminary:  # RFC 959 5.4: 120, ready in so many minutes
            await super().greet()

    @property
    def peer_host(self) -> str:
        return _host(self.stream.socket.getpeername())

    @property
    def local_host(self) -> str:
        return _host(self.stream.socket.getsockname())

    def session(self) -> Any:
        return None if self.stream.tls is None else self.stream.tls.get_session()

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None, None]:
        if self._busy:
            raise Failed("a transfer is under way: it is read to its end or closed before anything else is asked")
        self._busy = True
        try:
            if self.gone:
                raise self._why or ConnectionLost("the connection is closed")
            yield
        except (ProtocolError, KeyboardInterrupt, GeneratorExit):
            self.abort()
            raise
        finally:
            self._busy = False

    async def ask(self, line: bytes, *, secret: int | None = None) -> Reply:
        async with self.alone():
            self.say(line, secret=secret)
            return await self.reply()

    def watch(self, data: Data) -> None:
        assert isinstance(data, SocketData)
        self._outcome = None
        data.watcher = self

    def outcome(self) -> Reply | None:
        """The reply that ends the transfer, if it has come. Raises ConnectionLost and ProtocolError."""
        if self._outcome is None:
            self._unread += self.read()
            self._outcome = self._next()
        return self._outcome

    async def final(self, seconds: float | None = None) -> Reply:
        outcome, self._outcome = self._outcome, None
        return outcome or await self.reply(self._final_seconds if seconds is None else seconds)

    async def close(self) -> None:
        if self.gone:
            return
        try:
            if not self._busy:
                await self.ask(b"QUIT")
        except (ConnectionLost, ProtocolError):
            pass
        self.stream.close()

    def read_reply(self, until: float) -> Reply:
        while (reply := self._next()) is None:
            self._unread += self.read(until)
        return reply

    def _next(self) -> Reply | None:
        """The next reply out of what has come, None when it isn't whole."""
        try:
            while (line := self.next_line()) is not None:
                if (reply := self._reader.feed(line)) is not None:
                    return reply
        except ProtocolError:
            self.abort()
            raise
        except Malformed as error:
            self.abort()
            raise ProtocolError(str(error)) from None
        return None

    def read(self, until: float | None = None) -> bytes:
        try:
            data = super().read(until)
        except ConnectionLost as why:
            self._lost(why)
            raise
        return with_crlf(data, behind_cr=self._unread.endswith(b"\r"))

    def write(self, data: bytes, seconds: float) -> None:
        try:
            super().write(data, seconds)
        except ConnectionLost:
            why = ConnectionLost("the server takes nothing")
            self._lost(why)
            raise why from None

    def _lost(self, why: ConnectionLost) -> None:
        """Who asks next hears why."""
        self._why = self._why or why
        self.abort()


class SocketData:
    """Provides `links.Data`."""

    def __init__(self, stream: Stream, timeouts: Timeouts) -> None:
        self._stream = stream
        self._timeouts = timeouts
        self.watcher: SocketControl | None = None
        self.cut = False
        self._sending = False

    async def start_tls(self, context: Any) -> None:
        try:
            self._stream.start_tls(context, self._timeouts.connect)
        except TLSFailed as error:
            raise TLSFailed(f"data connection: {error}") from None

    async def read(self) -> bytes:
        stream = self._stream
        until = time.monotonic() + self._timeouts.stall
        while True:
            try:
                data = stream.read()
                if data:
                    return data
                self._look(stream.wait(select.POLLIN, until, *self._watched()))
            except Late:
                raise Broken(f"nothing came for {self._timeouts.stall:g} s") from None
            except Closed as closed:
                if not closed.clean and stream.tls is None:
                    raise Broken("the data connection broke off") from None
                self.cut = not closed.clean
                self._answer_end()
                return b""

    def _answer_end(self) -> None:
        """The server has sent its last: there are those that wait for our end before they say that it is well."""
        try:
            self._stream.finish(self._timeouts.stall)
        except (Late, Closed):
            pass
        self._stream.close()

    async def write(self, chunk: bytes) -> None:
        try:
            if not self._sending:
                self._sending = True
                end_by_reset(self._stream.socket, True)
            self._look([*self._watched()])
            self._stream.write(chunk, self._timeouts.stall)
        except Late:
            raise Broken(f"the server took nothing for {self._timeouts.stall:g} s") from None
        except Closed:
            raise Broken("the server closed the data connection") from None

    async def turn(self) -> None:
        """There is nobody else."""

    async def finish(self) -> None:
        end_by_reset(self._stream.socket, False)
        try:
            self._stream.finish(self._timeouts.stall)
        except (Late, Closed):
            raise Broken("the server closed the data connection") from None

    def abort(self, why: Exception | None = None) -> None:
        self._stream.abort()

    def _watched(self) -> Sequence[Stream]:
        """The control connection, until it has said the last about this one."""
        if self.watcher is None or self.watcher._outcome is not None:
            return ()
        return (self.watcher.stream,)

    def _look(self, ready: Sequence[Stream]) -> None:
        """Has the server broken off the transfer? Raises Broken."""
        control = self.watcher
        if control is None or control.stream not in ready:
            return
        try:
            outcome = control.outcome()
        except (ConnectionLost, ProtocolError):
            self.abort()
            raise Broken("the server closed the control connection within the transfer") from None
        if outcome is not None and not outcome.ok:
            self.abort()
            raise Broken("the server broke off the transfer", outcome)


class SocketListening:
    """Provides `links.Listening`."""

    def __init__(self, sock: socket.socket, timeouts: Timeouts, peer: str) -> None:
        self._socket = sock
        self._timeouts = timeouts
        self._peer = peer

    @property
    def address(self) -> HostPort:
        here = self._socket.getsockname()
        return HostPort(_host(here), here[1])

    async def accept(self) -> SocketData:
        until = time.monotonic() + self._timeouts.connect
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while poll.poll(max(0.0, until - time.monotonic()) * 1000):
            try:
                come, peer = self._socket.accept()
            except OSError:
                continue  # gone again
            if _host(peer) == self._peer:
                return SocketData(Stream(come), self._timeouts)
            come.close()  # RFC 2577 section 4: somebody who guesses ports
        raise ConnectFailed(f"the server made no data connection within {self._timeouts.connect:g} s")

    def close(self) -> None:
        self._socket.close()


class SocketLinks:
    """Provides `links.Links`."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self.seconds: Callable[[], float] = time.time

    async def connect(self, address: HostPort) -> Data:
        where = f"data connection to port {address.port}"
        return SocketData(reach(address.host, address.port, self._timeouts.connect, where), self._timeouts)

    async def listen(self, host: str, peer: str) -> Listening:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            made = socket.create_server((host, 0), family=family, backlog=5)
        except OSError as error:
            raise ConnectFailed(f"no port for the data connection: {error.strerror}") from None
        made.setblocking(False)
        return SocketListening(made, self._timeouts, peer)


def _host(address: Any) -> str:
    """The IP address of a socket's, with its zone if it has one."""
    host: str = address[0]
    if len(address) == 4 and address[3] and "%" not in host:
        host = f"{host}%{socket.if_indextoname(address[3])}"
    return host
