"""Bodies on their way out, of either side: fair turns, within the windows of the peer (RFC 9113 section 5.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from h2.errors import ErrorCodes
from twisted.python.failure import Failure

from netdaemon.protocols.http.http2.frames import MAX_FRAME
from netdaemon.protocols.http.http2.limits import Patience
from netdaemon.protocols.http.http2.states import States
from netdaemon.protocols.http.http2.supply import Supply
from netdaemon.protocols.http.http2.turns import Priority, Taker, Turns
from netdaemon.protocols.http.partial import Shrunk

HELD = 64 * 1024
"""Octets written at once."""

NARROW = 1024
"""Octets of the least data that a window is to let through, if there is more."""


class Sender(Taker, Protocol):
    """A stream that sends a body: the exchange of either side."""

    stream: int
    closed: bool
    supply: Supply | None
    """What is left of it."""
    sent: int
    """Octets of it that went."""
    shut: Patience | None
    """How long the window may be shut."""

    def fail(self, failure: Failure) -> None:
        """Its supply gives no more."""

    def too_slow(self) -> None:
        """The window was shut for too long."""

    def done(self) -> None:
        """The last of it is written."""


class Sending(Protocol):
    """The connection of either side, as its outflow needs it."""

    def patience(self, run: Callable[[], object]) -> Patience: ...

    def earned(self) -> None: ...

    def flush(self) -> None: ...

    def fail(self, code: ErrorCodes, reason: str) -> None: ...


class Outflow:
    """The streams of one connection that have octets to send."""

    def __init__(self, session: Sending, h2: States) -> None:
        self._session = session
        self._h2 = h2
        self._turns: Turns[Sender] = Turns()
        self._shut: Patience | None = None  # how long the connection's window may be shut

    @property
    def idle(self) -> bool:
        """Has nobody anything to send that the windows let through?"""
        return not self._turns

    def add(self, exchange: Sender) -> None:
        """It has something to send."""
        self._turns.add(exchange)

    def remove(self, exchange: Sender) -> None:
        """It has nothing to send any more."""
        self._turns.remove(exchange)
        if exchange.shut is not None:
            exchange.shut.rest()

    def rank(self, exchange: Sender, priority: Priority) -> None:
        """Its priority is another now."""
        queued = exchange.queued
        self._turns.remove(exchange)
        exchange.priority = priority
        if queued:
            self._turns.add(exchange)

    def opened(self, exchange: Sender) -> None:
        """Its window may have become larger."""
        if exchange.supply is not None and self._h2.window(exchange.stream) > 0:
            if exchange.shut is not None:
                exchange.shut.rest()
            self._turns.add(exchange)

    def all_opened(self) -> None:
        """The connection's may, or is of no more interest."""
        if self._shut is not None:
            self._shut.rest()

    def fill(self) -> bool:
        """Let the streams have their turns, for one write; is there more to send?"""
        h2, turns = self._h2, self._turns
        room = HELD
        while room > 0:
            exchange = turns.next()
            if exchange is None:
                return False
            supply = exchange.supply
            if supply is None:
                continue
            data, size = b"", 0
            if supply.left:
                window = h2.window(exchange.stream)
                if window <= 0:  # an update of it, or of the settings, brings the stream back
                    self._wait_for(exchange)
                    continue
                size = min(window, h2.outbound_flow_control_window, MAX_FRAME)
                if size <= 0:
                    turns.again(exchange)
                    self._wait_for_all()
                    return False
                try:
                    data = supply.take(size)
                except (OSError, Shrunk):
                    exchange.fail(Failure())  # type: ignore[no-untyped-call]  # Twisted's has no types
                    continue
                if exchange.closed:  # to ask for more of it went wrong
                    continue
            elif not supply.last:  # it is being made still
                continue
            last = supply.last and not supply.left
            h2.send_data(exchange.stream, data, end_stream=last)
            room -= len(data) + 9
            self._moved(exchange, len(data), 0 < len(data) == size < NARROW)
            if last:
                turns.remove(exchange)
                exchange.done()
            elif supply.left and not exchange.queued:
                turns.again(exchange)
        return True

    def _moved(self, exchange: Sender, octets: int, narrow: bool) -> None:
        """``narrow`` says that it would have been more, had the window not been opened by so little."""
        exchange.sent += octets
        if exchange.shut is not None:
            exchange.shut.moved(octets)
        if self._shut is not None:
            self._shut.moved(octets)
        if not narrow:
            self._session.earned()

    def _wait_for(self, exchange: Sender) -> None:
        if exchange.shut is None:
            exchange.shut = self._session.patience(lambda: self._too_long(exchange))
        exchange.shut.wait()

    def _too_long(self, exchange: Sender) -> None:
        exchange.too_slow()
        self._session.flush()

    def _wait_for_all(self) -> None:
        if self._shut is None:
            self._shut = self._session.patience(self._all_too_long)
        self._shut.wait()

    def _all_too_long(self) -> None:
        self._session.fail(ErrorCodes.ENHANCE_YOUR_CALM, "the connection's window was shut for too long")
