"""The queue's books, transaction by transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail import books
from netdaemon.mail.addresses import parse_address
from netdaemon.mail.interfaces import Recipient
from netdaemon.mail.letter import DONE, FAILED, STATES, Letter, Options
from netdaemon.messages.backup import backup, restore
from netdaemon.messages.errors import NoSuchFolder
from netdaemon.messages.store import done
from tests.mail.postoffice import PostOffice


class BooksCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.office = PostOffice(self)

    def do(self, run: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        return done(self.office.store.write(lambda work: run(work, *arguments, **more)))

    def put(self, *recipients: str | Recipient, **more: Any) -> Letter:
        self.office.deliver("mulder@spam.egg", *(recipients or ("a@far.example",)), account="mulder", **more)
        return self.office.letters()[-1]

    def kept(self) -> int:
        return self.office.store.folder("@queue", "outgoing").messages


def _move(work: Any, number: int, seconds: float) -> None:
    work.db.execute("UPDATE queue SET next_try = next_try + ? WHERE id = ?", (seconds, number))


class OpenTests(BooksCase):
    def test_a_second_time(self) -> None:
        self.put()
        self.assertEqual(self.do(books.open_books), self.office.folder)
        self.assertEqual(len(self.office.letters()), 1)

    def test_after_a_restore(self) -> None:
        """What was sent since the backup is not sent again, unless somebody wants it."""
        self.put()
        copy = Path(self.mktemp())
        backup(self.office.data, copy)
        number = self.office.letters()[0].id
        self.do(books.remove, number)
        restored = Path(self.mktemp())
        restore(copy, restored)
        office = PostOffice(self, data=restored)
        self.assertEqual([letter.state for letter in office.letters()], ["held"])
        self.assertEqual(done(office.store.write(lambda work: books.release(work, [number], 60.0))), 1)
        self.assertEqual(done(office.store.write(books.open_books)), office.folder)
        self.assertEqual([letter.state for letter in office.letters()], ["due"])

    def test_a_newer_one(self) -> None:
        self.do(lambda work: work.db.execute("UPDATE schema SET version = 99 WHERE room = 'queue'").rowcount)
        self.assertRaises(NoSuchFolder, self.do, books.open_books)


class LetterTests(BooksCase):
    def test_all_of_it_is_kept(self) -> None:
        letter = self.put(
            "a@far.example",
            Recipient(parse_address('"x y"@bücher.example'), frozenset({"NEVER"}), "rfc822;ö@x"),
            utf8=True,
            body="8BITMIME",
            return_full=True,
            envelope_id="id",
            require_tls=True,
            deliver_by=(2e6, "RT"),
        )
        self.assertEqual(letter.options, Options("mulder", True, "8BITMIME", True, "id", True, (2e6, "RT")))
        second = letter.addressees[1].recipient
        self.assertEqual((second.address.local, second.address.domain), ("x y", "bücher.example"))
        self.assertEqual((second.notify, second.original), (frozenset({"NEVER"}), "rfc822;ö@x"))
        self.assertEqual([one.number for one in letter.addressees], [0, 1])
        self.assertEqual(self.do(books.get, letter.id), letter)
        self.assertIsNone(self.do(books.get, 77))


class ClaimTests(BooksCase):
    def test_what_is_due_the_longest_waiting_first(self) -> None:
        first, second, third = (self.put() for _ in range(3))
        self.do(_move, second.id, -5)
        self.do(_move, third.id, 5)
        self.assertEqual([one.id for one in self.do(books.claim, 9)], [second.id, first.id])
        self.assertEqual(self.do(books.claim, 9), [])
        self.assertEqual(self.do(books.next_due), third.next_try + 5)
        self.office.now += 5
        self.assertEqual([one.id for one in self.do(books.claim, 9)], [third.id])
        self.assertIsNone(self.do(books.next_due))
        self.assertEqual(self.do(books.counts), {"due": 0, "sending": 3, "held": 0})

    def test_no_more_than_asked_for(self) -> None:
        for _ in range(3):
            self.put()
        self.assertEqual(len(self.do(books.claim, 2)), 2)

    def test_recover_and_put_back(self) -> None:
        self.put()
        self.put()
        (one, other) = self.do(books.claim, 9)
        self.do(books.put_back, one.id)
        self.assertEqual([letter.state for letter in self.office.letters()], ["due", "sending"])
        self.assertEqual(self.do(books.recover), 1)
        self.assertEqual(self.do(books.recover), 0)
        self.assertEqual([letter.id for letter in self.do(books.claim, 9)], [one.id, other.id])


class SettleTests(BooksCase):
    def note(self, letter: Letter, *states: str, report: bool = False) -> Letter:
        changed = [
            replace(one, state=state, report=report) for one, state in zip(letter.addressees, states, strict=True)
        ]
        self.do(books.note, letter.id, changed)
        return replace(letter, addressees=tuple(changed), tries=letter.tries + 1)

    def settle(self, letter: Letter, *, warned: bool = False, reported: bool = False) -> None:
        self.do(books.settle, letter, 2e6, warned=warned, reported=reported)

    def test_the_last_recipient(self) -> None:
        letter = self.put("a@far.example", "b@far.example")
        self.do(books.claim, 1)
        letter = self.note(letter, DONE, "waiting")
        self.settle(letter)
        (left,) = self.office.letters()
        self.assertEqual((left.state, left.next_try, left.tries, len(left.waiting)), ("due", 2e6, 1, 1))
        self.settle(self.note(left, DONE, FAILED))
        self.assertEqual((self.office.letters(), self.kept()), ([], 0))

    def test_what_is_to_be_reported_stays(self) -> None:
        letter = self.note(self.put(), FAILED, report=True)
        self.settle(letter)
        self.assertEqual((len(self.office.letters()), self.office.letters()[0].reports), (1, 0))
        self.settle(letter, reported=True)
        self.assertEqual(self.office.letters(), [])

    def test_warned_once_and_for_all(self) -> None:
        letter = self.put()
        self.settle(letter, warned=True, reported=True)
        (letter,) = self.office.letters()
        self.assertEqual((letter.warned, letter.reports), (True, 1))
        self.settle(letter)
        self.assertTrue(self.office.letters()[0].warned)

    def test_one_that_was_dropped_meanwhile(self) -> None:
        letter = self.put()
        self.assertTrue(self.do(books.remove, letter.id))
        self.assertFalse(self.do(books.remove, letter.id))
        self.settle(self.note(letter, "waiting"))
        self.assertEqual((self.office.letters(), self.kept()), ([], 0))
        self.assertEqual(self.do(lambda work: work.db.execute("SELECT count(*) FROM queue_recipient").fetchone()[0]), 0)


class OctetsTests(BooksCase):
    def test_they_stay_as_long_as_somebody_needs_them(self) -> None:
        letter = self.put("a@far.example", "scully@spam.egg")
        octets = self.office.sent(letter)
        inbox = self.office.store.folder("scully", "INBOX").id
        done(self.office.store.expunge(inbox, None, deleted_only=False))
        self.office.now += 90_000
        done(self.office.store.collect())
        self.assertEqual(self.office.sent(letter), octets)
        self.do(books.remove, letter.id)
        self.office.now += 90_000
        self.assertGreater(done(self.office.store.collect()), 0)


class OrderTests(BooksCase):
    """Whatever is done in whatever order, a message is in one state, and gone only when it is done or dropped."""

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.sampled_from(["claim", "recover", "hold", "release", "retry", "later", "done"]), max_size=12))
    def test_any_order(self, steps: list[str]) -> None:
        for letter in self.office.letters():
            self.do(books.remove, letter.id)
        letter = self.put()
        for step in steps:
            (before,) = self.office.letters()
            if step == "claim":
                claimed = self.do(books.claim, 1)
                self.assertEqual(len(claimed), int(before.state == "due" and before.next_try <= self.office.now))
            elif step == "recover":
                self.do(books.recover)
            elif step == "hold":
                self.do(books.hold, None)
                self.assertEqual(self.office.letters()[0].state, "held")
            elif step == "release":
                self.do(books.release, None, 60.0)
            elif step == "retry":
                self.do(books.retry, [before.id])
            elif step == "later":
                self.do(books.settle, before, self.office.now + 60, warned=False, reported=False)
            else:
                self.do(books.note, before.id, [replace(one, state=DONE) for one in before.addressees])
                self.do(books.settle, before, 0.0, warned=False, reported=False)
                self.assertEqual(self.office.letters(), [])
                return
            (after,) = self.office.letters()
            self.assertIn(after.state, STATES)
            self.assertEqual((after.id, len(after.waiting), self.kept()), (letter.id, 1, 1))
