"""The message store in the daemon: opened when it is asked for, kept, shared between processes, closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import task
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts.hashing import Hasher
from netdaemon.accounts.quota import Quotas
from netdaemon.accounts.store import Store as Accounts
from netdaemon.messages.errors import OverQuota
from netdaemon.messages.interfaces import Change, Summary, Target
from netdaemon.messages.store import Store
from netdaemon.run import storeroom
from netdaemon.run.errors import StartFailed
from netdaemon.run.storeroom import Storeroom

SUMMARY = Summary("", "", "", "", None, (), 1, 0, b"", b"", "")


class FakeReactor(task.Clock):
    """A clock whose other threads are this one: the store's own writer is not used with it."""

    def callFromThread(self, call: Any, *arguments: Any) -> None:
        call(*arguments)


class StoreroomTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = Path(self.mktemp()).absolute()
        self.data.mkdir(parents=True, mode=0o700)
        self.reactor = FakeReactor()
        # all is done at once, in this thread
        self.patch(Store, "__init__", self.inline(Store.__init__))
        self.room = Storeroom(self.data, self.reactor)
        self.addCleanup(self.room.close)

    @staticmethod
    def inline(init: Any) -> Any:
        return lambda store, data, from_thread=None, **more: init(store, data, None, **more)

    def deliver(self, store: Any, octets: int = 10) -> Any:
        folder = self.successResultOf(store.ensure("mulder", "INBOX"))
        spool = store.spool()
        spool.write(b"x" * octets)
        spool.finish()
        self.addCleanup(spool.abort)
        return store.deliver(spool, SUMMARY, [Target(folder.id)])

    def test_nothing_is_opened_before_it_is_asked_for(self) -> None:
        self.room.close()
        self.assertEqual(list(self.data.iterdir()), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_it_is_one_store(self) -> None:
        self.assertIs(self.room.messages, self.room.messages)
        self.room.close()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_store_that_can_not_be_opened(self) -> None:
        (self.data / "messages.sqlite").mkdir()
        error = self.assertRaises(StartFailed, lambda: self.room.messages)
        self.assertIn("the message store can't be opened", str(error))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_changes_go_to_the_siblings_and_come_from_them(self) -> None:
        told: list[bytes] = []
        other = Storeroom(self.data, self.reactor)
        self.addCleanup(other.close)
        self.room.share(told.append)  # before it is open, as well as behind
        self.deliver(self.room.messages)
        heard: list[Change] = []
        folder = other.messages.folder("mulder", "INBOX")
        other.messages.switchboard.subscribe(folder.id, heard.append)
        for change in told:
            other.hear(change)
        self.assertEqual([change.what for change in heard], ["created", "arrived"])
        self.assertRaises(ValueError, other.hear, b"spam")
        heard.clear()
        self.room.share(lambda change: other.hear(change))
        self.successResultOf(self.deliver(self.room.messages, 11))
        self.assertEqual([change.what for change in heard], ["arrived"])

    def test_what_is_heard_before_it_is_open_is_not_needed(self) -> None:
        self.room.hear(b"whatever")
        self.assertEqual(list(self.data.iterdir()), [])

    def test_it_looks_for_what_others_have_changed(self) -> None:
        self.successResultOf(self.deliver(self.room.messages))
        heard: list[Change] = []
        folder = self.room.messages.folder("mulder", "INBOX")
        self.room.messages.switchboard.subscribe(folder.id, heard.append)
        other = Storeroom(self.data, self.reactor)
        self.addCleanup(other.close)
        self.reactor.advance(storeroom.LOOK_SECONDS)
        self.successResultOf(self.deliver(other.messages, 11))
        heard.clear()
        self.reactor.advance(storeroom.LOOK_SECONDS)
        self.reactor.advance(storeroom.LOOK_SECONDS)
        self.successResultOf(self.deliver(other.messages, 12))
        self.reactor.advance(storeroom.LOOK_SECONDS)
        self.assertIn(folder.id, [change.folder for change in heard])

    def test_it_collects_every_hour(self) -> None:
        collected: list[None] = []
        collect = Store.collect
        self.patch(Store, "collect", lambda store: (collected.append(None), collect(store))[1])
        self.assertIsNotNone(self.room.messages)
        self.reactor.pump([1.0] * 3599)
        self.assertEqual(collected, [])
        self.reactor.pump([1.0] * 3601)
        self.assertEqual(len(collected), 2)

    def test_quotas_are_the_accounts(self) -> None:
        accounts = Accounts(self.data)
        self.addCleanup(accounts.close)
        accounts.add("mulder", Hasher().keep(b"trustno1"), quota=15)
        self.successResultOf(self.deliver(self.room.messages))
        self.failureResultOf(self.deliver(self.room.messages, 11), OverQuota)


class QuotaTests(SynchronousTestCase):
    def test_them(self) -> None:
        data = Path(self.mktemp()).absolute()
        data.mkdir(parents=True, mode=0o700)
        accounts = Accounts(data)
        self.addCleanup(accounts.close)
        kept = Hasher().keep(b"trustno1")
        accounts.add("mulder", kept, quota=1000)
        accounts.add("scully", kept)
        quotas = Quotas(data)
        self.addCleanup(quotas.close)
        self.assertEqual(
            [quotas.octets(name) for name in ("mulder", "MULDER", "scully", "nobody", "", "\0")],
            [1000, 1000, None, None, None, None],
        )
