"""Sending one message of the queue: to everybody who waits, and then whatever follows from what was said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from netdaemon.config.mailsettings import MailSettings
from netdaemon.mail import books
from netdaemon.mail.addresses import Address
from netdaemon.mail.books import IWritesBooks
from netdaemon.mail.bounces import Reporter
from netdaemon.mail.domains import comparable
from netdaemon.mail.interfaces import Envelope, IDelivery, MailRefused
from netdaemon.mail.letter import DONE, FAILED, Addressee, Letter
from netdaemon.mail.reports import DELAYED, RELAYED
from netdaemon.mail.reports import FAILED as ACTION_FAILED
from netdaemon.mail.schedule import Schedule
from netdaemon.messages.errors import NoSuchMessage, StoreError
from netdaemon.messages.interfaces import IBody
from netdaemon.protocols.smtp.hops import Answer
from netdaemon.protocols.smtp.outward import Group, Outward, octets_of
from netdaemon.protocols.smtp.route import Routes

MOST_RECIPIENTS = 100
"""Recipients of one transaction: RFC 5321 4.5.3.1.8 has every host take so many."""
LONGEST_REPLY = 1000
"""Characters of a reply that are kept."""


class IKeepsLetters(IWritesBooks, Protocol):
    """The message store, as far as a message is sent from it."""

    def body(self, message: int) -> IBody: ...


class Sending:
    """Sends messages, each when it is claimed. ``count`` is told what became of each recipient at each try."""

    _log = Logger()

    def __init__(
        self,
        store: IKeepsLetters,
        delivery: IDelivery,
        is_local: Callable[[str], bool],
        routes: Routes,
        outward: Outward,
        settings: MailSettings,
        hostname: str,
        *,
        wall: Callable[[], float],
        count: Callable[[str], object],
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._is_local = is_local
        self._routes = routes
        self._outward = outward
        self._settings = settings
        self._schedule = Schedule(settings.retry, settings.warn_after, settings.give_up_after)
        self._wall = wall
        self._count = count
        self._reporter = Reporter(
            delivery,
            hostname,
            wall=wall,
            read=self._read,
            to_postmaster=settings.double_bounces == "postmaster",
        )

    async def send(self, letter: Letter) -> None:
        """One try, and all that follows. Nothing is raised but CancelledError, when the message is still `sending`."""
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
        return [
            Group(domain, by, tuple(addressees[first : first + MOST_RECIPIENTS]))
            for (domain, by), addressees in found.items()
            for first in range(0, len(addressees), MOST_RECIPIENTS)
        ]

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
            reply=(f"{answer.code} {answer.status} {answer.text}" if host else answer.text)[:LONGEST_REPLY],
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
        spool = self._delivery.spool()
        try:
            async for piece in octets_of(letter, self._store.body(letter.message)):
                spool.write(piece)
            (refused,) = await self._delivery.deliver(envelope, spool.finish())
        except MailRefused as error:
            refused = error
        finally:
            spool.abort()
        answer = Answer(250, "2.1.5", "") if refused is None else Answer(refused.code, refused.status, refused.text)
        return self._after(letter, one, answer, "", False, self._wall())

    def _read(self, letter: Letter, offset: int, size: int) -> bytes:
        try:
            return self._store.body(letter.message).read_now(letter.skip + offset, size)
        except NoSuchMessage:
            return b""
