from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts.lanes import Lanes
from netdaemon.interfaces import LoginUnavailable


class LaneTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lanes = Lanes(most=4, most_each=3)
        self.inside: list[str] = []
        self.ends: dict[str, Deferred[None]] = {}

    def enter(self, name: str, lane: str) -> "Deferred[None]":
        async def visit() -> None:
            async with self.lanes.turn(lane):
                self.inside.append(name)
                self.ends[name] = Deferred()
                try:
                    await self.ends[name]
                finally:
                    self.inside.remove(name)

        visiting = Deferred.fromCoroutine(visit())
        self.addCleanup(self.end, visiting)  # the last first, so that nobody moves up
        return visiting

    def end(self, visiting: "Deferred[None]") -> None:
        visiting.addErrback(lambda reason: reason.trap(CancelledError, LoginUnavailable))
        visiting.cancel()

    def leave(self, name: str) -> None:
        self.ends[name].callback(None)

    def test_one_at_a_time_and_in_order(self) -> None:
        for name in "abc":
            self.enter(name, "x")
        for name in "abc":
            self.assertEqual(self.inside, [name])
            self.leave(name)
        self.assertEqual(len(self.lanes), 0)
        self.assertEqual(self.lanes._lanes, {})

    def test_lanes_are_apart(self) -> None:
        self.enter("a", "x")
        self.enter("b", "y")
        self.assertEqual(self.inside, ["a", "b"])

    def test_too_many_in_one(self) -> None:
        for name in "abc":
            self.enter(name, "x")
        self.failureResultOf(self.enter("d", "x"), LoginUnavailable)
        self.enter("e", "y")
        self.assertEqual(self.inside, ["a", "e"])

    def test_too_many_in_all(self) -> None:
        for name in "abcd":
            self.enter(name, name)
        self.failureResultOf(self.enter("e", "e"), LoginUnavailable)
        self.leave("a")
        self.enter("e", "e")
        self.assertEqual(self.inside, ["b", "c", "d", "e"])

    def test_who_goes_away_is_not_waited_for(self) -> None:
        self.enter("a", "x")
        waiting = self.enter("b", "x")
        self.enter("c", "x")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.leave("a")
        self.assertEqual(self.inside, ["c"])
        self.assertEqual(len(self.lanes), 1)

    def test_who_fails_or_is_cancelled_inside_leaves(self) -> None:
        visit = self.enter("a", "x")
        self.enter("b", "x")
        visit.cancel()
        self.failureResultOf(visit, CancelledError)
        self.assertEqual(self.inside, ["b"])
