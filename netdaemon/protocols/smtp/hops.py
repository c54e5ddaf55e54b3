"""Connections to the next host: what the relay wants of one, and how they are kept for the next message."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from netdaemon.mail.interfaces import Envelope
from netdaemon.protocols.smtp.route import Destination

IDLE = 5.0
"""Seconds that a connection is kept without a message."""
MOST_MESSAGES = 100
"""Messages over one connection: hosts don't like it much longer."""


@dataclass(frozen=True)
class Answer:
    """What the next host said of one recipient."""

    code: int
    status: str
    """RFC 3463; made up from the code where the host has none."""
    text: str

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 300

    @property
    def permanent(self) -> bool:
        return self.code >= 500


class HopFailed(Exception):
    """There is no connection, or it broke, or the host takes nothing: what stands for an answer to every recipient.

    ``tls``: it was TLS that failed.
    """

    def __init__(self, status: str, text: str, code: int = 421, *, tls: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.code = code
        self.tls = tls


@dataclass(frozen=True)
class Policy:
    """How a host is spoken to."""

    tls: str = "opportunistic"
    """opportunistic: STARTTLS if it is offered, with any certificate, else in clear. starttls: verified, or not at all.
    implicit: the same from the first byte. never: in clear."""
    user: str = ""
    password: str = field(default="", repr=False)


class IHop(Protocol):
    """A connection that is greeted, and under TLS where the policy says so."""

    @property
    def usable(self) -> bool:
        """May it be given another message?"""

    @property
    def dsn(self) -> bool:
        """Does the host tell senders itself of what becomes of their mail (RFC 3461)?"""

    async def send(self, envelope: Envelope, octets: AsyncIterable[bytes], size: int) -> Sequence[Answer]:
        """Send a message; an answer for each recipient, in their order. Raises HopFailed."""

    async def close(self) -> None:
        """Take leave. Never raises."""

    def abort(self) -> None:
        """Drop it."""


Connect = Callable[[Destination, Policy], Awaitable[IHop]]
"""Raises HopFailed."""


@dataclass
class _Kept:
    hop: IHop
    messages: int
    timer: IDelayedCall


class Hops:
    """Connections by destination and policy. Who takes one gives it back, unless it failed."""

    def __init__(self, connect: Connect, clock: IReactorTime) -> None:
        self._connect = connect
        self._clock = clock
        self._kept: dict[tuple[Destination, Policy], list[_Kept]] = {}
        self._used: dict[int, int] = {}

    async def take(self, destination: Destination, policy: Policy) -> IHop:
        """One that was kept, or a new one. Raises HopFailed."""
        kept = self._kept.get((destination, policy), [])
        while kept:
            last = kept.pop()
            last.timer.cancel()
            if last.hop.usable:
                self._used[id(last.hop)] = last.messages
                return last.hop
            last.hop.abort()
        hop = await self._connect(destination, policy)
        self._used[id(hop)] = 0
        return hop

    def was_kept(self, hop: IHop) -> bool:
        """Has it been used before? Then the host may have closed it in the meantime."""
        return self._used.get(id(hop), 0) > 0

    async def give_back(self, hop: IHop, destination: Destination, policy: Policy) -> None:
        """Keep it for the next message, or close it."""
        messages = self._used.pop(id(hop), 0) + 1
        if not hop.usable or messages >= MOST_MESSAGES:
            await hop.close()
            return
        key = destination, policy

        def expire() -> None:
            kept = self._kept.get(key, [])
            self._kept[key] = [other for other in kept if other is not one]
            if not self._kept[key]:
                del self._kept[key]
            Deferred.fromCoroutine(_closed(hop))

        one = _Kept(hop, messages, self._clock.callLater(IDLE, expire))
        self._kept.setdefault(key, []).append(one)

    def drop(self, hop: IHop) -> None:
        """It failed."""
        self._used.pop(id(hop), None)
        hop.abort()

    async def close(self) -> None:
        """Take leave of all that are kept."""
        kept = [one for each in self._kept.values() for one in each]
        self._kept.clear()
        for one in kept:
            one.timer.cancel()
        for one in kept:
            await one.hop.close()


async def _closed(hop: IHop) -> None:
    await hop.close()
