from dataclasses import replace

from twisted.internet import task
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts.remembered import MOST, SECONDS, Remembered
from netdaemon.accounts.sources import Record
from netdaemon.interfaces import Account

MULDER = Record(Account("mulder"), "hash")


class RememberedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = task.Clock()
        self.remembered = Remembered(self.clock)

    def test_only_the_very_password_of_the_very_account(self) -> None:
        self.assertFalse(self.remembered.knows(MULDER, b"trustno1"))
        self.remembered.learn(MULDER, b"trustno1")
        self.assertTrue(self.remembered.knows(MULDER, b"trustno1"))
        self.assertFalse(self.remembered.knows(MULDER, b"trustno2"))
        self.assertFalse(self.remembered.knows(Record(Account("scully"), "hash"), b"trustno1"))

    def test_another_hash_is_another_password(self) -> None:
        self.remembered.learn(MULDER, b"trustno1")
        self.assertFalse(self.remembered.knows(replace(MULDER, hash="newer"), b"trustno1"))

    def test_for_a_minute(self) -> None:
        self.remembered.learn(MULDER, b"trustno1")
        self.clock.advance(SECONDS - 1)
        self.assertTrue(self.remembered.knows(MULDER, b"trustno1"))  # being asked does not make it last longer
        self.clock.advance(1)
        self.assertFalse(self.remembered.knows(MULDER, b"trustno1"))

    def test_learnt_again_it_lasts(self) -> None:
        self.remembered.learn(MULDER, b"trustno1")
        self.clock.advance(SECONDS - 1)
        self.remembered.learn(MULDER, b"trustno1")
        self.clock.advance(SECONDS - 1)
        self.assertTrue(self.remembered.knows(MULDER, b"trustno1"))

    def test_bounded(self) -> None:
        for number in range(MOST + 1):
            self.remembered.learn(MULDER, b"%d" % number)
        self.assertFalse(self.remembered.knows(MULDER, b"0"))
        self.assertTrue(self.remembered.knows(MULDER, b"1"))
        self.assertTrue(self.remembered.knows(MULDER, b"%d" % MOST))

    def test_nothing_of_the_password_is_kept(self) -> None:
        self.remembered.learn(MULDER, b"trustno1")
        other = Remembered(self.clock)
        other.learn(MULDER, b"trustno1")
        self.assertNotEqual(list(self.remembered._until), list(other._until), "keyed by the process")
        self.assertNotIn("trustno1", repr(vars(self.remembered)))
