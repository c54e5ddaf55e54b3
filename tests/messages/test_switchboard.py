from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages.interfaces import ARRIVED, CHANGED, UPDATED, Change
from netdaemon.messages.store import Store, done
from netdaemon.messages.switchboard import LARGEST, Switchboard
from tests.messages.stores import StoreCase

CHANGE = Change(ARRIVED, "mulder", 7, "INBOX", 42)


class SwitchboardTests(SynchronousTestCase):
    def test_who_hears(self) -> None:
        board = Switchboard()
        heard: list[str] = []
        board.subscribe(7, lambda change: heard.append("folder"))
        board.subscribe(8, lambda change: heard.append("another"))
        board.subscribe_account("mulder", lambda change: heard.append("account"))
        board.subscribe_account("scully", lambda change: heard.append("another"))
        board.publish(CHANGE)
        self.assertEqual(heard, ["folder", "account"])

    def test_cancel(self) -> None:
        board = Switchboard()
        heard: list[Change] = []
        first, second = board.subscribe(7, heard.append), board.subscribe(7, heard.append)
        first.cancel()
        first.cancel()
        board.publish(CHANGE)
        self.assertEqual(heard, [CHANGE])
        second.cancel()
        board.publish(CHANGE)
        self.assertEqual((heard, board.followed()), ([CHANGE], []))

    def test_cancelled_while_it_is_told(self) -> None:
        board = Switchboard()
        heard: list[Change] = []
        board.subscribe(7, lambda change: last.cancel())
        last = board.subscribe(7, heard.append)
        board.publish(CHANGE)
        board.publish(CHANGE)
        self.assertLessEqual(len(heard), 1)

    def test_one_that_stumbles_hurts_no_other(self) -> None:
        board = Switchboard()
        heard: list[Change] = []
        board.subscribe(7, lambda change: 1 // 0)
        board.subscribe(7, heard.append)
        board.publish(CHANGE)
        self.assertEqual(heard, [CHANGE])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_between_processes(self) -> None:
        sent: list[bytes] = []
        here, there = Switchboard(sent.append), Switchboard(sent.append)
        heard: list[Change] = []
        there.subscribe(7, heard.append)
        here.publish(CHANGE)
        there.heard(sent[0])
        self.assertEqual(heard, [CHANGE])
        self.assertEqual(len(sent), 1)  # what was heard is not told on

    @given(st.builds(Change, st.sampled_from([ARRIVED, CHANGED]), st.text(), st.integers(), st.text(), st.integers()))
    def test_any_change(self, change: Change) -> None:
        sent: list[bytes] = []
        Switchboard(sent.append).publish(change)
        heard: list[Change] = []
        board = Switchboard()
        board.subscribe(change.folder, heard.append)
        board.heard(sent[0])
        self.assertEqual(heard, [change])
        self.assertNotIn(b"\n", sent[0])

    def test_nonsense(self) -> None:
        board = Switchboard()
        for message in (
            b"",
            b"{}",
            b"[]",
            b"null",
            b"7",
            b"\xff",
            b"[" * 5000,
            json.dumps(["exploded", "", 1, "", 1]).encode(),
            json.dumps([ARRIVED, 1, 1, "", 1]).encode(),
            json.dumps([ARRIVED, "", "1", "", 1]).encode(),
            json.dumps([ARRIVED, "", True, "", 1]).encode(),
            json.dumps([ARRIVED, "", 1, None, 1]).encode(),
            json.dumps([ARRIVED, "", 1, "", 1.5]).encode(),
            json.dumps([[], "", 1, "", 1]).encode(),
            json.dumps([ARRIVED, "", 1, "x" * LARGEST, 1]).encode(),
        ):
            with self.assertRaises(ValueError, msg=message[:40]):
                board.heard(message)


class LookTests(StoreCase):
    """What another process commits is heard of by looking."""

    def setUp(self) -> None:
        super().setUp()
        self.inbox = self.folder()
        self.other = self.folder("other")
        self.store.look()
        self.heard: list[Change] = []
        self.store.switchboard.subscribe(self.inbox.id, self.heard.append)

    def another(self) -> Store:
        return self.open(self.data)

    def test_a_change(self) -> None:
        mine, self.store = self.store, self.another()
        self.put(self.inbox)
        self.assertEqual(self.heard, [])
        mine.look()
        modseq = mine.folder_by_id(self.inbox.id).modseq
        self.assertEqual(self.heard, [Change(UPDATED, "mulder", self.inbox.id, "INBOX", modseq)])
        mine.look()
        self.assertEqual(len(self.heard), 1)

    def test_ones_own_is_told_once(self) -> None:
        self.put(self.inbox)
        self.store.look()
        self.assertEqual([change.what for change in self.heard], [ARRIVED])

    def test_elsewhere(self) -> None:
        mine, self.store = self.store, self.another()
        self.put(self.inbox)
        mine.look()
        self.heard.clear()
        self.put(self.other)
        mine.look()
        self.assertEqual(self.heard, [])

    def test_of_an_account(self) -> None:
        heard: list[Change] = []
        self.store.switchboard.subscribe_account("mulder", lambda change: change.folder or heard.append(change))
        other = self.another()
        done(other.create("mulder", "new"))
        self.store.look()
        done(other.create("scully", "new"))
        self.store.look()
        self.assertEqual(heard, [Change(UPDATED, "mulder", 0, "")])

    def test_a_folder_that_is_gone(self) -> None:
        done(self.another().rename("mulder", "INBOX", "x"))
        done(self.another().delete("mulder", "other"))
        self.store.switchboard.subscribe(self.other.id, self.heard.append)
        self.store.look()
        self.assertEqual({change.folder for change in self.heard}, {self.inbox.id})
