"""The relay: sends what stands in the queue's books, and writes there what became of it.

One process at a time sends: it holds the lease of the queue's account. It claims what is due, sends it by domain, at
most so many connections at a time, and settles each message: gone, due again later, or told of to its sender.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from netdaemon.config.mailsettings import MailSettings
from netdaemon.mail import books
from netdaemon.mail.books import ACCOUNT
from netdaemon.mail.interfaces import IDelivery
from netdaemon.mail.letter import STATES, Letter
from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import LeaseHeld, StoreError
from netdaemon.messages.interfaces import EXPUNGED, UPDATED, Change, ISwitchboard
from netdaemon.protocols.smtp.hops import Connect, Hops
from netdaemon.protocols.smtp.outward import Outward
from netdaemon.protocols.smtp.route import Routes
from netdaemon.protocols.smtp.sending import IKeepsLetters, Sending

LEASE = 30.0
"""Seconds for which the lease is taken; it is renewed in time."""
PATIENCE = 10.0
"""Seconds after which the lease is renewed, or asked for again."""
TROUBLE = 30.0
"""Seconds after which a store that fails is asked again."""
COUNTING = 5.0
"""Seconds after which the messages are counted again."""
MOST_LETTERS = 200
"""Messages that are being sent, or wait for their turn to."""


class IQueueStore(IKeepsLetters, Protocol):
    """The message store, as far as it is sent from."""

    @property
    def switchboard(self) -> ISwitchboard: ...

    def take_lease(self, account: str, holder: str, seconds: float) -> Deferred[None]: ...

    def give_lease(self, account: str, holder: str) -> Deferred[None]: ...


class Relay:
    """Sends the queue. ``count`` is told what became of each recipient at each try."""

    _log = Logger()

    def __init__(
        self,
        store: IQueueStore,
        folder: int,
        delivery: IDelivery,
        is_local: Callable[[str], bool],
        routes: Routes,
        connect: Connect,
        settings: MailSettings,
        hostname: str,
        *,
        clock: IReactorTime,
        wall: Callable[[], float],
        count: Callable[[str], object] = lambda result: None,
        holder: str = "",
    ) -> None:
        """``holder`` names us as the lease's; one who is alone uses the same name always, and after a crash needs not
        wait until his own lease is over. Empty: a name that nobody else has.
        """
        self._store = store
        self._folder = folder
        self._clock = clock
        self._wall = wall
        hops = Hops(connect, clock)
        self._outward = Outward(routes, hops, settings, clock, lambda letter: store.body(letter.message))
        self._send = Sending(
            store, delivery, is_local, routes, self._outward, settings, hostname, wall=wall, count=count
        )
        self._holder = holder or secrets.token_hex(8)
        self._letters: dict[int, Deferred[None]] = {}
        self._loop: Deferred[None] | None = None
        self._nap: Deferred[None] | None = None
        self._woken = False
        self._stopping = False
        self._sending = False
        self._count_next = 0.0
        self._subscription: Any = None
        self.states: dict[str, int] = dict.fromkeys(STATES, 0)
        """How many messages there are, by state, as far as this process knows."""

    # --- start and stop ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to send, as soon as nobody else does."""
        self._subscription = self._store.switchboard.subscribe(self._folder, self._heard)
        self._loop = Deferred.fromCoroutine(self._run())

    @property
    def sending(self) -> bool:
        """Is it this process that sends?"""
        return self._sending

    async def stop(self, grace: float = 0.0, hurry: Deferred[None] | None = None) -> None:
        """Let what is being sent finish for so many seconds, or until ``hurry`` fires; the rest is due again."""
        self._stopping = True
        if self._subscription is not None:
            self._subscription.cancel()
        self.wake()
        if self._loop is not None:
            await self._loop
        if self._letters and grace > 0:
            await self._finish(grace, hurry)
        interrupted = dict(self._letters)
        for sending in interrupted.values():
            sending.cancel()
        if interrupted:
            await self._finish(None)
        await self._outward.close()

        def put_back(work: Transaction) -> None:
            for number in interrupted:
                books.put_back(work, number)

        try:
            await self._store.write(put_back)
            await self._store.give_lease(ACCOUNT, self._holder)
        except StoreError as error:
            self._log.error("the queue was not left in good order: {error}", error=str(error))

    async def _finish(self, seconds: float | None, hurry: Deferred[None] | None = None) -> None:
        """Wait until nothing is being sent."""
        waiting: list[Deferred[Any]] = [_follow(sending) for sending in self._letters.values()]
        over: Deferred[Any] = DeferredList(waiting)
        timer = None
        if seconds is not None:
            limit: Deferred[None] = Deferred()
            timer = self._clock.callLater(seconds, limit.callback, None)
            over = DeferredList([over, limit, *([hurry] if hurry is not None else [])], fireOnOneCallback=True)
        await over
        if timer is not None and timer.active():
            timer.cancel()

    def _heard(self, change: Change) -> None:
        if change.what == UPDATED:  # the operator said so: also to those who did not answer a moment ago
            self._outward.forget()
        if change.what != EXPUNGED:
            self.wake()

    def wake(self) -> None:
        """There may be something to be sent."""
        self._woken = True
        nap, self._nap = self._nap, None
        if nap is not None:
            nap.callback(None)

    async def _sleep(self, seconds: float) -> None:
        if not self._woken:
            nap: Deferred[None] = Deferred()
            self._nap = nap
            timer: IDelayedCall = self._clock.callLater(max(0.0, seconds), nap.callback, None)
            await nap
            self._nap = None
            if timer.active():
                timer.cancel()
        self._woken = False

    # --- the loop ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        until = 0.0
        while not self._stopping:
            try:
                now = self._clock.seconds()
                if not until or now >= until:
                    await self._store.take_lease(ACCOUNT, self._holder, LEASE)
                    if not until:
                        await self._begin()
                    until = now + PATIENCE
                    self._sending = True
                await self._sleep(await self._send_what_is_due())
            except LeaseHeld:
                until, self._sending = 0.0, False
                await self._sleep(PATIENCE)
            except StoreError as error:
                self._log.error("the queue can't be read: {error}", error=str(error))
                await self._sleep(TROUBLE)
            except Exception:  # noqa: BLE001  # the queue goes on, whatever it was
                self._log.failure("the queue stumbled")
                await self._sleep(TROUBLE)

    async def _begin(self) -> None:
        interrupted = await self._store.write(books.recover)
        if interrupted:
            self._log.info("{count} messages are sent again: their sending was interrupted", count=interrupted)

    async def _send_what_is_due(self) -> float:
        """Begin with all that is due; how many seconds nothing more needs to be looked at."""
        room = MOST_LETTERS - len(self._letters)
        counting = self._clock.seconds() >= self._count_next
        letters, due, states = await self._store.write(
            lambda work: (
                books.claim(work, room) if room > 0 else [],
                books.next_due(work),
                books.counts(work) if counting else None,
            )
        )
        if states is not None:
            self.states = states
            self._count_next = self._clock.seconds() + COUNTING
        for letter in letters:
            self._begin_letter(letter)
        if due is None or room <= len(letters):
            return PATIENCE
        return min(PATIENCE, max(0.0, due - self._wall()))

    def _begin_letter(self, letter: Letter) -> None:
        sending = Deferred.fromCoroutine(self._send.send(letter))
        self._letters[letter.id] = sending

        def over(result: Any) -> None:
            self._letters.pop(letter.id, None)
            self.wake()  # it may be due again soon, and there is room for another

        sending.addBoth(over)


def _follow(one: Deferred[Any]) -> Deferred[None]:
    """Fires when the other does, and leaves it alone when it is cancelled."""
    follower: Deferred[None] = Deferred()

    def over(result: Any) -> Any:
        if not follower.called:
            follower.callback(None)
        return result

    one.addBoth(over)
    return follower
