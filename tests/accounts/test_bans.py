from twisted.internet import task
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts import bans as bans_module
from netdaemon.accounts.bans import LOOK, Bans
from netdaemon.accounts.names import AccountError
from netdaemon.accounts.store import Ban, Store
from netdaemon.accounts.worker import Inline, IWorks
from tests.accounts.kit import WALL, folder
from tests.accounts.steps import Steps


class BansCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = folder(self.mktemp())
        self.clock = task.Clock()
        self.wall = WALL
        self.store = self.open_store()

    def open_store(self) -> Store:
        store = Store(self.data, self.time_of_day)
        self.addCleanup(store.close)
        return store

    def time_of_day(self) -> float:
        return self.wall + self.clock.seconds()

    def open(self, worker: IWorks | None = None, longest: float = 900.0) -> Bans:
        return Bans(self.store, worker or Inline(), self.clock, self.time_of_day, longest)


class BanTests(BansCase):
    def test_as_long_as_it_lasts(self) -> None:
        bans = self.open()
        self.assertEqual(bans.seconds(["mulder"]), 0.0)
        bans.add("mulder", 100.0, 20)
        self.assertEqual(bans.seconds(["mulder"]), 100.0)
        self.assertEqual(bans.seconds(["scully", "192.0.2.7/32"]), 0.0)
        self.clock.advance(99.5)
        self.assertEqual(bans.seconds(["mulder"]), 0.5)
        self.clock.advance(0.5)
        self.assertEqual(bans.seconds(["mulder"]), 0.0)

    def test_the_longest_of_several(self) -> None:
        bans = self.open()
        bans.add("192.0.2.7/32", 100.0, 20)
        bans.add("192.0.2.0/24", 200.0, 60)
        self.assertEqual(bans.seconds(["192.0.2.7/32", "192.0.2.0/24", "x"]), 200.0)

    def test_written_with_the_time_of_day(self) -> None:
        self.clock.advance(5)
        self.open().add("mulder", 100.0, 20)
        self.assertEqual(self.store.bans(), [Ban("mulder", WALL + 5, WALL + 105, 20)])

    def test_a_clock_that_is_set_ends_none(self) -> None:
        bans = self.open()
        bans.add("mulder", 100.0, 20)
        self.wall += 3600
        self.clock.advance(50)
        self.assertEqual(bans.seconds(["mulder"]), 50.0)

    def test_over_a_restart(self) -> None:
        self.open().add("mulder", 100.0, 20)
        self.clock.advance(30)
        self.assertEqual(self.open().seconds(["mulder"]), 70.0)

    def test_over_a_restart_with_the_clock_set_back(self) -> None:
        self.open().add("mulder", 900.0, 20)
        self.wall -= 1_000_000
        self.assertEqual(self.open().seconds(["mulder"]), 900.0)

    def test_bounded(self) -> None:
        self.patch(bans_module, "MOST", 3)
        bans = self.open()
        bans.add("over", 1.0, 20)
        self.clock.advance(1)
        for number, subject in enumerate(("b", "a", "c")):
            bans.add(subject, 100.0 + number, 20)
        self.assertEqual([bool(bans.seconds([subject])) for subject in "bac"], [True] * 3)
        bans.add("a", 200.0, 20)  # it is there already: no room is needed
        bans.add("d", 50.0, 20)
        self.assertEqual([bool(bans.seconds([subject])) for subject in "bacd"], [False, True, True, True])


class LiftTests(BansCase):
    def test_heard_within_a_second(self) -> None:
        bans, lifted = self.open(), []
        bans.on_lifted = lifted.append
        bans.add("mulder", 100.0, 20)
        bans.add("scully", 100.0, 20)
        self.assertEqual(self.open_store().lift(["mulder"]), 1)
        self.clock.advance(LOOK)
        self.assertEqual(bans.seconds(["mulder"]), 0.0)
        self.assertEqual(bans.seconds(["scully"]), 99.0)
        self.assertEqual(lifted, ["mulder"])

    def test_looked_at_once_a_second_at_most(self) -> None:
        bans = self.open()
        looks = []
        real = self.store.lifted
        self.patch(self.store, "lifted", lambda: looks.append(1) or real())
        self.clock.advance(LOOK)
        for _ in range(10):
            bans.seconds(["mulder"])
        self.assertEqual(len(looks), 1)
        self.clock.advance(LOOK)
        bans.seconds(["mulder"])
        self.assertEqual(len(looks), 2)

    def test_what_is_not_written_yet_is_not_lifted_by_the_way(self) -> None:
        worker = Steps()
        bans = self.open(worker)
        bans.add("mulder", 100.0, 20)
        worker.step()
        bans.add("scully", 100.0, 20)
        self.store.lift(["mulder"])
        self.clock.advance(LOOK)
        self.assertEqual(bans.seconds(["mulder"]), 0.0)
        self.assertEqual(bans.seconds(["scully"]), 99.0)

    def test_lifted_between_writing_and_hearing_of_it(self) -> None:
        worker = Steps()
        bans = self.open(worker)
        bans.add("mulder", 100.0, 20)
        worker.work()
        self.store.lift(["mulder"])
        self.clock.advance(LOOK)
        self.assertEqual(bans.seconds(["mulder"]), 99.0)  # as far as is known here it was never written
        worker.report()
        self.clock.advance(LOOK)
        self.assertEqual(bans.seconds(["mulder"]), 0.0)

    def test_a_store_that_can_not_be_read_lifts_nothing(self) -> None:
        bans = self.open()
        bans.add("mulder", 100.0, 20)
        self.store.close()
        self.clock.advance(LOOK)
        self.assertEqual(bans.seconds(["mulder"]), 99.0)


class WriteTests(BansCase):
    def test_many_in_one_transaction(self) -> None:
        worker = Steps()
        bans = self.open(worker)
        for number in range(10):
            bans.add(str(number), 100.0, 20)
        self.assertEqual(len(worker.jobs), 1)
        worker.step()
        self.assertEqual(len(self.store.bans()), 1)
        self.assertEqual(len(worker.jobs), 1)
        worker.step()
        self.assertEqual(len(self.store.bans()), 10)
        self.assertEqual(worker.jobs, [])

    def test_the_rest_at_the_end(self) -> None:
        bans = self.open(Steps())
        bans.add("mulder", 100.0, 20)
        self.assertEqual(self.store.bans(), [])
        bans.close()
        self.assertEqual([ban.subject for ban in self.store.bans()], ["mulder"])
        bans.close()

    def test_what_failed_is_written_with_the_next(self) -> None:
        def full(bans: object) -> None:
            raise AccountError("the disk is full")

        bans, real = self.open(), self.store.put_bans
        self.store.put_bans = full  # type: ignore[method-assign]  # for the first of two
        bans.add("mulder", 100.0, 20)
        self.assertEqual(bans.seconds(["mulder"]), 100.0)
        self.store.put_bans = real  # type: ignore[method-assign]
        bans.add("scully", 100.0, 20)
        self.assertEqual([ban.subject for ban in self.store.bans()], ["mulder", "scully"])
