"""Who exists is nobody's business: the same answers, and the same work behind them."""

from typing import Any

from twisted.cred.error import UnauthorizedLogin

from netdaemon.accounts.demo import Demo
from tests.accounts.checking import CheckerCase, Foreign
from tests.accounts.steps import Steps


class SameWorkTests(CheckerCase):
    """Nothing in the work tells a name that exists from one that does not."""

    def work(self, name: str, password: bytes, *sources: Any) -> list[tuple[list[str], int]]:
        """For each argon2id check: the cost it was made with, and the bytes hashed."""
        self.hasher.verified.clear()
        self.hasher.hashed.clear()
        worker = Steps()
        answer = self.check(self.checker(*(sources or (self.table,)), worker=worker), name, password)
        jobs = len(worker.jobs)
        while worker.jobs:
            worker.step()
        self.failureResultOf(answer, UnauthorizedLogin)
        self.assertEqual((jobs, self.hasher.hashed), (1, []))
        return [(hash.split("$")[1:4], len(password)) for hash, password in self.hasher.verified]

    def test_one_hash_of_the_same_cost_for_everybody(self) -> None:
        known = self.work("mulder", b"trustno2")
        self.assertEqual(known, [(["argon2id", "v=19", "m=8,t=1,p=1"], 8)])
        for name, password in (
            ("krycek", b"trustno1"),  # disabled, and the password is right
            ("locked", b"trustno1"),
            ("scully", b"trustno1"),
            ("anonymous", b"trustno1"),
            ("no name", b"trustno1"),
        ):
            self.assertEqual(self.work(name, password), known, name)

    def test_the_demo_elsewhere(self) -> None:
        self.assertEqual(self.work("mulder", b"trustno1", Demo(self.hasher)), self.work("mulder", b"trustno2"))

    def test_behind_a_strcred_checker(self) -> None:
        self.assertEqual(self.work("skinner", b"trustno1", Foreign(), self.table), self.work("mulder", b"trustno2"))
