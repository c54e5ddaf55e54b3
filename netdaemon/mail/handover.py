"""The transaction that takes a message: into mailboxes and into the queue, all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from netdaemon.mail import books
from netdaemon.mail.interfaces import ISpool, MailRefused
from netdaemon.mail.letter import Letter
from netdaemon.mail.plan import Copy, Plan
from netdaemon.messages import incoming, removal
from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import NoSuchFolder, OverQuota
from netdaemon.messages.interfaces import Delivered, Delivery, Summary, Target

FULL = MailRefused(452, "4.2.2", "the mailbox is full")


class NobodyTakes(Exception):
    """Nobody gets the message; ``answers`` has why, for each recipient."""

    def __init__(self, answers: Sequence[MailRefused]) -> None:
        super().__init__("nobody gets the message")
        self.answers = answers


@dataclass(frozen=True)
class Ready:
    """A copy with all that the store wants to know of it."""

    copy: Copy
    spool: ISpool
    summary: Summary
    letter: Letter
    """What the queue gets, its addressees still to be put in."""
    token: str


class Handover:
    """One message. `run` is called in the store's thread, within its transaction."""

    def __init__(self, plan: Plan, ready: Sequence[Ready], queue_folder: int, *, each_answered: bool) -> None:
        """``each_answered``: every recipient gets its own answer (LMTP); else there is one for all."""
        self._plan = plan
        self._ready = ready
        self._queued = Target(queue_folder)
        self._each_answered = each_answered

    def run(self, work: Transaction) -> list[MailRefused | None]:
        """An answer for each recipient. Raises NobodyTakes and StoreError; then nothing is written."""
        several = len(self._ready) > 1
        deliveries = [self._delivery(one, queued=several or one.copy.queued) for one in self._ready]
        try:
            results = incoming.deliver_all(work, deliveries)
        except OverQuota:  # all of the only copy's mailboxes are full
            raise NobodyTakes([answer or FULL for answer in self._plan.answers]) from None
        answers = self._answers(results)
        if results[0].again:
            return answers
        places = [self._place(done) for done in results]
        for one, done, place in zip(self._ready, results, places, strict=True):
            if place is None:
                continue
            if one.copy.queued:
                self._put(work, one, one.copy, done.message, place)
            else:  # it was put there so that a copy with full mailboxes alone is no error
                removal.expunge(work, place[0], ((place[1], place[1]),), False)
        origin, first = self._plan.origin, self._ready[0]
        if origin.queued and (first.copy is not origin or places[0] is None):
            # Somebody who was to get it did not. Any copy's octets will do: its return path is not sent.
            token = first.token + ".queue"
            (added,) = incoming.deliver_all(work, [replace(deliveries[0], targets=[self._queued], token=token)])
            self._put(work, first, origin, added.message, added.places[0])
        return answers

    def _put(self, work: Transaction, one: Ready, copy: Copy, message: int, place: tuple[int, int]) -> None:
        addressees = (*copy.addressees.values(), *copy.reports)
        books.put(work, replace(one.letter, sender=copy.sender, addressees=addressees, message=message, place=place))

    def _delivery(self, one: Ready, queued: bool) -> Delivery:
        now = one.letter.arrived
        targets = [Target(folder, received=now) for folder in one.copy.folders]
        return Delivery(
            one.spool, one.summary, [*targets, self._queued] if queued else targets, token=one.token, partial=True
        )

    def _place(self, done: Delivered) -> tuple[int, int] | None:
        return next((place for place in done.places if place[0] == self._queued.folder), None)

    def _answers(self, results: Sequence[Delivered]) -> list[MailRefused | None]:
        """What each recipient is told; those who are not told now are left to the queue."""
        taken: set[int] = set()
        left_out: set[int] = set()
        for one, done in zip(self._ready, results, strict=True):
            gone = next((why for _, why in done.refused if isinstance(why, NoSuchFolder)), None)
            if gone is not None:
                raise gone
            there = {folder for folder, _ in done.places}
            taken |= one.copy.sent_for
            for folder, places in one.copy.folders.items():
                if folder in there:
                    taken |= places
                else:
                    left_out |= places
        answers = list(self._plan.answers)
        for place in left_out - taken:
            answers[place] = FULL
        if not taken:
            raise NobodyTakes([answer for answer in answers if answer is not None])
        for place in left_out & taken:  # an alias of several, one of whom has no room
            self._plan.refuse_later(place, MailRefused(552, "5.2.2", "one of the mailboxes is full"))
        if self._each_answered:
            return answers
        for place, answer in enumerate(answers):
            if answer is not None:
                self._plan.refuse_later(place, answer)
        return [None] * len(answers)
