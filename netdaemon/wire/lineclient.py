"""The client's side of a line protocol: requests that can be awaited, pipelined, and end in a reply or an exception.

class PageClient(LineClient):
    async def read_reply(self) -> bytes:
        line = await self.line()
        if not line[:3].isdigit():
            raise ProtocolError(f"{escape(line)} is no reply")
        return line

client = await connect(endpoint, PageClient(deadlines, timeout=30.0))
async with client:
    reply = await client.ask(b"NOOP")
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Generic, Self, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IHandshakeListener, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import IDeadlines
from netdaemon.wire import reaching
from netdaemon.wire.failures import NoAnswer, NotSpoken, TLSFailed
from netdaemon.wire.framing import CRLF, RUNNING, ConnectionLost, FlawedLine, LineTooLong
from netdaemon.wire.linestream import HANDSHAKE, NOTHING, LineStream
from netdaemon.wire.outgoing import Chunks
from netdaemon.wire.tlsclient import why_no_tls
from netdaemon.wire.transcript import Transcript, masked

__all__ = ["ConnectFailed", "ConnectionLost", "LineClient", "ProtocolError", "Timeout", "connect", "reach", "told"]

R = TypeVar("R")
T = TypeVar("T")
C = TypeVar("C", bound="LineClient[Any]")


class ConnectFailed(ConnectionLost):
    """There is no connection: no such host, nobody listens."""


class Timeout(ConnectionLost):
    """The server was too slow; the connection is dropped."""


class ProtocolError(Exception):
    """The server said what it may not say; the connection is dropped, since nobody knows what its next bytes are."""


@implementer(IHandshakeListener)
class LineClient(LineStream, Generic[R]):
    """One connection to a server; ``R`` is what `read_reply` gives.

    Requests may be made before the replies to earlier ones have come; each gets its own, in order. ``timeout`` is how
    many seconds one reply may take, ``stall`` how many 64 KiB of a body. Every method that waits raises ConnectionLost,
    Timeout or ProtocolError, after which the connection is gone. To cancel a request drops the connection too: its
    reply would be taken for that of the next.
    """

    __slots__ = ("_alone", "_handshake", "_last", "_lost", "_stall_seconds", "_timeout", "_turns")

    we_are_client = True
    max_line = 64 * 1024

    def __init__(
        self,
        deadlines: IDeadlines,
        *,
        timeout: float = 60.0,
        stall: float = 60.0,
        transcript: Transcript | None = None,
    ) -> None:
        super().__init__(deadlines, transcript)
        self.held = RUNNING  # every byte waits until it is asked for
        self._timeout = timeout
        self._stall_seconds = stall
        self._last: Deferred[None] | None = None  # fires when the last request has had its reply
        self._alone = 0
        self._handshake: Deferred[None] | None = None
        self._lost: list[Deferred[None]] | None = []  # who waits for the end; None: it has come
        self._turns: deque[Deferred[None]] | None = None

    # --- for protocols ---------------------------------------------------------------------------------------

    async def greet(self) -> None:
        """The connection stands: read the server's greeting, if it has one, and say hello."""

    async def read_reply(self) -> R:
        """Read one reply, by `line` and its kin. Raises ProtocolError for what is none. Here: one line."""
        line: Any = await self.line()
        return line  # type: ignore[no-any-return]  # an heir whose R is not bytes has its own

    async def quit(self) -> None:
        """Take leave, as the protocol has it: called by `close` when no request is under way."""

    def forget(self) -> None:
        """TLS begins: forget what the server has told us so far (RFC 3207 section 4.2)."""

    # --- requests --------------------------------------------------------------------------------------------

    async def ask(self, line: bytes, *, secret: int | None = None) -> R:
        """Send a command and wait for its reply; ``secret`` as in `say`."""
        if self._alone:
            async with self.alone():
                self.say(line, secret=secret)
                return await self.reply()
        self.say(line, secret=secret)
        return await self._in_turn(self.reply)

    async def pipeline(self, lines: Iterable[bytes]) -> list[R]:
        """Send several commands at once and wait for all their replies."""
        lines = list(lines)
        for line in lines:
            check(line)

        async def replies() -> list[R]:
            return [await self.reply() for _ in lines]

        if self._alone:
            async with self.alone():
                self._say_all(lines)
                return await replies()
        self._say_all(lines)
        return await self._in_turn(replies)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Within it nobody else sends or reads: for requests of several steps (DATA, literals, SASL, STARTTLS).

        There `say` and `reply` are used; `ask` would wait for the end of what it is in.
        ``async with client.alone(): client.say(b"DATA"); await client.reply(); await client.send_body(chunks)``
        """
        self._alone += 1
        turn: Deferred[None] = Deferred()
        before, self._last = self._last, turn
        try:
            with self._or_drop():
                if before is not None:
                    await before
                if self.gone:
                    raise self.why()
                yield
        finally:
            self._alone -= 1
            self._had_turn(turn)

    def say(self, line: bytes, *, secret: int | None = None) -> None:
        """Within `alone`: send a command line.

        CR, LF or NUL in it is refused (ValueError): no argument may become a command. A transcript shows its first
        ``secret`` words only.
        """
        check(line)
        if self.gone:
            raise self.why()
        if self.transcript is not None:
            self.said(line if secret is None else masked(line, secret))
        self.write(line + CRLF)

    async def reply(self) -> R:
        """Within `alone`: the next reply, which may take ``timeout`` seconds in all."""
        late = self._deadlines.after(self._timeout, self._late)
        try:
            return await self.read_reply()
        except (LineTooLong, FlawedLine) as error:
            raise ProtocolError(str(error) or "the server's line is too long") from error
        finally:
            late.cancel()

    async def send_body(self, chunks: Chunks, *, refuse: bool = True) -> None:
        await super().send_body(chunks, refuse=refuse)

    def _say_all(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self.say(line)

    async def _in_turn(self, read: Callable[[], Awaitable[T]]) -> T:
        turn: Deferred[None] = Deferred()
        before, self._last = self._last, turn
        try:
            with self._or_drop():
                if before is not None:
                    await before
                return await read()
        finally:
            self._had_turn(turn)

    def _had_turn(self, turn: Deferred[None]) -> None:
        """The next one's turn. Its reply may be here already: thousands of such must not be nested in each other."""
        if self._last is turn:
            self._last = None
        if self._turns is not None:
            self._turns.append(turn)
            return
        self._turns = deque([turn])
        while self._turns:
            self._turns.popleft().callback(None)
        self._turns = None

    @contextmanager
    def _or_drop(self) -> Iterator[None]:
        try:
            yield
        except (ProtocolError, CancelledError, GeneratorExit):
            self.abort()
            raise

    # --- time ------------------------------------------------------------------------------------------------

    @property
    def line_timeout(self) -> float:
        return self._timeout

    @property
    def stall_timeout(self) -> float:
        return self._stall_seconds

    def timed_out(self, timing: int) -> None:
        self._late()

    def _late(self) -> None:
        self.abort(Timeout("the server is too slow"))

    def _stalled(self) -> None:
        self._late()

    # --- TLS -------------------------------------------------------------------------------------------------

    async def start_tls(self, context: Any) -> None:
        """Within `alone`, behind the server's go-ahead: put TLS beneath the connection and wait until it stands.

        ``context`` is an IOpenSSLClientConnectionCreator (`ITLS.client`). Anything behind the go-ahead in clear could
        be anybody's: ProtocolError, and the connection is dropped. Raises ConnectionLost when the handshake fails, its
        ``__cause__`` says why.
        """
        if self.waiting:
            self.abort()
            raise ProtocolError("bytes in clear behind the server's go-ahead for TLS")
        self._handshake = handshake = Deferred[None]()
        self._arm(HANDSHAKE, self._timeout)
        self.note("TLS")
        self.transport.startTLS(context)
        try:
            await handshake
        finally:
            self._handshake = None
            if not self.gone:
                self._timing = NOTHING
        self.forget()

    def handshakeCompleted(self) -> None:
        if self._handshake is not None:
            self._handshake.callback(None)

    # --- the beginning and the end ---------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *ignored: object) -> None:
        if kind is not None and not self.gone:
            self.abort()
        await self.close()

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)

    async def close(self) -> None:
        """Take leave, close, and wait until the connection is gone. Nothing is raised if that was so already."""
        if not self.gone:
            try:
                async with self.alone():
                    await self.quit()
            except (ConnectionLost, ProtocolError):
                pass
            self.hang_up()
        if self._lost is not None:
            lost: Deferred[None] = Deferred()
            self._lost.append(lost)
            await lost

    def ended(self, why: ConnectionLost | None = None) -> None:
        super().ended(why)
        handshake, self._handshake = self._handshake, None
        if handshake is not None:
            handshake.errback(self.why())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        lost, self._lost = self._lost, None
        for waiting in lost or ():
            waiting.callback(None)


def check(line: bytes) -> None:
    """Raises ValueError if ``line`` is more than one line, or holds NUL."""
    if b"\r" in line or b"\n" in line or b"\0" in line:
        raise ValueError("CR, LF or NUL in a command's argument")


async def connect(endpoint: IStreamClientEndpoint, client: C) -> C:
    """``client``, connected and greeted. Raises ConnectFailed, and what `LineClient.greet` may raise."""
    try:
        await connectProtocol(endpoint, client)  # type: ignore[no-untyped-call]  # Twisted's has no types
    except CancelledError:
        raise
    except Exception as error:  # whatever the endpoint's kind has: no route, no such name, a bad certificate
        raise ConnectFailed(str(error) or type(error).__name__) from error
    try:
        async with client.alone():
            await client.greet()
    except BaseException:
        client.abort()
        raise
    return client


async def reach(reactor: Any, host: str, port: int, client: C, tls: Any | None, timeouts: reaching.Timeouts) -> C:
    """``client``, connected to ``host``, with ``tls`` (a connection creator) from the first octet on, and greeted.

    Raises the ConnectFailed and TLSFailed of `wire.failures`, and what the line client raises.
    """
    where = f"{host} port {port}"
    try:
        found = reaching.endpoint(reactor, host, port, timeouts.connect, tls)
        connecting = Deferred.fromCoroutine(connect(found, client))
        # The endpoint bounds each address's time, the line client the greeting's; nobody the resolver's.
        connecting.addTimeout(timeouts.connect + timeouts.answer, reactor, onTimeoutCancel=_late)
        return await connecting
    except ConnectFailed as error:
        raise reaching.unreachable(error.__cause__, host, where) from None
    except ConnectionLost as error:
        cause = error.__cause__
        if tls is not None and cause is not None and not isinstance(cause, ConnectionDone):
            raise TLSFailed(f"{where}: {why_no_tls(cause)}") from None
        raise


@contextmanager
def told(protocol: str) -> Iterator[None]:
    """Within it what connections raise is raised as every client's failures (`wire.failures`).

    ``protocol`` is the name of what is to be spoken there.
    """
    try:
        yield
    except ProtocolError as error:
        raise NotSpoken(f"what answers there is no {protocol} server: {error}") from None
    except Timeout:
        raise NoAnswer("the server does not answer in time") from None
    except ConnectionLost:
        raise NoAnswer("the server closed the connection") from None


def _late(result: object, timeout: float) -> object:
    if isinstance(result, Failure):
        raise ConnectFailed from ConnectTimeout
    return result
