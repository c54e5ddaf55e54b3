"""The relay: sends what stands in the queue's books, and writes there what became of it.

One process at a time sends: it holds the lease of the queue's account. It claims what is due, sends it by domain, at
most so many connections at a time, and settles each message: gone, due again later, or told of to its sender.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from netdaemon.config.mailsettings import MailSettings
from netdaemon.mail import books
from netdaemon.mail.addresses import Address
from netdaemon.mail.books import ACCOUNT, DONE, FAILED, Addressee, IWritesBooks, Letter
from netdaemon.mail.bounces import Reporter
from netdaemon.mail.domains import comparable
from netdaemon.mail.interfaces import Envelope, IDelivery, MailRefused
from netdaemon.mail.prefixed import KeptBody
from netdaemon.mail.reports import DELAYED, RELAYED
from netdaemon.mail.reports import FAILED as ACTION_FAILED
from netdaemon.mail.schedule import Schedule
from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import LeaseHeld, NoSuchMessage, StoreError
from netdaemon.messages.interfaces import EXPUNGED, UPDATED, Change, IBody, ISwitchboard
from netdaemon.protocols.smtp.hops import Answer, Connect, Hops
from netdaemon.protocols.smtp.outward import Group, Outward
from netdaemon.protocols.smtp.route import Routes

LEASE = 60.0
"""Seconds for which the lease is taken; it is renewed in time."""
PATIENCE = 20.0
"""Seconds after which the lease is renewed, or asked for again."""
TROUBLE = 30.0
"""Seconds after which a store that fails is asked again."""
COUNTING = 5.0
"""Seconds after which the messages are counted again."""
MOST_LETTERS = 200
"""Messages that are being sent, or wait for their turn to."""


class IQueueStore(IWritesBooks, Protocol):
    """The message store, as far as it is sent from."""

    @property
    def switchboard(self) -> ISwitchboard: ...

    def body(self, message: int) -> IBody: ...

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
    ) -> None:
        self._store = store
        self._folder = folder
        self._delivery = delivery
        self._is_local = is_local
        self._routes = routes
        self._settings = settings
        self._schedule = Schedule(settings.retry, settings.warn_after, settings.give_up_after)
        self._clock = clock
        self._wall = wall
        self._count = count
        self._outward = Outward(
            routes, Hops(connect, clock), settings, clock, lambda letter: store.body(letter.message)
        )
        self._reporter = Reporter(
            delivery,
            hostname,
            wall=wall,
            read=self._read,
            to_postmaster=settings.double_bounces == "postmaster",
        )
        self._holder = secrets.token_hex(8)
        self._letters: dict[int, Deferred[None]] = {}
        self._loop: Deferred[None] | None = None
        self._nap: Deferred[None] | None = None
        self._woken = False
        self._stopping = False
        self._sending = False
        self._count_next = 0.0
        self._subscription: Any = None
        self.states: dict[str, int] = dict.fromkeys(books.STATES, 0)
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
        sending = Deferred.fromCoroutine(self._send_letter(letter))
        self._letters[letter.id] = sending

        def over(result: Any) -> None:
            self._letters.pop(letter.id, None)
            self.wake()  # it may be due again soon, and there is room for another

        sending.addBoth(over)

    # --- a message ---------------------------------------------------------------------------------------------

    async def _send_letter(self, letter: Letter) -> None:
        try:
            letter = await self._try(letter)
            await self._settle(letter)
        except CancelledError:
            raise
        except StoreError as error:
            self._log.error("{transfer} stays in the queue: {error}", transfer=letter.transfer, error=str(error))
            await self._postpone(letter)
        except Exception:  # noqa: BLE001  # one message's trouble is not another's
            self._log.failure("{transfer} could not be sent", transfer=letter.transfer)
            await self._postpone(letter)

    async def _postpone(self, letter: Letter) -> None:
        """Our own trouble: try again in a while."""
        then = self._wall() + self._settings.retry[0]
        try:
            await self._store.write(lambda work: books.settle(work, letter, then, warned=False, reported=False))
        except StoreError:
            pass  # it is `sending`, and due again when somebody takes the lease anew

    async def _try(self, letter: Letter) -> Letter:
        """Try everybody who waits, and write down what was said."""
        groups = self._groups(letter)
        if not groups:
            return letter
        letter = replace(letter, tries=letter.tries + 1)
        sending = [Deferred.fromCoroutine(self._send_group(letter, group)) for group in groups]
        try:
            results = [await one for one in sending]
        except BaseException:
            for one in sending:
                one.addErrback(lambda failure: None)
                one.cancel()
            raise
        changed = {one.number: one for result in results for one in result}
        letter = replace(letter, addressees=tuple(changed.get(one.number, one) for one in letter.addressees))
        await self._store.write(lambda work: books.note(work, letter.id, changed.values()))
        return letter

    def _groups(self, letter: Letter) -> list[Group]:
        """By domain (with a smarthost, all that is not ours is one), and by what is written in front."""
        found: dict[tuple[str, Address | None], list[Addressee]] = {}
        for one in letter.waiting:
            domain = one.recipient.address.domain
            far = self._routes.smarthost is not None and not self._is_local(domain)
            found.setdefault(("" if far else comparable(domain), one.by), []).append(one)
        return [Group(domain, by, tuple(addressees)) for (domain, by), addressees in found.items()]

    async def _settle(self, letter: Letter) -> None:
        """Give up what is too late, tell the sender what he wants to hear, and put the rest back."""
        now = self._wall()
        if now >= letter.expires and letter.waiting:
            letter = await self._give_up(letter)
        then = self._schedule.next_try(letter.tries, now, letter.expires)
        delayed = self._delayed(letter, now)
        telling = [*letter.unreported, *delayed]
        reported = False
        if telling:
            try:
                await self._reporter.report(letter, telling, letter.expires)
                reported = True
            except MailRefused as refused:
                self._log.warn("{transfer}: no report now: {why}", transfer=letter.transfer, why=str(refused))
                delayed = []
        await self._store.write(lambda work: books.settle(work, letter, then, warned=bool(delayed), reported=reported))

    async def _give_up(self, letter: Letter) -> Letter:
        given_up = [
            replace(
                one,
                state=FAILED,
                action=ACTION_FAILED,
                status="5.4.7",
                reply=one.reply or "there was no time to try",
                report=letter.sender is None or "FAILURE" in one.recipient.notify,
            )
            for one in letter.waiting
        ]
        for _ in given_up:
            self._count("bounced")
        await self._store.write(lambda work: books.note(work, letter.id, given_up))
        changed = {one.number: one for one in given_up}
        return replace(letter, addressees=tuple(changed.get(one.number, one) for one in letter.addressees))

    def _delayed(self, letter: Letter, now: float) -> list[Addressee]:
        """Those whose sender is to be warned, once."""
        if letter.warned or letter.sender is None:
            return []
        by = letter.options.deliver_by
        if not self._schedule.warns(letter.since, now) and not (by is not None and now >= by[0]):
            return []
        return [
            replace(one, action=DELAYED, status="4.4.7") for one in letter.waiting if "DELAY" in one.recipient.notify
        ]

    # --- one way -----------------------------------------------------------------------------------------------

    async def _send_group(self, letter: Letter, group: Group) -> list[Addressee]:
        if group.domain and self._is_local(group.domain):
            return [await self._deliver_here(letter, one) for one in group.addressees]
        host, relayed, answers = await self._outward.send(letter, group)
        now = self._wall()
        return [
            self._after(letter, one, answer, host, relayed, now)
            for one, answer in zip(group.addressees, answers, strict=True)
        ]

    def _after(self, letter: Letter, one: Addressee, answer: Answer, host: str, relayed: bool, now: float) -> Addressee:
        one = replace(
            one,
            tries=one.tries + 1,
            last_try=now,
            status=answer.status,
            reply=f"{answer.code} {answer.status} {answer.text}" if host else answer.text,
            host=host,
        )
        name = str(one.recipient.address)
        if answer.accepted:
            self._count("sent")
            self._log.info("{transfer}: sent to {to} by {host}", transfer=letter.transfer, to=name, host=host)
            tells = relayed and "SUCCESS" in one.recipient.notify
            return replace(one, state=DONE, action=RELAYED if tells else "", report=tells)
        if answer.permanent:
            self._count("bounced")
            self._log.info("{transfer}: {to} failed: {why}", transfer=letter.transfer, to=name, why=one.reply)
            tells = letter.sender is None or "FAILURE" in one.recipient.notify
            return replace(one, state=FAILED, action=ACTION_FAILED, report=tells)
        self._count("deferred")
        self._log.info("{transfer}: {to} has to wait: {why}", transfer=letter.transfer, to=name, why=one.reply)
        return one

    async def _deliver_here(self, letter: Letter, one: Addressee) -> Addressee:
        """Who is here was put off: it was too early, the mailbox full, the accounts away."""
        options = letter.options
        envelope = Envelope(
            f"{letter.transfer}/{letter.id}/{one.number}",
            letter.sender,
            (one.recipient,),
            account=options.account,
            protocol="LMTP",
            utf8=options.utf8,
            body=options.body,
            return_full=options.return_full,
            envelope_id=options.envelope_id,
            require_tls=options.require_tls,
            trusted=True,
        )
        try:
            (refused,) = await self._delivery.deliver(envelope, KeptBody(self._store.body(letter.message), letter.skip))
        except MailRefused as error:
            refused = error
        answer = Answer(250, "2.1.5", "") if refused is None else Answer(refused.code, refused.status, refused.text)
        return self._after(letter, one, answer, "", False, self._wall())

    def _read(self, letter: Letter, offset: int, size: int) -> bytes:
        try:
            return self._store.body(letter.message).read_now(letter.skip + offset, size)
        except NoSuchMessage:
            return b""


def _follow(one: Deferred[Any]) -> Deferred[None]:
    """Fires when the other does, and leaves it alone when it is cancelled."""
    follower: Deferred[None] = Deferred()

    def over(result: Any) -> Any:
        if not follower.called:
            follower.callback(None)
        return result

    one.addBoth(over)
    return follower
