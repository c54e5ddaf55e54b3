"""A peer that talks to a server's session in memory, as a transcript says:

    peer = Peer(factory.buildProtocol(None))
    await peer.dialog(
        "S: 220 spam.egg",
        "C: NOOP",
        "S: 250 OK",
        "C* DATA\\r\\nSub",       # bytes as they are, with Python's escapes: half a line, two lines, a bare CR
        "S: 354 ...",            # what begins like that
        "-- 30 s",               # time passes on the peer's clock
        "S: 421 too slow",
        "-- closed",             # and the session has closed the connection
    )

    "S* ..." wants exactly those bytes next; "-- silence" that nothing (more) has come; "-- closes" is the peer's
    own closing of its direction; "-- hangs up" its going away altogether.

With ``piece=1`` all that the peer says arrives byte by byte: the same dialog must come of it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import error, reactor, task
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IAddress, IProtocol

from tests.kit.clock import pass_time
from tests.kit.pump import HERE, THERE, Transport


class Unexpected(AssertionError):
    """The dialog went otherwise; the message is its transcript."""


class Peer:
    """The client's end of a session's connection.

    ``clock`` is the one that the session's deadlines go by. What a session does in threads is waited for, at most
    ``patience`` seconds of real time.
    """

    def __init__(
        self,
        session: IProtocol,
        *,
        clock: task.Clock | None = None,
        piece: int | None = None,
        host: IAddress = HERE,
        peer: IAddress = THERE,
        patience: float = 5.0,
    ) -> None:
        self.session: Any = session
        self.clock = clock
        self.piece = piece
        self.patience = patience
        self.transcript: list[str] = []
        self._entry = ""  # of the dialog, under way
        self._came = bytearray()
        self._news: Deferred[None] | None = None
        self.transport = Transport(session, host, peer)
        self.transport.on_write = self._tell
        self.transport.begin()

    # --- dialogs ---------------------------------------------------------------------------------------------

    async def dialog(self, *script: str) -> None:
        """Go through ``script``; see the module. Raises Unexpected."""
        for entry in script:
            who, text = entry[:3], entry[3:]
            if who == "C: ":
                self.send(text.encode() + b"\r\n")
            elif who == "C* ":
                self.send(_unescaped(text))
            elif who == "S: ":
                await self._expect_line(text, entry)
            elif who == "S* ":
                await self._expect_bytes(_unescaped(text), entry)
            elif who == "-- ":
                await self._happens(text, entry)
            else:
                raise ValueError(f"{entry!r} begins with none of 'C: ', 'C* ', 'S: ', 'S* ', '-- '")
            self.transcript.append(entry)

    def send(self, data: bytes) -> None:
        """Say ``data``, cut into pieces if that is asked for."""
        piece = self.piece or max(1, len(data))
        for start in range(0, len(data), piece):
            self.transport.deliver(data[start : start + piece])
            self._turn()

    async def line(self) -> bytes:
        """The session's next line, without its CRLF."""
        while True:
            self._take()
            end = self._came.find(b"\r\n")
            if end >= 0:
                return self._use(end + 2)[:-2]
            await self._wait("a line")

    async def read(self, size: int) -> bytes:
        """Exactly ``size`` octets of the session's."""
        while True:
            self._take()
            if len(self._came) >= size:
                return self._use(size)
            await self._wait(f"{size} octets")

    async def rest(self) -> bytes:
        """All that the session says until it closes."""
        while True:
            self._take()
            if self.closed:
                return self._use(len(self._came))
            await self._wait("the end")

    @property
    def closed(self) -> bool:
        """Has the session closed the connection, or its direction of it?"""
        self._take()
        return not self.transport.connected or self.transport.told_finished

    @property
    def unread(self) -> bytes:
        """What has come and nobody has asked for."""
        self._take()
        return bytes(self._came)

    # --- inside ----------------------------------------------------------------------------------------------

    async def _expect_line(self, text: str, entry: str) -> None:
        self._entry = entry
        line = (await self.line()).decode("utf-8", "backslashreplace")
        if line != text and not (text.endswith("...") and line.startswith(text[:-3])):
            raise self._unexpected(f"S: {line}")

    async def _expect_bytes(self, data: bytes, entry: str) -> None:
        self._entry = entry
        came = await self.read(len(data))
        if came != data:
            raise self._unexpected(f"S* {came!r}")

    async def _happens(self, what: str, entry: str) -> None:
        self._entry = entry
        if what == "closed":
            rest = await self.rest()
            if rest:
                raise self._unexpected(f"S* {rest!r}")
        elif what == "silence":
            if self.unread or self.closed:
                raise self._unexpected("closed" if not self.unread else f"S* {self.unread!r}")
        elif what == "closes":
            self.transport.finish()
            self._turn()
        elif what == "hangs up":
            self.transport.lose(error.ConnectionLost())
        elif what.endswith(" s") and self.clock is not None:
            pass_time(self.clock, float(what[:-2]))
            self._turn()
        else:
            raise ValueError(f"{entry!r}: closed, silence, closes, hangs up, or 'N s' with a clock")

    def _turn(self) -> None:
        while self.transport.turn():
            pass

    def _take(self) -> None:
        self._came += self.transport.taken()
        self._turn()
        self._came += self.transport.taken()

    def _use(self, size: int) -> bytes:
        data = bytes(self._came[:size])
        del self._came[:size]
        return data

    def _tell(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.callback(None)

    async def _wait(self, what: str) -> None:
        """Until something is written. Raises Unexpected if the session has closed, or our patience is at its end."""
        if not self.transport.connected or self.transport.told_finished:
            raise self._unexpected(f"closed, {bytes(self._came)!r} before it")
        self._news = news = Deferred[None]()
        news.addTimeout(self.patience, reactor)
        try:
            await news
        except TimeoutError:
            raise self._unexpected(f"not {what} in {self.patience} s but {bytes(self._came)!r}") from None

    def _unexpected(self, came: str) -> Unexpected:
        so_far = "".join(f"\n  {entry}" for entry in self.transcript[-20:])
        return Unexpected(f"the dialog so far:{so_far}\nwanted:\n  {self._entry or 'more'}\ncame:\n  {came}")


def _unescaped(text: str) -> bytes:
    return text.encode().decode("unicode_escape").encode("latin-1")
